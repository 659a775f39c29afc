"""The same over Bluetooth: bleak is the phone's radio, our peripheral the kiosk's, BlueZ a look-alike."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest

from contracts.conversation import Conversation, Patience, Sessions
from contracts.errors import ContractError
from contracts.gatt import END, KIOSK_TO_GATEWAY, PHONE_TO_KIOSK
from contracts.hexes import to_hex
from contracts.pairing import MAX_FRAME, Offer, Refusal, RefusedByKioskError
from drivers.bluetooth import hall
from drivers.bluetooth.called import Called
from drivers.bluetooth.calling import Caller
from drivers.bluetooth.errors import LinkLostError
from drivers.bluetooth.serving import Server
from edge.errors import EdgeError
from edge.journeys.enrol import enrol
from edge.phone.companion import Companion
from edge.phone.meeting import pair
from edge.phone.radio import Radio
from edge.phone.state import PhoneState
from edge.phones.door import Door
from edge.phones.duplex import Duplex, DuplexClosedError
from edge.state import phones, subjects
from hw.radio import radio as virtual
from hw.radio.faults import Fault, Mishap
from tests.edge.phones.kiosk import Kiosk, Phone
from tests.edge.standin import until


@pytest.fixture(scope="module")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    kiosk = Kiosk(tmp_path_factory.mktemp("kiosk") / "state")
    kiosk.settle(enrol(kiosk.visit()))
    yield kiosk
    kiosk.database.close()


@pytest.fixture
def kiosk(radio: virtual.Radio, enrolled: Kiosk) -> Iterator[Kiosk]:
    kiosk = enrolled
    door = Door(kiosk.reception.arrived, "hci0")
    door.start()
    until(lambda: door.status == "up", 60)
    yield kiosk
    door.stop()
    for phone in phones.everything(kiosk.database):
        phones.remove(kiosk.database, phone.key)


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    state = PhoneState(tmp_path / "phone")
    yield Phone(state)
    state.close()


@pytest.fixture
def central(radio: virtual.Radio) -> Iterator[Radio]:
    with Radio("hci1") as central:
        yield central


def nearest(central: Radio) -> Duplex:
    return next(iter(central.kiosks()))


def meet(central: Radio, kiosk: Kiosk, phone: Phone) -> Companion:
    return Companion.connect(nearest(central), phone.state.kiosk(kiosk.id.hex()), phone.state, phone.tell)


def test_pair_carry_hear_and_be_revoked(
    kiosk: Kiosk, phone: Phone, central: Radio, radio: virtual.Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects.everyone(kiosk.database)[0]
    beginning = kiosk.begin(carry=True)
    companion = phone.scan(nearest(central), beginning.code)
    pairing = beginning.at_kiosk.result()
    assert pairing.carried
    assert phone.state.record(subject.address) == subject.sealed
    phones.take_back(kiosk.database, subject.address, subject.sealed)
    request = kiosk.notify(kiosk.known.ask(subject.address, b"\x01" * 32, "to test"))
    companion.catch_up()
    assert phone.state.request(request).name == "City hospital"
    companion.close()
    until(lambda: not kiosk.desk.room.guests())

    companion = meet(central, kiosk, phone)
    companion.catch_up()
    phones.remove(kiosk.database, pairing.phone.key)
    kiosk.desk.room.turn_out(pairing.phone.key)
    with pytest.raises(DuplexClosedError, match="closed"):
        companion.attend(30)
    companion.close()
    with pytest.raises(RefusedByKioskError) as error:
        meet(central, kiosk, phone)
    assert error.value.refusal is Refusal.NOT_PAIRED
    assert not radio.complaints


def test_who_offers_a_gateway_s_service_is_shown_out_like_any_stranger(
    kiosk: Kiosk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kiosk spares the gateway that it has called, and nobody for what he says of himself."""
    monkeypatch.setattr(hall, "STRANGER_SECONDS", 0.5)
    like_a_gateway = Server(
        KIOSK_TO_GATEWAY, Sessions(Patience()), lambda _: None, name="a gateway", version=b"",
        longest_message=1, adapter="hci1", spare=(called := Called()),
    )  # fmt: skip
    like_a_gateway.start()
    until(lambda: like_a_gateway.on_air)
    looking = Caller(KIOSK_TO_GATEWAY, "hci0")
    next(looking.seen(30.0))  # now the kiosk's machine knows what he offers
    looking.close()
    caller = Caller(PHONE_TO_KIOSK, "hci1", called)
    call = caller.call(next(caller.seen(30.0)), Conversation(MAX_FRAME))
    call._thread.run(call._connection.write(PHONE_TO_KIOSK.state, END))  # type: ignore[union-attr]
    with pytest.raises(LinkLostError, match="lost"):
        call.receive(10.0)
    caller.close()
    like_a_gateway.stop()


