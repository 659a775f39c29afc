"""What must not work, tried for real: each proof raises `BenchError` where something gives way."""

from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from contracts.acts import Grant
from contracts.messages import KioskMessage
from hw.demo import commands, leaks
from hw.demo.flow import Flow
from hw.demo.person import Person
from hw.errors import BenchError

REFUSED = 1
"""Exit status of a command whose request was checked and refused."""


@dataclass(frozen=True)
class Trial:
    """What the proofs work on.

    Attributes:
        flow: the story, with a consent that was granted.
        request: a second request, which is still open.
        stranger: somebody else's finger.
    """

    flow: Flow
    request: str
    stranger: Person


NO_FINGER_OF_THEIRS = ("not recognised", "showed too little")
"""What the kiosk says to a stranger: the second where none of the presses showed much."""


def wrong_finger(trial: Trial) -> str:
    """Another finger tries to grant the open request: it must not be recognised."""
    try:
        trial.flow.kiosk(trial.stranger, "grant", trial.request)
    except commands.CommandRefusedError as refused:
        if not any(words in refused.reason for words in NO_FINGER_OF_THEIRS):
            raise BenchError(f"the wrong finger was refused for another reason: {refused.reason}") from None
        return f"{len(trial.stranger.pressed)} presses, none opened the record"
    raise BenchError("the wrong finger was accepted")


def denied(trial: Trial) -> str:
    """The person denies the open request: it must open nothing."""
    trial.flow.kiosk(trial.flow.person, "deny", trial.request)
    return must_not_open(trial.flow, trial.request, "denied")


def withdrawn(trial: Trial) -> str:
    """The person withdraws the consent: the next opening must fail."""
    flow = trial.flow
    flow.kiosk(flow.person, "withdraw", flow.request)
    return must_not_open(flow, flow.request, "withdrawn")


def replayed(trial: Trial) -> str:
    """A dishonest gateway sends the withdrawn grant once more, past all its own checks."""
    return contract_refuses(trial.flow, grant_message(trial.flow))


def altered(trial: Trial) -> str:
    """A dishonest gateway turns the signed grant into one for the open request."""
    flow = trial.flow
    signed = grant_message(flow)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(flow.stage.kiosk_key))
    _, message = KioskMessage.verify(signed, lambda _: key)
    if not isinstance(message.act, Grant):
        raise BenchError("the exported message is no grant")
    other = replace(message.act, request=bytes.fromhex(trial.request.removeprefix("0x")))
    return contract_refuses(flow, replace(message, act=other).sign(Ed25519PrivateKey.generate()))


def audited(trial: Trial) -> str:
    """The history, from the ledger alone, with each signature verified offline."""
    report = commands.run(["audit", *trial.flow.stage.ledger]).result
    if not report["holds"]:
        raise BenchError(f"the audit does not hold: {report['findings']}")
    return f"{report['acts']} acts on the ledger, all signatures hold"


def nothing_kept(trial: Trial) -> str:
    """No file of the run holds an image, a minutia or a private key of those who pressed."""
    return leaks.search(trial.flow.stage, [*trial.flow.person.pressed, *trial.stranger.pressed])


PROOFS = (
    ("the wrong finger is refused", wrong_finger),
    ("an altered consent is refused", altered),
    ("a denied request opens nothing", denied),
    ("a withdrawn consent stops the next opening", withdrawn),
    ("a replayed consent is refused", replayed),
    ("the audit holds", audited),
    ("nothing of the finger was kept", nothing_kept),
)
"""In this order: the alteration needs the second request open, the replay is to revive what was withdrawn."""


def must_not_open(flow: Flow, request: str, why: str) -> str:
    """The requester tries to open a record on the strength of `request`, and is told `why` not.

    Raises:
        BenchError: it opened, or failed for another reason.
    """
    try:
        flow.requester("open", request)
    except commands.CommandRefusedError as refused:
        if why not in refused.reason:
            raise BenchError(f"the opening failed for another reason than {why}: {refused.reason}") from None
        return refused.reason
    raise BenchError(f"a consent that is {why} opened the record")


def grant_message(flow: Flow) -> bytes:
    """The person's signed grant as it left the kiosk."""
    path = flow.stage.directory / "grant.cose"
    commands.run(["edge", "outbox", "export", str(path), "--digest", flow.grant, *flow.stage.kiosk])
    return path.read_bytes()


def contract_refuses(flow: Flow, message: bytes) -> str:
    """Send a message straight to the contract, which must refuse it; returns its reason.

    Raises:
        BenchError: the contract took it.
    """
    path: Path = flow.stage.directory / "dishonest.cose"
    path.write_bytes(message)
    submit = ["ledger", "submit", *flow.stage.ledger, "--key", str(flow.stage.relayer_key)]
    try:
        commands.run([*submit, "--message", str(path)])
    except commands.CommandRefusedError as refused:
        if refused.status != REFUSED:
            raise
        return f"the contract: {refused.reason}"
    raise BenchError("the contract took a consent that the person did not sign like this")
