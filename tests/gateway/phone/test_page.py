"""The page in a real browser, over HTTPS; behind its Bluetooth stands the kiosk's real code."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from contracts.acts import RecordKind
from contracts.messages import Receipt, ReceiptStatus
from edge.errors import CancelledError, WeakCaptureError
from edge.journeys.consent import grant
from edge.journeys.enrol import enrol
from edge.journeys.store import store
from edge.journeys.withdraw import withdraw
from edge.links.phones import PhoneLink
from edge.phones import reception
from edge.state import phones, subjects
from tests.edge.phones.kiosk import GATEWAY, InBackground, Kiosk
from tests.edge.standin import until
from tests.gateway.phone.bridge import Bridge
from tests.gateway.phone.conftest import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium; apt-get install chromium")

SCRIPT = Path(__file__).with_name("bluetooth.js").read_text()


@pytest.fixture(scope="module")
def kiosk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kiosk]:
    kiosk = Kiosk(tmp_path_factory.mktemp("kiosk") / "state")
    kiosk.settle(enrol(kiosk.visit()))
    kiosk.settle(store(kiosk.visit(), b"a document", RecordKind.IDENTITY_DOCUMENT))
    yield kiosk
    kiosk.database.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "NEWS_SECONDS", 0.05)


@pytest.fixture
def bridge(kiosk: Kiosk) -> Bridge:
    return Bridge(kiosk.reception.arrived)


@pytest.fixture
def page(browser: Browser, site: str, bridge: Bridge) -> Iterator[Page]:
    """The page on a phone's screen; whatever it complains of to its console is a defect."""
    context = browser.new_context(
        ignore_https_errors=True, viewport={"width": 390, "height": 844}, device_scale_factor=2
    )
    bridge.install(context, SCRIPT)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{site}/phone/")
    yield page
    context.close()
    assert not [each for each in complaints if "/receipts/" not in each and "404" not in each]


def scan(page: Page, code: str, bring: str | None = None) -> None:
    page.get_by_label("Code", exact=True).fill(code)
    if bring is not None:
        page.get_by_label("Sealed record to bring along").select_option(bring)
    page.get_by_label("What the kiosk is to call this phone").fill("Erika's phone")
    page.get_by_role("button", name="Pair", exact=True).click()


def paired(page: Page, kiosk: Kiosk, **how: object) -> str:
    """Pair; the six digits."""
    beginning = kiosk.begin(**how)
    scan(page, beginning.code)
    expect(page.locator("#kiosk-list .detail")).to_have_text(re.compile("^connected"), timeout=60_000)
    return str(ended(page, beginning.at_kiosk).number)


def ended(page: Page, work: InBackground) -> Any:
    """What came out of something at the kiosk, in which the page takes part: it needs this thread for it."""
    while not work.done:
        page.wait_for_timeout(50)
    return work.result()


def request_of(kiosk: Kiosk) -> str:
    person = subjects.everyone(kiosk.database)[0].address
    row = kiosk.database.row("SELECT record FROM records WHERE subject = ?", (person,))
    assert row is not None
    return kiosk.notify(kiosk.known.ask(person, row["record"], "to prepare <b>the</b> admission"))


def test_the_key_in_the_browser_cannot_be_taken_out(page: Page, kiosk: Kiosk, site: str) -> None:
    paired(page, kiosk)
    kept = page.evaluate(
        """async ([site]) => {
            const { all } = await import(`${site}/phone/store.js`);
            const [kiosk] = await all("kiosks");
            const { privateKey } = kiosk.keyPair;
            try { await crypto.subtle.exportKey("pkcs8", privateKey); return "taken"; }
            catch { return privateKey.extractable; }
        }""",
        [site],
    )
    assert kept is False


