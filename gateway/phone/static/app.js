// The page: what a person sees and taps. Text from elsewhere goes into it as text, never as markup.

import { hex } from "./cbor.js";
import { STATES } from "./messages.js";
import { parseOffer } from "./pairing.js";
import { Link, supported } from "./radio.js";
import * as store from "./store.js";
import { meetAgain, pairWith } from "./talk.js";

const WITHDRAWABLE = new Set(["granting", "granted"]);

const find = (id) => document.getElementById(id);
let talk = null;

start();

async function start() {
  if (!supported()) {
    tell("This browser has no Web Bluetooth. On Android, Chrome and Edge have it.", true);
    find("pair").querySelectorAll("button").forEach((button) => (button.disabled = true));
  }
  if (location.hash.startsWith("#ridgekey:")) {
    find("code").value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname); // a secret has no place in the history
  }
  find("pair").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(() => pairNow());
  });
  find("scan").hidden = !("BarcodeDetector" in window && navigator.mediaDevices);
  find("scan").addEventListener("click", () => busy(scan));
  await show();
}

async function pairNow() {
  const offer = parseOffer(find("code").value);
  const link = await Link.open();
  try {
    leave();
    const met = await pairWith(link, offer, find("label").value.trim(), find("bring").value, (digits) => {
      find("digits").value = `${digits.slice(0, 3)} ${digits.slice(3)}`;
      find("number").hidden = false;
      find("number").scrollIntoView({ block: "center" });
    });
    find("code").value = "";
    attend(met);
    tell("Paired.");
  } catch (error) {
    link.close();
    throw error;
  } finally {
    find("number").hidden = true;
  }
}

async function connect(kiosk) {
  const link = await Link.open();
  try {
    leave();
    attend(await meetAgain(link, kiosk));
    tell("Connected.");
  } catch (error) {
    link.close();
    throw error;
  }
}

function attend(met) {
  talk = met;
  met.addEventListener("changed", ({ detail }) => {
    if (detail) tell(detail);
    show();
  });
  met.addEventListener("told", ({ detail }) => tell(detail));
  met.attend().catch((error) => {
    if (talk === met) talk = null;
    met.close();
    tell(error.message, true);
    show();
  });
  show();
}

function leave() {
  talk?.close();
  talk = null;
}

async function carry() {
  await talk.carry();
  tell("This phone carries the kiosk's messages while this page is open.");
  await show();
}

async function forget(kiosk) {
  const words = ["Forget this kiosk? Its requests and receipts leave this phone, and the kiosk forgets the phone."];
  if (await store.get("records", hex(kiosk.subject))) {
    words.push("Your sealed record stays here. Bring it when you pair again: without it your finger opens nothing.");
  }
  if (!confirm(words.join(" "))) return;
  if (talk?.kiosk.id === kiosk.id) {
    await talk.say("farewell");
    leave();
    tell("Forgotten, here and at the kiosk.");
  } else {
    tell("Forgotten here. To be forgotten by the kiosk too, have the phone revoked there.");
  }
  for (const name of ["requests", "receipts"]) await store.removeOf(name, kiosk.id);
  await store.remove("kiosks", kiosk.id);
  await show();
}

async function removeRecord({ subject }) {
  if (!confirm("Delete this sealed record? It may be the only copy. If no kiosk keeps it, your finger opens nothing"
    + " any more, and your identity has to be recovered.")) return;
  await store.remove("records", subject);
  tell("The sealed record is deleted.");
  await show();
}

async function withdraw(request) {
  const next = await talk.withdraw(request);
  tell(`Withdrawal started: ${next}.`);
}

