"""Our contract on a ledger: deploy it, make sure that it is ours, ask it, read its history, encode calls."""

from collections.abc import Sequence
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from contracts import eip712
from contracts.acts import Act, Enrol, Recover, Request
from contracts.eip712 import environment_salt, word
from contracts.hexes import checksum_address, to_hex
from contracts.keccak import keccak256
from contracts.messages import PendingRecovery
from contracts.registry import (
    BYTECODE,
    EVENT_OF,
    ConsentState,
    batch_arguments,
    call_arguments,
    deployment_code,
    event_topic,
    function,
    request_tuple,
)
from gateway.ledger.account import Relayer
from gateway.ledger.answers import Log, TransactionReceipt
from gateway.ledger.client import LedgerClient
from gateway.ledger.encoding import call_data
from gateway.ledger.errors import LedgerError, NotOurContractError, QuestionError, RevertedError
from gateway.ledger.events import ActEvent, UndecodableEventError
from gateway.ledger.events import decode as decode_event
from gateway.ledger.search import newest
from gateway.ledger.transacting import transact

IMMUTABLES = 3 * 32
"""Bytes after the code: environment salt, chain id, domain separator, as Vyper lays immutables out."""


class Registry:
    """The contract at one address of one ledger."""

    def __init__(self, client: LedgerClient, contract: bytes, first_block: int = 0) -> None:
        """Name a contract, and the block from which on it may have events."""
        self.client = client
        self.contract = contract
        self.first_block = first_block

    @classmethod
    def deploy(cls, client: LedgerClient, relayer: Relayer, environment: str) -> "Registry":
        """Put a new contract on the ledger, for one environment.

        Raises:
            LedgerError: the ledger refuses, for example because the relayer has no funds.
        """
        receipt = transact(client, relayer, None, deployment_code(environment))
        if receipt.contract is None:
            raise LedgerError(f"the ledger created no contract in transaction {to_hex(receipt.transaction)}")
        registry = cls(client, receipt.contract, receipt.block)
        registry.check(environment)
        return registry

    # --- Is it ours? ---

    def check(self, environment: str | None = None) -> None:
        """Make sure that the code at the address is this release's, for this chain and environment.

        The code is compared with what deploying gives here, which the ledger executes without keeping it.

        Args:
            environment: Name of the deployment; None accepts any.

        Raises:
            NotOurContractError: it is another contract or ours for another environment; the text says which.
        """
        code, where = self.client.code(self.contract), self._where()
        if not code:
            raise NotOurContractError(f"there is no contract at {where}: deploy one or correct the address")
        salt = code[-IMMUTABLES:][:32]
        try:
            ours = self.client.call(None, BYTECODE + salt)
        except RevertedError as error:
            raise NotOurContractError(f"the ledger cannot execute our contract: {error}") from error
        # The separator at the end holds the contract's address, so it differs.
        if len(code) != len(ours) or code[:-32] != ours[:-32]:
            raise NotOurContractError(
                f"the contract at {where} is not the ConsentRegistry of this release: "
                "correct the address or deploy a new one"
            )
        if code[-32:] != separator(self.client.chain_id(), self.contract, salt):
            raise NotOurContractError(f"the contract at {where} was made for another chain or address")
        if environment is not None and salt != environment_salt(environment):
            raise NotOurContractError(
                f"the contract at {where} was deployed for another environment than {environment!r}: "
                "correct the environment or the address"
            )

    def salt(self) -> bytes:
        """The environment's salt in a contract that `check` has found to be ours, 32 bytes."""
        return self.client.code(self.contract)[-IMMUTABLES:][:32]

    # --- Questions ---

    def key_of(self, subject: bytes) -> bytes | None:
        """Address of the key that signs for a person now; None if the person is not enrolled.

        `contracts.registry.DEACTIVATED` for an identity that has ended.
        """
        (key,) = self._ask("keyOf", subject)
        return address(key)

    def guardian_of(self, subject: bytes) -> bytes | None:
        """Address of the key that may recover a person's identity; None if nobody's."""
        (guardian,) = self._ask("guardianOf", subject)
        return address(guardian)

    def signer_of(self, act: Act) -> bytes:
        """Address of the key that must have signed an act, as things stand."""
        match act:
            case Enrol() | Request():
                return act.signer_address
            case Recover():
                return self.guardian_of(act.subject) or act.subject
            case _:
                return self.key_of(act.subject) or act.subject

    def recovery_of(self, subject: bytes) -> PendingRecovery | None:
        """The recovery under way for a person, if there is one."""
        recovery, key, ready = self._ask("recoveryOf", subject)
        new_key = address(key)
        return None if new_key is None else PendingRecovery(bytes(recovery), new_key, ready)

    def commitment_of(self, subject: bytes, record: bytes) -> bytes | None:
        """Commitment of a person's record, 32 bytes; None if it is not registered."""
        (commitment,) = self._ask("commitmentOf", subject, record)
        return bytes(commitment) if any(commitment) else None

    def consent_of(self, request: bytes, block: int | None = None) -> tuple[ConsentState, int]:
        """How the request with this id stands, and the first second at which a consent to it is over."""
        state, expiry = self._ask("consentOf", request, block=block)
        return ConsentState(state), expiry

    def subject_of(self, request: bytes) -> bytes | None:
        """Of whom the request with this id asks a record; None if the ledger has no such request."""
        (subject,) = self._ask("subjectOf", request)
        return address(subject)

    def is_granted(self, request: Request) -> bool:
        """Whether the person's consent to this very request counts now."""
        (granted,) = self._ask("isGranted", request_tuple(request))
        return bool(granted)

    def is_valid(self, request: bytes) -> bool:
        """Whether the consent to the request with this id counts now."""
        (valid,) = self._ask("isValid", request)
        return bool(valid)

    def is_nonce_used(self, subject: bytes, nonce: int, block: int | None = None) -> bool:
        """Whether a person has used up a nonce."""
        (used,) = self._ask("isNonceUsed", subject, nonce, block=block)
        return bool(used)

    def domain_separator(self) -> bytes:
        """The EIP-712 domain separator by which the contract checks signatures, 32 bytes."""
        (found,) = self._ask("domainSeparator")
        return bytes(found)

    # --- History ---

    def logs(self, first: int, last: int, subject: bytes | None = None) -> list[Log]:
        """Logs of the contract in the blocks from `first` to `last`, of everybody or of one person."""
        if subject is None:
            return self.client.logs(self.contract, first, last)
        padded = subject.rjust(32, b"\0")
        # A request names the person in its third topic, every other event in the first.
        requested = event_topic(EVENT_OF[Request])
        about = self.client.logs(self.contract, first, last, [None, [padded]])
        asked = self.client.logs(self.contract, first, last, [[requested], None, None, [padded]])
        own = [log for log in about if log.topics[:1] != (requested,)]
        return sorted([*own, *asked], key=lambda log: (log.block, log.position))

    def request(self, request: bytes) -> Request | None:
        """The request with this id, from its event; None if the ledger has none.

        Raises:
            TooFarBackError: It is older than what is looked through.
        """
        head = self.client.newest()
        if self.consent_of(request, head)[0] is ConsentState.UNKNOWN:
            return None
        topics = [[event_topic(EVENT_OF[Request])], [request]]
        return newest(self.client, self.contract, self.first_block, head, topics, _request_in)

    # --- Calls ---

    def encode(self, name: str, arguments: Sequence[object] = ()) -> bytes:
        """Call data: the function's selector and its ABI-encoded arguments."""
        return call_data(name, arguments)

    def encode_act(self, act: Act, signature: bytes, request: Request | None = None) -> bytes:
        """Call data that brings an act to the contract; see `contracts.registry.call_arguments`."""
        return self.encode(*call_arguments(act, signature, request))

    def encode_batch(self, calls: Sequence[bytes]) -> bytes:
        """Call data that brings several acts at once; see `contracts.registry.batch_arguments`."""
        return self.encode(*batch_arguments(calls))

    def submit(self, relayer: Relayer, data: bytes) -> TransactionReceipt:
        """Send call data in a transaction of the relayer and wait for its block.

        Raises:
            RevertedError: the contract refuses.
        """
        return transact(self.client, relayer, self.contract, data)

    def _ask(self, name: str, *arguments: object, block: int | None = None) -> tuple[Any, ...]:
        answer = self.client.call(self.contract, self.encode(name, arguments), block=block)
        types = [output["type"] for output in function(name)["outputs"]]
        try:
            return tuple(decode(types, answer))
        except (DecodingError, ValueError) as error:
            raise NotOurContractError(
                f"the contract at {self._where()} does not answer {name} as ours does: correct the address"
            ) from error

    def _where(self) -> str:
        return f"{checksum_address(self.contract)} on {self.client.url}"


def _request_in(log: Log) -> Request | None:
    try:
        found = decode_event(log)
    except UndecodableEventError as error:
        raise QuestionError(f"the ledger shows an ill-formed event in block {log.block}: {error}") from error
    return found.act if isinstance(found, ActEvent) and isinstance(found.act, Request) else None


def separator(chain_id: int, contract: bytes, salt: bytes) -> bytes:
    """The domain separator of a contract of which the environment's salt is known, but not its name."""
    name, version = keccak256(eip712.NAME.encode("ascii")), keccak256(eip712.VERSION.encode("ascii"))
    return keccak256(
        eip712.DOMAIN_TYPE_HASH + name + version + word(chain_id) + contract.rjust(32, b"\0") + salt
    )


def address(text: object) -> bytes | None:
    """An address as eth-abi decodes it; None for the empty one."""
    value = bytes.fromhex(str(text)[2:])
    return value if any(value) else None