def test_pair_hear_withdraw_and_be_forgotten(page: Page, kiosk: Kiosk) -> None:
    beginning = kiosk.begin()
    kiosk.glass.free.clear()  # the person reads the digits first
    scan(page, beginning.code)
    digits = page.locator("#digits")
    expect(digits).to_be_visible()
    shown = digits.text_content() or ""
    kiosk.glass.free.set()
    expect(page.locator("#status")).to_have_text("Paired.", timeout=60_000)
    assert shown.replace(" ", "") == ended(page, beginning.at_kiosk).number

    request = request_of(kiosk)
    card = page.locator("#request-list li").filter(has_text="waits for your answer").first
    expect(card.get_by_role("heading")).to_have_text("City hospital", timeout=30_000)
    expect(card).to_contain_text("to prepare <b>the</b> admission")
    expect(card).to_contain_text("identity-document")
    assert page.locator("#request-list b").count() == 0, "text from elsewhere is text"

    kiosk.settle(grant(kiosk.visit(), request))
    granted = page.locator("#request-list li").filter(has=page.get_by_text("granted", exact=True)).first
    expect(granted).to_be_visible(timeout=30_000)
    expect(page.locator("#receipt-list")).to_contain_text("grant: final", timeout=30_000)
    granted.get_by_role("button", name="Withdraw").click()
    expect(page.locator("#status")).to_contain_text("put your finger on the kiosk")
    kiosk.settle(withdraw(kiosk.visit()))
    expect(page.locator("#request-list")).to_contain_text("withdrawn", timeout=30_000)

    before = len(phones.everything(kiosk.database))
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#kiosks")).to_be_hidden()
    until(lambda: len(phones.everything(kiosk.database)) == before - 1)
    expect(page.locator("#requests")).to_be_hidden()


def test_it_shows_no_digits_before_the_kiosk_has_taken_this_phone(
    page: Page, kiosk: Kiosk, bridge: Bridge
) -> None:
    """Whoever photographed the code would hold back the finish, and bring a phone of his own."""
    leave = threading.Event()
    beginning = kiosk.begin(cancelled=leave.is_set)
    bridge.lets_through = 1  # the hello
    scan(page, beginning.code)
    while not bridge.held_back:
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    expect(page.locator("#number")).to_be_hidden()
    expect(page.locator("#digits")).to_be_empty()
    leave.set()
    with pytest.raises(CancelledError):
        ended(page, beginning.at_kiosk)


def test_it_comes_back_and_carries_messages_and_the_record(page: Page, kiosk: Kiosk, bridge: Bridge) -> None:
    person = subjects.everyone(kiosk.database)[0]
    paired(page, kiosk, carry=True)
    expect(page.locator("#kiosk-list")).to_contain_text("carries your sealed record", timeout=30_000)
    assert phones.carried_digest(kiosk.database, person.address)
    bridge.hang_up()
    page.reload()
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_have_text("Connected.", timeout=30_000)

    page.get_by_role("button", name="Carry its messages").click()
    link = PhoneLink(kiosk.desk.room)
    until(lambda: link.status.state.value == "up")
    at_kiosk = InBackground(lambda: grant(kiosk.visit(), request_of(kiosk)))
    signed = ended(page, at_kiosk)  # the page lends the record meanwhile
    sending = InBackground(lambda: link.send(signed.message, again=False) or True)
    assert ended(page, sending)
    back = InBackground(lambda: until(lambda: kiosk.outbox.entry(signed.digest).receipt, 60))
    assert ended(page, back)
    phones.take_back(kiosk.database, person.address, person.sealed)


def test_it_brings_the_record_to_another_kiosk_of_the_operator(
    page: Page, kiosk: Kiosk, bridge: Bridge, tmp_path: Path
) -> None:
    person = subjects.everyone(kiosk.database)[0]
    paired(page, kiosk, carry=True)
    expect(page.locator("#record-list")).to_contain_text("Lent to your kiosk", timeout=30_000)
    bridge.hang_up()
    page.reload()
    elsewhere = Kiosk(tmp_path / "elsewhere", like=kiosk)
    bridge.arrived = elsewhere.reception.arrived
    beginning = elsewhere.begin()
    scan(page, beginning.code, bring=person.address.hex())
    assert ended(page, beginning.at_kiosk).phone.subject == person.address
    expect(page.locator("#kiosk-list li")).to_have_count(2, timeout=30_000)
    assert not subjects.everyone(elsewhere.database)
    elsewhere.database.close()
    phones.take_back(kiosk.database, person.address, person.sealed)


