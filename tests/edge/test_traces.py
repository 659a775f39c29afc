"""A search that finds nothing proves something only if it finds what is there."""

import base64
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.traces import encodings, minutia_needles, pixel_needles, search, secret_needles

SECRET = bytes(range(7, 39))


def ridges(seed: int = 1) -> np.ndarray:
    """An image with enough levels in each run to be worth looking for."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 16, (96, 96)) * 17).astype(np.uint8)


def minutiae(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 250, (12, 4)).astype(np.float32)


IMAGE_FORMS = {
    "pixels": lambda image: image.tobytes(),
    "levels": lambda image: (image >> 4).tobytes(),
    "packed": lambda image: ((image[:, 0::2] & 0xF0) | (image[:, 1::2] >> 4)).astype(np.uint8).tobytes(),
    "hex": lambda image: image.tobytes().hex().encode(),
    "base64": lambda image: base64.b64encode(b"x" + image.tobytes()),
}


@pytest.mark.parametrize("form", IMAGE_FORMS)
def test_an_image_is_found_in_every_form(tmp_path: Path, form: str) -> None:
    image = ridges()
    (tmp_path / "leak").write_bytes(b"before" + IMAGE_FORMS[form](image) + b"after")
    traces, _ = search([tmp_path], pixel_needles(image))
    assert any(trace.what.startswith("image") for trace in traces)


def test_a_tenth_of_an_image_is_found(tmp_path: Path) -> None:
    image = ridges()
    (tmp_path / "leak").write_bytes(image[40:50].tobytes())
    assert search([tmp_path], pixel_needles(image))[0]


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f4", "<u2", "<i4", "<i8"])
def test_an_array_of_minutiae_is_found(tmp_path: Path, dtype: str) -> None:
    points = minutiae()
    rows = points if "f" in dtype else np.rint(points[:, :2])
    (tmp_path / "leak").write_bytes(b"abc" + rows.astype(dtype).tobytes())
    assert search([tmp_path], minutia_needles(points))[0]


def test_minutiae_written_as_text_are_found(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"pressed: {minutiae()[:3, :2].tolist()}")
    assert search([tmp_path], minutia_needles(minutiae()))[0]


@given(before=st.binary(max_size=40), after=st.binary(max_size=40), form=st.integers(0, 3))
def test_a_secret_is_found_wherever_it_stands(
    tmp_path_factory: pytest.TempPathFactory, before: bytes, after: bytes, form: int
) -> None:
    whole = before + SECRET + after
    file = tmp_path_factory.mktemp("files") / "leak"
    file.write_bytes(
        [whole, whole.hex().encode(), base64.b64encode(whole), before + SECRET[::-1] + after][form]
    )
    assert any(trace.what.startswith("key") for trace in search([file], secret_needles("key", SECRET))[0])


def test_other_files_have_no_trace_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "noise").write_bytes(np.random.default_rng(9).bytes(200_000))
    (tmp_path / "other").write_bytes(ridges(2).tobytes() + minutiae(2).tobytes())
    needles = pixel_needles(ridges()) + minutia_needles(minutiae()) + secret_needles("key", SECRET)
    traces, searched = search([tmp_path], needles)
    assert not traces
    assert searched == 200_000 + 96 * 96 + 12 * 16


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"P5\n9 9\n", b"BM" + bytes(60)])
def test_a_file_that_is_an_image_is_a_trace(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "picture.dat").write_bytes(head)
    assert search([tmp_path], [])[0]


def test_a_needle_does_not_show_what_it_holds() -> None:
    assert SECRET.hex() not in repr(encodings("key", SECRET))
    assert repr(encodings("key", SECRET)[0]) == "Needle('key')"
