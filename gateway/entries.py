"""What the journal holds: acts and their states, and the ledger transactions that carry them."""

from dataclasses import dataclass
from enum import StrEnum

from contracts.acts import ActKind


class State(StrEnum):
    """How far an act has come."""

    RECEIVED = "received"  # its carrier's signature holds; on the disk
    VERIFIED = "verified"  # the ledger would take it; its object is stored
    SIGNED = "signed"  # the ledger transaction is signed and on the disk
    ACCEPTED = "accepted"  # the node has taken the transaction
    MINED = "mined"  # it stands in a block
    FINAL = "final"  # under enough blocks; the receipt says so
    REJECTED = "rejected"  # the ledger refuses it; the receipt says why


@dataclass(frozen=True)
class Entry:
    """One act in the journal.

    Attributes:
        number: Order of arrival.
        digest: EIP-712 digest of the act.
        kind: Which act it is.
        subject: Identifier of the person.
        request: Id of the request that a request, grant, deny or withdraw is about.
        requester: Address of the requester, for a request.
        kiosk: Kid of the kiosk that brought it; None for a request over HTTP.
        message: What was received, as received; empty once a kiosk's act is over.
        state: How far it has come.
        step: Which of the act's transactions is under way, from 0.
        steps: How many transactions the act takes: two if its object is to be published on the ledger.
        reason: Why it was rejected.
        receipt: The signed receipt, once it is over.
        due: Unix time before which it is not taken up, as its kiosk or person is over the rate limit.
        tries: How often a transaction that carried it has failed in a block.
        trouble: Why it waits, in one line; empty if it just does.
        shipment: Number of the shipment that carries it, from signed to mined.
        position: Place in a batch, from 0.
        transaction: Hash of the transaction of its first step, once that is final.
        block: Number of that transaction's block.
        received_at: Unix time of its arrival.
    """

    number: int
    digest: bytes
    kind: ActKind
    subject: bytes
    request: bytes | None
    requester: bytes | None
    kiosk: bytes | None
    message: bytes
    state: State
    step: int
    steps: int
    reason: str
    receipt: bytes | None
    due: int
    tries: int
    trouble: str
    shipment: int | None
    position: int
    transaction: bytes | None
    block: int | None
    received_at: int


@dataclass(frozen=True)
class Arrival:
    """An act as it is handed in: the fields of `Entry` that are known then, and a fingerprint.

    Attributes:
        fingerprint: Hash over signature and object: a repeat with another one is another attempt at the same
            act.
    """

    digest: bytes
    kind: ActKind
    subject: bytes
    request: bytes | None
    requester: bytes | None
    kiosk: bytes | None
    message: bytes
    steps: int
    fingerprint: bytes


@dataclass(frozen=True)
class Candidate:
    """One signed transaction for a shipment, stored before it is sent.

    The candidates of a shipment differ in what they pay, not in what they do, and have one nonce: a ledger
    takes one of them at most.

    Attributes:
        hash: Transaction hash.
        raw: Signed bytes.
        most: Wei per gas that it pays at most.
        tip: Wei per gas of that which go beyond the base fee.
        signed_at: Unix time.
    """

    hash: bytes
    raw: bytes
    most: int
    tip: int
    signed_at: int


@dataclass(frozen=True)
class Shipment:
    """A nonce of a relayer's account, and the call that it is spent on: one act, or a batch.

    Attributes:
        number: Order of signing.
        sender: The relayer's address.
        nonce: Of its account.
        state: SIGNED, ACCEPTED or MINED, as its acts; FINAL once the block is final, whatever it says.
        data: Call data; empty once it is final.
        gas: Gas limit.
        candidates: Signed transactions, cheapest first; empty once it is final.
        transaction: Hash of the candidate that was mined.
        block: Number of the block it stands in, once mined.
        block_hash: Hash of that block, to notice a reorganisation.
        cost: Gwei that it has cost, or may cost at most until it is mined.
    """

    number: int
    sender: bytes
    nonce: int
    state: State
    data: bytes
    gas: int
    candidates: tuple[Candidate, ...]
    transaction: bytes | None
    block: int | None
    block_hash: bytes | None
    cost: int

    @property
    def latest(self) -> Candidate:
        """The candidate that pays most; the one that is sent."""
        return self.candidates[-1]


@dataclass(frozen=True)
class Mined:
    """Where a shipment was found, and what it has cost, in gwei."""

    shipment: int
    transaction: bytes
    block: int
    block_hash: bytes
    cost: int


@dataclass(frozen=True)
class Verdict:
    """The end of an act: its receipt and, if it was rejected, why."""

    digest: bytes
    receipt: bytes
    reason: str = ""
