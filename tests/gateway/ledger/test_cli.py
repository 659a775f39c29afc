"""`ridgekey ledger` as a user types it."""

import json
from pathlib import Path

import pytest

from contracts import cbor
from contracts.acts import fresh_nonce
from contracts.hexes import checksum_address
from gateway.ledger.account import KEY_FILE, Relayer
from gateway.ledger.registry import Registry
from tests.gateway.actors import KioskKey
from tests.gateway.ledger.bring import Bringer, Story
from tests.gateway.ledger.processes import Node, ridgekey, running


def ledger(*arguments: str) -> tuple[int, str, str]:
    done = ridgekey("ledger", *arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["", "run", "deploy", "info", "submit"])
def test_help(command: str) -> None:
    code, out, _ = ledger(*command.split(), "--help")
    assert code == 0
    assert "usage: ridgekey ledger" in out


def test_deploy_then_info(node: Node) -> None:
    key = str(node.state / KEY_FILE)
    code, out, _ = ledger("deploy", "--ledger", node.url, "--key", key, "--environment", "cli", "--json")
    assert code == 0
    contract = json.loads(out)["contract"]
    code, out, _ = ledger("info", "--ledger", node.url, "--contract", contract, "--environment", "cli")
    assert code == 0
    assert f"{contract}, ours" in out
    code, _, err = ledger("info", "--ledger", node.url, "--contract", contract, "--environment", "other")
    assert (code, err.count("\n")) == (78, 1)
    assert "another environment" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["info", "--ledger", "http://127.0.0.1:1"], 69, "no ledger answers"),
        (["info", "--ledger", "here"], 78, "not the URL"),
        (["info", "--ledger", "{url}/no"], 76, "not a ledger"),
        (["info", "--ledger", "{url}", "--contract", "0x" + "11" * 20], 78, "no contract"),
        (["info", "--ledger", "{url}", "--contract", "0x11"], 2, "20 bytes"),
        (["info", "--ledger", "{url}", "--environment", "x"], 2, "give --contract, too"),
        (["run", "--state", "/dev/null/x"], 78, "cannot make"),
        (["run", "--state", "{state}/new", "--listen", "nowhere"], 78, "HOST:PORT"),
        (["run", "--state", "{state}/new", "--listen", "203.0.113.1:1"], 78, "cannot listen"),
        (["run", "--state", "{state}/new", "--chain-id", "0"], 2, "chain id"),
        (["run", "--state", "{state}/new", "--fund", "me"], 2, "20 bytes"),
        (
            ["deploy", "--ledger", "{url}", "--key", "{state}/none.pem", "--environment", "x"],
            78,
            "no key file",
        ),
        (["deploy", "--ledger", "{url}", "--key", "{key}", "--environment", ""], 65, "environment"),
    ],
)
def test_bad_input_is_one_clear_line(
    node: Node, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    names = {"url": node.url, "state": str(tmp_path), "key": str(node.state / KEY_FILE)}
    done, _, err = ledger(*(argument.format(**names) for argument in arguments))
    assert done == code
    assert words in err
    assert code == 2 or err.count("\n") == 1


def test_a_ledger_keeps_its_chain_id(tmp_path: Path) -> None:
    with running(tmp_path, "--chain-id", "5") as node:
        assert node.ready["chain_id"] == 5
    with running(tmp_path) as node:
        assert node.ready["chain_id"] == 5
    code, _, err = ledger("run", "--state", str(tmp_path), "--chain-id", "6")
    assert (code, err.count("\n")) == (78, 1)
    assert "chain id 5, not 6" in err


class TestSubmit:
    """Past the gateway, straight to the contract."""

    def submit(
        self, node: Node, registry: Registry, message: bytes, tmp_path: Path
    ) -> tuple[int, dict[str, object]]:
        file = tmp_path / "message.cose"
        file.write_bytes(message)
        code, out, err = ledger(
            "submit", "--json", "--ledger", node.url, "--contract", checksum_address(registry.contract),
            "--key", str(node.state / KEY_FILE), "--message", str(file),
        )  # fmt: skip
        return code, json.loads(out) if out else {"error": err}

    def test_accepted_once(
        self, node: Node, registry: Registry, story: Story, bring: Bringer, tmp_path: Path
    ) -> None:
        register, data = story.person.register(b"by hand")
        message = story.person.message(register, bring.domain, data).sign(KioskKey().key)
        code, verdict = self.submit(node, registry, message, tmp_path)
        assert (code, verdict["accepted"], verdict["act"]) == (0, True, "register")
        assert registry.commitment_of(story.person.address, register.record) == register.commitment
        code, verdict = self.submit(node, registry, message, tmp_path)
        assert (code, verdict["accepted"], verdict["reason"]) == (1, False, "used nonce")

    def test_an_altered_consent(
        self, node: Node, registry: Registry, story: Story, bring: Bringer, tmp_path: Path
    ) -> None:
        register, data = story.person.register(b"to be altered")
        message = story.person.message(register, bring.domain, data).sign(KioskKey().key)
        envelope = cbor.decode(message, 1 << 20, "test")
        assert isinstance(envelope, list)
        payload = cbor.decode(envelope[2], 1 << 20, "test")
        assert isinstance(payload, dict)
        altered = {**payload, 2: {**payload[2], 4: fresh_nonce().to_bytes(32, "big")}}
        forged = cbor.encode([envelope[0], {}, cbor.encode(altered), envelope[3]])
        code, verdict = self.submit(node, registry, forged, tmp_path)
        assert (code, verdict["reason"]) == (1, "wrong signer")

    def test_a_grant_of_what_was_never_requested(
        self, node: Node, registry: Registry, story: Story, bring: Bringer, tmp_path: Path
    ) -> None:
        from contracts.purpose import Purpose

        request = story.requester.request(story.person.address, story.record, Purpose.of("unasked"))
        grant = story.person.grant(request, story.data)
        message = story.person.message(grant, bring.domain).sign(KioskKey().key)
        code, verdict = self.submit(node, registry, message, tmp_path)
        assert (code, verdict["reason"]) == (1, "not requested")

    @pytest.mark.parametrize(
        "message", [b"", b"hello", cbor.encode([b"", {}, b"", b""]), cbor.encode({1: 2})]
    )
    def test_not_a_message(self, node: Node, registry: Registry, message: bytes, tmp_path: Path) -> None:
        code, verdict = self.submit(node, registry, message, tmp_path)
        assert code == 65
        assert "no message of a kiosk" in str(verdict["error"])

    def test_no_such_file_and_another_contract(self, node: Node, relayer: Relayer, tmp_path: Path) -> None:
        common = ["submit", "--ledger", node.url, "--key", str(node.state / KEY_FILE)]
        code, _, err = ledger(
            *common, "--contract", checksum_address(relayer.address), "--message", str(tmp_path / "none")
        )
        assert code == 66
        assert "cannot read" in err
