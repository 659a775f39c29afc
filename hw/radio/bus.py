"""A D-Bus daemon of our own, in place of the system bus."""

import shutil
import subprocess
from pathlib import Path

from hw.errors import UnavailableError

CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
"""Whoever can open the socket may do everything; that is us."""

STOP_SECONDS = 5.0


class PrivateBus:
    """A running dbus-daemon.

    Attributes:
        address: for `DBUS_SYSTEM_BUS_ADDRESS`.
    """

    def __init__(self, directory: Path) -> None:
        """Start it, with its socket and configuration in `directory`.

        Raises:
            UnavailableError: there is no dbus-daemon here, or it does not come up.
        """
        program = shutil.which("dbus-daemon")
        if program is None:
            raise UnavailableError("dbus-daemon is not installed; install Debian's package dbus-daemon")
        socket, config = directory / "bus", directory / "bus.conf"
        config.write_text(CONFIG.format(socket=socket), encoding="utf-8")
        self.address = f"unix:path={socket}"
        self._process = subprocess.Popen(
            [program, f"--config-file={config}", "--nofork", "--nopidfile", "--print-address=1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the starter, which ends the daemon in its turn
        )
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        if not self._process.stdout.readline():
            self.stop()
            raise UnavailableError(
                f"dbus-daemon did not start; try it by hand: {program} --config-file={config}"
            )

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
