"""What docs/ble.md says of bytes and numbers is what the code does."""

import re
from pathlib import Path

import pytest

from contracts import conversation, gatt, pairing
from contracts.conversation import Conversation, Patience, Sessions
from contracts.gatt import KIOSK_TO_GATEWAY, PHONE_TO_KIOSK, End, Limits, Profile, Refusal, Start
from contracts.resending import MARK
from drivers.bluetooth import hall, inbox
from edge.phones import reception
from gateway.links import ble
from tests.contracts.fixtures import KIOSK, KIOSK_MESSAGES

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ble.md").read_text()
WORDS = " ".join(PAGE.split())
MTU = 23


def exchange() -> list[tuple[str, str, bytes]]:
    """The lines of the worked example: what is done, to which characteristic, with which bytes."""
    lines = re.findall(r"^(read|write|notify) +(\w+) +((?:[0-9a-f]{2} ?)+)$", PAGE, re.MULTILINE)
    return [(verb, name, bytes.fromhex(value)) for verb, name, value in lines]


def values(verb: str, name: str) -> list[bytes]:
    return [value for one, whose, value in exchange() if (one, whose) == (verb, name)]


def test_the_worked_example_is_what_a_client_and_a_server_say() -> None:
    sessions, client = Sessions(Patience()), Conversation(1000)
    (start,) = values("write", "State")
    client.start = Start.decode(start)
    assert client.start.encode() == start
    assert sessions.write_state("it", MTU, start)
    said = b"The gateway has it on its disk."
    assert list(client.writes(said, MTU)) == values("write", "Inbound")
    assert [sessions.write_chunk("it", MTU, value) for value in values("write", "Inbound")] == [None, said]
    answer = b"receipt for it, signed"
    assert list(sessions.notifications("it", answer)) == values("notify", "Outbound")
    assert [client.hear_outbound(value) for value in values("notify", "Outbound")] == [None, answer]
    (end,) = values("notify", "State")
    assert client.hear_state(end) == End(client.start.tag, Refusal.TOO_SLOW)
    assert sessions.end("it", Refusal.TOO_SLOW) == end
    (version,) = values("read", "Version")
    assert Limits.decode(version) == Limits(gatt.VERSION, gatt.VERSION, KIOSK_TO_GATEWAY.longest_message)
    assert all(len(value) <= MTU - gatt.ATT_HEADER for _, _, value in exchange())


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("*service*", "service"),
        ("Version", "version"),
        ("State", "state"),
        ("Inbound", "inbound"),
        ("Outbound", "outbound"),
    ],
)
def test_the_uuids_are_those_of_the_code(name: str, attribute: str) -> None:
    (row,) = re.findall(rf"^\| {re.escape(name)} \| `([^`]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
    for shown, profile in zip(row, (KIOSK_TO_GATEWAY, PHONE_TO_KIOSK), strict=True):
        uuid = getattr(profile, attribute)
        assert isinstance(profile, Profile)
        assert shown in (uuid, f"{uuid[:8]}-…")


def test_every_error_is_in_the_table_and_no_other() -> None:
    rows = dict(re.findall(r"^\| `([0-9a-f]{2})` \| ([a-z ]+) \|", PAGE, re.MULTILINE))
    assert rows == {f"{reason:02x}": reason.words for reason in Refusal}


@pytest.mark.parametrize(
    ("row", "gateway", "kiosk"),
    [
        (
            "longest message, once the client is known",
            f"{KIOSK_TO_GATEWAY.longest_message:,} bytes",
            f"{pairing.MAX_FRAME:,} bytes",
        ),
        (
            "longest message before that",
            f"{ble.PATIENCE.greeting:,} bytes",
            f"{Patience().greeting:,} bytes",
        ),
        (
            "time to make itself known, after Start",
            f"{ble.PATIENCE.greeting_seconds:.0f} s",
            f"{Patience().greeting_seconds:.0f} s",
        ),
        (
            "time without a session, from the connection or the last End",
            *2 * (f"{hall.STRANGER_SECONDS:.0f} s",),
        ),
        ("between two chunks of a message", *2 * (f"{conversation.CHUNK_SECONDS:.0f} s",)),
        ("for a whole message", *2 * (f"{conversation.MESSAGE_SECONDS:.0f} s",)),
        (
            "silence of a client that is known",
            *("for ever" if each.idle_seconds is None else "" for each in (ble.PATIENCE, Patience())),
        ),
        ("sessions at once", f"{ble.PATIENCE.sessions}", f"{Patience().sessions}"),
        ("messages waiting to be read, per session", *2 * (f"{hall.INBOX_BYTES >> 20} MiB",)),
        (
            "for a reader to take a message over",
            f"{hall.READER_SECONDS:.0f} s (ATT's own limit is 30 s)",
            f"{hall.READER_SECONDS:.0f} s",
        ),
    ],
)
def test_the_limits_are_those_of_the_code(row: str, gateway: str, kiosk: str) -> None:
    assert f"| {row} | {gateway} | {kiosk} |" in PAGE


def test_the_largest_value_is_the_code_s() -> None:
    assert f"min(ATT MTU - {gatt.ATT_HEADER}, {gatt.LARGEST_VALUE})" in PAGE
    assert PHONE_TO_KIOSK.longest_message < inbox.LARGEST


def test_the_page_s_chunks_are_those_of_its_script() -> None:
    script = (ROOT / "gateway" / "phone" / "static" / "radio.js").read_text()
    (size,) = map(int, re.findall(r"^const CHUNK = (\d+);", script, re.MULTILINE))
    assert f"chunks of {size} bytes there, which fit an MTU of {size + gatt.ATT_HEADER}." in WORDS


def test_a_message_and_its_mark_begin_as_the_page_says() -> None:
    ((mark, message),) = re.findall(
        r"has the byte `(..)` in front of it.*?begins with `(..)`", PAGE, re.DOTALL
    )
    assert bytes.fromhex(mark) == MARK
    assert {each.sign(KIOSK)[:1] for each in KIOSK_MESSAGES} == {bytes.fromhex(message)}


def test_a_kiosk_attends_to_as_many_phones_as_the_page_says() -> None:
    assert f"attends to {reception.MAX_GUESTS} phones at a time" in WORDS
    assert f"by `{Refusal.BUSY:02x}` or" in WORDS
