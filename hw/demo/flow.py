"""The twelve steps of the flow, each with what happened and how long it took."""

import json
import time
from dataclasses import dataclass

from hw.demo import commands
from hw.demo.commands import Answer, Event
from hw.demo.narrator import Narrator
from hw.demo.person import Person
from hw.demo.stage import Stage
from hw.errors import BenchError

PURPOSE = "to prepare the admission on Monday"

DOCUMENT = {
    "type": "identity-document",
    "number": "X00000000",
    "blood_group": "0 negative",
    "allergies": ["penicillin"],
}
"""The person's record: what the requester reads at the end must be this, byte for byte."""

NOTICE_SECONDS = 20.0
"""Longest wait for a request to reach the kiosk."""

NOTICE_POLL_SECONDS = 0.05
"""A request needs some milliseconds through gateway and broker; a look at the kiosk costs about as many."""


@dataclass
class Flow:
    """The story so far: who is on stage, and what came out of the earlier steps.

    Attributes:
        subject: the person's identifier.
        record: identifier of their record.
        request: identifier of the request that is granted.
        grant: digest of the grant.
    """

    stage: Stage
    narrator: Narrator
    person: Person
    subject: str = ""
    record: str = ""
    request: str = ""
    grant: str = ""

    @property
    def document(self) -> bytes:
        """The record in clear."""
        return json.dumps(DOCUMENT, indent=2).encode()

    def kiosk(self, person: Person, *words: str) -> Answer:
        """A person does an errand at the kiosk."""

        def follow(event: Event) -> None:
            self.narrator.on_event(event)
            person.react(event)

        try:
            with self.narrator.watching(words[0]):
                return commands.run(["edge", *words, *self.stage.kiosk], follow)
        finally:
            person.remote.lift()

    def requester(self, *words: str) -> Event:
        """The requester runs one of its commands."""
        with self.narrator.waiting(f"the requester: {words[0]}"):
            return commands.run(["requester", *words, "--state", str(self.stage.requester_state)]).result

    def ask(self, purpose: str) -> str:
        """The requester asks for the record; returns the request's identifier."""
        words = ["--subject", self.subject, "--record", self.record, "--purpose", purpose, "--valid", "1d"]
        request: str = self.requester("request", *words)["request"]
        return request

    def heard(self, request: str) -> Event:
        """The request as the kiosk shows it, once it has heard of it.

        Raises:
            BenchError: it never did.
        """
        deadline = time.monotonic() + NOTICE_SECONDS
        while time.monotonic() < deadline:
            listed = commands.run(["edge", "requests", *self.stage.kiosk]).result["requests"]
            for each in listed:
                if each["request"] == request:
                    return dict(each)
            time.sleep(NOTICE_POLL_SECONDS)
        raise BenchError(f"the kiosk did not hear of the request within {NOTICE_SECONDS:.0f} s")


def enrol(flow: Flow) -> None:
    """Step 1."""
    began = time.monotonic()
    answer = flow.kiosk(flow.person, "enrol")
    flow.subject = answer.result["subject"]
    presses = len(answer.named("captured"))
    outcome = f"{presses} presses; identifier {short(flow.subject)}, {receipt(answer)}"
    flow.narrator.tell("1", "the person enrols with a finger", outcome, time.monotonic() - began)


def store(flow: Flow) -> None:
    """Steps 2 to 4: one press, out of which the keys come anew, and with them a stored record."""
    path = flow.stage.directory / "document.json"
    path.write_bytes(flow.document)
    answer = flow.kiosk(flow.person, "store", str(path), "--kind", str(DOCUMENT["type"]))
    result = answer.result
    flow.record = result["record"]
    if result["subject"] != flow.subject:
        raise BenchError("the same finger gave another key than at enrolment")
    tell = flow.narrator.tell
    regained = f"{presses_of(answer)}: the same key pair as at enrolment, by no stored copy"
    tell("2", "the finger regenerates the key pair", regained, time_to_key(answer))
    tell(
        "3",
        "the record is encrypted to the person",
        f"{len(flow.document)} bytes, AES-256-GCM, HPKE",
        seconds(answer, "sign"),
    )
    where = "on the ledger" if flow.stage.cast.storage == "ledger" else "in the store"
    outcome = f"ciphertext {where}, commitment {short(result['commitment'])} on the ledger, {receipt(answer)}"
    tell("4", "ciphertext and commitment are stored", outcome, delivery(answer))


