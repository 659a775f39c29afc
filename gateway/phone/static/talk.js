// The phone's side of a talk: what it does with each thing that a kiosk says. edge/phone/companion.py is the same at a
// terminal.

import { hex, unhex } from "./cbor.js";
import { ACTS, STATES, readReceipt, readRequest, say, understand } from "./messages.js";
import { newKey, sha256 } from "./noise.js";
import { Refused, meet, pair } from "./pairing.js";
import { LinkLost } from "./radio.js";
import * as store from "./store.js";

const NOBODY = new Uint8Array(20);
const ANSWER_MS = 30_000;
const FINGER_MS = 300_000;
const LOOK_MS = 1_000;
const POST_MS = 20_000;
const RECEIPT_MS = 8_000; // less than whoever waits for an answer is patient: it holds up what the kiosk says
const MAX_PENDING = 1_000;

// Pair with the kiosk whose code was scanned. `bring` is whose sealed record the kiosk is to have, or nobody's;
// `showNumber` shows the six digits while the finger is awaited.
export async function pairWith(link, offer, label, bring, showNumber) {
  const keyPair = await newKey();
  const { channel, number } = await pair(link, offer, keyPair, label);
  showNumber(number);
  const wanted = await hear(link, channel, ANSWER_MS);
  if (wanted?.name === "recordWanted") await link.send(await channel.seal(await brought(bring)));
  const said = wanted?.name === "recordWanted" ? await hear(link, channel, FINGER_MS) : wanted;
  if (said?.name === "answer") throw new Refused(said.text);
  if (said?.name !== "paired") throw new LinkLost("The kiosk did not say how the pairing ended. Begin anew.");
  const { name, recordFollows, ...paired } = said;
  const id = `${hex(offer.kioskId)}/${hex(said.subject)}`;
  const kiosk = { id, kioskId: offer.kioskId, kioskKey: offer.kioskKey, keyPair, ...paired };
  await store.put("kiosks", kiosk);
  await link.send(await channel.seal(say("remembered")));
  return new Talk(link, channel, kiosk);
}

async function brought(subject) {
  const record = subject && (await store.get("records", subject));
  if (!record) return say("recordAbsent", { subject: NOBODY });
  return say("recordLent", { subject: unhex(subject), sealed: record.sealed });
}

export async function meetAgain(link, kiosk) {
  return new Talk(link, await meet(link, kiosk), kiosk);
}

async function hear(link, channel, milliseconds) {
  const data = await link.receive(milliseconds);
  return data && understand(await channel.open(data));
}

export class Talk extends EventTarget {
  constructor(link, channel, kiosk) {
    super();
    this.link = link;
    this.channel = channel;
    this.kiosk = kiosk;
    this.carries = false;
    this.isNew = false;
    this.pending = new Map();
    this.answers = [];
  }

  // Attend to the kiosk until one of the two leaves; events `changed` and `told` say what happened.
  async attend() {
    try {
      await this.say("follow");
      for (;;) {
        const message = await hear(this.link, this.channel, LOOK_MS);
        if (message) await this.take(message);
        if (this.carries) await this.bringBack();
      }
    } catch (error) {
      this.answers.forEach(({ reject }) => reject(error)); // no answer comes any more
      throw error;
    }
  }

  // Sealed at once, for the number, and sent in the order of the numbers.
  say(name, values) {
    return this.link.send(this.channel.seal(say(name, values)));
  }

  close() {
    this.link.close();
  }

  // Start a withdrawal; resolves to what the person is to do next.
  async withdraw(request) {
    const wish = this.say("withdrawalWish", { signedRequest: request.signedRequest });
    const [, { taken, text }] = await Promise.all([wish, this.answered()]);
    if (!taken) throw new Refused(text);
    return text;
  }

  // The answer to what was just said. One that is late is still its own question's: it stays in the row.
  answered() {
    return new Promise((resolve, reject) => {
      const late = () => reject(new LinkLost("The kiosk does not answer. Stay close to it and try again."));
      setTimeout(late, ANSWER_MS);
      this.answers.push({ resolve, reject });
    });
  }

  async carry() {
    this.carries = true;
    await this.say("readyToCarry");
  }

