"""What a measurement of the relay begins with: a gateway's state, a ledger full of requests, and grants."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from contracts.acts import Request
from contracts.hexes import to_hex
from contracts.messages import SignedRequest
from contracts.registry import MAX_BATCH
from gateway.entries import Arrival, Verdict
from gateway.journal import JOURNAL_FILE, Journal
from gateway.relayers import keyring
from hw.bench.crowd.kiosk import Kiosk
from hw.bench.crowd.ledger import CHAIN_ID, Ledger, Signed
from hw.bench.crowd.people import Person, Requester
from hw.bench.crowd.premises import Premises, make_keys

PEOPLE = 100
"""Among whom the grants are spread: few enough that their nonce words are in use, as in steady state."""

VALID_SECONDS = 10 * 365 * 86_400


@dataclass(frozen=True)
class Asked:
    """A request that is on the ledger, and whose it is to grant."""

    person: Person
    request: Request

    def granted(self) -> Signed:
        """The answer: yes."""
        return Signed(self.person, self.person.grant(self.request), self.request)


class Stage:
    """A gateway's directory with an embedded ledger in it, to be copied for each measurement.

    Args:
        directory: of the original and of the copies.
        kiosks: that the gateway listens to.
    """

    def __init__(self, directory: Path, kiosks: list[Kiosk]) -> None:
        self._directory, self._kiosks = directory, kiosks
        self._original = directory / "original"
        state = self._original / "gateway"
        self._original.mkdir(parents=True)
        make_keys(state, directory / "set-up.log")
        (state / "ledger").mkdir()
        self.ledger = Ledger(state / "ledger", keyring.load(state, None)[0])
        deadline = int(time.time()) + VALID_SECONDS
        self._requester = Requester("bench relay requester", deadline, deadline)
        self.people = [Person(f"bench relay {number}", deadline) for number in range(PEOPLE)]
        self._copies = count(1)
        self.consents = 0
        self.ledger.write(_arrivals(self.people))

    def grow(self, consents: int, progress: Callable[[int], None]) -> None:
        """Bring the ledger to so many consents; `progress` is called with the number of them."""
        missing, before = consents - self.consents, self.consents
        if missing > 0:
            asked = [self._ask(number) for number in range(missing)]
            self.ledger.write(_consents(self._requester, asked), lambda done: progress(before + done // 2))
            self.consents = consents

    def ask(self, number: int) -> list[Asked]:
        """So many further requests, on the ledger and unanswered."""
        asked = [self._ask(place) for place in range(number)]
        self.ledger.write(Signed(self._requester, each.request) for each in asked)
        with Journal(self._original / "gateway" / JOURNAL_FILE) as journal, journal.together():
            for each in asked:
                self._note(journal, each.request)
        return asked

    def _note(self, journal: Journal, request: Request) -> None:
        """A request in the gateway's journal, as if it had come by way of this gateway, as they do."""
        digest, by = request.digest(self.ledger.domain), self._requester
        signed = SignedRequest(request, by.purpose, by.public_key, by.sign(digest)[:64])
        arrival = Arrival(
            digest=digest,
            kind=request.KIND,
            subject=request.subject,
            request=request.hash_struct(),
            requester=request.requester,
            kiosk=None,
            message=signed.encode(),
            steps=1,
            fingerprint=bytes(32),
        )
        journal.admit(arrival)
        journal.acknowledge(Verdict(digest, receipt=b""), transaction=bytes(32), block=0)

    def premises(
        self, broker: str, max_batch: int = MAX_BATCH, settings: Mapping[str, object] | None = None
    ) -> Premises:
        """A gateway on a copy of the ledger as it is now; `settings` are further ones of gateway.toml."""
        return Premises(
            self._copy(),
            broker,
            self._kiosks,
            {"max_batch": max_batch},
            contract=to_hex(self.ledger.contract),
            chain_id=CHAIN_ID,
            **(settings or {}),
        )

    def bare_ledger(self) -> Path:
        """The directory of a copy of the ledger alone."""
        return self._copy() / "gateway" / "ledger"

    def _ask(self, number: int) -> Asked:
        person = self.people[number % PEOPLE]
        return Asked(person, self._requester.ask(person))

    def _copy(self) -> Path:
        self.ledger.settle()
        return Path(shutil.copytree(self._original, self._directory / f"copy {next(self._copies)}"))


def _arrivals(people: list[Person]) -> Iterator[Signed]:
    for person in people:
        yield Signed(person, person.enrol())
        yield Signed(person, person.register(person.octets("commitment", 32)))


def _consents(requester: Requester, asked: list[Asked]) -> Iterator[Signed]:
    for each in asked:
        yield Signed(requester, each.request)
        yield each.granted()