def request(flow: Flow) -> None:
    """Steps 5 and 6."""
    began = time.monotonic()
    flow.request = flow.ask(PURPOSE)
    asked = time.monotonic()
    flow.narrator.tell(
        "5", "a trusted entity requests access", f"request {short(flow.request)}, for one day", asked - began
    )
    shown = flow.heard(flow.request)
    if shown["purpose"] != PURPOSE:
        raise BenchError("the kiosk shows another purpose than the requester signed")
    outcome = f"“{shown['requester_name']}” asks for the {shown['kind']}, {shown['purpose']}"
    flow.narrator.tell("6", "the person is told who asks, and why", outcome, time.monotonic() - asked)


def grant(flow: Flow) -> None:
    """Steps 7 to 10: one press; the contract checks the person's signature by itself."""
    answer = flow.kiosk(flow.person, "grant", flow.request)
    flow.grant = answer.result["digest"]
    tell = flow.narrator.tell
    tell("7", "the person grants with the finger", presses_of(answer), time_to_key(answer))
    tell(
        "8",
        "the data key is sealed to the requester",
        "opened by the person’s key, sealed by HPKE",
        seconds(answer, "sign"),
    )
    tell("9", "the contract takes the signed consent", receipt(answer), delivery(answer))
    began = time.monotonic()
    standing = flow.requester("status", flow.request)
    if standing["state"] != "granted":
        raise BenchError(f"the ledger says {standing['state']}, not granted")
    outcome = f"signer recovered, nonce, deadline, purpose and expiry checked: {standing['state']}"
    tell("10", "it recovers the signer and compares", outcome, time.monotonic() - began)


def open_record(flow: Flow) -> None:
    """Steps 11 and 12."""
    tell = flow.narrator.tell
    began = time.monotonic()
    path = flow.stage.directory / "opened.json"
    flow.requester("open", flow.request, "--output", str(path))
    opened = time.monotonic()
    where = "ledger" if flow.stage.cast.storage == "ledger" else "store"
    tell(
        "11",
        "the trusted entity gets access",
        f"ciphertext from the {where}, sealed key from the ledger",
        opened - began,
    )
    content = path.read_bytes()
    if content != flow.document:
        raise BenchError("the requester read something else than the person stored")
    used = f"{', '.join(json.loads(content))}: byte for byte what the person stored"
    tell("12", "it views and uses the record", used, time.monotonic() - opened)


STEPS = (enrol, store, request, grant, open_record)
"""The flow in order."""


# What the lines say


def short(identifier: str) -> str:
    """The beginning of a hex identifier, enough to tell it from others."""
    return f"{identifier[:10]}…"


def presses_of(answer: Answer) -> str:
    """How many presses it took."""
    count = len(answer.named("captured"))
    return "one press" if count == 1 else f"{count} presses"


def seconds(answer: Answer, phase: str) -> float:
    """Duration of one phase of an errand, as the kiosk measured it."""
    return float(answer.result["seconds"].get(phase, 0.0))


def time_to_key(answer: Answer) -> float:
    """From the first byte of the image to the key."""
    return seconds(answer, "capture") + seconds(answer, "unlock")


def delivery(answer: Answer) -> float:
    """From the outbox to the signed receipt."""
    came = answer.named("receipt")
    return float(came[-1]["seconds"]) if came else 0.0


def receipt(answer: Answer) -> str:
    """What the gateway's receipt says.

    Raises:
        BenchError: none came.
    """
    result = answer.result
    if result.get("state") != "final":
        raise BenchError(f"no final receipt for the {result.get('act')}: it is {result.get('state')}")
    return f"final in block {result['block']}"
