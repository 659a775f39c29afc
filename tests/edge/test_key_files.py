"""Key files: whole or not there, ours alone, and refused when they are not."""

import os
import stat
import threading
from pathlib import Path

import pytest

from edge.errors import ConfigError, StateError
from edge.identity import files
from edge.identity.files import create_secret, initialise, read_secret

SECRET = bytes(range(32))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "device.key"
    assert create_secret(path, bytearray(SECRET))
    return path


def test_a_secret_comes_back(key: Path) -> None:
    assert read_secret(key) == SECRET
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_is_closed_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_secret(tmp_path / "pepper", bytearray(SECRET))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "pepper").stat().st_mode) == 0o600


def test_never_replaces_a_key(key: Path) -> None:
    assert not create_secret(key, bytearray(32))
    assert read_secret(key) == SECRET


def test_of_many_writers_one_wins_and_no_draft_is_left(tmp_path: Path) -> None:
    path, won = tmp_path / "device.key", []

    def write(number: int) -> None:
        if create_secret(path, bytearray([number] * 32)):
            won.append(number)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(1, 9)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert read_secret(path) == bytes(won * 32)
    assert list(tmp_path.iterdir()) == [path]


def test_initialise_makes_both_keys_once(tmp_path: Path) -> None:
    state = tmp_path / "kiosk"
    assert initialise(state)
    kept = files.device_key(state).private_bytes_raw(), bytes(files.pepper(state))
    assert not initialise(state)
    assert kept == (files.device_key(state).private_bytes_raw(), bytes(files.pepper(state)))
    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def open_to_group(key: Path) -> None:
    key.chmod(0o640)


def open_to_all(key: Path) -> None:
    key.chmod(0o604)


def cut_short(key: Path) -> None:
    key.write_bytes(SECRET[:31])


def too_long(key: Path) -> None:
    key.write_bytes(SECRET + b"\n")


def a_link(key: Path) -> None:
    key.rename(key.with_name("elsewhere"))
    key.symlink_to("elsewhere")


def a_directory(key: Path) -> None:
    key.unlink()
    key.mkdir()


def a_fifo(key: Path) -> None:
    key.unlink()
    os.mkfifo(key, 0o600)


def missing(key: Path) -> None:
    key.unlink()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (open_to_group, "chmod 600"),
        (open_to_all, "chmod 600"),
        (cut_short, "31 bytes instead of 32"),
        (too_long, "33 bytes instead of 32"),
        (a_link, "cannot read the key file"),
        (a_directory, "not a plain file"),
        (a_fifo, "not a plain file"),
        (missing, "ridgekey edge init"),
    ],
)
def test_a_file_unfit_for_a_secret_is_refused(key: Path, spoil: object, words: str) -> None:
    assert callable(spoil)
    spoil(key)
    with pytest.raises(ConfigError, match=words) as refused:
        read_secret(key)
    assert "\n" not in str(refused.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_users_file_is_refused(key: Path) -> None:
    os.chown(key, 12345, -1)
    with pytest.raises(ConfigError, match="another user"):
        read_secret(key)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot make the state directory"):
        initialise(tmp_path / "file" / "kiosk")
