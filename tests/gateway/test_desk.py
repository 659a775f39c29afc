"""The requesters' desk and what kiosks hear of it."""

import time

import pytest

from contracts.acts import Request
from contracts.messages import RequestNotice
from contracts.purpose import Purpose
from gateway import desk as desk_module
from gateway import room as room_module
from gateway.desk import NoRoomError, RefusedRequestError, RequestDesk, TooManyRequestsError
from gateway.entries import State
from gateway.notices import Notices
from gateway.rates import Rate
from tests.gateway.actors import Person
from tests.gateway.bench import ENVIRONMENT, Bench

PURPOSE = Purpose.of("test")


class Case:
    """An enrolled person with a record, and a requester."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.person, self.requester = bench, Person(), Person()
        self.register, self.data = self.person.register(b"record")
        bench.relay_all((self.person, self.person.enrol()), (self.person, self.register, self.data))
        self.sent: list[tuple[str, Request]] = []
        self.notices = Notices(bench.journal, bench.desk.is_open, ENVIRONMENT, bench.gateway_key, self.send)

    def send(self, kiosk_id: str, message: bytes) -> None:
        notice = RequestNotice.verify(message, self.bench.gateway_key.public_key())
        self.sent.append((kiosk_id, notice.signed_request.request))

    def ask(self, requester: Person | None = None) -> Request:
        requester = requester or self.requester
        request = requester.request(self.person.address, self.register.record, PURPOSE)
        signed = requester.signed_request(request, PURPOSE, self.bench.ground.domain)
        assert self.bench.desk.submit(signed.encode()) == request.hash_struct()
        return request

    def elsewhere(self) -> Bench:
        """Another gateway on the same ledger."""
        directory = self.bench.directory / "elsewhere"
        directory.mkdir()
        return Bench(self.bench.ground, directory)

    def state(self, request: Request) -> str:
        standing = self.bench.desk.standing(request.hash_struct())
        assert standing is not None
        return standing.state

    def greeted(self) -> list[Request]:
        """What the kiosk hears when it comes up."""
        self.sent.clear()
        self.notices.appeared(self.bench.kiosk.kid)
        self.notices.greet()
        assert {kiosk_id for kiosk_id, _ in self.sent} <= {self.bench.kiosk.id}
        return [request for _, request in self.sent]


@pytest.fixture
def case(bench: Bench) -> Case:
    return Case(bench)


def test_a_request_stands_as_the_ledger_says(case: Case) -> None:
    request = case.ask()
    assert case.state(request) == "received"
    case.bench.relay.advance()
    assert case.state(request) == "requested"
    case.bench.relay_all((case.person, case.person.grant(request, case.data)))
    assert case.state(request) == "granted"
    case.bench.relay_all((case.person, case.person.withdraw(request)))
    assert case.state(request) == "withdrawn"
    assert case.bench.desk.standing(bytes(32)) is None


def test_a_request_that_another_gateway_brought_first_stands_as_on_the_ledger(case: Case) -> None:
    request = case.ask()
    elsewhere = case.elsewhere()
    elsewhere.desk.submit(case.requester.signed_request(request, PURPOSE, elsewhere.ground.domain).encode())
    elsewhere.relay.advance()
    case.bench.relay.advance()
    entry = case.bench.journal.request(request.hash_struct())
    assert entry is not None
    there = elsewhere.journal.request(request.hash_struct())
    assert there is not None
    assert (entry.state, entry.transaction) == (State.FINAL, there.transaction)
    assert case.state(request) == "requested"


def test_a_request_that_the_ledger_refuses_stands_rejected_with_the_reason(case: Case) -> None:
    request = case.requester.request(case.person.address, case.register.record, PURPOSE, valid=1)
    signed = case.requester.signed_request(request, PURPOSE, case.bench.ground.domain)
    case.bench.desk.submit(signed.encode())
    while time.time() < request.expiry + 1:
        time.sleep(0.1)
    case.bench.relay.advance()
    standing = case.bench.desk.standing(request.hash_struct())
    assert standing is not None
    assert (standing.state, "over" in standing.reason) == ("rejected", True)


def test_of_an_identity_that_has_ended_nothing_is_asked(case: Case) -> None:
    case.bench.relay_all((case.person, case.person.deactivate()))
    with pytest.raises(RefusedRequestError, match="ended this identity"):
        case.ask()
    assert case.bench.journal.open_requests_about(case.person.address) == []


def test_a_request_ends_with_the_identity(case: Case) -> None:
    waiting, granted, denied = case.ask(), case.ask(), case.ask()
    case.bench.relay.advance()
    person = case.person
    case.bench.relay_all((person, person.grant(granted, case.data)), (person, person.deny(denied)))
    assert case.greeted() == [waiting]
    case.bench.relay_all((person, person.deactivate()))
    assert [case.state(request) for request in (waiting, granted, denied)] == ["ended", "ended", "denied"]
    standing = case.bench.desk.standing(waiting.hash_struct())
    assert standing is not None
    assert standing.reason == "this identity was ended by its person"
    assert case.greeted() == []
    assert case.bench.journal.open_requests_about(person.address) == []


def test_a_requester_has_so_many_unanswered_requests(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_module, "MAX_OPEN_REQUESTS", 2)
    first, _ = case.ask(), case.ask()
    with pytest.raises(TooManyRequestsError):
        case.ask()
    case.bench.relay.advance()
    with pytest.raises(TooManyRequestsError):
        case.ask()
    case.bench.relay_all((case.person, case.person.deny(first)))
    case.ask()


def test_about_one_person_there_are_so_many_unanswered_requests_whoever_asks(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Case(case.bench)
    monkeypatch.setattr(desk_module, "MAX_OPEN_REQUESTS", 2)
    first, _ = case.ask(Person()), case.ask(Person())
    with pytest.raises(TooManyRequestsError, match="person"):
        case.ask(Person())
    other.ask(Person())
    case.bench.relay.advance()
    case.bench.relay_all((case.person, case.person.deny(first)))
    case.ask(Person())


def test_there_is_room_for_so_many_requests_under_way(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_module, "MAX_OF_ONE", 2)
    monkeypatch.setattr(room_module, "LOOK_SECONDS", 0)
    case.ask(Person())
    again = case.ask()
    with pytest.raises(NoRoomError):
        case.ask(Person())
    signed = case.requester.signed_request(again, PURPOSE, case.bench.ground.domain)
    assert case.bench.desk.submit(signed.encode()) == again.hash_struct(), "a repeat takes no room"
    case.bench.relay.advance()
    case.ask(Person())


def test_requesters_have_one_rate_and_it_holds_up_no_person(case: Case) -> None:
    bench = case.bench
    rate = Rate(per_minute=1, burst=1)
    bench.desk = RequestDesk(bench.journal, bench.registry, bench.ground.domain, lambda: None, rate)
    asked = [case.ask(Person()) for _ in range(2)]
    edition = case.person.edition(case.register.record, b"another edition")
    mine = bench.receive(case.person, *edition)
    assert bench.relay.advance() is True
    assert [case.state(request) for request in asked] == ["requested", "received"]
    assert bench.now(mine).state is State.FINAL


def test_a_request_that_the_node_chokes_on_holds_up_nothing_that_the_person_signs(case: Case) -> None:
    bench = case.bench
    request = case.requester.request(case.person.address, case.register.record, PURPOSE, valid=30)
    bench.desk.submit(case.requester.signed_request(request, PURPOSE, bench.ground.domain).encode())
    bench.network.answers["eth_call"] = lambda _: {"code": -32603, "message": "hiccup"}
    mine = bench.receive(case.person, *case.person.edition(case.register.record, b"another edition"))
    assert bench.relay.advance() is True
    asked = bench.journal.request(request.hash_struct())
    assert asked is not None
    assert (asked.state, bench.now(mine).state) == (State.RECEIVED, State.FINAL)


def test_an_answer_by_way_of_another_gateway_makes_room_too(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "MAX_OPEN_REQUESTS", 1)
    first = case.ask()
    case.bench.relay.advance()
    case.elsewhere().relay_all((case.person, case.person.deny(first)))
    case.ask()


def test_a_kiosk_that_comes_up_hears_of_open_requests_only(case: Case) -> None:
    asked = [case.ask() for _ in range(3)]
    assert case.greeted() == [], "before the ledger has it, there is nothing to answer"
    case.bench.relay.advance()
    assert case.greeted() == asked
    case.bench.relay_all(
        (case.person, case.person.deny(asked[0])), (case.person, case.person.grant(asked[1], case.data))
    )
    assert case.greeted() == [asked[2]]
    assert case.greeted() == [asked[2]], "as often as it comes up"


def test_a_kiosk_where_the_person_never_enrolled_hears_nothing(case: Case) -> None:
    case.ask()
    case.bench.relay.advance()
    case.notices.appeared(b"\0" * 8)
    case.notices.greet()
    assert case.sent == []


def test_a_new_request_is_announced_where_the_person_enrolled(case: Case) -> None:
    request = case.ask()
    case.bench.relay.advance()
    case.notices.announce(case.bench.settled[-1])
    assert case.sent == [(case.bench.kiosk.id, request)]


def test_a_request_to_somebody_unknown_is_not_journaled(case: Case) -> None:
    request = case.requester.request(Person().address, case.register.record, PURPOSE)
    signed = case.requester.signed_request(request, PURPOSE, case.bench.ground.domain)
    with pytest.raises(RefusedRequestError):
        case.bench.desk.submit(signed.encode())
    assert case.bench.journal.count_under_way() == {}
