// What a phone and a kiosk say inside a session; contracts/phone.cddl is the specification.

import { Malformed, decode, encode, hex } from "./cbor.js";
import { clean } from "./labels.js";

const octets = (least, most = least) => (value) =>
  value instanceof Uint8Array && value.length >= least && value.length <= most;
const isText = (value, most) => typeof value === "string" && [...value].length <= most;
const text = (most) => Object.assign((value) => isText(value, most), { shown: (value) => clean(value, most) });
const number = (most = 2n ** 64n - 1n) => (value) =>
  (typeof value === "number" || typeof value === "bigint") && value >= 0 && value <= most;
const truth = (value) => typeof value === "boolean";

const ADDRESS = octets(20);
const HASH = octets(32);
const SEALED = octets(1, 48 * 1024);
const ANY = octets(1, 300 * 1024);

const FROM_KIOSK = {
  1: ["paired", { subject: ADDRESS, environment: text(64), chainId: number(), contract: ADDRESS, gatewayKey: HASH,
    gatewayUrl: text(200), recordFollows: truth }],
  2: ["news", { signedRequest: octets(1, 2048), requesterName: text(60), kind: text(60), state: text(60) }],
  3: ["receiptCopy", { act: number(255), about: octets(20, 32), receipt: octets(1, 2144) }],
  4: ["caughtUp", {}],
  5: ["recordWanted", { subject: ADDRESS }],
  6: ["recordHanded", { subject: ADDRESS, sealed: SEALED }],
  7: ["parcel", { message: ANY }],
  8: ["answer", { taken: truth, text: text(200) }],
};

const FROM_PHONE = {
  follow: [32], recordLent: [33, "subject", "sealed"], recordAbsent: [34, "subject"],
  recordKept: [35, "subject", "digest"], withdrawalWish: [36, "signedRequest"], readyToCarry: [37],
  parcelPosted: [38, "parcel"], parcelRefused: [39, "parcel", "reason"], delivery: [40, "message"], farewell: [41],
  remembered: [42],
};

export const ACTS = ["", "enrol", "register", "request", "grant", "deny", "withdraw", "renew", "rotate", "entrust",
  "recover", "contest", "deactivate"];

// How a request stands, for people.
export const STATES = { open: "waits for your answer", granting: "granted, on its way", granted: "granted",
  denying: "denied, on its way", denied: "denied", withdrawing: "withdrawn, on its way", withdrawn: "withdrawn",
  expired: "expired" };

export function say(name, values = {}) {
  const [kind, ...fields] = FROM_PHONE[name];
  return encode(new Map([[0, 1], [1, kind], ...fields.map((field, at) => [at + 2, values[field]])]));
}

export function understand(data) {
  const map = decode(data);
  if (!(map instanceof Map) || map.get(0) !== 1 || !(map.get(1) in FROM_KIOSK)) {
    throw new Malformed("a message that this page does not know");
  }
  const [name, fields] = FROM_KIOSK[map.get(1)];
  const members = Object.entries(fields);
  const whole = map.size === members.length + 2 && members.every(([, check], at) => check(map.get(at + 2)));
  if (!whole) throw new Malformed(`a message (${name}) that is not what it should be`);
  // The kiosk has cleaned its texts, and this page trusts no kiosk to.
  const values = members.map(([field, { shown }], at) => [field, shown ? shown(map.get(at + 2)) : map.get(at + 2)]);
  return { name, ...Object.fromEntries(values) };
}

// A text that was signed is shown as it was signed, or not at all.
function signedText(value, least, most) {
  if (!isText(value, most) || value.length < least || clean(value, most) !== value) {
    throw new Malformed("a signed text that is not one plain line");
  }
  return value;
}

// What this page shows of a request. The requester's own signature takes secp256k1 and Keccak, which no browser has:
// the page believes the kiosk, which has checked it.
export function readRequest(signedRequest) {
  const signed = decode(signedRequest);
  const request = signed.get(1);
  const purpose = signed.get(2);
  if (signed.get(0) !== 1 || request.get(0) !== 3) throw new Malformed("no request");
  return { requester: hex(request.get(1)), subject: hex(request.get(2)), record: hex(request.get(3)),
    expiry: Number(request.get(6)), purpose: signedText(purpose.get(1), 1, 280), nonce: hex(request.get(7)) };
}

// A receipt is believed if the gateway signed it: COSE_Sign1 with EdDSA (RFC 9052, section 4.2).
export async function readReceipt(receipt, gatewayKey) {
  const [prot, unprotected, payload, signature] = decode(receipt);
  const header = decode(prot);
  const known = header.get(1) === -8 && unprotected instanceof Map && unprotected.size === 0;
  const aad = new TextEncoder().encode("ridgekey/1/receipt");
  const key = await crypto.subtle.importKey("raw", gatewayKey, { name: "Ed25519" }, true, ["verify"]);
  const signed = encode(["Signature1", prot, aad, payload]);
  if (!known || !(await crypto.subtle.verify({ name: "Ed25519" }, key, signature, signed))) {
    throw new Malformed("a receipt that the gateway did not sign");
  }
  const map = decode(payload);
  return { environment: map.get(1), digest: hex(map.get(2)), final: map.get(3) === 1, block: map.get(5) ?? null,
    reason: signedText(map.get(6), 0, 200), at: Number(map.get(7)) };
}
