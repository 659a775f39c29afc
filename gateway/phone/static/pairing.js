// The code on the kiosk's screen, the frames that cross the link, and the phone's side of both handshakes.
// contracts/pairing says why it is as it is.

import { Malformed, concat, decode, encode, equal } from "./cbor.js";
import { clean } from "./labels.js";
import { Handshake, NotGenuine, PAIRING, SESSION, sha256 } from "./noise.js";

const SCHEME = "ridgekey:";
const MAX_TEXT = 512;
const MAX_HANDSHAKE = 256;
const NONCE = 32;
export const MAX_LABEL = 40;

const KIND = { pairingHello: 1, pairingReply: 2, pairingFinish: 3, sessionHello: 4, sessionReply: 5, data: 6, refusal: 7 };

const REFUSALS = {
  1: "The kiosk shows no code now: it was used, or two minutes are over. Give it no finger, and ask for a new code.",
  2: "This is not the code that the kiosk shows. Scan it again.",
  3: "The kiosk does not know this phone any more. Pair it again.",
  4: "The kiosk does not understand this phone. One of the two needs an update.",
  5: "The kiosk talks with as many phones as it can. Try again in a minute.",
};

export class Refused extends Error {}

const utf8 = (text) => new TextEncoder().encode(text);

export function parseOffer(text) {
  const trimmed = text.trim();
  const at = trimmed.lastIndexOf(SCHEME);
  const before = trimmed.slice(0, Math.max(at, 0));
  const known = before === "" || (before.startsWith("https://") && before.endsWith("#"));
  if (text.length > MAX_TEXT || at < 0 || !known) throw new Malformed("This is not a pairing code of a kiosk.");
  let fields;
  try {
    fields = decode(fromBase64url(trimmed.slice(at + SCHEME.length)));
  } catch {
    throw new Malformed("The code is cut or mistyped. Scan it again.");
  }
  if (!(fields instanceof Map) || fields.size !== 5) throw new Malformed("This is not a pairing code of a kiosk.");
  if (fields.get(0) !== 1) throw new Malformed("This code is of another version. One of the two needs an update.");
  const offer = { kioskId: fields.get(1), kioskKey: fields.get(2), secret: fields.get(3), expires: fields.get(4) };
  const lengths = [[offer.kioskId, 8], [offer.kioskKey, 32], [offer.secret, 16]];
  const whole = lengths.every(([bytes, length]) => bytes instanceof Uint8Array && bytes.length === length);
  if (!whole || typeof offer.expires !== "number") throw new Malformed("This is not a pairing code of a kiosk.");
  return offer;
}

export function checkTime(offer, now = Date.now() / 1000) {
  if (now >= offer.expires) throw new Refused(REFUSALS[1]);
}

// A channel is {seal, open}. `link` has send(bytes) and receive(), which gives null if nothing came.

// Gives {channel, number}: there is no number to show before the kiosk has said, sealed, that it took this phone.

export async function pair(link, offer, keyPair, label) {
  checkTime(offer);
  const prologue = concat(utf8("ridgekey/1/pairing"), encode([offer.kioskId, offer.kioskKey, offer.expires]));
  const psk = await sha256(utf8("ridgekey/1/pairing-secret"), offer.secret);
  const handshake = await Handshake.begin(PAIRING, prologue, keyPair, offer.kioskKey, psk);
  await link.send(frame(KIND.pairingHello, await handshake.write()));
  const commitment = await handshake.read(body(await due(link, SILENT), KIND.pairingReply));
  const name = encode(new Map([[0, 1], [1, clean(label, MAX_LABEL)]]));
  await link.send(frame(KIND.pairingFinish, await handshake.write(name)));
  const opened = await channel(handshake);
  const nonce = await opened.open(await due(link, NOT_TAKEN));
  const promised = await sha256(utf8("ridgekey/1/pairing-commitment"), nonce);
  if (nonce.length !== NONCE || !equal(promised, commitment)) {
    throw new NotGenuine("The kiosk changed its part of the digits afterwards. Walk away from it.");
  }
  return { channel: opened, number: await sixDigits(handshake.hash, nonce) };
}

// contracts/pairing/number.py says why neither phone nor kiosk can steer them.
async function sixDigits(transcript, nonce) {
  const digest = await sha256(utf8("ridgekey/1/pairing-number"), transcript, nonce);
  return String(new DataView(digest.buffer).getBigUint64(0) % 1_000_000n).padStart(6, "0");
}

export async function meet(link, kiosk) {
  const prologue = concat(utf8("ridgekey/1/session"), kiosk.kioskId);
  const handshake = await Handshake.begin(SESSION, prologue, kiosk.keyPair, kiosk.kioskKey);
  await link.send(frame(KIND.sessionHello, await handshake.write()));
  const payload = await handshake.read(body(await due(link, SILENT), KIND.sessionReply));
  if (payload.length) throw new Malformed("a handshake message carries what none should");
  return channel(handshake);
}

const SILENT = "The kiosk does not answer. Stay close to it and try again.";
const NOT_TAKEN = "The kiosk did not say that it took this phone. If it shows digits, they are another phone's:"
  + " give it no finger, and ask for a new code.";

async function due(link, otherwise) {
  const data = await link.receive();
  if (!data) throw new Refused(otherwise);
  return data;
}

async function channel(handshake) {
  const { sending, receiving } = await handshake.split();
  const nothing = new Uint8Array(0);
  return {
    seal: async (message) => frame(KIND.data, await sending.encrypt(nothing, message)),
    open: async (data) => receiving.decrypt(nothing, body(data, KIND.data)),
  };
}

const frame = (kind, bytes) => encode([1, kind, bytes]);

function body(data, expected) {
  const item = decode(data);
  if (!Array.isArray(item) || item.length !== 3 || item[0] !== 1 || !(item[2] instanceof Uint8Array)) {
    throw new Malformed("not a frame of this version");
  }
  const [, kind, bytes] = item;
  if (kind === KIND.refusal) throw new Refused(REFUSALS[bytes[0]] ?? REFUSALS[4]);
  if (kind !== expected) throw new Malformed("a frame out of its order");
  if (kind !== KIND.data && bytes.length > MAX_HANDSHAKE) throw new Malformed("a handshake message that is too long");
  return bytes;
}

function fromBase64url(text) {
  if (!/^[A-Za-z0-9_-]{1,256}$/.test(text)) throw new Malformed("not base64url");
  const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
  const bytes = Uint8Array.from(atob(padded), (character) => character.charCodeAt(0));
  if (!equal(utf8(toBase64url(bytes)), utf8(text))) throw new Malformed("bits behind the last byte");
  return bytes;
}

const toBase64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
