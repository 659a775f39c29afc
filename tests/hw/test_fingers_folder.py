"""The folder source: what it shows of an image, and what it says of each broken folder."""

import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hw.errors import BenchError
from hw.fingers import ImageFolder, open_source
from hw.fingers.errors import BadImageError
from hw.fingers.frame import print_centre, quantise, window


def stripes(width: int, height: int, period: float = 9.0) -> np.ndarray:
    """A picture full of ridges, all vertical."""
    wave = np.cos(2 * np.pi * np.arange(width) / period)
    return np.broadcast_to(np.uint8(127 + 100 * wave), (height, width)).copy()


def save(folder: Path, name: str, pixels: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)
    return folder


def test_an_image_of_the_sensors_size_keeps_its_upper_four_bits(tmp_path: Path) -> None:
    pixels = stripes(256, 288)
    seen = open_source(f"folder:{save(tmp_path, '007_2.png', pixels)}").press(7, 2, 256, 288)
    assert np.array_equal(seen, (pixels >> 4) * 17)
    assert seen.dtype == np.uint8


def test_the_window_follows_the_print(tmp_path: Path) -> None:
    pixels = np.full((500, 500), 255, np.uint8)
    pixels[280:480, 20:170] = stripes(150, 200)
    assert print_centre(pixels) == pytest.approx((94.5, 379.5), abs=3)
    cut = window(pixels, 256, 288)
    assert cut.shape == (288, 256)
    assert (cut < 128).sum() == (pixels < 128).sum(), "nothing of the print is lost"


def test_a_small_image_is_padded_with_white() -> None:
    cut = window(stripes(100, 90), 192, 192)
    assert np.array_equal(cut[51:141, 46:146], stripes(100, 90))
    assert (cut == 255).sum() >= 192 * 192 - 100 * 90


def test_blank_image_has_its_window_in_the_middle() -> None:
    assert np.array_equal(
        window(np.full((400, 300), 200, np.uint8), 192, 192), np.full((192, 192), 200, np.uint8)
    )


def test_quantise_gives_sixteen_levels_from_black_to_white() -> None:
    assert np.unique(quantise(np.arange(256, dtype=np.uint8).reshape(16, 16))).tolist() == list(
        range(0, 256, 17)
    )


@pytest.mark.parametrize("above", [False, True], ids=["beside the images", "in the folder above"])
def test_the_manifest_tells_the_resolution(tmp_path: Path, above: bool) -> None:
    folder = save(tmp_path / "set", "001_1.png", stripes(512, 576, period=18))
    row = "set/001_1.png" if above else "001_1.png"
    (tmp_path if above else folder).joinpath("manifest.csv").write_text(f"file,finger,dpi\n{row},1,1000\n")
    seen = ImageFolder(folder).press(1, 1, 256, 288)
    spectrum = np.abs(np.fft.rfft(seen[100].astype(float) - seen[100].mean()))
    assert 256 / spectrum.argmax() == pytest.approx(9, abs=0.4), (
        "an 18 px ridge at 1000 dpi is a 9 px ridge at 500"
    )


@pytest.mark.parametrize(
    ("manifest", "period"),
    [
        ("\ufefffile,dpi\n001_1.png,1000\n", 9),
        ("File, DPI\r\n001_1.png, 1000\r\n", 9),
        ("dpi,file\n,001_1.png\n", 18),
        ("file,dpi\n001_1.png\n", 18),
        ("file,sensor\n001_1.png,optical\n", 18),
        ("set,sensor\na,optical\n", 18),
        ("file\n\n", 18),
    ],
    ids=["byte-order mark", "capitals", "empty cell", "short line", "no dpi", "no file", "empty line"],
)
def test_a_manifest_of_any_program_is_read(tmp_path: Path, manifest: str, period: float) -> None:
    folder = save(tmp_path, "001_1.png", stripes(512, 576, period=18))
    folder.joinpath("manifest.csv").write_text(manifest, encoding="utf-8", newline="")
    seen = ImageFolder(folder).press(1, 1, 256, 288)
    spectrum = np.abs(np.fft.rfft(seen[100].astype(float) - seen[100].mean()))
    assert 256 / spectrum.argmax() == pytest.approx(period, abs=1)


def test_fingers_and_impressions_are_counted(tmp_path: Path) -> None:
    for name in ("001_1.png", "001_2.png", "12_1.png"):
        save(tmp_path, name, stripes(64, 64))
    source = open_source(str(tmp_path))
    assert source.fingers() == [1, 12]
    assert source.impressions(1) == 2


def png_header(width: int, height: int) -> bytes:
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + ihdr + struct.pack(">I", zlib.crc32(ihdr))


BROKEN = {
    "text under the name of an image": ("001_1.png", b"this is no image at all, only some text", "not a PNG"),
    "empty file": ("001_1.png", b"", "not a PNG"),
    "text under the name of a TIFF": ("001_1.tif", b"II*\0 and nothing more", "001_1.tif"),
    "half a bitmap": ("001_1.bmp", b"BM" + bytes(20), "001_1.bmp"),
    "no finger in any name": ("thumb.png", png_header(8, 8), "not named <finger>_<impression>.png"),
    "zero width": ("001_1.png", png_header(0, 288), "0x288"),
    "more pixels than memory": ("001_1.png", png_header(200_000, 200_000), "each side must be 1 to 4096"),
}