def test_a_record_whose_pairing_was_ended_is_given_back_or_deleted(page: Page, kiosk: Kiosk) -> None:
    person = subjects.everyone(kiosk.database)[0]
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    paired(page, kiosk, carry=True)
    record = page.locator("#record-list li")
    expect(record).to_have_count(1, timeout=30_000)
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#kiosks")).to_be_hidden()
    assert "sealed record stays here" in asked.pop()
    expect(record).to_contain_text("No kiosk on this phone asks for it")

    beginning = kiosk.begin()
    scan(page, beginning.code, bring=person.address.hex())
    assert not ended(page, beginning.at_kiosk).carried
    assert subjects.find(kiosk.database, person.address).sealed == person.sealed
    expect(page.locator("#status")).to_have_text("Paired.", timeout=30_000)

    record.get_by_role("button", name="Delete").click()
    expect(page.locator("#records")).to_be_hidden()
    assert "only copy" in asked.pop()
    expect(page.get_by_label("Sealed record to bring along")).to_be_hidden()
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("#kiosks")).to_be_hidden()
    assert "sealed record" not in asked.pop()


def test_what_is_wrong_is_said_in_a_sentence(page: Page, kiosk: Kiosk) -> None:
    status = page.locator("#status")
    scan(page, "ridgekey:nonsense")
    expect(status).to_have_text("The code is cut or mistyped. Scan it again.")
    beginning = kiosk.begin()
    kiosk.glass.stuck = True
    scan(page, beginning.code)
    with pytest.raises(WeakCaptureError):
        ended(page, beginning.at_kiosk)
    kiosk.glass.stuck = False
    expect(status).to_contain_text("the finger was never lifted")
    expect(page.locator("#number")).to_be_hidden()
    scan(page, beginning.code)
    expect(status).to_contain_text("The kiosk shows no code now")


def test_a_revoked_phone_is_told(page: Page, kiosk: Kiosk) -> None:
    paired(page, kiosk)
    phone = phones.everything(kiosk.database)[0]
    phones.remove(kiosk.database, phone.key)
    kiosk.desk.room.turn_out(phone.key)
    expect(page.locator("#status")).to_have_text("The kiosk ended the talk.", timeout=30_000)
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_contain_text("does not know this phone any more", timeout=30_000)
    expect(page.locator("#kiosk-list li")).to_have_count(1)


def test_a_talk_that_ends_in_the_middle_of_a_withdrawal_leaves_a_page_that_can_be_used(
    page: Page, kiosk: Kiosk, bridge: Bridge
) -> None:
    paired(page, kiosk)
    request = request_of(kiosk)
    kiosk.settle(grant(kiosk.visit(), request))
    granted = page.locator("#request-list li").filter(has=page.get_by_text("granted", exact=True)).first
    bridge.lets_through = 0  # the kiosk hears no wish, and answers none
    granted.get_by_role("button", name="Withdraw").click()
    while not bridge.held_back:
        page.wait_for_timeout(50)
    bridge.end()
    expect(page.locator("#status")).to_have_text("The kiosk ended the talk.", timeout=30_000)
    bridge.lets_through = 1_000_000
    page.get_by_role("button", name="Connect").click()
    expect(page.locator("#status")).to_have_text("Connected.", timeout=30_000)


def test_a_scanned_address_fills_in_the_code_and_leaves_no_trace(page: Page, kiosk: Kiosk, site: str) -> None:
    page.goto("about:blank")
    page.goto(f"{site}/phone/#ridgekey:abc")
    expect(page.get_by_label("Code", exact=True)).to_have_value("ridgekey:abc")
    assert "ridgekey" not in page.url.partition("#")[2]


