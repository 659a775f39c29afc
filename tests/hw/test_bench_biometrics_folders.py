"""`ridgekey bench biometrics` on folders as they are found: what is left out, what is said, what is kept."""

import json
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hw.bench.biometrics import cli, measuring, presenting, results, telling
from hw.bench.biometrics.fingers import image_folder
from hw.bench.biometrics.sets import ImageSet, find_sets
from hw.bench.biometrics.usable import TooFewFingersError, usable_sets
from hw.errors import BenchError

Lines = list[str]


def noise(width: int = 64, height: int = 64) -> Image.Image:
    """A grey picture that does not compress to nothing."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width), np.uint8))


def fill(folder: Path, fingers: int = 2, impressions: int = 5) -> Path:
    """A folder of so many images."""
    folder.mkdir(parents=True)
    for finger in range(1, fingers + 1):
        for impression in range(1, impressions + 1):
            noise().save(folder / f"{finger}_{impression}.png")
    return folder


def cut(file: Path) -> None:
    """Half of an image, as a copy that was interrupted leaves it."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def usable(folder: Path, lines: Lines) -> list[tuple[ImageSet, list[int]]]:
    return usable_sets(find_sets(folder, None, None), "all", 3, lines.append, lambda *_: None)


def test_damaged_and_coloured_images_are_left_out_by_themselves(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    cut(fill(tmp_path / "b", fingers=3) / "2_3.png")
    Image.new("RGB", (64, 64), "red").save(tmp_path / "b" / "1_1.png")
    (tmp_path / "b" / "1_2.png").write_bytes(b"no image at all")
    lines: Lines = []
    [_, (images, fingers)] = usable(tmp_path, lines)
    (images_line, fingers_line) = lines
    assert images_line == (
        "b: 3 of 15 images left out: 1_1.png is in colour, 1_2.png is not a PNG, BMP or TIFF image, "
        "2_3.png is damaged"
    )
    assert fingers_line == "b: fingers left out for too few impressions: 1"
    assert fingers == [2, 3]
    assert image_folder(images).numbers(2) == [1, 2, 4, 5]


def test_a_set_of_which_too_little_remains_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    cut(fill(tmp_path / "b", impressions=4) / "2_3.png")
    lines: Lines = []
    assert [images.name for images, _ in usable(tmp_path, lines)] == ["a"]
    assert "2_3.png is damaged" in lines[0]
    assert "fewer than two fingers" in lines[1]
    with pytest.raises(TooFewFingersError):
        usable(tmp_path / "b", [])


def test_foreign_images_are_left_out_and_hidden_ones_passed_over(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    (tmp_path / "a" / "._1_1.png").write_bytes(b"\0\5\x16\7 what macOS knows of 1_1.png")
    (tmp_path / "a" / "Thumbs.db").write_bytes(b"what Windows knows")
    fill(tmp_path / ".trash")
    lines: Lines = []
    [(images, _)] = usable(tmp_path, lines)
    assert (images.name, lines) == ("a", [])
    for name in ("mask", "1_1_enhanced", "overview", "scan"):
        noise().save(tmp_path / "a" / f"{name}.png")
    [(images, fingers)] = usable(tmp_path, lines)
    [line] = lines
    assert line.startswith(
        "a: 4 images not named <finger>_<impression> left out: 1_1_enhanced.png, mask.png, "
    )
    assert line.endswith("overview.png and 1 more")
    assert fingers == [1, 2]
    assert image_folder(images).numbers(1) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("place", "manifest"),
    [
        (".", "\ufeffFile,Set,DPI,Sensor\na/1_1.png,a,,Capacitive\n"),
        (".", "sensor,set\ncapacitive (300x300),a\n"),
        ("a", "file,sensor\n1_1.png,capacitive\n"),
        ("a", "file,set,sensor\n1_1.png,some other name,capacitive\n"),
    ],
)
def test_a_manifest_beside_the_images_or_above_tells_the_sensor(
    tmp_path: Path, place: str, manifest: str
) -> None:
    for name in "ab":
        fill(tmp_path / name)
    (tmp_path / place / "manifest.csv").write_text(manifest, encoding="utf-8")
    found = {images.name: images.profile.name for images in find_sets(tmp_path, None, None)}
    assert found == {"a": "r503", "b": "r307"}
    [images] = find_sets(tmp_path / "a", None, None)
    assert images.profile.name == "r503"


def test_a_linked_set_is_called_as_its_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "store" / "v1" / "images")
    fill(tmp_path / "store" / "v2" / "images")
    (tmp_path / "links").mkdir()
    for name, version in (("uareu", "v1"), ("crossmatch", "v2")):
        (tmp_path / "links" / name).symlink_to(tmp_path / "store" / version / "images")
    found = find_sets(tmp_path / "links", None, None)
    assert [images.name for images in found] == ["crossmatch", "uareu"]
    monkeypatch.chdir(tmp_path / "store" / "v1" / "images")
    assert [images.name for images in find_sets(Path(), None, None)] == ["images"]
    assert [images.name for images in find_sets(Path(".."), "images", None)] == ["images"]


