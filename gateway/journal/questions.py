"""What the journal can be asked."""

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from contracts.acts import ActKind
from contracts.hexes import to_hex
from gateway.entries import Entry, Shipment, State
from gateway.journal.database import Database
from gateway.journal.rows import ENTRY, NEW_KEY, SHIPMENT, entry_of, marks, shipment_of


@dataclass(frozen=True)
class Pending:
    """The shipments of a relayer that are not final: all, those not accepted yet; highest nonce; gwei."""

    count: int
    unsent: int
    highest: int
    cost: int


ALL = 1 << 31
"""More acts than a gateway lets wait."""

MINE = "1 = 1 /*! AND owner = :gateway */"
"""Of an act or a shipment: it is this gateway's work."""

BEGUN = f"kind = {int(ActKind.RECOVER)} AND state = 'final' AND kiosk IS NOT NULL"
"""Of an act: it is a recovery that a kiosk brought to the ledger."""

LIVE = "state NOT IN ('final', 'rejected')"
"""Of an act: it is under way. SQLite finds these by an index if a question says so in just these words."""


class Questions:
    """Reads of the journal; none of them changes anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Acts

    def find(self, digest: bytes) -> Entry | None:
        """The entry of this act, or None."""
        return next(iter(self._entries("digest = ?", digest)), None)

    def under_way(self, limit: int = ALL) -> list[Entry]:
        """The acts that are neither final nor rejected, by arrival."""
        return self._entries(f"{LIVE} ORDER BY number LIMIT ?", limit)

    def count_under_way(self) -> dict[State, int]:
        """How many acts are in each of the states before the end."""
        rows = self._rows(
            f"SELECT state, count(*) FROM entries WHERE {LIVE} GROUP BY state"  # noqa: S608 - our own text
        )
        return {State(state): count for state, count in rows}

    def count_by_kiosk(self) -> dict[bytes | None, int]:
        """How many of them each kiosk has brought; under None, how many came from requesters."""
        rows = self._rows(f"SELECT kiosk, count(*) FROM entries WHERE {LIVE} GROUP BY kiosk")  # noqa: S608 - our own text
        return {kiosk if kiosk is None else bytes(kiosk): count for kiosk, count in rows}

    def received(self, now: int, limit: int, *, waiting: bool = False, after: int = 0) -> list[Entry]:
        """This gateway's acts to be verified that are due, by arrival.

        Args:
            now: Unix time.
            limit: How many at most.
            waiting: Those that had to wait when they were looked at, rather than the new ones.
            after: Only those that arrived after the act of this number.
        """
        return self._entries(
            f"{LIVE} AND state = 'received' AND due <= ? AND {MINE} AND (trouble <> '') = (1 = ?)"
            " AND number > ? ORDER BY number LIMIT ?",
            now,
            int(waiting),
            after,
            limit,
        )

    def verified(self, now: int, limit: int, *, requests: bool = False) -> list[Entry]:
        """This gateway's acts to be shipped: due, and no act of the same person before them that is not.

        Nor one that is another gateway's: from two accounts, they could change places. An act that its
        kiosk's rate defers holds up nobody: it need not be the person's. Nor does a request, before it is
        signed: it is a stranger's.

        Args:
            now: Unix time.
            limit: How many at most.
            requests: Those of requesters, rather than those of persons.
        """
        return self._entries(
            f"{LIVE} AND {MINE} AND state = 'verified' AND due <= ? AND (kind = 3) = (1 = ?)"  # noqa: S608 - our own text
            " AND NOT EXISTS (SELECT 1 FROM entries AS before"
            f" WHERE before.{LIVE} AND before.subject = entries.subject AND before.number < entries.number"
            " AND NOT (before.state = 'received' AND before.due > ?)"
            " AND NOT (before.state IN ('received', 'verified') AND before.kind = 3)"
            " AND (before.state = 'received' OR before.state = 'verified' AND before.due > ?"
            " /*! OR before.owner <> :gateway */))"
            " ORDER BY number LIMIT ?",
            now,
            int(requests),
            now,
            now,
            limit,
        )

    def is_preceded(self, entry: Entry) -> bool:
        """Whether an earlier act of the same person is under way, on which this one may depend."""
        return bool(
            self._rows(
                f"SELECT 1 FROM entries WHERE {LIVE} AND subject = ? AND number < ? LIMIT 1",  # noqa: S608 - our own text
                entry.subject,
                entry.number,
            )
        )

    def carried(self, shipment: int) -> list[Entry]:
        """The acts of a shipment that are under way, by their position in it."""
        return self._entries(f"shipment = ? AND {LIVE} ORDER BY position", shipment)

    # Shipments

    def shipments(self, *states: State) -> list[Shipment]:
        """This gateway's shipments in these states, each sender's by nonce."""
        return self._shipments(
            f"state IN ({marks(len(states))}) AND state <> 'final' AND {MINE} ORDER BY sender, nonce", *states
        )

    def shipment(self, number: int) -> Shipment | None:
        """The shipment of this number, or None."""
        return next(iter(self._shipments("number = ? ORDER BY number", number)), None)

    def pending(self) -> dict[bytes, Pending]:
        """What each relayer has under way; those with nothing are left out."""
        rows = self._rows(
            "SELECT sender, count(*), sum(CASE state WHEN 'signed' THEN 1 ELSE 0 END), max(nonce), sum(cost)"
            " FROM shipments"
            " WHERE state <> 'final' GROUP BY sender"
        )
        return {bytes(sender): Pending(*map(int, rest)) for sender, *rest in rows}

    def bound(self) -> dict[bytes, bytes]:
        """For each person with acts in shipments under way, the sender of these: it is one."""
        rows = self._rows(
            "SELECT subject, sender FROM shipments JOIN entries ON entries.shipment = shipments.number"
            " WHERE shipments.state <> 'final' AND entries.state IN ('signed', 'accepted', 'mined')"
            " ORDER BY sender, nonce"
        )
        return {bytes(subject): bytes(sender) for subject, sender in rows}

    def spent_since(self, sender: bytes, since: int, besides: int | None = None) -> int:
        """Gwei that a relayer has spent since a Unix time, or may yet have, `besides` a shipment."""
        ((total,),) = self._rows(
            "SELECT coalesce(sum(cost), 0) FROM shipments"
            " WHERE sender = ? AND signed_at >= ? AND number <> ?",
            sender,
            since,
            besides or 0,
        )
        return int(total)

    def last_block(self) -> int:
        """Number of the block of the last shipment that stands in one; 0 if none does."""
        rows = self._rows("SELECT block FROM shipments WHERE block IS NOT NULL ORDER BY number DESC LIMIT 1")
        return int(rows[0][0]) if rows else 0

    # Requests and people

    def request(self, request: bytes) -> Entry | None:
        """The entry of the request with this id, or None."""
        return next(iter(self._entries("request = ? AND kind = ?", request, int(ActKind.REQUEST))), None)

    def settled_about(self, request: bytes) -> set[ActKind]:
        """Which kinds of acts about this request are final."""
        rows = self._rows("SELECT kind FROM entries WHERE request = ? AND state = 'final'", request)
        return {ActKind(kind) for (kind,) in rows}

    def open_requests_of_requester(self, requester: bytes) -> list[Entry]:
        """Requests of a requester that this gateway has seen no answer to, in any order."""
        return self._entries("kind = 3 AND answered = 0 AND requester = ?", requester)

    def open_requests_about(self, subject: bytes) -> list[Entry]:
        """Requests that name a person and that this gateway has seen no answer to, in any order."""
        return self._entries("kind = 3 AND answered = 0 AND subject = ?", subject)

    def open_requests_at(self, kiosk: bytes) -> list[Entry]:
        """Requests on the ledger, with no answer seen, to people who enrolled at a kiosk.

        Those to one person are in the order of their arrival.
        """
        return self._entries(
            "kind = 3 AND answered = 0 AND state = 'final'"
            " AND EXISTS (SELECT 1 FROM enrolments WHERE subject = entries.subject AND kiosk = ?)"
            " ORDER BY subject, number",
            kiosk,
        )

    def kiosks_of(self, subject: bytes, *, recovering: bool = False) -> list[bytes]:
        """The kiosks at which a person enrolled, or with `recovering` began a recovery."""
        found = self._rows("SELECT kiosk FROM enrolments WHERE subject = ?", subject)
        if recovering:
            found = [*found, *self._rows(f"SELECT kiosk FROM entries WHERE subject = ? AND {BEGUN}", subject)]  # noqa: S608 - our own text
        return sorted({bytes(kiosk) for (kiosk,) in found})

    def enrolled_here(self, subject: bytes) -> bool:
        """Whether a person enrolled at one of this gateway's kiosks."""
        return bool(self.kiosks_of(subject))

    def has_new_key(self, subject: bytes) -> bool:
        """Whether a person is known to have another key than the one that they enrolled with, or none."""
        return self.fact(NEW_KEY + to_hex(subject)) is not None

    def recovered_at(self, kiosk: bytes) -> list[bytes]:
        """People with a recovery, under way or over, who began it at a kiosk or enrolled there."""
        rows = self._rows(
            f"SELECT DISTINCT subject FROM entries WHERE {BEGUN} AND"  # noqa: S608 - our own text
            " (kiosk = ? OR subject IN (SELECT subject FROM enrolments WHERE kiosk = ?)) ORDER BY subject",
            kiosk,
            kiosk,
        )
        return [bytes(subject) for (subject,) in rows]

    def fact(self, name: str) -> bytes | None:
        """A lasting fact, such as the contract that this gateway deployed."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return bytes(rows[0][0]) if rows else None

    def facts(self, prefix: str) -> list[str]:
        """The names of the facts that begin so."""
        rows = self._rows(
            "SELECT name FROM facts WHERE substr(name, 1, ?) = ? ORDER BY name", len(prefix), prefix
        )
        return [str(name) for (name,) in rows]

    def _entries(self, where: str, *values: bytes | int) -> list[Entry]:
        return [entry_of(row) for row in self._rows(f"SELECT {ENTRY} FROM entries WHERE {where}", *values)]  # noqa: S608 - our own text

    def _shipments(self, where: str, *values: object) -> list[Shipment]:
        """One statement, so that no candidate goes missing between two."""
        rows = self._rows(
            f"SELECT {SHIPMENT}, hash, raw, most, tip, candidates.signed_at"  # noqa: S608 - our own text
            f" FROM shipments LEFT JOIN candidates ON shipment = number WHERE {where}, most",
            *values,
        )
        return [shipment_of(list(of_one)) for _, of_one in groupby(rows, key=lambda row: row[0])]

    def _rows(self, statement: str, *values: object) -> list[Any]:
        with self._database.reading() as sql:
            return sql.execute(statement, values).fetchall()
