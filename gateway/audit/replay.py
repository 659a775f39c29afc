"""The contract's rules once more, in Python: every event is checked against what came before it. Pure.

Written from the contract's specification and not by calling it, so that the two check each other.
"""

import hashlib
from dataclasses import dataclass, field

from contracts.acts import (
    Act,
    Contest,
    Deactivate,
    Deny,
    Enrol,
    Entrust,
    Grant,
    Recover,
    Register,
    Renew,
    Request,
    Rotate,
    UsesNonce,
    Withdraw,
)
from contracts.keccak import keccak256
from contracts.registry import DEACTIVATED, RECOVERY_DELAY, ConsentState
from gateway.ledger.events import ActEvent, Event, PublishedEvent, RecoveredEvent, SkippedEvent
from gateway.ledger.signatures import recover

Findings = list[str]
"""What does not hold, each a line for people."""


@dataclass(slots=True)
class Consent:
    """A request and how it stands."""

    request: Request
    state: ConsentState
    expiry: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """A recovery under way: what began it, and the first second at which it can be completed."""

    act: Recover
    ready: int


@dataclass(slots=True)
class Replay:
    """The contract's state, as far as the events so far tell it.

    What does not hold is applied all the same, as the ledger did: one wrong event shall not hide the others.

    Attributes:
        separator: domain separator of the contract.
        keys: subject -> address of the current key, `DEACTIVATED` for an identity that has ended.
        guardians: subject -> address of the key that may recover.
        recoveries: subject -> the recovery under way.
        commitments: (subject, record) -> commitment.
        consents: request id -> consent.
    """

    separator: bytes
    keys: dict[bytes, bytes] = field(default_factory=dict)
    guardians: dict[bytes, bytes] = field(default_factory=dict)
    recoveries: dict[bytes, Recovery] = field(default_factory=dict)
    commitments: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    consents: dict[bytes, Consent] = field(default_factory=dict)
    _nonces: set[tuple[bytes, int]] = field(default_factory=set)
    _begun: set[bytes] = field(default_factory=set)  # ids of recoveries

    def apply(self, event: Event, time: int) -> Findings:
        """Take the next event, in a block of this time (Unix seconds); what does not hold about it."""
        match event:
            case PublishedEvent():
                return self._publish(event)
            case RecoveredEvent():
                return self._complete(event, time)
            case SkippedEvent():
                return []  # what was refused changed nothing
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
            case Renew():
                return self._renew(act, time)
            case Rotate():
                return self._rotate(act)
            case Entrust():
                return self._entrust(act)
            case Recover():
                return self._recover(act, time)
            case Contest():
                return self._contest(act)
            case Deactivate():
                return self._deactivate(act)

    def _signature(self, event: ActEvent) -> Findings:
        act = event.act
        signer = self._signer(act)
        if signer is None:
            return ["the person was not enrolled, or had entrusted nobody with a recovery"]
        if signer == DEACTIVATED:
            return ["the identity had ended"]
        digest = keccak256(b"\x19\x01" + self.separator + act.hash_struct())
        if recover(digest, event.signature) != signer:
            return ["the signature does not hold"]
        return []

    def _signer(self, act: Act) -> bytes | None:
        match act:
            case Enrol() | Request():
                return act.signer_address
            case Recover() if self.keys.get(act.subject) != DEACTIVATED:
                return self.guardians.get(act.subject)
        return self.keys.get(act.subject)

    def _nonce(self, act: Act) -> Findings:
        if not isinstance(act, UsesNonce):
            return []
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
        if self.keys.get(act.subject) == DEACTIVATED:
            findings.append("the identity had ended")
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

    def _renew(self, act: Renew, time: int) -> Findings:
        findings = ["it was past its expiry"] if time >= act.expiry else []
        findings += self._move(act, ConsentState.GRANTED, ConsentState.GRANTED)
        if act.request in self.consents:
            self.consents[act.request].expiry = act.expiry
        return findings

    def _rotate(self, act: Rotate) -> Findings:
        self.keys[act.subject] = act.new_key
        return _usable(act.new_key)

    def _entrust(self, act: Entrust) -> Findings:
        self.recoveries.pop(act.subject, None)
        self.guardians.pop(act.subject, None)
        if any(act.guardian):
            self.guardians[act.subject] = act.guardian
        return []

    def _recover(self, act: Recover, time: int) -> Findings:
        findings = _usable(act.new_key)
        if act.hash_struct() in self._begun:
            findings.append("this very recovery was begun before")
        self._begun.add(act.hash_struct())
        if act.subject in self.recoveries:
            findings.append("another recovery was under way")
        self.recoveries[act.subject] = Recovery(act, time + RECOVERY_DELAY)
        return findings

    def _contest(self, act: Contest) -> Findings:
        _, findings = self._end_recovery(act.subject, act.recovery)
        return findings

    def _complete(self, event: RecoveredEvent, time: int) -> Findings:
        recovery, findings = self._end_recovery(event.subject, event.recovery)
        if recovery is not None:
            self.keys[event.subject] = recovery.act.new_key
            if time < recovery.ready:
                findings.append(
                    f"the person could have contested it for {recovery.ready - time} seconds more"
                )
        return findings

    def _end_recovery(self, subject: bytes, recovery: bytes) -> tuple[Recovery | None, Findings]:
        pending = self.recoveries.pop(subject, None)
        if pending is None or pending.act.hash_struct() != recovery:
            return None, ["no such recovery was under way"]
        return pending, []

    def _deactivate(self, act: Deactivate) -> Findings:
        self.keys[act.subject] = DEACTIVATED
        self.recoveries.pop(act.subject, None)
        return []

    def _move(
        self, act: Grant | Deny | Withdraw | Renew, before: ConsentState, after: ConsentState
    ) -> Findings:
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


def _usable(key: bytes) -> Findings:
    return [] if any(key) and key != DEACTIVATED else ["the new key is none that could sign"]
