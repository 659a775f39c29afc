"""`ridgekey edge outbox` and `history`: a technician at a kiosk whose network has been dead for a week."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import ridgekey
from contracts import sequence
from contracts.acts import Deny
from contracts.hexes import to_hex
from contracts.messages import KioskMessage, Receipt, ReceiptStatus
from edge import outbox_cli
from edge.errands import Errands
from edge.identity import files
from edge.journeys.visit import Desk
from edge.links.courier import Courier
from edge.links.inbox import Inbox
from edge.links.link import LinkState
from edge.links.outbox import Outbox
from edge.links.pacing import Backoff
from edge.links.schedule import Route
from edge.outbox_errands import OutboxErrands
from edge.panel import Panel
from edge.state.database import FILE_NAME, Database
from gateway import take
from tests.edge.conftest import write_config
from tests.edge.standin import DOMAIN
from tests.edge.test_courier import FakeLink

ANNA, BEN = b"\xaa" * 20, b"\xbb" * 20
NOW = 1_800_000_000
GATEWAY, STRANGER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
DOCS = Path(__file__).parents[2] / "docs" / "outbox.md"


@dataclass
class Kiosk:
    """An agent without its sensor; the panel is a real one."""

    config: Path
    desk: Desk
    link: FakeLink
    courier: Courier
    clock: list[float]
    capture: pytest.CaptureFixture[str]

    def sign(self, number: int, subject: bytes = ANNA, lifetime: int = 3600) -> bytes:
        """A denial in the outbox; its digest."""
        act = Deny(subject, bytes([number]) * 32, int(self.clock[0]) + lifetime)
        message = KioskMessage("test", act, bytes(64), NOW).sign(self.desk.device_key)
        digest = act.digest(DOMAIN)
        self.desk.outbox.put(digest, act.KIND, subject, act.request, message, deadline=act.deadline)
        return digest

    def run(self, *argv: str, json_: bool = True) -> tuple[int, Any, str]:
        """Exit code, output (as JSON, or as text) and complaint of a command."""
        self.capture.readouterr()
        words = ["edge", *argv, "--config", str(self.config), *(["--json"] if json_ else [])]
        code = ridgekey.main(words)
        out, complaint = self.capture.readouterr()
        assert complaint.count("\n") == bool(complaint)
        return code, json.loads(out.splitlines()[-1]) if json_ and out else out, complaint

    def receipt(self, digest: bytes, key: Ed25519PrivateKey = GATEWAY, reason: str = "") -> bytes:
        if reason:
            return Receipt("test", digest, ReceiptStatus.REJECTED, None, None, reason, NOW).sign(key)
        return Receipt("test", digest, ReceiptStatus.FINAL, bytes(32), 7, "", NOW).sign(key)


@pytest.fixture
def kiosk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Kiosk]:
    monkeypatch.setenv("COLUMNS", "100")
    state = tmp_path / "kiosk"
    files.initialise(state)
    key = GATEWAY.public_key()
    config = write_config(
        tmp_path / "edge.toml", gateway_key=key.public_bytes_raw().hex(), panel=str(tmp_path / "p.sock")
    )
    clock, link = [float(NOW)], FakeLink()
    link.state = LinkState.DOWN
    with Database(state / FILE_NAME) as database:
        outbox = Outbox(database, limit=5, clock=lambda: clock[0])
        desk = Desk(
            sensor=None,  # type: ignore[arg-type]  # nobody presses a finger here
            extractor=None,  # type: ignore[arg-type]
            database=database,
            outbox=outbox,
            state=state,
            device_key=files.device_key(state),
            domain=DOMAIN,
            on_ledger=False,
            requesters={},
            clock=lambda: clock[0],
        )
        courier = Courier(outbox, [Route("mqtt://far", link)], backoff=Backoff(), chance=lambda: 0.0)
        inbox = Inbox(database, outbox, gateway_key=key, domain=DOMAIN)
        errands = OutboxErrands(desk, courier, inbox, key).by_name()
        panel = Panel(tmp_path / "p.sock", Errands(desk, key, dict, errands).handle)
        panel.start()
        yield Kiosk(config, desk, link, courier, clock, capsys)
        panel.stop()


def test_the_list_says_what_waits_and_why(kiosk: Kiosk) -> None:
    first, behind, late = kiosk.sign(1), kiosk.sign(2), kiosk.sign(3, BEN, lifetime=10)
    kiosk.link.state, kiosk.link.mood = LinkState.UP, "refusing"
    while kiosk.courier.carry(kiosk.courier.routes[0]):
        pass
    kiosk.clock[0] += 11
    code, listed, _ = kiosk.run("outbox", "list")
    assert code == 0
    assert listed["links"] == {"mqtt://far": "up"}
    assert listed["limit"] == 5
    assert [
        (message["digest"], message["state"], message["attempts"], message["again_in"] is None)
        for message in listed["messages"]
    ] == [
        (to_hex(first), "sent", 1, False),
        (to_hex(behind), "waiting", 0, True),
        (to_hex(late), "late", 0, False),  # the link that refused the first is left alone
    ]
    assert listed["messages"][0]["reason"] == "refusing"
    code, shown, _ = kiosk.run("outbox", "list", json_=False)
    assert code == 0
    for words in ("mqtt://far: up", to_hex(first)[:10], "behind", "late", ": refusing", "3 of at most 5"):
        assert words in shown


def test_one_message_in_full(kiosk: Kiosk) -> None:
    digest = kiosk.sign(1)
    kiosk.run("outbox", "show", to_hex(digest)[:12])
    _, before, _ = kiosk.run("outbox", "show", to_hex(digest)[:12])
    assert (before["state"], before["deadline"], before["attempts"]) == ("waiting", NOW + 3600, 0)
    kiosk.desk.outbox.settle(
        Receipt.verify(kiosk.receipt(digest), GATEWAY.public_key()), kiosk.receipt(digest)
    )
    _, after, _ = kiosk.run("outbox", "show", to_hex(digest))
    assert (after["state"], after["block"], after["again_in"]) == ("final", 7, None)
    code, shown, _ = kiosk.run("outbox", "show", to_hex(digest), json_=False)
    assert code == 0
    assert "final" in shown
    assert kiosk.run("outbox", "show", "0x00")[0] == 66


def test_a_retry_sends_now(kiosk: Kiosk) -> None:
    first, _, other = kiosk.sign(1), kiosk.sign(2), kiosk.sign(3, BEN)
    kiosk.link.state = LinkState.UP
    (route,) = kiosk.courier.routes
    while kiosk.courier.carry(route):
        pass
    assert not kiosk.courier.carry(route)
    assert kiosk.run("outbox", "retry", to_hex(first))[:2] == (0, {"retried": 1})
    assert kiosk.courier.carry(route)
    assert not kiosk.courier.carry(route)
    assert kiosk.run("outbox", "retry", json_=False)[1].startswith("2 messages go out")
    kiosk.run("outbox", "retry")
    while kiosk.courier.carry(route):
        pass
    assert [digest_again[1] for digest_again in kiosk.link.sent] == [False, False, True, True, True]
    assert kiosk.desk.outbox.entry(other).attempts == 2
    kiosk.desk.outbox.settle(Receipt.verify(kiosk.receipt(other), GATEWAY.public_key()), b"")
    code, _, complaint = kiosk.run("outbox", "retry", to_hex(other))
    assert code == 66
    assert "has its receipt" in complaint


def test_messages_go_by_hand_and_their_receipts_come_back(kiosk: Kiosk, tmp_path: Path) -> None:
    digests = [kiosk.sign(1), kiosk.sign(2), kiosk.sign(3, BEN)]
    stick = tmp_path / "stick.cose"
    code, written, _ = kiosk.run("outbox", "export", str(stick))
    assert code == 0
    assert [message["digest"] for message in written["messages"]] == [to_hex(each) for each in digests]
    public = kiosk.desk.device_key.public_key()
    carried = [KioskMessage.verify(each, lambda _: public)[1] for each in sequence.split(stick.read_bytes())]
    assert [message.act.digest(DOMAIN) for message in carried] == digests
    assert kiosk.desk.outbox.waiting() == 3  # an export takes nothing out

    receipts = [
        kiosk.receipt(digests[0]),
        kiosk.receipt(digests[1], reason="too late"),
        kiosk.receipt(digests[2], STRANGER),
        kiosk.receipt(bytes(32)),
    ]
    back = tmp_path / "receipts.cose"
    back.write_bytes(sequence.join(receipts))
    code, result, _ = kiosk.run("outbox", "import", str(back))
    assert code == 1
    assert (result["receipts"], result["settled"], len(result["refused"])) == (4, 2, 1)
    assert "no receipt of the kiosk's gateway" in result["refused"][0]
    assert [entry.digest for entry in kiosk.desk.outbox.queue()] == digests[2:]

    back.write_bytes(sequence.join([kiosk.receipt(digests[2]), kiosk.receipt(digests[2])]))
    code, shown, _ = kiosk.run("outbox", "import", str(back), json_=False)
    assert (code, shown) == (0, "2 receipts: 1 messages settled, 1 were known, 0 refused\n")
    assert kiosk.desk.outbox.waiting() == 0


def test_one_message_is_exported_as_it_was_signed(kiosk: Kiosk, tmp_path: Path) -> None:
    digest = kiosk.sign(1)
    kiosk.sign(2)
    path = tmp_path / "one.cose"
    assert kiosk.run("outbox", "export", str(path), "--digest", to_hex(digest))[0] == 0
    assert path.read_bytes() == kiosk.desk.outbox.message(digest)


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["outbox", "export", "x.cose"], 66, "no message waits"),
        (["outbox", "import", "missing.cose"], 66, "there is no"),
        (["outbox", "import", "."], 74, "cannot read"),
        (["outbox", "show", "nonsense"], 66, "no digest"),
        (["outbox", "retry", "0x12"], 66, "no message with digest"),
        (["history", "--subject", "0x12"], 65, "20 bytes"),
    ],
)
def test_what_cannot_be_done_is_one_line(kiosk: Kiosk, argv: list[str], code: int, words: str) -> None:
    ended, _, complaint = kiosk.run(*argv)
    assert ended == code
    assert words in complaint


def test_a_file_that_is_none_of_ours_is_refused(kiosk: Kiosk, tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 100)
    code, _, complaint = kiosk.run("outbox", "import", str(tmp_path / "holiday.jpg"))
    assert code == 65
    assert "holiday.jpg" in complaint


def test_a_stick_that_is_full_or_gone_is_named(kiosk: Kiosk) -> None:
    kiosk.sign(1)
    for path in ("/dev/full", "/media/no-stick/kiosk.cose"):
        code, _, complaint = kiosk.run("outbox", "export", path)
        assert code == 74
        assert path in complaint


@pytest.mark.parametrize("text", [outbox_cli.EXAMPLES, DOCS.read_text()], ids=["help", "docs"])
def test_the_file_that_is_imported_is_the_one_that_the_gateway_writes(text: str) -> None:
    (exported,), (taken,), (imported,) = (
        re.findall(rf"ridgekey {words} (/media/\S+)", text)
        for words in ("edge outbox export", "gateway take", "edge outbox import")
    )
    assert exported == taken
    assert Path(imported) == Path(taken).with_suffix(take.SUFFIX)


def test_the_history_says_what_became_of_each_act(kiosk: Kiosk) -> None:
    digests = [kiosk.sign(number) for number in range(1, 4)]
    kiosk.sign(4, BEN, lifetime=5)
    for digest, reason in ((digests[0], ""), (digests[1], "the person is not enrolled")):
        message = kiosk.receipt(digest, reason=reason)
        kiosk.desk.outbox.settle(Receipt.verify(message, GATEWAY.public_key()), message)
    kiosk.clock[0] += 6
    _, done, _ = kiosk.run("history")
    assert [(act["act"], act["state"], act["reason"]) for act in done["acts"]] == [
        ("deny", "late", ""),
        ("deny", "waiting", ""),
        ("deny", "rejected", "the person is not enrolled"),
        ("deny", "final", ""),
    ]
    _, done, _ = kiosk.run("history", "--subject", to_hex(BEN))
    assert len(done["acts"]) == 1
    _, shown, _ = kiosk.run("history", json_=False)
    assert "late: no receipt before" in shown
    assert "rejected: the person is not enrolled" in shown