@pytest.mark.parametrize(("name", "content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_image_is_refused_when_the_folder_is_opened(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BenchError, match=said) as refused:
        ImageFolder(tmp_path)
    assert refused.value.exit_code == 65
    assert "\n" not in str(refused.value)


def test_a_colour_image_is_refused(tmp_path: Path) -> None:
    coloured = np.zeros((64, 64, 3), np.uint8)
    coloured[:, :, 0] = 200
    with pytest.raises(BenchError, match="in colour"):
        ImageFolder(save(tmp_path, "001_1.png", coloured)).press(1, 1, 64, 64)
    Image.new("CMYK", (64, 64)).save(tmp_path / "001_1.png", format="TIFF")
    with pytest.raises(BenchError, match="no grey picture"):
        ImageFolder(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "P", "RGB", "1"])
def test_grey_pictures_of_any_make_are_read(tmp_path: Path, suffix: str, mode: str) -> None:
    pixels = np.where(stripes(64, 64) > 127, 255, 0).astype(np.uint8)
    picture = Image.fromarray(pixels)
    picture.convert(mode).save(tmp_path / f"001_1.{suffix}", format=suffix.upper().replace("TIF", "TIFF")[:4])
    assert np.array_equal(ImageFolder(tmp_path).press(1, 1, 64, 64), pixels)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "L with one transparent level"])
def test_what_is_transparent_is_white(tmp_path: Path, mode: str) -> None:
    pixels = np.where(stripes(64, 64) > 127, 255, 51).astype(np.uint8)
    grey = Image.fromarray(np.where(pixels == 255, 0, pixels))
    if mode.startswith("L with"):
        grey.save(tmp_path / "001_1.png", transparency=0)
    else:
        picture = grey.convert(mode)
        picture.putalpha(Image.fromarray(np.where(pixels == 255, 0, 255).astype(np.uint8)))
        picture.save(tmp_path / "001_1.png")
    assert np.array_equal(ImageFolder(tmp_path).press(1, 1, 64, 64), pixels)


@pytest.mark.parametrize(("shift", "make"), [(8, np.uint16), (4, np.uint16), (2, np.uint16), (0, np.int32)])
def test_deep_grey_keeps_the_upper_bits_of_those_in_use(tmp_path: Path, shift: int, make: type) -> None:
    Image.fromarray(stripes(64, 64).astype(make) << shift).save(tmp_path / "001_1.tif")
    assert np.array_equal(ImageFolder(tmp_path).press(1, 1, 64, 64), quantise(stripes(64, 64)))


@pytest.mark.parametrize(("dpi", "believed"), [(1000, True), (72, False), (96, False)])
def test_an_image_may_tell_its_resolution(tmp_path: Path, dpi: int, believed: bool) -> None:
    Image.fromarray(stripes(512, 576, period=18)).save(tmp_path / "001_1.tif", dpi=(dpi, dpi))
    seen = ImageFolder(tmp_path).press(1, 1, 256, 288)
    spectrum = np.abs(np.fft.rfft(seen[100].astype(float) - seen[100].mean()))
    assert 256 / spectrum.argmax() == pytest.approx(9 if believed else 18, abs=1)


def test_the_same_impression_twice_is_refused(tmp_path: Path) -> None:
    save(save(tmp_path, "001_1.png", stripes(64, 64)), "1_1.png", stripes(64, 64))
    with pytest.raises(BenchError, match="same impression"):
        ImageFolder(tmp_path)


def test_a_damaged_image_is_one_line_when_it_is_pressed(tmp_path: Path) -> None:
    file = (
        save(tmp_path, "001_1.png", np.random.default_rng(1).integers(0, 256, (288, 256), np.uint8))
        / "001_1.png"
    )
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(BenchError, match="damaged"):
        ImageFolder(tmp_path).press(1, 1, 256, 288)


def test_a_missing_folder_and_an_empty_one(tmp_path: Path) -> None:
    for folder, said in ((tmp_path / "nowhere", "no folder"), (tmp_path, "no images")):
        with pytest.raises(BenchError, match=said) as refused:
            open_source(str(folder))
        assert refused.value.exit_code == 66


def test_a_finger_or_impression_that_is_not_there(tmp_path: Path) -> None:
    source = ImageFolder(save(tmp_path, "001_1.png", stripes(64, 64)))
    with pytest.raises(BenchError, match="no finger 2; it has 1, from 1 to 1"):
        source.press(2, 1, 256, 288)
    with pytest.raises(BenchError, match="no impression 4 of finger 1"):
        source.press(1, 4, 256, 288)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [("name,size\na,b\n", "manifest.csv, line 1: no column `file`"),
     ("file;dpi\n001_1.png;500\n", "line 1: no column `file` or `set`; .* commas"),
     ("file,dpi\n001_1.png,500\n001_2.png,ten\n", "manifest.csv, line 3: dpi ten is no number"),
     ("file,dpi\n001_1.png,nan\n", "outside 100 to 2000"),
     ("file\n001\0.png\n", "line 2: "), ("set,dpi\na,500\n", "line 2: dpi 500, but no file"),
     ("file\n" + "x" * (33 << 20), "too large")],
    ids=["columns", "semicolons", "dpi no number", "dpi nan", "no name of a file", "no file", "too large"],
)  # fmt: skip
def test_a_broken_manifest_is_refused(tmp_path: Path, manifest: str, said: str) -> None:
    save(tmp_path, "001_1.png", stripes(64, 64)).joinpath("manifest.csv").write_text(manifest)
    with pytest.raises(BenchError, match=said):
        ImageFolder(tmp_path)


def test_a_damaged_image_leaves_the_others_usable_and_says_why_when_pressed(tmp_path: Path) -> None:
    save(tmp_path, "001_1.png", stripes(64, 64))
    (tmp_path / "001_2.png").write_bytes(png_header(0, 288))
    source = ImageFolder(tmp_path)
    assert source.numbers(1) == [1]
    with pytest.raises(BadImageError, match="0x288") as refused:
        source.press(1, 2, 64, 64)
    assert str(pickle.loads(pickle.dumps(refused.value))) == str(refused.value)  # our own
