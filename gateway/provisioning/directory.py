"""The [kiosks] of a configuration file, edited in place: every other line stays as its author wrote it."""

import re
import tomllib
from pathlib import Path
from typing import Any

from gateway.provisioning import files
from gateway.provisioning.files import ProvisioningError

HEADING = re.compile(r"^[ \t]*\[[ \t]*kiosks[ \t]*\][ \t]*(#.*)?$", re.MULTILINE)


def add(path: Path, kiosk: str, public_key: str) -> bool:
    """Write a kiosk into the directory; False if it is there.

    Raises:
        ProvisioningError: the file cannot be edited safely, or names the kiosk with another key.
    """
    text, table = _read(path)
    known = table.get("kiosks", {}).get(kiosk)
    if known == public_key:
        return False
    line = f'"{kiosk}" = "{public_key}"'
    if known is not None:
        raise ProvisioningError(f"{path} names kiosk {kiosk} with another key; take that line out first")
    heading = HEADING.search(text)
    if heading:
        changed = f"{text[: heading.end()]}\n{line}{text[heading.end() :]}"
    else:
        changed = f"{text.rstrip()}\n\n[kiosks]\n{line}\n"
    wanted = {**table, "kiosks": {**table.get("kiosks", {}), kiosk: public_key}}
    _write(path, changed, wanted, f"add under [kiosks]: {line}")
    return True


def remove(path: Path, kiosk: str) -> bool:
    """Take a kiosk out of the directory; False if it is not there.

    Raises:
        ProvisioningError: the file cannot be edited safely.
    """
    text, table = _read(path)
    if kiosk not in table.get("kiosks", {}):
        return False
    changed = re.sub(rf"^[ \t]*\"?{re.escape(kiosk)}\"?[ \t]*=.*\n?", "", text, flags=re.MULTILINE)
    rest = {name: key for name, key in table["kiosks"].items() if name != kiosk}
    _write(path, changed, {**table, "kiosks": rest}, f"take kiosk {kiosk} out of [kiosks]")
    return True


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = files.read(path, "name the gateway's configuration with --config").decode()
        return text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProvisioningError(f"{path} is not TOML: {error}") from None


def _write(path: Path, text: str, wanted: dict[str, Any], by_hand: str) -> None:
    """Write the edited file, if it says what was wanted and nothing else."""
    try:
        good = tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        good = False
    if not good:
        raise ProvisioningError(f"{path} is written in a way that cannot be edited here; by hand: {by_hand}")
    files.write(path, text.encode(), path.stat().st_mode & 0o777)
