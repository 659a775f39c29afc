"""The whole of it in one place: bus, look-alike and air, in a thread of their own."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from hw.errors import UnavailableError
from hw.radio.bluetoothd import Bluetoothd
from hw.radio.bus import PrivateBus
from hw.radio.faults import Fault

START_SECONDS = 60.0
"""Longest wait for the virtual radios to come up; it takes one, on a machine that is not busy."""

ANSWER_SECONDS = 60.0

Answer = TypeVar("Answer")


class Radio:
    """A machine's Bluetooth, as long as the `with` lasts. Every method may be called from any thread.

    Attributes:
        address: of the bus, for `DBUS_SYSTEM_BUS_ADDRESS`.
    """

    def __init__(self, adapters: int = 3) -> None:
        """Prepare so many adapters, from hci0 on."""
        self._adapters = adapters
        self._directory = Path(tempfile.mkdtemp(prefix="radio"))  # short: a socket's path is
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="radio", daemon=True)

    def __enter__(self) -> Self:
        try:
            self._bus = PrivateBus(self._directory)
        except BaseException:
            shutil.rmtree(self._directory, ignore_errors=True)
            raise
        self.address = self._bus.address
        self._thread.start()
        try:
            self._daemon = self._do(Bluetoothd.start(self.address, self._adapters), START_SECONDS)
        except TimeoutError:
            self._end()
            raise UnavailableError("the virtual radios did not come up") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._daemon.stop())
        self._end()

    @property
    def complaints(self) -> list[str]:
        """What was asked of it that a real BlueZ would have done badly without a word."""
        return list(self._daemon.complaints)

    def forgive(self) -> None:
        """Forget the complaints."""
        self._call(self._daemon.complaints.clear)

    def arm(self, *faults: Fault) -> None:
        """Let faults lie in wait."""
        for fault in faults:
            self._call(self._daemon.faults.arm, fault)

    def slow(self, seconds: float) -> None:
        """Let each packet of a characteristic take so long."""
        self._call(setattr, self._daemon.faults, "seconds_per_packet", seconds)

    def clear(self) -> None:
        """Clear the air of faults."""
        self._call(self._daemon.faults.clear)

    @property
    def faults_waiting(self) -> int:
        """How many have not struck yet."""
        return self._daemon.faults.waiting

    @property
    def octets(self) -> int:
        """Bytes of ACL data on the air so far: L2CAP and ATT with what they carry."""
        return self._daemon.octets

    def packets(self, uuid: str) -> int:
        """Writes and notifications of a characteristic so far."""
        return self._daemon.faults.packets[uuid]

    def busy(self, method: str, times: int) -> None:
        """Answer InProgress to a method, so many times."""
        self._call(self._daemon.busy.__setitem__, method, times)

    def set_mtu(self, adapter: str, mtu: int) -> None:
        """Let an adapter agree to no more than this."""
        self._call(self._daemon.adapter(adapter).set_mtu, mtu)

    def disconnect(self, adapter: str) -> None:
        """End an adapter's connections."""
        self._do(self._daemon.adapter(adapter).disconnect_all())

    def power(self, adapter: str, *, on: bool) -> None:
        """Switch an adapter on or off."""
        self._do(self._daemon.adapter(adapter).power(on))

    def unplug(self, adapter: str) -> None:
        """Let an adapter vanish."""
        self._do(self._daemon.adapter(adapter).unplug())

    def plug(self, adapter: str) -> None:
        """Let it come back."""
        self._call(self._daemon.plug, adapter)

    def fall(self) -> None:
        """Let bluetoothd end."""
        self._do(self._daemon.fall())

    def rise(self) -> None:
        """Let it start again."""
        self._do(self._daemon.rise())

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Answer], seconds: float = ANSWER_SECONDS) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def _call(self, function: Any, *arguments: object) -> None:
        async def call() -> None:
            function(*arguments)

        self._do(call())

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._bus.stop()
        shutil.rmtree(self._directory, ignore_errors=True)
