"""What the words of `ridgekey phone …` do."""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.hexes import ADDRESS_LENGTH, from_hex
from contracts.messages import Receipt
from contracts.pairing import Offer, Refusal, RefusedByKioskError
from edge.errors import UnavailableError
from edge.events import JsonObject, plain
from edge.phone import meeting, render
from edge.phone.companion import Carrier, Companion
from edge.phone.gateway import HttpCarrier
from edge.phone.happening import Happened, Tell, receipt_json, request_json
from edge.phone.radio import Radio
from edge.phone.state import HeardRequest, HeldReceipt, Kiosk, PhoneState
from edge.phones.duplex import Duplex, DuplexClosedError

STAY = {"requests": "not at all", "withdraw": "10 minutes", "carry": "until Ctrl-C", "relay": "until Ctrl-C"}
WITHDRAW_SECONDS = 600.0
"""As long as the kiosk waits for the finger."""

WITHDRAWN = ("withdrawing", "withdrawn")

LOOK_SECONDS = 0.5


def pair(arguments: argparse.Namespace) -> int:
    """Pair with a kiosk."""
    offer = Offer.parse(arguments.code)
    bring = None if arguments.bring is None else from_hex(arguments.bring, ADDRESS_LENGTH)
    with _state(arguments) as state, Radio(arguments.adapter) as radio:

        def meet(duplex: Duplex) -> Companion:
            return meeting.pair(
                duplex, offer, arguments.label, state, _teller(arguments), now=time.time(), bring=bring
            )

        _reach(radio, meet, wrong_one=(Refusal.NO_OFFER, Refusal.WRONG_CODE)).close()
        kiosk = state.kiosk(offer.kiosk_id.hex())
        _done(arguments, _kiosk_json(kiosk, state), f"Paired with kiosk {kiosk.kiosk_id.hex()}.")
    return 0


def requests(arguments: argparse.Namespace) -> int:
    """Hear what is new, and list the requests."""
    with _state(arguments) as state:
        if not arguments.offline:
            with _talk(arguments, state) as (talk, _):
                talk.catch_up()
                if arguments.seconds:
                    _attend(talk, arguments.seconds)
        heard = [_request(state, each) for each in state.requests()]
        _done(arguments, {"requests": heard}, render.requests_table([plain(each) for each in heard]))
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one request."""
    with _state(arguments) as state:
        heard = state.request(arguments.request)
        words = [_request(state, each) for each in state.words_on(heard.request)]
        about = [_receipt(state, held) for held in state.receipts() if held.about == heard.request]
        result = words[0] | {"other_words": words[1:], "receipts": about}
        _done(arguments, result, Text("\n\n").join(render.request_text(plain(each)) for each in words))
    return 0


def receipts(arguments: argparse.Namespace) -> int:
    """Hear what is new, and list the receipts."""
    with _state(arguments) as state:
        if not arguments.offline:
            with _talk(arguments, state) as (talk, _):
                talk.catch_up()
        held = [_receipt(state, each) for each in state.receipts()]
        _done(arguments, {"receipts": held}, render.receipts_table([plain(each) for each in held]))
    return 0


def withdraw(arguments: argparse.Namespace) -> int:
    """Start a withdrawal, and stay until it is done, with the record if this phone carries it."""
    with _state(arguments) as state:
        heard = state.request(arguments.request)
        with _talk(arguments, state) as (talk, kiosk):
            talk.catch_up()
            told = talk.withdraw(heard)
            _say(arguments, Happened("started", {"request": heard.request, "next": told}))
            seconds = WITHDRAW_SECONDS if arguments.seconds is None else arguments.seconds
            _attend(talk, seconds, lambda: _is_withdrawn(state.words_on(heard.request), kiosk))
        heard = state.request(arguments.request)
        _done(arguments, _request(state, heard), f"This request is {heard.state}.")
    return 0


def carry(arguments: argparse.Namespace) -> int:
    """Stay beside the kiosk with a record."""
    with _state(arguments) as state, _talk(arguments, state) as (talk, kiosk):
        talk.catch_up()
        _say(arguments, Happened("here", {"subjects": state.carried()}))
        _attend(talk, arguments.seconds)
        _done(arguments, _kiosk_json(kiosk, state), "")
    return 0


def relay(arguments: argparse.Namespace) -> int:
    """Carry the kiosk's messages to its gateway."""
    with _state(arguments) as state:
        kiosk = state.kiosk(arguments.kiosk)
        carrier = HttpCarrier(arguments.gateway or kiosk.paired.gateway_url, kiosk.kiosk_id, arguments.ca)
        with _talk(arguments, state, carrier) as (talk, _):
            talk.offer_to_carry()
            _say(arguments, Happened("carrying", {"kiosk": kiosk.kiosk_id.hex()}))
            _attend(talk, arguments.seconds)
        _done(arguments, {"kiosk": kiosk.kiosk_id.hex(), "waiting": carrier.waiting}, "")
    return 0


