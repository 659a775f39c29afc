"""Hex, addresses, labels, purposes and topics: text that goes in and out."""

import pytest
from eth_utils import to_checksum_address
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from contracts.errors import MalformedError
from contracts.hexes import checksum_address, from_hex, to_hex
from contracts.keccak import keccak256
from contracts.labels import clean
from contracts.purpose import MAX_TEXT, Purpose
from tests.contracts.strategies import addresses

SALT = bytes(range(16))


def test_keccak_is_the_one_from_before_sha3():
    # Keccak team, KeccakKAT ShortMsgKAT_256, Len = 0
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


@given(st.binary(max_size=40))
def test_hex_comes_back(value):
    assert from_hex(to_hex(value), len(value)) == value
    assert from_hex(value.hex().upper(), len(value)) == value


@pytest.mark.parametrize(
    "text", ["", "0x", "0x0", "0x000", "0x0g", "0x00 ", " 0x00", "0x٠٠", "0x0x00", "0x00\n"]
)
def test_what_is_not_one_byte_of_hex_is_refused(text):
    with pytest.raises(MalformedError):
        from_hex(text, 1)


def test_a_wrong_value_is_not_repeated_in_full():
    """It may be a secret in the wrong place."""
    secret = "5ec2e7" * 11
    with pytest.raises(MalformedError) as caught:
        from_hex(secret, 32)
    assert secret[:16] not in str(caught.value)


@given(addresses)
def test_the_checksum_is_that_of_erc_55(address):
    assert checksum_address(address) == to_checksum_address(address)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  two   words\t\n", "two words"),
        ("pay\u202eegassem", "payegassem"),
        ("\u2066bank\u2069", "bank"),
        ("a\u200bb\u2060c\ufeff", "abc"),
        ("red\x1b[31m", "red[31m"),
        ("nul\x00l", "null"),
        ("line\u2028line\x85line", "line line line"),
        ("e\u0301", "é"),
        ("z" + "\u0324\u0345\u0330\u0348" * 20, "z\u0324\u0345"),
        ("\ud800", ""),
        ("\ue000\U0010ffff", ""),
        ("日本語 العربية हिन्दी", "日本語 العربية हिन्दी"),
    ],
)
def test_a_label_is_cleaned(text, cleaned):
    assert clean(text, 80) == cleaned


def test_a_long_label_is_cut_and_says_so():
    assert clean("abcdef", 6) == "abcdef"
    assert clean("abcdefg", 6) == "abcde…"
    assert clean("ab cd" + "x" * 10**6, 4) == "ab…"


@given(st.text(max_size=400), st.integers(1, 80))
def test_a_clean_label_is_short_plain_and_stays_as_it_is(text, limit):
    label = clean(text, limit)
    assert len(label) <= limit
    assert label.isprintable()
    assert clean(label, limit) == label


def test_a_purpose_commits_to_its_text_and_salt():
    purpose = Purpose("Rent of a flat", SALT)
    assert purpose.commitment() == keccak256(SALT + b"Rent of a flat")
    assert purpose.matches(purpose.commitment())
    assert not Purpose("Rent of a flat", bytes(16)).matches(purpose.commitment())
    assert not Purpose("Rent of a house", SALT).matches(purpose.commitment())


def test_a_purpose_is_tidied_and_salted_afresh():
    one, other = Purpose.of("  Rent \n of a\u202e flat "), Purpose.of("Rent of a flat")
    assert one.text == other.text == "Rent of a flat"
    assert one.commitment() != other.commitment()


@pytest.mark.parametrize(
    ("text", "salt"),
    [
        pytest.param("", SALT, id="empty"),
        pytest.param("x" * (MAX_TEXT + 1), SALT, id="long"),
        pytest.param("bidi\u202e", SALT, id="bidirectional override"),
        pytest.param("two\nlines", SALT, id="two lines"),
        pytest.param(" blank", SALT, id="blank at the end"),
        pytest.param("fine", SALT[:15], id="short salt"),
    ],
)
def test_a_bad_purpose_is_refused(text, salt):
    with pytest.raises(MalformedError):
        Purpose(text, salt)


@pytest.mark.parametrize("text", ["", " \u200b ", "x" * (MAX_TEXT + 1)])
def test_a_purpose_is_never_empty_nor_cut(text):
    with pytest.raises(MalformedError):
        Purpose.of(text)


def test_topics_name_direction_and_kiosk():
    kiosk = "0123456789abcdef"
    assert topics.up(kiosk) == f"ridgekey/1/up/{kiosk}"
    assert {topics.kiosk_of(topic(kiosk)) for topic in (topics.up, topics.down, topics.status)} == {kiosk}


@pytest.mark.parametrize("kiosk", ["", "+", "#", "0123456789ABCDEF", "0123456789abcde/", "0123456789abcdef0"])
def test_what_is_no_kiosk_id_gets_no_topic(kiosk):
    with pytest.raises(MalformedError):
        topics.up(kiosk)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "ridgekey/2/up/0123456789abcdef",
        "ridgekey/1/up/x",
        "x/ridgekey/1/up/0123456789abcdef",
        "ridgekey/1/up",
    ],
)
def test_another_topic_has_no_kiosk(topic):
    with pytest.raises(MalformedError):
        topics.kiosk_of(topic)
