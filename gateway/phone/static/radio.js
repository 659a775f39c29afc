// Web Bluetooth: whole messages to and from one kiosk, in chunks; docs/ble.md has the profile.

import { concat, equal } from "./cbor.js";

const uuid = (number) => `${number.toString(16)}-1dcb-4bda-9dbc-e751de461ebd`;
const SERVICE = uuid(0xc8f07710);
const [VERSION, STATE, INBOUND, OUTBOUND] = [1, 2, 3, 4].map((step) => uuid(0xc8f07710 + step));

const SPOKEN = 1; // version of the profile
const START = 1;
const END = 2;
const MORE = 1;
const LAST = 0;
const TAG_LENGTH = 4;
const CHUNK = 180; // a browser does not tell the MTU; every phone of the last years agrees to 185 and more
const MAX_MESSAGE = 300 * 1024;
const ANSWER_MS = 30_000;

export const supported = () => Boolean(navigator.bluetooth);

export class LinkLost extends Error {}

export class Link {
  static async open() {
    let device;
    try {
      device = await navigator.bluetooth.requestDevice({ filters: [{ services: [SERVICE] }] });
    } catch {
      throw new LinkLost("No kiosk was chosen.");
    }
    const link = new Link();
    link.device = device;
    device.addEventListener("gattserverdisconnected", () => link.fail("The kiosk is out of reach."));
    try {
      await inTime(device.gatt.connect().then((server) => link.begin(server)));
    } catch (error) {
      link.close();
      throw error instanceof LinkLost ? error : new LinkLost("The kiosk did not answer. Go closer and try again.");
    }
    return link;
  }

  constructor() {
    this.tag = crypto.getRandomValues(new Uint8Array(TAG_LENGTH));
    this.messages = [];
    this.gathered = [];
    this.length = 0;
    this.waiting = null;
    this.failure = null;
    this.sending = Promise.resolve();
  }

  async begin(server) {
    const service = await server.getPrimaryService(SERVICE);
    const [version, state, inbound, outbound] = await Promise.all(
      [VERSION, STATE, INBOUND, OUTBOUND].map((each) => service.getCharacteristic(each)));
    const limits = bytesOf(await version.readValue());
    if (limits.length < 8 || limits[0] > SPOKEN || limits[1] < SPOKEN) {
      throw new LinkLost("The kiosk speaks another version. One of the two needs an update.");
    }
    this.inbound = inbound;
    this.state = state;
    state.addEventListener("characteristicvaluechanged", (event) => this.hearState(bytesOf(event.target.value)));
    outbound.addEventListener("characteristicvaluechanged", (event) => this.hear(bytesOf(event.target.value)));
    await state.startNotifications();
    await outbound.startNotifications();
    await state.writeValueWithResponse(concat(Uint8Array.of(START, SPOKEN), this.tag));
  }

  // Messages leave one after the other, however many are sent at once; one may be a promise of its bytes.
  send(message) {
    this.sending = this.sending.then(async () => this.write(await message));
    return this.sending;
  }

  async write(message) {
    for (let at = 0; at < message.length; at += CHUNK - 1) {
      if (this.failure) throw this.failure;
      const part = message.subarray(at, at + CHUNK - 1);
      const lead = at + part.length < message.length ? MORE : LAST;
      try {
        await this.inbound.writeValueWithResponse(concat(Uint8Array.of(lead), part));
      } catch {
        this.fail("The kiosk ended the talk."); // half a message is there: nothing can follow it
        throw this.failure;
      }
    }
  }

  // The next message; null if none came in time.
  receive(milliseconds = ANSWER_MS) {
    if (this.messages.length) return Promise.resolve(this.messages.shift());
    if (this.failure) return Promise.reject(this.failure);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.settle(() => resolve(null)), milliseconds);
      this.waiting = { resolve, reject, timer };
    });
  }

  hear(value) {
    if (!equal(value.subarray(0, TAG_LENGTH), this.tag)) return; // of another phone's session
    const lead = value[TAG_LENGTH];
    const part = value.slice(TAG_LENGTH + 1);
    this.length += part.length;
    if ((lead !== MORE && lead !== LAST) || !part.length || this.length > MAX_MESSAGE) {
      this.fail("The kiosk sends what this page does not understand.");
      return;
    }
    this.gathered.push(part);
    if (lead === MORE) return;
    const message = concat(...this.gathered);
    this.gathered = [];
    this.length = 0;
    if (this.waiting) this.settle(({ resolve }) => resolve(message));
    else this.messages.push(message);
  }

  hearState(value) {
    if (value[0] === END && equal(value.subarray(1, 1 + TAG_LENGTH), this.tag)) this.fail("The kiosk ended the talk.");
  }

  fail(text) {
    this.failure ??= new LinkLost(text);
    if (this.waiting) this.settle(({ reject }) => reject(this.failure));
  }

  settle(how) {
    const { waiting } = this;
    this.waiting = null;
    clearTimeout(waiting.timer);
    how(waiting);
  }

  close() {
    this.fail("The talk is over.");
    const leave = () => this.device.gatt.disconnect(); // also ends an attempt to connect
    Promise.resolve(this.state?.writeValueWithResponse(Uint8Array.of(END))).then(leave, leave);
  }
}

// Some browsers try for ever to connect with a device that has gone.
const inTime = (work) => Promise.race([work, new Promise((_, reject) => setTimeout(reject, ANSWER_MS))]);

const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength).slice();
