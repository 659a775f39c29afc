"""A few real fingers, where the public sets are at hand; rates over all of them are for the benchmark."""

from pathlib import Path
from random import Random

import pytest

from drivers.image import FingerImage
from edge.biometrics import MinutiaExtractor, assess, enrol, unlock
from edge.biometrics.parameters import for_sensor
from hw.fingers.folder import ImageFolder

FOLDERS = Path(__file__).resolve().parents[4] / "shared" / "fingerprints"
SETS = {"uareu": (256, 288), "crossmatch": (256, 288), "fvc2002-db3": (192, 192)}
FINGERS, DPI = 2, 500


@pytest.fixture(scope="module")
def extractor():
    return MinutiaExtractor()


@pytest.fixture(scope="module", params=SETS)
def presses(request, extractor):
    """A set's parameters, and of some fingers the first impressions: minutiae and quality."""
    folder = FOLDERS / request.param
    if not folder.is_dir():
        pytest.skip(f"the set {request.param} is not at ../shared/fingerprints")
    source, (width, height) = ImageFolder(folder), SETS[request.param]
    found = {}
    for number in list(source.fingers())[:FINGERS]:
        found[number] = []
        for impression in range(1, 7):
            pixels = source.press(number, impression, width, height)
            with FingerImage(bytearray(pixels.tobytes()), width, height, DPI) as image:
                minutiae = extractor.extract(image)
                found[number].append((minutiae, assess(image, minutiae)))
    return for_sensor(width, height, DPI), found


def test_nearly_all_real_presses_pass_the_gate(presses):
    _, found = presses
    fit = [quality.acceptable for several in found.values() for _, quality in several]
    assert sum(fit) >= 0.9 * len(fit)


def test_each_finger_opens_its_record_within_three_presses_and_no_other(presses):
    parameters, found = presses
    for number, several in found.items():
        enrolment = enrol([minutiae for minutiae, _ in several[:3]], parameters, Random(number))
        secrets = [unlock(enrolment.record, minutiae) for minutiae, _ in several[3:]]
        assert enrolment.secret in secrets
        strangers = [other for other in found if other != number]
        assert not any(unlock(enrolment.record, found[other][3][0], trials=2**20) for other in strangers)
