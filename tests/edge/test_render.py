"""What stands on the screens of kiosk and phone is what was written, whoever chose the words."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from edge import outbox_cli, render
from edge.phone import render as phone
from edge.phones import cli as phones

WIDTH = 400

words = st.text(r"\[]/=:bolinkr ", min_size=1, max_size=60).map(lambda text: " ".join(text.split()))
"""What markup, links and emoji are made of, cleaned as a purpose is."""

ASKED = {"event": "asked", "kind": "x", "expiry": 1, "state": "open", "request": "0x12", "late": ""}
TOLD = ASKED | {"kiosk": "1"}
PHONE = {"phone": "1", "subject": "0x12", "paired_at": 1, "here": True, "record_on_phone": False}
MESSAGE = {
    "digest": "0x12",
    "act": "grant",
    "subject": "0x12",
    "signed_at": 1,
    "attempts": 1,
    "again_in": None,
}
ACT = {"signed_at": 1, "act": "grant", "subject": "0x12", "about": "0x34", "state": "rejected"}
RECEIPT = {"at": 1, "act": "grant", "about": "0x12", "status": "rejected", "block": None, "kiosk": "1"}

SCREENS: dict[str, Callable[[str], RenderableType]] = {
    "asked, name": lambda text: render.describe(ASKED | {"requester_name": text, "purpose": "p"}),
    "asked, purpose": lambda text: render.describe(ASKED | {"requester_name": "n", "purpose": text}),
    "phone met": lambda text: render.describe({"event": "phone_met", "label": text, "number": "12"}),
    "ended badly": lambda text: render.describe(
        {"event": "ended_badly", "act": "deny", "signed_at": 1, "outcome": "rejected", "reason": text}
    ),
    "requests": lambda text: render.requests_table([ASKED | {"requester_name": "n", "purpose": text}]),
    "history": lambda text: render.history_table([ACT | {"reason": text}]),
    "outbox": lambda text: outbox_cli._table([MESSAGE | {"state": text}]),
    "phones": lambda text: phones._table([PHONE | {"label": text}]),
    "phone, name": lambda text: phone.request_text(TOLD | {"requester_name": text, "purpose": "p"}),
    "phone, purpose": lambda text: phone.request_text(TOLD | {"requester_name": "n", "purpose": text}),
    "phone, a receipt": lambda text: phone.receipts_table([RECEIPT | {"reason": text}]),
    "phone, not carried": lambda text: phone.line("not_carried", {"reason": text}),
}


def shown(screen: RenderableType, *, in_colour: bool = False) -> str:
    out = io.StringIO()
    colours = "truecolor" if in_colour else None
    Console(file=out, width=WIDTH, force_terminal=in_colour, color_system=colours).print(screen)
    return out.getvalue()


@pytest.mark.parametrize("make", SCREENS.values(), ids=SCREENS)
@given(text=words)
def test_every_text_is_shown_as_it_is(make: Callable[[str], RenderableType], text: str) -> None:
    assert text in shown(make(text))


@pytest.mark.parametrize("make", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize(
    "text", [r"to test \[/]", r"\[bold red blink]GRANTED[/]", r"\[link=https://evil]see[/link]"]
)
def test_no_text_has_a_say_in_how_it_looks(make: Callable[[str], RenderableType], text: str) -> None:
    plain, forged = (shown(make(each), in_colour=True) for each in ("harmless", text))
    assert text in forged
    assert forged.count("\x1b") == plain.count("\x1b")


@given(name=words, purpose=words)
def test_two_texts_beside_each_other_make_no_tag(name: str, purpose: str) -> None:
    event: dict[str, Any] = TOLD | {"requester_name": name, "purpose": purpose}
    for screen in (render.describe(event), phone.request_text(event)):
        assert screen.plain.startswith(f"{name} asks for: x\n  purpose: {purpose}\n  until: ")