def test_two_phones_at_once(
    kiosk: Kiosk, phone: Phone, central: Radio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = subjects.everyone(kiosk.database)[0].address
    second = Phone(PhoneState(tmp_path / "second"))
    with Radio("hci2") as other:
        companions = []
        for each, air in ((phone, central), (second, other)):
            beginning = kiosk.begin()
            companions.append(each.scan(nearest(air), beginning.code))
            beginning.at_kiosk.result()
        for companion in companions:
            companion.catch_up()
        request = kiosk.notify(kiosk.known.ask(subject, b"\x01" * 32))
        for each, companion in zip((phone, second), companions, strict=True):
            until(lambda companion=companion, each=each: companion.attend(0.2) and each.told("request"))
            assert each.state.request(request)
            companion.close()
    second.state.close()


@pytest.mark.parametrize(
    ("uuid", "number"),
    [(PHONE_TO_KIOSK.inbound, 2), (PHONE_TO_KIOSK.outbound, 3)],
    ids=["finish", "paired"],
)
def test_a_link_lost_in_the_middle_of_a_pairing_pairs_nothing(
    kiosk: Kiosk,
    phone: Phone,
    central: Radio,
    radio: virtual.Radio,
    monkeypatch: pytest.MonkeyPatch,
    uuid: str,
    number: int,
) -> None:
    monkeypatch.setattr("edge.phone.companion.ANSWER_SECONDS", 5.0)
    radio.arm(Fault(Mishap.LOST_BEFORE, uuid, number))
    leave: list[bool] = []
    beginning = kiosk.begin(cancelled=lambda: bool(leave))
    with pytest.raises(Exception, match=r"kiosk|connection|write|talk|lost"):
        pair(nearest(central), Offer.parse(beginning.code), "x", phone.state, phone.tell, now=time.time())
    leave.append(True)
    with pytest.raises(Exception, match=r"cancelled|left|over"):
        beginning.at_kiosk.result()
    assert not phones.everything(kiosk.database)
    assert not phone.state.kiosks()


BOTH_WAYS = [PHONE_TO_KIOSK.inbound, PHONE_TO_KIOSK.outbound]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_record_is_never_lost_whichever_packet_is(
    kiosk: Kiosk, central: Radio, radio: virtual.Radio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pairing with a hand-over, and a mishap at each of its packets: somebody always has the record."""
    monkeypatch.setattr("edge.phone.companion.ANSWER_SECONDS", 10.0)
    monkeypatch.setattr("edge.phones.guest.ANSWER_SECONDS", 10.0)
    person = subjects.everyone(kiosk.database)[0]
    outcomes: Counter[str] = Counter()
    for uuid, mishap, number in product(BOTH_WAYS, Mishap, range(1, 9)):
        radio.clear()
        phone = Phone(PhoneState(tmp_path / f"{uuid[:8]}-{mishap.name}-{number}"))
        leave: list[bool] = []
        beginning = kiosk.begin(carry=True, cancelled=lambda leave=leave: bool(leave))
        radio.arm(Fault(mishap, uuid, number))
        try:
            phone.scan(nearest(central), beginning.code).close()
        except (ContractError, EdgeError):
            leave.append(True)
        with suppress(ContractError, EdgeError):
            beginning.at_kiosk.result()
        here = bool(subjects.find(kiosk.database, person.address).sealed)
        there = phone.state.record(person.address) == person.sealed
        assert here or there
        assert here or phone.state.kiosks(), "who has the record must be let in with it"
        outcomes[
            f"{'kiosk' if here else ''}{' and ' if here and there else ''}{'phone' if there else ''}"
        ] += 1
        phones.take_back(kiosk.database, person.address, person.sealed)
        phone.state.close()
    print(f"\n  who has the record after {outcomes.total()} mishaps: {dict(outcomes)}")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_session_is_whole_or_over_whichever_packet_is_hit(
    kiosk: Kiosk, phone: Phone, central: Radio, radio: virtual.Radio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.phone.companion.ANSWER_SECONDS", 10.0)
    person = subjects.everyone(kiosk.database)[0].address
    beginning = kiosk.begin()
    phone.scan(nearest(central), beginning.code).close()
    beginning.at_kiosk.result()
    asked = {kiosk.notify(kiosk.known.ask(person, bytes([number]) * 32)) for number in range(3)}
    ended = 0
    for uuid, mishap, number in product(BOTH_WAYS, Mishap, range(1, 15)):
        radio.clear()
        radio.arm(Fault(mishap, uuid, number))
        try:
            companion = meet(central, kiosk, phone)
            companion.catch_up()
            companion.close()
        except (ContractError, EdgeError):
            ended += 1
        radio.clear()
        companion = meet(central, kiosk, phone)
        companion.catch_up()
        companion.close()
        assert asked <= {to_hex(heard.request) for heard in phone.state.requests()}
        assert not phone.told("ignored")
    print(f"\n  {ended} sessions of {2 * 3 * 14} ended by a mishap; the next was whole each time")
