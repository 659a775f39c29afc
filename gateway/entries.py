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
class Transaction:
    """A ledger transaction of an entry, stored before it is sent.

    Attributes:
        nonce: Nonce of the relayer's account.
        raw: Signed bytes; these and no others are sent for this nonce.
        hash: Transaction hash.
        block: Number of the block it stands in, once mined.
        block_hash: Hash of that block, to notice a reorganisation.
    """

    nonce: int
    raw: bytes
    hash: bytes
    block: int | None = None
    block_hash: bytes | None = None
