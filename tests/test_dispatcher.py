"""The command `ridgekey` itself: what it does with signals."""

import os
import signal
import time

import pytest

import ridgekey
from hw.bench.relay import cli


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_with_all_that_it_began(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = []

    def begin(_: list[str]) -> int:
        try:
            os.kill(os.getpid(), number)
            time.sleep(10)
        finally:
            ended.append(True)
        return 0

    monkeypatch.setattr(cli, "main", begin)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    try:
        assert ridgekey.main(["bench", "relay"]) == ridgekey.EXIT_INTERRUPTED
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
    assert ended == [True]
    assert capsys.readouterr().err == "ridgekey: interrupted\n"
