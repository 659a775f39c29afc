"""Everything running at once, and those who use it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from contracts.acts import Act
from contracts.hexes import HASH_LENGTH, from_hex, to_hex
from contracts.messages import Receipt, ReceiptStatus, RequestNotice, SignedRequest
from gateway.requester import state
from gateway.requester.state import Requester
from tests.gateway.actors import Person, WireKiosk
from tests.gateway.running import RunningGateway, run_here

PLAINTEXT = b'{"document": "a passport of nobody"}\n'
PATIENCE = 20  # seconds


@dataclass
class House:
    """Everything that runs, and a requester who knows where."""

    gateway: RunningGateway
    kiosk: WireKiosk
    requester: Path

    def send(
        self, person: Person, act: Act, data: bytes | None = None, *, on_ledger: bool = False
    ) -> Receipt:
        message = person.message(act, self.gateway.domain, data, on_ledger=on_ledger)
        self.kiosk.publish(message.sign(self.kiosk.identity.key))
        receipt = self.kiosk.receipts.get(timeout=PATIENCE)
        assert receipt.digest == act.digest(self.gateway.domain)
        return receipt

    def enrol(self, person: Person) -> None:
        assert self.send(person, person.enrol()).status is ReceiptStatus.FINAL

    def store(self, person: Person, *, on_ledger: bool = False) -> tuple[bytes, bytes]:
        """Register a record; its id and its object."""
        act, data = person.register(PLAINTEXT)
        assert self.send(person, act, data, on_ledger=on_ledger).status is ReceiptStatus.FINAL
        return act.record, data

    def ask(self, person: Person, record: bytes) -> tuple[str, SignedRequest]:
        """The requester asks; the request's id, and the request as the kiosk hears of it."""
        answer = self.command(
            "request", "--subject", to_hex(person.address), "--record", to_hex(record),
            "--purpose", "To open an account", "--valid", "1h",
        )  # fmt: skip
        assert answer["state"] == "requested"
        identifier = str(answer["request"])
        notice = self.heard(from_hex(identifier, HASH_LENGTH))
        notice.signed_request.check(self.gateway.domain)
        return identifier, notice.signed_request

    def heard(self, request: bytes) -> RequestNotice:
        """The kiosk's notice of this request; what it hears before is of others, or said once more."""
        while True:
            notice = self.kiosk.notices.get(timeout=PATIENCE)
            if notice.signed_request.request.hash_struct() == request:
                return notice

    def command(self, *arguments: str) -> dict[str, object]:
        """A requester's command that must succeed; its JSON."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *arguments: str) -> str:
        """A requester's command that must be refused; the one line that says why."""
        done = self.run(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        return done.stderr.strip()

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A requester's command, in this process, which saves most of a second."""
        return run_here("requester", name, "--state", str(self.requester), "--json", *arguments)

    @property
    def keys(self) -> Requester:
        return state.load(self.requester)
