"""Shutting somebody out: its certificates, its line under [kiosks], and what the broker has to know of it.

Each step is done at each call, whatever became of the others. So one that failed keeps none of the others
from being done, and the next call finishes what is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.config import GatewayConfig
from gateway.errors import GatewayError
from gateway.provisioning import directory, mosquitto
from gateway.provisioning.authority import AUTHORITY, CERTIFICATE, Authority
from gateway.provisioning.files import ProvisioningError
from gateway.provisioning.mosquitto import Update

T = TypeVar("T")


@dataclass(frozen=True)
class Revocation:
    """What one call had to do.

    Attributes:
        has_authority: whether certificates are made here.
        certificates: how many were taken back.
        removed: whether there was a line under [kiosks].
        update: the broker's files; None if they are not made here.
    """

    has_authority: bool
    certificates: int
    removed: bool
    update: Update | None

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        changed = self.update is not None and self.update.changed
        return not (self.certificates or self.removed or changed)


def revoke(path: Path, config: GatewayConfig, name: str) -> Revocation:
    """Shut a kiosk or a gateway out, whether or not it has a certificate.

    Args:
        path: the gateway's configuration file, with its [kiosks].
        config: what was read there.
        name: the kiosk's id, or the name in the gateway's certificate.

    Raises:
        ProvisioningError: a step failed, the others are done; or there was nothing to do.
    """
    faults: list[str] = []
    authority = _attempt(lambda: _authority(config.state / AUTHORITY), faults)
    count, update = 0, None
    if authority is not None and _attempt(lambda: _is_known(name, authority, config), faults):
        count = _attempt(lambda: authority.revoke(name), faults) or 0
        update = _attempt(lambda: mosquitto.update_broker(authority), faults)
    removed = _attempt(lambda: directory.remove(path, name), faults) or False
    if faults:
        raise ProvisioningError(
            f"{name} is not shut out of everything yet: {'; '.join(faults)}; mend that and do it once more"
        )
    done = Revocation(authority is not None, count, removed, update)
    if done.is_empty:
        raise ProvisioningError(
            f"nothing here lets {name} in: no certificate that could be revoked, no line in {path}, nothing"
            " that is new for the broker; if the name is right, it is out when broker and gateways have read"
            " their files again"
        )
    return done


def _authority(place: Path) -> Authority | None:
    return Authority.load(place) if (place / CERTIFICATE).exists() else None


def _is_known(name: str, authority: Authority, config: GatewayConfig) -> bool:
    """Whether there is such a kiosk or gateway, or was: a slip of the pen shall lock nobody out."""
    kiosks = {kid.hex() for kid in config.kiosks}
    return name in kiosks or name in authority.names() or name in authority.locked_out()


def _attempt(step: Callable[[], T], faults: list[str]) -> T | None:
    """A step's result; what it raises is noted."""
    try:
        return step()
    except (GatewayError, OSError) as error:
        faults.append(str(error))
        return None
