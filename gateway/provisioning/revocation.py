"""Shutting somebody out: its certificates, its line under [kiosks], and what the broker has to know of it.

Each step is done at each call, whatever became of the others. So one that failed keeps none of the others
from being done, and the next call finishes what is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from gateway.errors import GatewayError
from gateway.provisioning import directory, mosquitto
from gateway.provisioning.authority import Authority
from gateway.provisioning.files import ProvisioningError
from gateway.provisioning.mosquitto import Update

T = TypeVar("T")


@dataclass(frozen=True)
class Revocation:
    """What one call had to do.

    Attributes:
        certificates: how many it took back.
        removed: whether there was a line under [kiosks].
        update: the broker's files; None if they are not made here.
    """

    certificates: int
    removed: bool
    update: Update | None

    @property
    def is_empty(self) -> bool:
        """Whether there was nothing to do."""
        changed = self.update is not None and self.update.changed
        return not (self.certificates or self.removed or changed)


def revoke(config: Path, authority: Authority, name: str) -> Revocation:
    """Shut a kiosk or a gateway out.

    Args:
        config: the gateway's configuration file, with its [kiosks].
        authority: who has signed its certificates.
        name: the kiosk's id, or the name in the gateway's certificate.

    Raises:
        ProvisioningError: a step failed, the others are done; or there was nothing to do.
    """
    faults: list[str] = []
    done = Revocation(
        _attempt(lambda: authority.revoke(name), faults) or 0,
        _attempt(lambda: directory.remove(config, name), faults) or False,
        _attempt(lambda: mosquitto.update_broker(authority), faults),
    )
    if faults:
        raise ProvisioningError(
            f"{name} is not shut out of everything yet: {'; '.join(faults)}; mend that and do it once more"
        )
    if done.is_empty:
        raise ProvisioningError(
            f"nothing here lets {name} in: no certificate that could be revoked, no line in {config}, nothing"
            " that is new for the broker; if the name is right, it is out when broker and gateways have read"
            " their files again"
        )
    return done


def _attempt(step: Callable[[], T], faults: list[str]) -> T | None:
    """A step's result; what it raises is noted."""
    try:
        return step()
    except GatewayError as error:
        faults.append(str(error))
        return None
