"""Opens what journeys work with: keys, state, sensor; in the order of what can be wrong."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.biometrics.minutiae import MinutiaExtractor
from edge.biometrics.presentation import Seen
from edge.config import EdgeConfig
from edge.errors import StateError, UnavailableError
from edge.identity import files
from edge.identity.keys import wipe
from edge.journeys.visit import Desk
from edge.links.outbox import Outbox
from edge.phones.room import Room
from edge.sensor import KioskSensor
from edge.state.database import FILE_NAME, Database


@contextmanager
def opened(config: EdgeConfig) -> Iterator[Desk]:
    """The kiosk's parts, which are closed at the end of the `with`.

    Raises:
        EdgeError, SensorError: something is missing, taken or broken; the message says what to do.
    """
    with ExitStack() as stack:
        key = device_key(config.state)
        stack.enter_context(_only_agent(config.state))
        database = stack.enter_context(Database(config.state / FILE_NAME))
        sensor = KioskSensor(config.sensor)
        stack.callback(sensor.close)
        outbox = Outbox(database, limit=config.outbox_limit)
        yield Desk(
            sensor=sensor,
            extractor=MinutiaExtractor(),
            database=database,
            outbox=outbox,
            state=config.state,
            device_key=key,
            domain=config.domain,
            on_ledger=config.on_ledger,
            requesters=config.requesters,
            room=Room(outbox.wake),
            gateway_url=config.gateway_url,
            seen=None if config.allow_repeats else Seen(),
        )


def device_key(state: Path) -> Ed25519PrivateKey:
    """The kiosk's device key, once the pepper is known to be there too: now rather than under a finger.

    Raises:
        EdgeError: one of them is missing or not fit for use.
    """
    key = files.device_key(state)
    wipe(files.pepper(state))
    return key


@contextmanager
def _only_agent(state: Path) -> Iterator[None]:
    """Hold the state directory's lock; two agents would fight over the sensor and the socket.

    Raises:
        UnavailableError: another agent has it.
    """
    try:
        descriptor = os.open(state / "agent.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StateError(f"cannot write in the state directory {state}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise UnavailableError(f"another agent is running on {state}; stop it first") from None
    else:
        yield
    finally:
        os.close(descriptor)
