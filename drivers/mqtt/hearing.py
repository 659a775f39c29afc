"""Messages heard beside paho's thread, several at a time: whoever waits for a disk waits once for all.

MQTT wants messages acknowledged in the order of their arrival (MQTT 5, section 4.6). So all that has come is
taken at once, heard in lanes side by side, each lane in its order, and then acknowledged one after the other.
"""

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from drivers.mqtt.errors import ComeAgainError

log = logging.getLogger(__name__)

LANES = 8
AT_ONCE = 64
"""Messages between two rounds of acknowledgements, fewer than the broker may send before it waits for one."""


@dataclass(frozen=True)
class Heard:
    """A message, and what is needed to acknowledge it.

    Attributes:
        topic: of it.
        payload: of it.
        number: its packet identifier.
        qos: its quality of service.
        again: whether its sender says that it may have been sent before (MQTT 5).
    """

    topic: str
    payload: bytes
    number: int
    qos: int
    again: bool = False


OnMessage = Callable[[Heard], None]
"""Takes a message, on paho's thread or a lane's; the message is acknowledged when this returns. If it raises
`ComeAgainError` the connection is given up, so that the message comes again with the next one."""


class Hearing:
    """One connection's ears, from its making until `close`."""

    def __init__(
        self,
        hear: OnMessage,
        lane_of: Callable[[str], str],
        acknowledge: Callable[[Heard], None],
        lost: Callable[[str], None],
    ) -> None:
        """Begin.

        Args:
            hear: Takes each message, on a thread of its lane.
            lane_of: Messages whose topics have the same lane are heard one after the other.
            acknowledge: Takes messages that were heard, in the order of their arrival.
            lost: Takes why a message was not kept; that one and all after it stay unacknowledged.
        """
        self._hear, self._lane_of, self._acknowledge, self._lost = hear, lane_of, acknowledge, lost
        self._waiting: queue.SimpleQueue[Heard | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="mqtt-hearing", daemon=True)
        self._thread.start()

    def take(self, message: Heard) -> None:
        """Have a message heard."""
        self._waiting.put(message)

    def close(self) -> None:
        """Hear no more than what is being heard; what is not acknowledged comes again."""
        self._waiting.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        with ThreadPoolExecutor(LANES, thread_name_prefix="mqtt-lane") as pool:
            while (round_ := self._gather()) is not None:
                lanes: dict[str, list[Heard]] = {}
                for message in round_:
                    lanes.setdefault(self._lane_of(message.topic), []).append(message)
                faults: dict[int, str] = {}
                for part in pool.map(self._hear_lane, lanes.values()):
                    faults |= part
                for message in round_:
                    if id(message) in faults:
                        self._lost(faults[id(message)])
                        return
                    self._acknowledge(message)

    def _gather(self) -> list[Heard] | None:
        """All that has come, at least one; None at the end."""
        gathered: list[Heard] = []
        while len(gathered) < AT_ONCE:
            try:
                message = self._waiting.get(block=not gathered)
            except queue.Empty:
                break
            if message is None:
                return None
            gathered.append(message)
        return gathered

    def _hear_lane(self, messages: list[Heard]) -> dict[int, str]:
        """Hear until one is not kept; by `id`, that one and those after it, and why."""
        for place, message in enumerate(messages):
            try:
                self._hear(message)
            except ComeAgainError as error:
                return {id(rest): str(error) for rest in messages[place:]}
            except Exception:  # a message that we cannot cope with must not come again and again
                log.exception("fault in hearing a message of %d bytes", len(message.payload))
        return {}
