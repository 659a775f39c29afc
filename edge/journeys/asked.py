"""What the person reads of a request: our own directory's name for who asks, and the words as signed."""

from contracts.acts import RecordKind
from contracts.messages import SignedRequest
from edge.config import display_name
from edge.errors import NotFoundError
from edge.events import Asked, JsonObject
from edge.journeys.standing import standing
from edge.journeys.visit import Desk
from edge.state import records, requests

UNKNOWN_KIND = "a record that was not stored from this kiosk"


def describe(desk: Desk, request_id: bytes, signed: SignedRequest) -> Asked:
    """A request in words; nothing in them is the gateway's."""
    asked = signed.request
    return Asked(
        request=request_id,
        requester=asked.requester,
        requester_name=display_name(desk.requesters, asked.requester),
        purpose=signed.purpose.text,
        subject=asked.subject,
        record=asked.record,
        kind=_kind(desk, asked.record, asked.subject),
        expiry=asked.expiry,
    )


def overview(desk: Desk) -> list[JsonObject]:
    """All requests heard here, the latest first: how each stands, and which answer to it came too late."""
    return [
        describe(desk, request_id, signed).to_json()
        | {
            "state": standing(desk.outbox, signed.request, desk.now()).value,
            "late": _late(desk, request_id),
        }
        for request_id, signed in requests.everything(desk.database)
    ]


def _late(desk: Desk, request_id: bytes) -> str | None:
    """The act that answered a request and was not delivered before its deadline."""
    entry = desk.outbox.late(request_id)
    return entry.act.name.lower() if entry else None


def _kind(desk: Desk, record: bytes, subject: bytes) -> str:
    try:
        kind = RecordKind.of(records.find(desk.database, record, subject).kind)
    except NotFoundError:
        return UNKNOWN_KIND
    return kind.value if kind else UNKNOWN_KIND
