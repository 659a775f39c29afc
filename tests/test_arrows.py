"""The arrows of the house: which room may import which, read from the code itself."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ARROWS = {
    "contracts": set(),
    "drivers": set(),
    "edge": {"drivers", "contracts"},
    "gateway": {"drivers", "contracts"},
    "hw": {"drivers", "contracts", "edge", "gateway"},
}
"""Room: the rooms that it may import. edge and gateway meet only in contracts; the bench measures both from
outside."""

SHARED_DRIVERS = {"drivers.bluetooth", "drivers.mqtt", "drivers.pauses"}
"""What a gateway uses of `drivers`: not the sensor, which it does not have."""


def imports_of(source: str) -> set[str]:
    """Top-level names of everything that a module imports, wherever in the module it does."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


def modules_imported(source: str) -> set[str]:
    """Full names of the modules that a module imports; of `from a import b` both `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def modules_of(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def files_of(module: str) -> list[Path]:
    path = ROOT / module.replace(".", "/")
    return sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_along_the_arrows(room: str) -> None:
    ours = set(ARROWS) | {"ridgekey", "tests"}
    crossings = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules_of(room)
        for name in imports_of(path.read_text()) & ours - {room} - ARROWS[room]
    }
    assert modules_of(room)
    assert not crossings


def within(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


def test_a_gateway_uses_no_driver_of_the_sensor() -> None:
    used = {name for path in modules_of("gateway") for name in modules_imported(path.read_text())}
    shared = [path for module in SHARED_DRIVERS for path in files_of(module)]
    used |= {name for path in shared for name in modules_imported(path.read_text())}
    assert not {name for name in used if within(name, {"drivers"}) and not within(name, SHARED_DRIVERS)}
    assert not modules_imported((ROOT / "drivers" / "__init__.py").read_text())


def test_the_reading_finds_an_import_inside_a_function() -> None:
    assert imports_of("def late() -> None:\n    from gateway.store import Store\n") == {"gateway"}


def test_the_command_imports_no_room_by_itself() -> None:
    assert not imports_of((ROOT / "ridgekey.py").read_text()) & set(ARROWS)