def forget(arguments: argparse.Namespace) -> int:
    """End a pairing."""
    with _state(arguments) as state:
        kiosk = state.kiosk(arguments.kiosk)
        if not arguments.offline:
            try:
                with _talk(arguments, state) as (talk, _):
                    talk.say_farewell()
                    with contextlib.suppress(DuplexClosedError):  # the kiosk hangs up
                        talk.attend(LOOK_SECONDS)
            except RefusedByKioskError as error:
                if error.refusal is not Refusal.NOT_PAIRED:  # if it is, the kiosk has forgotten already
                    raise
        state.forget_kiosk(kiosk)
        _done(arguments, {"kiosk": kiosk.kiosk_id.hex()}, f"Kiosk {kiosk.kiosk_id.hex()} is forgotten.")
    return 0


# Beside a kiosk


@contextmanager
def _talk(
    arguments: argparse.Namespace, state: PhoneState, carrier: Carrier | None = None
) -> Iterator[tuple[Companion, Kiosk]]:
    kiosk = state.kiosk(arguments.kiosk)
    with Radio(arguments.adapter) as radio:

        def meet(duplex: Duplex) -> Companion:
            return Companion.connect(duplex, kiosk, state, _teller(arguments), carrier)

        talk = _reach(radio, meet, wrong_one=(Refusal.NOT_PAIRED,))
        try:
            yield talk, kiosk
        finally:
            talk.close()


def _reach(radio: Radio, meet: Callable[[Duplex], Companion], wrong_one: tuple[Refusal, ...]) -> Companion:
    """Try the kiosks within reach until one is the right one: only the handshake can tell."""
    error: Exception = UnavailableError("the kiosk is not within reach; go up to it and try again")
    for duplex in radio.kiosks():
        try:
            return meet(duplex)
        except RefusedByKioskError as refused:
            duplex.close()
            if refused.refusal not in wrong_one:
                raise
            error = refused
        except DuplexClosedError as lost:
            error = lost
        except BaseException:
            duplex.close()
            raise
    raise error


def _attend(talk: Companion, seconds: float | None, is_over: Callable[[], bool] = lambda: False) -> None:
    """Do what the kiosk asks until it is over, or for `seconds`, or until the kiosk or the person leaves."""
    end = None if seconds is None else time.monotonic() + seconds
    try:
        while not is_over() and (end is None or time.monotonic() < end):
            talk.attend(LOOK_SECONDS)
    except KeyboardInterrupt:
        pass
    except DuplexClosedError as error:
        print(f"ridgekey: {error}", file=sys.stderr)


# Words


@contextmanager
def _state(arguments: argparse.Namespace) -> Iterator[PhoneState]:
    state = PhoneState(arguments.state)
    try:
        yield state
    finally:
        state.close()


def _teller(arguments: argparse.Namespace) -> Tell:
    return lambda happened: _say(arguments, happened)


def _say(arguments: argparse.Namespace, happened: Happened) -> None:
    if arguments.json:
        print(json.dumps({"event": happened.what} | plain(happened.detail), ensure_ascii=False), flush=True)
        return
    line = render.line(happened.what, plain(happened.detail))
    if line:
        Console().print(line, soft_wrap=True)


def _done(arguments: argparse.Namespace, result: JsonObject, text: str | Text | Table) -> None:
    if arguments.json:
        print(json.dumps({"event": "done"} | plain(result), ensure_ascii=False), flush=True)
    elif text:
        Console().print(text, highlight=False)


def _is_withdrawn(words: list[HeardRequest], kiosk: Kiosk) -> bool:
    """Whether the kiosk that the phone is at has the withdrawal; another's word does not end the wait."""
    return any(each.kiosk == kiosk.number and each.state in WITHDRAWN for each in words)


def _request(state: PhoneState, heard: HeardRequest) -> dict[str, object]:
    """A request, with the kiosk that told of it."""
    return request_json(heard, state.kiosk_of(heard))


def _receipt(state: PhoneState, held: HeldReceipt) -> dict[str, object]:
    """A receipt, verified once more by the key of the gateway whose it is."""
    kiosk = state.kiosk_of(held)
    return receipt_json(held, Receipt.verify(held.receipt, kiosk.gateway_key), kiosk)


def _kiosk_json(kiosk: Kiosk, state: PhoneState) -> JsonObject:
    return {
        "kiosk": kiosk.kiosk_id.hex(),
        "subject": kiosk.paired.subject,
        "environment": kiosk.paired.environment,
        "gateway_url": kiosk.paired.gateway_url,
        "record_on_phone": state.record(kiosk.paired.subject) is not None,
    }