TELL = """async ([site, kiosk, subject, gatewayKey, signedRequest, receipts, name, act]) => {
    const { Talk } = await import(`${site}/phone/talk.js`);
    const { unhex } = await import(`${site}/phone/cbor.js`);
    const { all } = await import(`${site}/phone/store.js`);
    const paired = { id: `${kiosk}/${subject}`, subject: unhex(subject), gatewayKey: unhex(gatewayKey) };
    const talk = new Talk(null, null, { ...paired, environment: "test" });
    const news = { signedRequest: unhex(signedRequest), requesterName: name, kind: "", state: act };
    await talk.take({ name: "news", ...news });
    for (const receipt of receipts) {
        await talk.take({ name: "receiptCopy", act: act === "granted" ? 4 : 5, receipt: unhex(receipt) });
    }
    return [(await all("requests")).map((each) => [each.kiosk.split("/")[0], each.requesterName, each.state]),
        (await all("receipts")).map((each) => [each.kiosk.split("/")[0], each.act])];
}"""


def test_it_keeps_each_kiosk_s_word_by_itself(page: Page, kiosk: Kiosk, site: str) -> None:
    person = subjects.everyone(kiosk.database)[0].address
    signed = kiosk.known.ask(person, bytes(32)).encode().hex()
    receipts = [
        Receipt(environment, bytes(32), ReceiptStatus.FINAL, bytes(32), 5, "", 1).sign(GATEWAY).hex()
        for environment in ("test", "elsewhere")
    ]
    told: list[list[list[str]]] = []
    for number, name, act in (("01", "City hospital", "granted"), ("02", "My own doctor", "denied")):
        key = GATEWAY.public_key().public_bytes_raw().hex()
        told = page.evaluate(TELL, [site, number, person.hex(), key, signed, receipts, name, act])
    assert told == [
        [["01", "City hospital", "granted"], ["02", "My own doctor", "denied"]],
        [["01", "grant"], ["02", "deny"]],
    ]
    page.reload()
    expect(page.locator("#request-list li").filter(has_text="kiosk 02")).to_contain_text("My own doctor")
    expect(page.locator("#receipt-list li").filter(has_text="kiosk 01")).to_contain_text("grant: final")


KEPT_BEFORE = """() => new Promise((resolve, reject) => {
    const opening = indexedDB.open("ridgekey", 1);
    opening.onerror = reject;
    opening.onupgradeneeded = () => {
        const stores = { kiosks: "id", requests: "id", receipts: "digest", records: "subject" };
        for (const [name, keyPath] of Object.entries(stores)) {
            const store = opening.result.createObjectStore(name, { keyPath });
            const receipt = { kiosk: "01/02", digest: "ab", act: "grant", final: true, block: 5, at: 1 };
            if (name === "receipts") store.put(receipt);
        }
    };
    opening.onsuccess = () => { opening.result.close(); resolve(); };
})"""


def test_what_an_earlier_page_kept_is_there(browser: Browser, site: str) -> None:
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{site}/phone/icon.svg")
    page.evaluate(KEPT_BEFORE)
    page.goto(f"{site}/phone/")
    expect(page.locator("#receipt-list li")).to_contain_text("grant: final")
    context.close()


def test_it_is_fenced_in_and_fits_a_phone(page: Page, site: str) -> None:
    answer = page.request.get(f"{site}/phone/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.request.get(f"{site}/phone/../api.py").status == 404
    assert page.request.get(f"{site}/phone/page.py").status == 404
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    unlabelled = page.evaluate(
        """[...document.querySelectorAll("button, input, textarea")].filter((each) =>
            !each.textContent.trim() && !each.labels?.length && !each.ariaLabel).length"""
    )
    assert unlabelled == 0
    small = page.evaluate(
        """[...document.querySelectorAll("button")].filter((each) =>
            each.offsetHeight && each.offsetHeight < 44).length"""
    )
    assert small == 0