  async take(message) {
    switch (message.name) {
      case "news": return this.hearRequest(message);
      case "receiptCopy": return this.hearReceipt(message);
      case "recordWanted": return this.lend(message.subject);
      case "recordHanded": return this.keep(message);
      case "parcel": return void this.post(message.message); // the kiosk is heard meanwhile
      case "answer": return this.answers.shift()?.resolve(message);
      case "caughtUp":
        this.isNew = true; // what comes from now on is
        return this.tell("changed", null);
    }
  }

  async hearRequest({ signedRequest, requesterName, kind, state }) {
    let request;
    try {
      request = readRequest(signedRequest);
    } catch {
      return this.tell("told", "The kiosk told of a request that is none. It was not kept.");
    }
    if (request.subject !== hex(this.kiosk.subject)) return;
    const id = hex(await sha256(signedRequest));
    const before = await store.get("requests", [this.kiosk.id, id]);
    const order = before?.order ?? Date.now();
    await store.put("requests",
      { ...request, id, kiosk: this.kiosk.id, order, signedRequest, requesterName, kind, state });
    const isNews = this.isNew && before?.state !== state;
    this.tell("changed", isNews ? `${requesterName}: ${STATES[state] ?? state}` : null);
  }

  async hearReceipt({ act, receipt }) {
    let read;
    try {
      read = await readReceipt(receipt, this.kiosk.gatewayKey);
    } catch {
      return this.tell("told", "The kiosk sent a receipt that the gateway did not sign. It was not kept.");
    }
    if (read.environment !== this.kiosk.environment) {
      return this.tell("told", "The kiosk sent a receipt of another environment. It was not kept.");
    }
    const name = ACTS[act] ?? `act ${act}`;
    await store.put("receipts", { ...read, act: name, kiosk: this.kiosk.id, receipt });
    this.tell("changed", null);
  }

  async lend(subject) {
    const record = hex(subject) === hex(this.kiosk.subject) && (await store.get("records", hex(subject)));
    if (!record) return this.say("recordAbsent", { subject });
    await this.say("recordLent", { subject, sealed: record.sealed });
    this.tell("told", "Your sealed record was lent to the kiosk, for this visit.");
  }

  async keep({ subject, sealed }) {
    if (hex(subject) !== hex(this.kiosk.subject)) return;
    await store.put("records", { subject: hex(subject), sealed });
    await navigator.storage?.persist?.();
    await this.say("recordKept", { subject, digest: await sha256(sealed) });
    this.tell("changed", "This phone carries your sealed record from now on.");
  }

  async post(message) {
    const parcel = await sha256(message);
    const reason = await this.refusalOf(message);
    const said = reason === null ? this.say("parcelPosted", { parcel }) : this.say("parcelRefused", { parcel, reason });
    await said.catch(() => null); // the link is lost, and the talk ends with it
    if (reason === null) this.tell("told", "A message was carried to the gateway.");
  }

  // Brings a message to the gateway; why it was not taken, or null.
  async refusalOf(message) {
    try {
      if (!this.carries) throw new Refused("this phone carries no messages now");
      const answer = await fetch(`/messages/${hex(this.kiosk.kioskId)}`,
        { method: "POST", body: message, headers: { "content-type": "application/cose" },
          signal: AbortSignal.timeout(POST_MS) });
      const json = await answer.json();
      if (answer.status !== 202) throw new Refused(json.error ?? `the gateway refused with ${answer.status}`);
      if (this.pending.size < MAX_PENDING) this.pending.set(json.digest, { due: 0, pause: LOOK_MS });
      return null;
    } catch (error) {
      const reason = error instanceof Refused ? error.message : "the gateway does not answer";
      return [...reason].slice(0, 200).join("");
    }
  }

  async bringBack() {
    for (const [digest, wait] of this.pending) {
      if (Date.now() < wait.due) continue;
      this.pending.delete(digest);
      const { status, receipt } = await fetchReceipt(digest);
      if (status === 200 && receipt.length) {
        await this.say("delivery", { message: receipt });
      } else {
        this.pending.set(digest, { due: Date.now() + wait.pause, pause: Math.min(2 * wait.pause, 30_000) });
      }
      return; // one at a time: the kiosk is heard before the next one
    }
  }

  tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

// What the gateway answers to a question for a receipt; status 0 if it does not.
async function fetchReceipt(digest) {
  try {
    const answer = await fetch(`/receipts/${encodeURIComponent(digest)}`, { signal: AbortSignal.timeout(RECEIPT_MS) });
    return { status: answer.status, receipt: new Uint8Array(await answer.arrayBuffer()) };
  } catch {
    return { status: 0 };
  }
}
