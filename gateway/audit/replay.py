"""The contract's rules once more, in Python: every event is checked against what came before it. Pure.

Written from the contract's specification and not by calling it, so that the two check each other.
"""

import hashlib
from dataclasses import dataclass, field

from contracts.acts import Act, Deny, Enrol, Grant, Register, Request, Withdraw
from contracts.keccak import keccak256
from contracts.registry import ConsentState
from gateway.ledger.events import ActEvent, Event, PublishedEvent
from gateway.ledger.signatures import recover

Findings = list[str]
"""What does not hold, each a line for people."""


@dataclass(slots=True)
class Consent:
    """A request and how it stands."""

    request: Request
    state: ConsentState
    expiry: int


@dataclass(slots=True)
class Replay:
    """The contract's state, as far as the events so far tell it.

    What does not hold is applied all the same, as the ledger did: one wrong event shall not hide the others.

    Attributes:
        separator: domain separator of the contract.
        keys: subject -> address of the current key.
        commitments: (subject, record) -> commitment.
        consents: request id -> consent.
    """

    separator: bytes
    keys: dict[bytes, bytes] = field(default_factory=dict)
    commitments: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    consents: dict[bytes, Consent] = field(default_factory=dict)
    _nonces: set[tuple[bytes, int]] = field(default_factory=set)

    def apply(self, event: Event, time: int) -> Findings:
        """Take the next event, in a block of this time (Unix seconds); what does not hold about it."""
        if isinstance(event, PublishedEvent):
            return self._publish(event)
        act = event.act
        findings = self._signature(event) + self._nonce(act)
        if time > act.deadline:
            findings.append(f"it came {time - act.deadline} seconds after its deadline")
        return findings + self._rules(act, event.request, time)

    def _rules(self, act: Act, request: bytes | None, time: int) -> Findings:
        match act:
            case Enrol():
                return self._enrol(act)
            case Register():
                return self._register(act)
            case Request():
                return self._request(act, request, time)
            case Grant():
                return self._grant(act, time)
            case Deny():
                return self._move(act, ConsentState.REQUESTED, ConsentState.DENIED)
            case Withdraw():
                return self._move(act, ConsentState.GRANTED, ConsentState.WITHDRAWN)

    def _signature(self, event: ActEvent) -> Findings:
        act = event.act
        signer = act.signer_address if isinstance(act, Enrol | Request) else self.keys.get(act.subject)
        if signer is None:
            return ["the person was not enrolled"]
        digest = keccak256(b"\x19\x01" + self.separator + act.hash_struct())
        if recover(digest, event.signature) != signer:
            return ["the signature does not hold"]
        return []

    def _nonce(self, act: Act) -> Findings:
        if isinstance(act, Request | Deny | Withdraw):
            return []  # unique by the state of the consent
        used = (act.subject, act.nonce)
        if used in self._nonces:
            return ["its nonce was used before"]
        self._nonces.add(used)
        return []

    def _enrol(self, act: Enrol) -> Findings:
        findings = ["the person was enrolled already"] if act.subject in self.keys else []
        self.keys[act.subject] = act.subject
        return findings

    def _register(self, act: Register) -> Findings:
        self.commitments[act.subject, act.record] = act.commitment
        return [] if any(act.commitment) else ["the commitment is empty"]

    def _publish(self, event: PublishedEvent) -> Findings:
        commitment = self.commitments.get((event.subject, event.record))
        if commitment is None:
            return ["the record was not registered"]
        if hashlib.sha256(event.object).digest() != commitment:
            return ["the published object is not the one that the person committed to"]
        return []

    def _request(self, act: Request, named: bytes | None, time: int) -> Findings:
        findings: Findings = []
        request = act.hash_struct()
        if named != request:
            findings.append("its id is not the hash of what was requested")
        if request in self.consents:
            findings.append("this very request was made before")
        if (act.subject, act.record) not in self.commitments:
            findings.append("the record was not registered before it was requested")
        if time >= act.expiry:
            findings.append("it was past its expiry")
        self.consents[request] = Consent(act, ConsentState.REQUESTED, act.expiry)
        return findings

    def _grant(self, act: Grant, time: int) -> Findings:
        findings: Findings = []
        if time >= act.expiry:
            findings.append("it was past its expiry")
        consent = self.consents.get(act.request)
        if consent is None:
            return [*findings, "what it grants was never requested"]
        if act.purpose != consent.request.purpose:
            findings.append("its purpose is not that of the request")
        if act.expiry > consent.request.expiry:
            findings.append("it lasts longer than what was requested")
        findings += self._move(act, ConsentState.REQUESTED, ConsentState.GRANTED)
        consent.expiry = act.expiry
        return findings

    def _move(self, act: Grant | Deny | Withdraw, before: ConsentState, after: ConsentState) -> Findings:
        consent = self.consents.get(act.request)
        if consent is None:
            return ["what it answers was never requested"]
        findings: Findings = []
        if consent.request.subject != act.subject:
            findings.append("the request was addressed to another person")
        if consent.state is not before:
            findings.append(f"the request was {consent.state.name.lower()}, not {before.name.lower()}")
        consent.state = after
        return findings
