"""A phone and a kiosk as people have them: each a process, over Bluetooth, from the pairing to its end."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any, ClassVar

import pytest

from contracts.hexes import to_hex
from contracts.messages import KioskMessage
from edge import client
from edge.identity import files
from hw import broker
from hw.radio.radio import Radio
from hw.simulator.remote import SensorRemote
from tests.edge.conftest import OWNER, RIDGEKEY, command, process, render, write_config
from tests.edge.phones.kiosk import GATEWAY, InBackground, receipt_for
from tests.edge.standin import DOMAIN, Gateway, Person, Requester, until

LABEL = "Erika's phone"


class Post(BaseHTTPRequestHandler):
    """The two endpoints of the gateway that a carrier uses."""

    receipts: ClassVar[dict[str, bytes]] = {}
    kiosk_key: Any = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        kid, message = KioskMessage.verify(body, lambda _: self.kiosk_key)
        assert self.path == f"/messages/{kid.hex()}"
        digest = to_hex(message.act.digest(DOMAIN))
        self.receipts[digest] = receipt_for(body)
        self._answer(202, json.dumps({"digest": digest, "receipt": False}).encode())

    def do_GET(self) -> None:
        receipt = self.receipts.get(self.path.removeprefix("/receipts/"))
        self._answer(200 if receipt else 404, receipt or b"{}")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def post_office(kiosk_key: Any) -> Iterator[str]:
    """Its URL."""
    Post.kiosk_key = kiosk_key
    server = ThreadingHTTPServer(("127.0.0.1", 0), Post)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Stage:
    """A kiosk, its person, and the way to both."""

    directory: Path
    config: Path
    panel: Path
    person: Person
    port: int
    kiosk_key: Any
    known: Requester
    running: list["Running"] = field(default_factory=list)

    def at_kiosk(self, do: str, codes: "Queue[str] | None" = None, **arguments: Any) -> dict[str, Any]:
        """The person's errand; a code that is shown goes to `codes`."""

        def react(event: dict[str, Any]) -> None:
            if event["event"] == "pairing_code" and codes is not None:
                codes.put(event["text"])
            self.person(event)

        try:
            return client.ask(self.panel, {"do": do, **arguments}, react)
        finally:
            self.person.remote.lift()

    def pair(self, phone: Path, adapter: str, **how: Any) -> dict[str, Any]:
        codes: Queue[str] = Queue()
        at_kiosk = InBackground(lambda: self.at_kiosk("pair", codes, **how))
        told = self.phone("pair", codes.get(timeout=30), "--label", LABEL, state=phone, adapter=adapter)
        done: dict[str, Any] = at_kiosk.result()
        assert {"event": "number", "number": done["number"]} in told
        return done

    def phone(self, *words: str, state: Path, adapter: str) -> list[dict[str, Any]]:
        """A command of a phone, run to its good end."""
        done = command("phone", *words, "--state", str(state), "--adapter", adapter, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def staying(self, *words: str, state: Path, adapter: str) -> "Running":
        """A command of a phone that stays beside the kiosk."""
        argv = ["phone", *words, "--state", str(state), "--adapter", adapter, "--json"]
        self.running.append(Running(argv))
        return self.running[-1]


class Running:
    """A command under way, and what it has said so far."""

    def __init__(self, argv: list[str]) -> None:
        self.process = subprocess.Popen(
            [*RIDGEKEY, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.told: list[dict[str, Any]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def says(self, what: str, **detail: Any) -> dict[str, Any]:
        wanted = {"event": what, **detail}
        found = until(lambda: [each for each in self.told if wanted.items() <= each.items()], 60)
        return dict(found[0])

    def end(self) -> None:
        self.process.send_signal(2)
        assert self.process.wait(30) == 0, self.process.communicate()[1]


@pytest.fixture
def stage(tmp_path: Path, radio: Radio) -> Iterator[Stage]:
    state, control, port = tmp_path / "kiosk", tmp_path / "f.sock", free_port()
    files.initialise(state)
    kiosk_key, known = files.device_key(state).public_key(), Requester()
    fingers = render(tmp_path / "fingers")
    simulate = ["sensor", "simulate", "--profile", "r307", "--no-pacing", "--json"]
    simulate += ["--fingers", str(fingers), "--control", str(control)]
    with post_office(kiosk_key) as url, process(simulate, tmp_path / "sensor.log") as sensor:
        config = write_config(
            tmp_path / "edge.toml",
            sensor=f"serial:{sensor['port']}",
            broker=f"mqtt://127.0.0.1:{port}",
            gateway_key=GATEWAY.public_key().public_bytes_raw().hex(),
            phones="ble:hci0",
            gateway_url=url,
            requesters={to_hex(known.address): "City hospital"},
        )
        with process(["edge", "agent", "--config", str(config)], tmp_path / "agent.log"):
            person = Person(SensorRemote(control), OWNER, iter(range(1, 100)))
            stage = Stage(tmp_path, config, state / "agent.sock", person, port, kiosk_key, known)
            until(lambda: stage.at_kiosk("status")["phones"] == "up", 60)
            yield stage
            for each in stage.running:
                each.process.kill()


def test_from_the_pairing_to_its_end(stage: Stage, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"

    # No network: the kiosk keeps the enrolment, and the phone, once paired, carries it out.
    enrolled = stage.at_kiosk("enrol", wait=0)
    assert enrolled["state"] == "queued"
    paired = stage.pair(first, "hci1", carry=True)
    assert (paired["label"], paired["subject"]) == (LABEL, enrolled["subject"])
    assert paired["record_on_phone"]
    relay = stage.staying("relay", state=first, adapter="hci1")
    relay.says("carried")
    relay.says("brought_back")
    until(lambda: stage.at_kiosk("status")["waiting"] == 0)
    stored = stage.at_kiosk("store", document="eA==", kind="identity-document", subject=enrolled["subject"])
    assert stored["state"] == "final"
    assert relay.says("lent")["subject"] == enrolled["subject"]
    relay.end()

    # The network comes back: a request, of which the phone hears; the grant needs the phone's record.
    with broker.start(tmp_path / "broker", stage.port) as wire:
        gateway = Gateway(wire.url, stage.kiosk_key)
        gateway.key = GATEWAY
        until(lambda: stage.at_kiosk("status")["broker"] == "up", 90)
        signed = stage.known.ask(bytes.fromhex(stored["subject"][2:]), bytes.fromhex(stored["record"][2:]))
        gateway.notify(signed)
        request = to_hex(signed.request.hash_struct())
        until(lambda: stage.at_kiosk("requests")["requests"])
        heard = stage.phone("requests", state=first, adapter="hci1")[-1]["requests"]
        assert [(each["requester_name"], each["purpose"]) for each in heard] == [("City hospital", "to test")]
        beside = stage.staying("carry", state=first, adapter="hci1")
        beside.says("here")
        assert stage.at_kiosk("grant", request=request)["state"] == "final"
        beside.says("receipt", act="grant", status="final")

        # A second phone, while the first is there: both hear.
        stage.pair(second, "hci2")
        beside.end()
        other = stage.staying("requests", "--seconds", "60", state=second, adapter="hci2")
        other.says("request", request=request, state="granted")
        withdrawal = stage.staying("withdraw", request, state=first, adapter="hci1")
        withdrawal.says("started")
        assert stage.at_kiosk("withdraw")["state"] == "final"
        other.says("request", request=request, state="withdrawn")
        assert withdrawal.process.wait(30) == 0
        other.process.kill()
        acts = {each["act"] for each in stage.phone("receipts", state=first, adapter="hci1")[-1]["receipts"]}
        assert acts == {"enrol", "register", "grant", "withdraw"}
        gateway.stop()

    revoked_here_and_forgotten_there(stage, paired["phone"], first, second)
    offline = command("phone", "show", request, "--state", str(first))
    assert offline.returncode == 0
    assert "City hospital" in offline.stdout


def revoked_here_and_forgotten_there(stage: Stage, phone: str, first: Path, second: Path) -> None:
    """One phone is revoked at the kiosk, the other ends the pairing itself."""
    listed = command("edge", "phones", "list", "--config", str(stage.config), "--json")
    assert len(json.loads(listed.stdout)["phones"]) == 2
    assert command("edge", "phones", "revoke", phone, "--config", str(stage.config)).returncode == 0
    refused = command("phone", "requests", "--state", str(first), "--adapter", "hci1")
    assert refused.returncode == 1
    assert "does not know this phone any more" in refused.stderr
    stage.phone("forget", state=second, adapter="hci2")
    assert stage.at_kiosk("phones")["phones"] == []
