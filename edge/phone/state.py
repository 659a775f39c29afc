"""What a phone remembers, in one SQLite file of mode 0600: kiosks, requests, receipts, sealed records.

The long-term keys are in it in clear: a phone's app keeps them where the phone keeps its keys.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from contracts.eip712 import Domain
from contracts.errors import ContractError
from contracts.messages import SignedRequest
from contracts.phone import Paired
from edge.errors import BadDataError, NotFoundError, StateError
from edge.phone.tables import SCHEMAS
from edge.state.database import Database, Row

FILE_NAME = "phone.sqlite"

KEPT = 256
"""Requests, and receipts, that are kept of each pairing; the oldest go first."""


@dataclass(frozen=True)
class Kiosk:
    """A pairing, as the phone remembers it.

    Attributes:
        number: of the pairing on this phone.
        kiosk_id: 8 bytes.
        kiosk_key: 32 bytes, the kiosk's long-term key for phones.
        phone_key: this phone's, for this pairing alone.
        paired: what the kiosk said when the finger had confirmed it.
    """

    number: int
    kiosk_id: bytes
    kiosk_key: bytes
    phone_key: X25519PrivateKey = field(repr=False)
    paired: Paired

    @property
    def domain(self) -> Domain:
        """Where requests to this person count."""
        return Domain(self.paired.chain_id, self.paired.contract, self.paired.environment)

    @property
    def gateway_key(self) -> Ed25519PublicKey:
        """Signs receipts."""
        return Ed25519PublicKey.from_public_bytes(self.paired.gateway_key)


@dataclass(frozen=True)
class HeardRequest:
    """A request of which a kiosk told. Nobody has signed name, kind and state: they are that kiosk's word.

    Attributes:
        request: 32 bytes, its identifier.
        kiosk: number of the pairing that it came by.
        signed: as the requester signed it; checked when it came.
        name: of the requester, by that kiosk's directory.
        kind: of the record.
        state: how it stood when the kiosk was last heard.
    """

    request: bytes
    kiosk: int
    signed: SignedRequest
    name: str
    kind: str
    state: str


@dataclass(frozen=True)
class HeldReceipt:
    """A receipt of the gateway; checked when it came. What it is for is the kiosk's word: a digest tells not.

    Attributes:
        digest: 32 bytes, the act's.
        kiosk: number of the pairing that it came by.
        act: name of the act, by that kiosk's word.
        about: subject, record or request, by that kiosk's word.
        receipt: COSE bytes.
    """

    digest: bytes
    kiosk: int
    act: str
    about: bytes
    receipt: bytes


class PhoneState:
    """The phone's memory.

    Args:
        directory: made with mode 0700 if need be.

    Raises:
        StateError: it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot make the directory {directory}: {error.strerror}") from None
        self._database = Database(directory / FILE_NAME, SCHEMAS)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # Kiosks

    def add_kiosk(
        self, kiosk_id: bytes, kiosk_key: bytes, phone_key: X25519PrivateKey, paired: Paired
    ) -> Kiosk:
        """Remember a pairing, in the place of an earlier one with the same kiosk for the same person."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM kiosks WHERE kiosk_id = ? AND subject = ?", (kiosk_id, paired.subject)
            )
            number = connection.execute(
                "INSERT INTO kiosks (kiosk_id, kiosk_key, phone_key, subject, environment, chain_id,"
                " contract, gateway_key, gateway_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    kiosk_id,
                    kiosk_key,
                    phone_key.private_bytes_raw(),
                    paired.subject,
                    paired.environment,
                    paired.chain_id.to_bytes(8, "big"),
                    paired.contract,
                    paired.gateway_key,
                    paired.gateway_url,
                ),
            ).lastrowid
        return Kiosk(number or 0, kiosk_id, kiosk_key, phone_key, paired)

    def kiosks(self) -> list[Kiosk]:
        """All pairings, the latest first."""
        return [_kiosk(row) for row in self._database.rows("SELECT * FROM kiosks ORDER BY number DESC")]

    def kiosk(self, prefix: str = "") -> Kiosk:
        """The pairing with the kiosk whose id begins with `prefix`; the latest of them.

        Raises:
            NotFoundError: there is none.
        """
        found = [kiosk for kiosk in self.kiosks() if kiosk.kiosk_id.hex().startswith(prefix.lower())]
        if not found:
            raise NotFoundError(
                "this phone is not paired with such a kiosk; pair it with: ridgekey phone pair CODE"
            )
        return found[0]

    def forget_kiosk(self, kiosk: Kiosk) -> None:
        """Forget a pairing, with the requests and receipts that came by it. A sealed record stays."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM kiosks WHERE number = ?", (kiosk.number,))
        self._database.scrub()

    def kiosk_of(self, told: HeardRequest | HeldReceipt) -> Kiosk:
        """The pairing by which something came."""
        return next(each for each in self.kiosks() if each.number == told.kiosk)

    # Requests and receipts: each kiosk's word by itself, so that none speaks for another

    def put_request(self, heard: HeardRequest) -> bool:
        """Remember a request as its kiosk tells it; whether that is new, or otherwise than it told before."""
        told = "SELECT 1 FROM requests WHERE (kiosk, request, name, kind, state) = (?, ?, ?, ?, ?)"
        if self._database.row(told, (heard.kiosk, heard.request, heard.name, heard.kind, heard.state)):
            return False
        with self._database.transaction() as connection:
            connection.execute(
                "REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?,"
                " (SELECT coalesce(max(sequence), 0) + 1 FROM requests))",
                (heard.request, heard.kiosk, heard.signed.encode(), heard.name, heard.kind, heard.state),
            )
            connection.execute(_TRIM.format(table="requests"), (heard.kiosk, heard.kiosk, KEPT))
        return True

    def requests(self) -> list[HeardRequest]:
        """All requests, the latest news first; one of which two kiosks told is there twice."""
        return [_request(row) for row in self._database.rows("SELECT * FROM requests ORDER BY sequence DESC")]

    def words_on(self, request: bytes) -> list[HeardRequest]:
        """What each kiosk told of a request, the latest first."""
        return [each for each in self.requests() if each.request == request]

    def request(self, prefix: str) -> HeardRequest:
        """The latest word on the request whose identifier begins with these hex digits.

        Raises:
            NotFoundError: none does, or several do.
        """
        digits = prefix.lower().removeprefix("0x")
        found = [each for each in self.requests() if digits and each.request.hex().startswith(digits)]
        several = len({each.request for each in found})
        if several != 1:
            raise NotFoundError(
                f"{several or 'no'} requests on this phone begin with {prefix[:20]!r};"
                " list them with: ridgekey phone requests"
            )
        return found[0]

    def put_receipt(self, held: HeldReceipt) -> bool:
        """Keep a receipt as its kiosk tells it; whether that is new, or otherwise than it told before."""
        told = "SELECT 1 FROM receipts WHERE (kiosk, digest, act, about, receipt) = (?, ?, ?, ?, ?)"
        if self._database.row(told, (held.kiosk, held.digest, held.act, held.about, held.receipt)):
            return False
        with self._database.transaction() as connection:
            connection.execute(
                "REPLACE INTO receipts VALUES (?, ?, ?, ?, ?,"
                " (SELECT coalesce(max(sequence), 0) + 1 FROM receipts))",
                (held.digest, held.kiosk, held.act, held.about, held.receipt),
            )
            connection.execute(_TRIM.format(table="receipts"), (held.kiosk, held.kiosk, KEPT))
        return True

    def receipts(self) -> list[HeldReceipt]:
        """All receipts, the latest first; one that two kiosks sent is there twice."""
        rows = self._database.rows("SELECT * FROM receipts ORDER BY sequence DESC")
        return [
            HeldReceipt(row["digest"], row["kiosk"], row["act"], row["about"], row["receipt"]) for row in rows
        ]

    # Sealed records

    def put_record(self, subject: bytes, sealed: bytes) -> None:
        """Carry a sealed record; on the disk when this returns."""
        with self._database.transaction() as connection:
            connection.execute("REPLACE INTO records VALUES (?, ?)", (subject, sealed))

    def record(self, subject: bytes) -> bytes | None:
        """The sealed record of a person, if this phone carries it."""
        row = self._database.row("SELECT sealed FROM records WHERE subject = ?", (subject,))
        return None if row is None else bytes(row["sealed"])

    def carried(self) -> list[bytes]:
        """Whose records this phone carries."""
        return [row["subject"] for row in self._database.rows("SELECT subject FROM records ORDER BY subject")]


_TRIM = """
DELETE FROM {table} WHERE kiosk = ? AND sequence <=
    (SELECT sequence FROM {table} WHERE kiosk = ? ORDER BY sequence DESC LIMIT 1 OFFSET ?)
"""


def _kiosk(row: Row) -> Kiosk:
    try:
        paired = Paired(
            row["subject"],
            row["environment"],
            int.from_bytes(row["chain_id"], "big"),
            row["contract"],
            row["gateway_key"],
            row["gateway_url"],
            False,
        )
        phone_key = X25519PrivateKey.from_private_bytes(row["phone_key"])
    except (ContractError, ValueError) as error:
        raise BadDataError(f"the phone's state is damaged: {error}") from None
    return Kiosk(row["number"], row["kiosk_id"], row["kiosk_key"], phone_key, paired)


def _request(row: Row) -> HeardRequest:
    signed = SignedRequest.decode(row["signed"])
    return HeardRequest(row["request"], row["kiosk"], signed, row["name"], row["kind"], row["state"])
