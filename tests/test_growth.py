import pytest

from tests.growth import MOST, Growth


def test_what_is_kept_is_found_under_an_earlier_peak() -> None:
    peak = bytes(64 * MOST)
    del peak
    kept = []
    with pytest.raises(AssertionError, match="grew by"), Growth():
        kept.extend(bytes(100) for _ in range(MOST // 100))


def test_what_is_given_back_is_no_growth() -> None:
    with Growth() as growth:
        for _ in range(3):
            bytes(64 * MOST)
    assert growth.bytes < MOST
