# Two commands are all a newcomer needs: `make demo` and `make test`. Both do their own set-up, in .venv.

PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
# Most tests wait, for a line at its rate or a deadline: more of them at once than there are cores.
WORKERS ?= 4

.PHONY: demo test test-long test-network browser wheels lint format contract clean help

help:
	@echo "make demo          a finger goes through all twelve steps   (options: make demo ARGS='--sensor r503')"
	@echo "make test          ruff, mypy and every test that takes seconds"
	@echo "make test-long     the measurements that take minutes; they print what they measured"
	@echo "make test-network  the gateway on three geth nodes, of which some fail (needs Go)"
	@echo "make browser       Debian's chromium, with which make test also tests the phone's page (as root)"
	@echo "make wheels        wheels for x86-64 and aarch64, in wheelhouse/ (needs docker or podman)"
	@echo "make contract      compile contracts/ConsentRegistry.vy again"
	@echo "make format        let ruff tidy the code"

# The C decoder is rebuilt, and the packages brought up to date, when one of these changes.
.venv/ready: pyproject.toml $(wildcard edge/biometrics/*.c) hw/set-up.sh hw/debian-packages.sh
	@sh hw/set-up.sh $(PYTHON)
	@touch $@

demo: .venv/ready
	@$(BIN)/ridgekey demo $(ARGS)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

test-long: .venv/ready
	$(BIN)/pytest -m long -s $(ARGS)

test-network: .venv/ready
	$(BIN)/pytest -m network -s tests/gateway/engines $(ARGS)

# 113 MB: not installed unasked. Without a browser the tests of the phone's page are skipped, and say so.
browser:
	apt-get install -y --no-install-recommends chromium

# Each machine's wheel is built in a container of its own, and tried there; a foreign one under emulation.
wheels:
	@for engine in docker podman none; do $$engine info >/dev/null 2>&1 && break; done; \
	[ $$engine != none ] || { \
		echo "make wheels builds in containers: install and start docker or podman; for the other machine's"; \
		echo "wheel also qemu-user-static and binfmt-support (apt). This machine's alone: pip wheel . --no-deps"; \
		exit 1; }; \
	$(PYTHON) -m venv .venv-wheels && .venv-wheels/bin/pip install --quiet "cibuildwheel>=3,<4" && \
	CIBW_CONTAINER_ENGINE=$$engine .venv-wheels/bin/cibuildwheel --platform linux --output-dir wheelhouse

contract: .venv/ready
	$(BIN)/python contracts/compile.py

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-vyper .venv-wheels wheelhouse build dist *.egg-info edge/biometrics/*.so
