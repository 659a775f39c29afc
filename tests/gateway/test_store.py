import errno
import hashlib
import os
from pathlib import Path

import pytest

from gateway.store import HALF_WRITTEN, ObjectStore, StoreError


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return ObjectStore(tmp_path / "objects")


def files(store: ObjectStore) -> list[Path]:
    return [path for path in store._directory.rglob("*") if path.is_file()]


def test_an_object_comes_back_by_its_hash(store: ObjectStore) -> None:
    commitment = store.put(b"ciphertext")
    assert commitment == hashlib.sha256(b"ciphertext").digest()
    assert store.get(commitment) == b"ciphertext"
    assert store.put(b"ciphertext") == commitment
    assert len(files(store)) == 1


def test_what_is_not_there_is_none(store: ObjectStore) -> None:
    assert store.get(bytes(32)) is None


@pytest.mark.parametrize("name", [b"", bytes(31), bytes(33)])
def test_only_a_commitment_names_an_object(store: ObjectStore, name: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        store.get(name)


def test_an_altered_object_is_noticed_and_put_right_by_the_next_put(store: ObjectStore) -> None:
    commitment = store.put(b"ciphertext")
    (path,) = files(store)
    path.write_bytes(b"ciphertexT")
    with pytest.raises(StoreError, match="altered"):
        store.get(commitment)
    store.put(b"ciphertext")
    assert store.get(commitment) == b"ciphertext"


def test_a_discarded_object_is_gone(store: ObjectStore) -> None:
    commitment = store.put(b"ciphertext")
    store.discard(commitment)
    store.discard(commitment)
    assert store.get(commitment) is None


def test_what_a_crash_left_half_written_is_removed(store: ObjectStore) -> None:
    leftover = store._directory / f"{HALF_WRITTEN}x"
    leftover.write_bytes(b"half")
    ObjectStore(store._directory)
    assert not leftover.exists()


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(
    store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left") as caught:
        store.put(b"ciphertext")
    assert (caught.value.exit_code, str(caught.value).count("\n")) == (74, 0)
    assert files(store) == []


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="cannot open"):
        ObjectStore(tmp_path / "file" / "objects")