def test_a_stray_picture_hides_no_set(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    noise().save(tmp_path / "overview.png")
    assert [images.name for images in find_sets(tmp_path, None, None)] == ["a"]
    noise().save(tmp_path / "1_1.png")
    assert [images.folder for images in find_sets(tmp_path, None, None)] == [tmp_path]


def test_of_images_and_folders_of_images_it_is_said_which_are_measured(
    three_sets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "measure", made_up({}))
    cli.main(["--fingers", str(three_sets)])
    assert "itself are measured" not in capsys.readouterr().err
    for image in (three_sets / "a").iterdir():
        image.rename(three_sets / image.name)
    cli.main(["--fingers", str(three_sets)])
    assert f"the images in {three_sets} itself are measured, and not those in its folders b, c; " in (
        capsys.readouterr().err
    )


@pytest.fixture
def three_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sets a, b and c; their measures are made up, and the tables not printed."""
    for name in "abc":
        fill(tmp_path / name)
    monkeypatch.setattr(results, "show", lambda measured: print(*(each.figures["set"] for each in measured)))
    return tmp_path


def made_up(trouble: dict[str, BaseException]) -> object:
    def measure(images: ImageSet, *_: object) -> list[measuring.Measured]:
        if images.name in trouble:
            raise trouble[images.name]
        return [measuring.Measured({"set": images.name, "enrolled": 1}, None, [])]  # type: ignore[arg-type]  # not drawn

    return measure


def test_why_no_finger_could_be_enrolled_is_one_line() -> None:
    figures = {"set": "a", "enrolled": 0, "gate_presses": 20, "gate_refused": 0}
    assert "refused none" in str(presenting.why_none_enrolled(figures))
    refused = {"gate_refused": 12, "gate_refused_too_dry": 9, "gate_refused_partial": 3}
    why = str(presenting.why_none_enrolled(figures | refused))
    assert why.startswith("a: no finger could be enrolled: ")
    assert why.endswith("refused 12 of 20 presses, most often for: too dry (9)")
    assert presenting.why_none_enrolled(figures | {"enrolled": 1}) is None


def test_that_the_package_is_not_there_is_said_before_anything_is_measured(
    three_sets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "measure", made_up({"a": KeyboardInterrupt()}))
    with pytest.raises(KeyboardInterrupt):
        cli.main(["--fingers", str(three_sets), "--peers"])
    [line] = [line for line in capsys.readouterr().err.splitlines() if "fuzzy-extractor" in line]
    for words in (
        sys.executable,
        "No module named 'fuzzy_extractor'",
        "venv-fe/bin/pip install fuzzy-extractor",
    ):
        assert words in line
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert "venv-fe/bin/pip install fuzzy-extractor" in " ".join(capsys.readouterr().out.split())


def test_without_a_terminal_there_is_a_plain_line_now_and_then() -> None:
    out, seconds = StringIO(), iter([0.0, *[1.0] * 3, 20.0, 20.0, 21.0, 22.0, 22.5])
    tell = telling.Lines(Console(file=out), lambda: next(seconds))
    for done in range(6):
        tell("a[0]: presses read", done, 5)
    assert out.getvalue().splitlines() == ["a[0]: presses read: 3 of 5", "a[0]: presses read: 5 of 5"]
    with telling.progress(Console(file=out)) as plain:
        assert isinstance(plain, telling.Lines)


def names(file: Path) -> list[str]:
    return [each["set"] for each in json.loads(file.read_text())["figures"]]


def test_a_set_that_fails_on_the_way_is_named_and_the_others_are_kept(
    three_sets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--fingers", str(three_sets), "--json", str(three_sets / "out.json")]
    monkeypatch.setattr(measuring, "measure", made_up({"b": BenchError("it broke")}))
    assert cli.main(argv) == 0
    assert names(three_sets / "out.json") == ["a", "c"]
    said = capsys.readouterr()
    assert said.out == "a c\n"
    assert "b is left out: it broke" in said.err
    monkeypatch.setattr(measuring, "measure", made_up({name: BenchError("it broke") for name in "abc"}))
    with pytest.raises(BenchError, match="it broke"):
        cli.main(argv)


def test_an_interrupted_run_keeps_the_sets_that_are_done(
    three_sets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "measure", made_up({"c": KeyboardInterrupt()}))
    with pytest.raises(KeyboardInterrupt):
        cli.main(["--fingers", str(three_sets), "--json", str(three_sets / "out.json")])
    assert names(three_sets / "out.json") == ["a", "b"]
    assert capsys.readouterr().out == "a b\n"
