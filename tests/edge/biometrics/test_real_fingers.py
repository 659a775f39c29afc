"""A few real fingers, where the public sets are at hand; rates over all of them are for the benchmark."""

from pathlib import Path

import pytest

from drivers.image import FingerImage
from edge.biometrics import MinutiaExtractor, assess, enrol, unlock
from hw.fingers.folder import ImageFolder

FOLDERS = Path(__file__).resolve().parents[4] / "shared" / "fingerprints"
SETS = {"uareu": (256, 288), "crossmatch": (256, 288), "fvc2002-db3": (192, 192)}
FINGERS = 2


@pytest.fixture(scope="module")
def extractor():
    return MinutiaExtractor()


@pytest.fixture(scope="module", params=SETS)
def presses(request, extractor):
    """Fingers of one set: the minutiae and the quality of each one's first impressions."""
    folder = FOLDERS / request.param
    if not folder.is_dir():
        pytest.skip(f"the set {request.param} is not at ../shared/fingerprints")
    source, (width, height) = ImageFolder(folder), SETS[request.param]
    found = {}
    for number in list(source.fingers())[:FINGERS]:
        found[number] = []
        for impression in range(1, 6):
            pixels = source.press(number, impression, width, height)
            with FingerImage(bytearray(pixels.tobytes()), width, height, 500) as image:
                minutiae = extractor.extract(image)
                found[number].append((minutiae, assess(image, minutiae)))
    return found


def test_nearly_all_real_presses_pass_the_gate(presses):
    fit = [quality.acceptable for several in presses.values() for _, quality in several]
    assert sum(fit) >= 0.9 * len(fit)


def test_each_finger_opens_its_record_within_three_presses_and_no_other(presses):
    for number, several in presses.items():
        enrolment = enrol([minutiae for minutiae, _ in several[:3]])
        secrets = [unlock(enrolment.record, minutiae) for minutiae, _ in several[3:]]
        assert enrolment.secret in secrets
        strangers = [other for other in presses if other != number]
        assert not any(unlock(enrolment.record, presses[other][3][0], trials=2**20) for other in strangers)
