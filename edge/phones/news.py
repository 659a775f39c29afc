"""What a person's phone may hear: their requests, with who asks and why, and the receipts of their acts."""

from collections.abc import Iterator
from itertools import islice

from contracts.labels import clean
from contracts.messages import SignedRequest
from contracts.phone import MAX_NAME, MAX_WORD, News, PhoneMessage, ReceiptCopy
from edge.journeys.asked import describe
from edge.journeys.standing import standing
from edge.journeys.visit import Desk
from edge.state import requests

LATEST = 64
"""Requests, and receipts, that a phone is told of: some minutes of an old radio."""


def news(desk: Desk, subject: bytes) -> Iterator[tuple[bytes, PhoneMessage]]:
    """All there is to tell a person, the oldest first, each under a name of its own."""
    heard = (
        (request, signed)
        for request, signed in requests.everything(desk.database)
        if signed.request.subject == subject
    )
    for request, signed in reversed(list(islice(heard, LATEST))):
        yield b"request" + request, _news(desk, request, signed)
    rows = desk.database.rows(
        "SELECT digest, act, about, receipt FROM outbox WHERE subject = ? AND receipt IS NOT NULL"
        " ORDER BY sequence DESC LIMIT ?",
        (subject, LATEST),
    )
    for row in reversed(rows):
        yield b"receipt" + row["digest"], ReceiptCopy(row["act"], row["about"], row["receipt"])


def _news(desk: Desk, request: bytes, signed: SignedRequest) -> News:
    asked = describe(desk, request, signed)
    return News(
        signed.encode(),
        clean(asked.requester_name, MAX_NAME),
        clean(asked.kind, MAX_WORD),
        standing(desk.outbox, signed.request, desk.now()).value,
    )
