from hypothesis import given
from hypothesis import strategies as st

from contracts import cose
from contracts.resending import MARK, marked, unmarked
from tests.contracts.fixtures import KIOSK, KIOSK_MESSAGES

ARRAY_OF_FOUR = 0x84
"""How a COSE_Sign1 begins that has no tag; contracts.resending and docs/ble.md say so."""


@given(st.binary().filter(lambda data: not data.startswith(MARK)), st.booleans())
def test_the_mark_comes_off_as_it_went_on(message: bytes, again: bool) -> None:
    assert unmarked(marked(message, again=again)) == (message, again)


def test_no_message_of_a_kiosk_begins_like_the_mark() -> None:
    for message in KIOSK_MESSAGES:
        signed = message.sign(KIOSK)
        assert signed[0] == ARRAY_OF_FOUR
        assert unmarked(signed) == (signed, False)
        assert cose.claimed_signer(signed, len(signed)) == cose.kid_of(KIOSK.public_key())
