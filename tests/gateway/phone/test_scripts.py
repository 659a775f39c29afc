"""What the page's scripts do, each by itself in a real browser, is what the kiosk's code does."""

import json
import random
import unicodedata
from collections.abc import Iterator

import cbor2
import pytest
from playwright.sync_api import Browser, Page

from contracts.errors import MalformedError
from contracts.labels import clean
from contracts.purpose import Purpose
from tests.contracts.vectors import VECTORS
from tests.gateway.phone.conftest import CHROMIUM

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium; apt-get install chromium")


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """The page, with no kiosk within reach."""
    context = browser.new_context(ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{site}/phone/")
    yield page
    context.close()


def test_its_cryptography_is_the_kiosk_s(page: Page, site: str) -> None:
    """Codes and messages byte for byte; the handshakes are proven by the tests below."""
    vectors = json.loads(VECTORS.read_text())
    code = vectors["code"]
    offer = page.evaluate(
        """async ([site, text]) => {
            const { parseOffer } = await import(`${site}/phone/pairing.js`);
            const { hex } = await import(`${site}/phone/cbor.js`);
            const { kioskId, kioskKey, secret, expires } = parseOffer(text);
            return [hex(kioskId), hex(kioskKey), hex(secret), expires];
        }""",
        [site, code["text"]],
    )
    assert offer == [code["kiosk_id"], code["kiosk_key"], code["secret"], code["expires"]]
    again = page.evaluate(
        """async ([site, all]) => {
            const { decode, encode, hex } = await import(`${site}/phone/cbor.js`);
            const bytes = (text) => Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16));
            return all.map((encoded) => hex(encode(decode(bytes(encoded)))));
        }""",
        [site, [each["encoded"] for each in vectors["messages"]]],
    )
    assert again == [each["encoded"] for each in vectors["messages"]]


STRANGE = [
    "empty",
    "18",
    "1801",
    "a2000100",
    "5f41ff",
    "9f01ff",
    "c000",
    "f97e00",
    "a1620001",
    "81" * 12,
    "61ff",
]
STRANGE += ["0000", "5affffffff", "bf00ff", "1b0000000000000001", "a201000000", "9bffffffffffffffff"]


def test_it_takes_no_bytes_that_are_not_deterministic(page: Page, site: str) -> None:
    taken = page.evaluate(
        """async ([site, all]) => {
            const { decode } = await import(`${site}/phone/cbor.js`);
            const bytes = (text) => Uint8Array.from(text.match(/../g), (byte) => parseInt(byte, 16));
            return all.filter((text) => {
                try { decode(text === "empty" ? new Uint8Array(0) : bytes(text)); return true; }
                catch { return false; }
            });
        }""",
        [site, STRANGE],
    )
    assert taken == []


NASTY = "  \t\x1c\x85\u2028\ufeff\u200b\u202e\x1b\x00\ue000\uffff"
NASTY += "\u0324\u0345\u0330\u0348\u20ddeé\u0301\u212b\u1100\u1161日𝒳…"


def texts() -> list[str]:
    """Of what a hostile kiosk might say, and of anything that Unicode had when this Python was made."""
    chance = random.Random(20_261_129)
    everything = [
        character
        for character in map(chr, range(0x20000))
        if unicodedata.category(character) not in ("Cs", "Cn")
    ]
    made = ["".join(chance.choices(NASTY, k=chance.randrange(40))) for _ in range(2000)]
    return (
        made + ["".join(chance.choices(everything, k=20)) for _ in range(2000)] + ["e" * 500, "z\u0324" * 400]
    )


@pytest.mark.parametrize("limit", [1, 8, 60])
def test_it_cleans_texts_as_the_kiosk_does(page: Page, site: str, limit: int) -> None:
    cleaned = page.evaluate(
        """async ([site, all, limit]) => {
            const { clean } = await import(`${site}/phone/labels.js`);
            return all.map((text) => clean(text, limit));
        }""",
        [site, texts(), limit],
    )
    assert cleaned == [clean(text, limit) for text in texts()]


def is_a_purpose(text: str) -> bool:
    try:
        Purpose(text, bytes(16))
    except MalformedError:
        return False
    return True


def test_it_shows_a_purpose_as_it_was_signed_or_not_at_all(page: Page, site: str) -> None:
    request = {0: 3, 1: bytes(20), 2: bytes(20), 3: bytes(32), 4: bytes(32), 5: bytes(32), 6: 1, 7: bytes(32)}
    purposes = [
        "to treat you",
        "ein Röntgenbild",
        "",
        "x" * 280,
        "x" * 281,
        *texts()[:200],
        " a",
        "a\u202eb",
        "e\u0301",
    ]
    signed = [
        cbor2.dumps({0: 1, 1: request, 2: {1: each, 2: bytes(16)}}, canonical=True).hex() for each in purposes
    ]
    shown = page.evaluate(
        """async ([site, all]) => {
            const { readRequest } = await import(`${site}/phone/messages.js`);
            const { unhex } = await import(`${site}/phone/cbor.js`);
            return all.map((each) => {
                try { return readRequest(unhex(each)).purpose; } catch { return null; }
            });
        }""",
        [site, signed],
    )
    assert shown == [each if is_a_purpose(each) else None for each in purposes]
    assert shown[:2] == purposes[:2]


TALK = """async ([site]) => {
    const { Talk } = await import(`${site}/phone/talk.js`);
    const link = { send: async () => {}, receive: () => new Promise((_, lose) => { window.lose = lose; }) };
    const channel = { seal: async (message) => message, open: async (data) => data };
    const kiosk = { kioskId: new Uint8Array(8), subject: new Uint8Array(20) };
    window.talk = new Talk(link, channel, kiosk);
    window.ended = talk.attend().catch((error) => error.message);
    await new Promise((resolve) => setTimeout(resolve, 50));
    window.wish = talk.withdraw({ signedRequest: new Uint8Array(3) })
        .then(() => "taken", (error) => error.message);
}"""

SOON = "async (name) => Promise.race([window[name], new Promise((late) => setTimeout(late, 5_000))])"


def test_a_lost_link_ends_what_waits_for_an_answer(page: Page, site: str) -> None:
    page.evaluate(TALK, [site])
    page.evaluate("lose(new Error('The kiosk is out of reach.'))")
    assert page.evaluate(SOON, "ended") == "The kiosk is out of reach."
    assert page.evaluate(SOON, "wish") == "The kiosk is out of reach."


def test_a_kiosk_that_does_not_answer_is_given_up(page: Page, site: str) -> None:
    page.clock.install()
    page.evaluate(TALK.replace("await new Promise", "new Promise"), [site])
    page.clock.run_for(29_000)
    assert page.evaluate("Promise.race([wish, 'waits'])") == "waits"
    page.clock.run_for(2_000)
    assert "does not answer" in page.evaluate("Promise.race([wish, 'waits'])")


def test_a_late_answer_is_not_taken_for_the_next_one(page: Page, site: str) -> None:
    page.clock.install()
    page.evaluate(TALK.replace("await new Promise", "new Promise"), [site])
    page.clock.run_for(31_000)
    answers = page.evaluate(
        """async () => {
            const next = talk.withdraw({ signedRequest: new Uint8Array(3) });
            await talk.take({ name: "answer", taken: true, text: "of the first" });
            await talk.take({ name: "answer", taken: true, text: "of the second" });
            return [await wish, await next];
        }"""
    )
    assert "does not answer" in answers[0]
    assert answers[1] == "of the second"


def test_a_gateway_that_is_silent_does_not_keep_the_talk(page: Page, site: str) -> None:
    """The time-outs are those of the page, made short; the requests hang until then."""
    page.route("**/messages/**", lambda _: None)
    page.route("**/receipts/**", lambda _: None)
    page.evaluate(TALK, [site])
    said = page.evaluate(
        """async () => {
            const wait = AbortSignal.timeout;
            const asked = [];
            AbortSignal.timeout = (milliseconds) => {
                asked.push(milliseconds);
                return wait.call(AbortSignal, 100);
            };
            const said = [];
            talk.say = async (name, values) => said.push([name, values.reason]);
            talk.carries = true;
            talk.pending.set("0x01", { due: 0, pause: 1000 }).set("0x02", { due: 0, pause: 1000 });
            const soon = (work) => Promise.race([work, new Promise((late) => setTimeout(late, 5_000))]);
            await soon(talk.post(new Uint8Array(9)));
            await soon(talk.bringBack());
            const later = [...talk.pending].map(([digest, { due }]) => [digest, due > 0]);
            return [said, asked, later];
        }"""
    )
    assert said == [
        [["parcelRefused", "the gateway does not answer"]],
        [20_000, 8_000],
        [["0x02", False], ["0x01", True]],
    ]


def test_a_message_on_its_way_to_the_gateway_holds_nothing_up(page: Page, site: str) -> None:
    page.route("**/messages/**", lambda _: None)
    page.evaluate(TALK, [site])
    said = page.evaluate(
        """async () => {
            const said = [];
            talk.say = async (name) => said.push(name);
            talk.carries = true;
            const late = new Promise((resolve) => setTimeout(() => resolve(["late"]), 5_000));
            const taken = talk.take({ name: "parcel", message: new Uint8Array(9) });
            if (await Promise.race([taken, late])) return late;
            await talk.take({ name: "recordWanted", subject: new Uint8Array(20) });
            return said;
        }"""
    )
    assert said == ["recordAbsent"]


def test_what_is_sealed_first_is_sent_first(page: Page, site: str) -> None:
    """A long message takes longer to seal; the kiosk opens them by their numbers."""
    sent = page.evaluate(
        """async ([site]) => {
            const { Talk } = await import(`${site}/phone/talk.js`);
            const { Link } = await import(`${site}/phone/radio.js`);
            const link = new Link();
            const sent = [];
            link.write = async (message) => sent.push(message);
            let number = 0;
            const seal = (own) => new Promise((done) => setTimeout(() => done(own), own ? 0 : 200));
            const talk = new Talk(link, { seal: () => seal(number++) }, {});
            await Promise.all([talk.say("follow"), talk.say("readyToCarry"), talk.say("farewell")]);
            return sent;
        }""",
        [site],
    )
    assert sent == [0, 1, 2]


def test_a_kiosk_that_cannot_be_reached_is_given_up(page: Page, site: str) -> None:
    page.clock.install()
    page.evaluate(
        """async ([site]) => {
            const { Link } = await import(`${site}/phone/radio.js`);
            const device = new EventTarget();
            device.gatt = { connect: () => new Promise(() => {}), disconnect: () => { window.left = true; } };
            Object.defineProperty(navigator, "bluetooth", { value: { requestDevice: async () => device } });
            window.wish = Link.open().then(() => "open", (error) => error.message);
        }""",
        [site],
    )
    page.clock.run_for(31_000)
    assert "did not answer" in page.evaluate("Promise.race([wish, 'waits'])")
    assert page.evaluate("Promise.resolve().then(() => window.left)")
