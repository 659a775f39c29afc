"""A person pairs a phone: the code scanned, the digits compared, and the finger says whose phone it is."""

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from contracts.cose import kid_of
from contracts.pairing import Offer
from contracts.phone import Paired, RecordLent
from edge.errors import EdgeError, RefusedError
from edge.events import JsonObject, PairingCode, PhoneMet
from edge.identity import files
from edge.journeys.unlocking import SEARCH_LIMIT, unlocked
from edge.journeys.visit import Desk, Visit
from edge.phones.duplex import DuplexClosedError
from edge.phones.guest import Guest
from edge.phones.room import Arrival
from edge.state import phones, subjects
from edge.state.phones import PHONES_LIMIT, Phone
from edge.state.subjects import Subject


@dataclass(frozen=True)
class Terms:
    """What a phone must know of the kiosk's gateway.

    Attributes:
        gateway_key: 32 bytes, Ed25519.
        gateway_url: of its HTTP; empty if phones are not to carry messages.
    """

    gateway_key: bytes
    gateway_url: str

    @property
    def page(self) -> str:
        """The gateway's page for phones, which a scanned code opens; empty where it has none."""
        return f"{self.gateway_url}/phone/" if self.gateway_url.startswith("https://") else ""


@dataclass(frozen=True)
class Pairing:
    """How it ended.

    Attributes:
        phone: what the kiosk remembers.
        number: the six digits that were on both screens.
        carried: whether the phone carries the person's sealed record, and the kiosk has it no more.
    """

    phone: Phone
    number: str
    carried: bool

    def to_json(self) -> JsonObject:
        """The result for a screen or a script."""
        return {
            "phone": self.phone.name,
            "label": self.phone.label,
            "subject": self.phone.subject,
            "number": self.number,
            "record_on_phone": self.carried,
        }


def pair(visit: Visit, terms: Terms, *, carry: bool = False, subject: bytes | None = None) -> Pairing:
    """Pair a phone with this kiosk.

    Args:
        visit: the errand.
        terms: what the phone is told of the gateway.
        carry: the phone takes the person's sealed record, and the kiosk forgets it.
        subject: whose phone; None to find out by the finger.

    Raises:
        OfferOverError: nobody scanned the code in time.
        RefusedError: there are too many phones, or the phone did not take the record: it is paired without.
        FingerNotRecognisedError, WeakCaptureError, CancelledError, SensorError: at the press; the phone is
            told that nothing came of it.
    """
    desk = visit.desk
    if len(phones.everything(desk.database)) >= PHONES_LIMIT:
        raise RefusedError("this kiosk knows as many phones as it can; revoke those that are not used")
    kiosk_key = files.phone_key(desk.state)
    offer = Offer.fresh(kid_of(desk.device_key.public_key()), kiosk_key, desk.now())
    with desk.room.showing(offer) as showing:
        visit.report(PairingCode(offer.text(terms.page), offer.expires))
        arrival = showing.wait(desk.now, visit.cancelled)
    try:
        return _confirmed(visit, arrival, terms, carry=carry, subject=subject)
    except Exception as error:
        why = str(error) if hasattr(error, "exit_code") else "the kiosk has a fault"
        try:
            with suppress(DuplexClosedError):  # it has left already
                arrival.guest.decline(why)
        finally:
            arrival.guest.close()
        raise


def _confirmed(
    visit: Visit, arrival: Arrival, terms: Terms, *, carry: bool, subject: bytes | None
) -> Pairing:
    """The finger says whose phone it is."""
    desk, guest, number = visit.desk, arrival.guest, arrival.number
    brought = guest.brought(visit.cancelled)
    visit.report(PhoneMet(guest.label, number))
    if brought is None:
        people = subjects.candidates(desk.database, subject, SEARCH_LIMIT)
    else:
        people = [_who_came(desk, brought)]
    with unlocked(visit, people) as me:
        address = me.subject
    person = next(each for each in people if each.address == address)
    here = _kept_here(desk, address)
    phone = Phone(guest.key, address, guest.label, desk.now())
    phones.add(desk.database, phone)
    try:
        guest.confirm(_paired(desk, address, terms, record_follows=carry and here))
    except Exception:
        phones.remove(desk.database, phone.key)
        raise
    if carry and here:
        _hand_over(visit, guest, person)
    elif not carry and person.sealed and phones.carried_digest(desk.database, address) is not None:
        phones.take_back(desk.database, address, person.sealed)
    return Pairing(phone, number, phones.carried_digest(desk.database, address) is not None)


def _hand_over(visit: Visit, guest: Guest, person: Subject) -> None:
    """Give a phone that is paired the person's record, and forget it here.

    Raises:
        EdgeError: of whatever kind went wrong; it says that the pairing stands.
    """
    try:
        guest.hand_over(person.address, person.sealed, visit.cancelled)
        phones.hand_over(visit.desk.database, person.address, sha256(person.sealed).digest())
    except EdgeError as error:
        raise type(error)(
            f"{error}. The phone is paired all the same, and the kiosk keeps the record:"
            " pair once more with --carry, or revoke the phone"
        ) from None


def _who_came(desk: Desk, brought: RecordLent) -> Subject:
    """The person whose sealed record a phone has brought.

    A kiosk that knows the person goes by what it knows: an earlier record may open to a finger that was
    removed since.

    Raises:
        RefusedError: it is not the record that was handed over here.
    """
    known = [each for each in subjects.everyone(desk.database) if each.address == brought.subject]
    if not known:
        return Subject(brought.subject, brought.sealed, desk.now())
    if known[0].sealed:
        return known[0]
    if phones.carried_digest(desk.database, brought.subject) != sha256(brought.sealed).digest():
        raise RefusedError("the phone has another record than the one that this kiosk handed over")
    return replace(known[0], sealed=brought.sealed)


def _kept_here(desk: Desk, address: bytes) -> bool:
    """Whether the person's sealed record is on this kiosk's disk."""
    return any(each.address == address and each.sealed for each in subjects.everyone(desk.database))


def _paired(desk: Desk, subject: bytes, terms: Terms, *, record_follows: bool) -> Paired:
    domain = desk.domain
    return Paired(
        subject,
        domain.environment,
        domain.chain_id,
        domain.contract,
        terms.gateway_key,
        terms.gateway_url,
        record_follows,
    )
