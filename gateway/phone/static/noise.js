// The Noise Protocol Framework, revision 34, for the phone's side: it is always the initiator, and knows the kiosk's
// static key beforehand. contracts/noise is the kiosk's side of the same; WebCrypto has all that it takes.
//
//   Noise_XKpsk0_25519_AESGCM_SHA256   pairing
//   Noise_IK_25519_AESGCM_SHA256       every later session

import { Malformed, concat } from "./cbor.js";

const KEY = 32;
const TAG = 16;
const EMPTY = new Uint8Array(0);

export const PAIRING = { name: "Noise_XKpsk0_25519_AESGCM_SHA256", psk: true,
  messages: [["psk", "e", "es"], ["e", "ee"], ["s", "se"]] };
export const SESSION = { name: "Noise_IK_25519_AESGCM_SHA256", psk: false,
  messages: [["e", "es", "s", "ss"], ["e", "ee", "se"]] };

export class NotGenuine extends Error {}

// A long-term or ephemeral key pair. The private key never leaves the browser's key store, not even for this script.
export const newKey = () => crypto.subtle.generateKey({ name: "X25519" }, false, ["deriveBits"]);

export const publicBytes = async (pair) => new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));

export async function sha256(...parts) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}

class Cipher {
  constructor(key) {
    this.key = key && crypto.subtle.importKey("raw", key, "AES-GCM", false, ["encrypt", "decrypt"]);
    this.count = 0;
  }

  async encrypt(associated, plaintext) {
    if (!this.key) return plaintext;
    return new Uint8Array(await crypto.subtle.encrypt(this.next(associated), await this.key, plaintext));
  }

  async decrypt(associated, ciphertext) {
    if (!this.key) return ciphertext;
    try {
      return new Uint8Array(await crypto.subtle.decrypt(this.next(associated), await this.key, ciphertext));
    } catch {
      throw new NotGenuine("a message does not open: altered, repeated, out of order, or of somebody else");
    }
  }

  // Taken before anything is awaited, so that numbers follow the order of the calls.
  next(additionalData) {
    const iv = new Uint8Array(12);
    new DataView(iv.buffer).setBigUint64(4, BigInt(this.count++));
    return { name: "AES-GCM", iv, additionalData, tagLength: 8 * TAG };
  }
}

export class Handshake {
  static async begin(pattern, prologue, staticPair, kioskKey, psk = null) {
    const self = new Handshake();
    const name = new TextEncoder().encode(pattern.name);
    self.pattern = pattern;
    self.step = 0;
    self.ephemeral = await newKey();
    self.own = staticPair;
    self.kioskKey = kioskKey;
    self.psk = psk;
    self.hash = name.length <= KEY ? concat(name, new Uint8Array(KEY - name.length)) : await sha256(name);
    self.chaining = self.hash;
    self.cipher = new Cipher(null);
    await self.mixHash(prologue);
    await self.mixHash(kioskKey);
    return self;
  }

  async write(payload = EMPTY) {
    const parts = [];
    for (const token of this.pattern.messages[this.step++]) {
      if (token === "e") {
        const bytes = await publicBytes(this.ephemeral);
        await this.mixEphemeral(bytes);
        parts.push(bytes);
      } else if (token === "s") {
        parts.push(await this.encryptAndHash(await publicBytes(this.own)));
      } else {
        await this.mix(token);
      }
    }
    return concat(...parts, await this.encryptAndHash(payload));
  }

  async read(message) {
    let rest = message;
    for (const token of this.pattern.messages[this.step++]) {
      if (token !== "e") {
        await this.mix(token);
        continue;
      }
      if (rest.length < KEY) throw new Malformed("a handshake message is too short");
      this.kioskEphemeral = rest.slice(0, KEY);
      rest = rest.slice(KEY);
      await this.mixEphemeral(this.kioskEphemeral);
    }
    return this.decryptAndHash(rest);
  }

  async split() {
    const [sending, receiving] = await this.hkdf(EMPTY, 2);
    return { sending: new Cipher(sending), receiving: new Cipher(receiving) };
  }

  async mix(token) {
    if (token === "psk") {
      const [chaining, mixed, key] = await this.hkdf(this.psk, 3);
      this.chaining = chaining;
      await this.mixHash(mixed);
      this.cipher = new Cipher(key);
      return;
    }
    const own = token[0] === "e" ? this.ephemeral : this.own; // the first letter names the initiator's key
    const theirs = token[1] === "e" ? this.kioskEphemeral : this.kioskKey;
    await this.mixKey(await agree(own, theirs));
  }

  async mixEphemeral(bytes) {
    await this.mixHash(bytes);
    if (this.pattern.psk) await this.mixKey(bytes);
  }

  async mixKey(material) {
    const [chaining, key] = await this.hkdf(material, 2);
    this.chaining = chaining;
    this.cipher = new Cipher(key);
  }

  async mixHash(data) {
    this.hash = await sha256(this.hash, data);
  }

  async encryptAndHash(plaintext) {
    const ciphertext = await this.cipher.encrypt(this.hash, plaintext);
    await this.mixHash(ciphertext);
    return ciphertext;
  }

  async decryptAndHash(ciphertext) {
    const plaintext = await this.cipher.decrypt(this.hash, ciphertext);
    await this.mixHash(ciphertext);
    return plaintext;
  }

  async hkdf(material, outputs) {
    const key = await crypto.subtle.importKey("raw", material, "HKDF", false, ["deriveBits"]);
    const how = { name: "HKDF", hash: "SHA-256", salt: this.chaining, info: EMPTY };
    const bytes = new Uint8Array(await crypto.subtle.deriveBits(how, key, 8 * KEY * outputs));
    return Array.from({ length: outputs }, (_, at) => bytes.slice(at * KEY, (at + 1) * KEY));
  }
}

async function agree(own, theirs) {
  try {
    const key = await crypto.subtle.importKey("raw", theirs, { name: "X25519" }, true, []);
    return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: key }, own.privateKey, 8 * KEY));
  } catch {
    throw new NotGenuine("the kiosk's key is no usable key");
  }
}