async function scan() {
  const video = find("camera");
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  try {
    video.srcObject = stream;
    video.hidden = false;
    await video.play();
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    for (const end = Date.now() + 60_000; Date.now() < end;) {
      const [code] = await detector.detect(video);
      if (code?.rawValue.includes("ridgekey:")) {
        find("code").value = code.rawValue;
        find("pair").querySelector("[type=submit]").focus(); // the browser wants a tap before it opens Bluetooth
        tell("Scanned. Now tap Pair.");
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    tell("No code was seen. Type it in instead.", true);
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.hidden = true;
  }
}

// What is known, drawn anew.

async function show() {
  const [kiosks, requests, receipts, records] =
    await Promise.all(["kiosks", "requests", "receipts", "records"].map(store.all));
  const carried = new Set(records.map(({ subject }) => subject));
  fill("kiosk", kiosks, (card, kiosk) => drawKiosk(card, kiosk, carried.has(hex(kiosk.subject))));
  const lent = new Set(kiosks.map(({ subject }) => hex(subject)));
  fill("record", records, (card, record) => drawRecord(card, record, lent.has(record.subject)));
  offerToBring(records);
  const several = kiosks.length > 1;
  fill("request", requests.sort((a, b) => b.order - a.order), (card, request) => drawRequest(card, request, several));
  fill("receipt", receipts.sort((a, b) => b.at - a.at), drawReceipt);
}

function fill(what, items, draw) {
  const cards = items.map((item) => {
    const card = find(`${what}-item`).content.cloneNode(true);
    draw(card, item);
    return card;
  });
  find(`${what}-list`).replaceChildren(...cards);
  find(`${what}s`).hidden = !items.length;
}

function drawKiosk(card, kiosk, carried) {
  const here = talk?.kiosk.id === kiosk.id;
  card.querySelector("h3").textContent = `Kiosk ${hex(kiosk.kioskId)}`;
  const words = [here ? "connected" : "not connected", kiosk.environment];
  if (carried) words.push("this phone carries your sealed record");
  card.querySelector(".detail").textContent = words.join(" · ");
  on(card, "connect", () => connect(kiosk)).hidden = here;
  on(card, "carry", carry).hidden = !here || talk.carries;
  on(card, "forget", () => forget(kiosk));
}

function drawRecord(card, record, lent) {
  card.querySelector("h3").textContent = short(record.subject);
  card.querySelector(".detail").textContent = lent
    ? "Lent to your kiosk whenever it asks for your finger and this page is open."
    : "No kiosk on this phone asks for it. Pair again, and bring it.";
  on(card, "delete", () => removeRecord(record));
}

// Which record comes along to the next pairing; none, if nobody says so.
function offerToBring(records) {
  const before = find("bring").value;
  const options = records.map(({ subject }) => new Option(`that of ${short(subject)}`, subject));
  find("bring").replaceChildren(new Option("none", ""), ...options);
  find("bring").value = records.some(({ subject }) => subject === before) ? before : "";
  find("bringing").hidden = !records.length;
}

const short = (subject) => `0x${subject.slice(0, 8)}…`;

function drawRequest(card, request, several) {
  const until = new Date(request.expiry * 1000);
  card.querySelector("h3").textContent = request.requesterName;
  const parts = { kind: request.kind, purpose: request.purpose, state: STATES[request.state] ?? request.state,
    word: teller(request), until: Number.isNaN(until.getTime()) ? "the end of time" : until.toLocaleString() };
  for (const [name, text] of Object.entries(parts)) card.querySelector(`[data-is=${name}]`).textContent = text;
  const button = on(card, "withdraw", () => withdraw(request));
  // What stands as open at this kiosk may have been granted at another.
  button.hidden = !WITHDRAWABLE.has(request.state) && !(several && request.state === "open");
  button.disabled = talk?.kiosk.subject === undefined || hex(talk.kiosk.subject) !== request.subject;
  button.setAttribute("aria-label", `Withdraw from ${request.requesterName}`);
}

function drawReceipt(card, receipt) {
  const at = new Date(receipt.at * 1000).toLocaleString();
  card.querySelector("h3").textContent = `${receipt.act}: ${receipt.final ? "final" : "rejected"}`;
  card.querySelector(".detail").textContent =
    `${at}, ${receipt.final ? `block ${receipt.block}` : receipt.reason} · by the word of ${teller(receipt)}`;
}

// Nobody has signed who asks, for what, how it stands, or which act a receipt is for.
const teller = ({ kiosk }) => `kiosk ${kiosk.split("/")[0]}`;

function on(card, action, work) {
  const button = card.querySelector(`[data-do=${action}]`);
  button.addEventListener("click", () => busy(work));
  return button;
}

// One thing at a time; what goes wrong is told in a sentence.
async function busy(work) {
  if (document.body.ariaBusy === "true") return;
  document.body.ariaBusy = "true";
  try {
    await work();
  } catch (error) {
    tell(error.message || "That did not work.", true);
  } finally {
    document.body.ariaBusy = "false";
  }
}

function tell(text, bad = false) {
  find("status").textContent = text;
  find("status").classList.toggle("bad", bad);
}
