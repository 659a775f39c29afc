// Deterministic CBOR (RFC 8949, section 4.2.1), as much of it as phone and kiosk use: integers, byte strings, text,
// arrays, maps with unsigned integer keys, true, false and null. Maps are JavaScript Maps.

const MAX_DEPTH = 8;

export class Malformed extends Error {}

export function encode(value) {
  const parts = [];
  write(value, parts);
  return concat(...parts);
}

export function decode(data) {
  const reader = { data, at: 0 };
  const value = read(reader, 0);
  // One encoding for each message: what comes out the same again was deterministic, and whole.
  if (!equal(encode(value), data)) throw new Malformed("not deterministic CBOR");
  return value;
}

export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equal(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));

function write(value, parts) {
  if (value instanceof Uint8Array) {
    parts.push(head(2, value.length), value);
  } else if (typeof value === "number" || typeof value === "bigint") {
    parts.push(value < 0 ? head(1, -1n - BigInt(value)) : head(0, value));
  } else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    parts.push(head(3, text.length), text);
  } else if (Array.isArray(value)) {
    parts.push(head(4, value.length));
    for (const item of value) write(item, parts);
  } else if (value instanceof Map) {
    parts.push(head(5, value.size));
    for (const key of [...value.keys()].sort((a, b) => a - b)) {
      write(key, parts);
      write(value.get(key), parts);
    }
  } else if (value === false || value === true || value === null) {
    parts.push(Uint8Array.of(value === null ? 0xf6 : value ? 0xf5 : 0xf4));
  } else {
    throw new Malformed("a value that CBOR has no place for here");
  }
}

function head(major, argument) {
  const number = BigInt(argument);
  const sizes = [[24n, 0], [1n << 8n, 1], [1n << 16n, 2], [1n << 32n, 4], [1n << 64n, 8]];
  const found = sizes.find(([end]) => number < end);
  if (!found) throw new Malformed("a number that is too large");
  const [, size] = found;
  const bytes = new Uint8Array(1 + size);
  bytes[0] = (major << 5) | (size ? 23 + [1, 2, 4, 8].indexOf(size) + 1 : Number(number));
  for (let at = 0; at < size; at++) bytes[size - at] = Number((number >> BigInt(8 * at)) & 255n);
  return bytes;
}

function read(reader, depth) {
  if (depth > MAX_DEPTH) throw new Malformed("too deep");
  const first = take(reader, 1)[0];
  const major = first >> 5;
  const low = first & 31;
  if (major === 7) {
    if (low === 20 || low === 21) return low === 21;
    if (low === 22) return null;
    throw new Malformed("a kind of value that has no place here");
  }
  const argument = readArgument(reader, low);
  if (major === 0) return plain(argument);
  if (major === 1) return plain(-1n - argument);
  const length = Number(argument);
  if (major === 2) return take(reader, length).slice();
  if (major === 3) return readText(take(reader, length));
  if (major > 5 || length > reader.data.length - reader.at) throw new Malformed("longer than its message, or a tag");
  if (major === 4) return Array.from({ length }, () => read(reader, depth + 1));
  const map = new Map();
  for (let count = 0; count < length; count++) {
    const key = read(reader, depth + 1);
    if (typeof key !== "number" || map.has(key)) throw new Malformed("a key that is none, or comes twice");
    map.set(key, read(reader, depth + 1));
  }
  return map;
}

function readArgument(reader, low) {
  if (low < 24) return BigInt(low);
  if (low > 27) throw new Malformed("an indefinite length");
  return take(reader, 1 << (low - 24)).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

function readText(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new Malformed("a text that is no UTF-8");
  }
}

const plain = (number) =>
  number <= BigInt(Number.MAX_SAFE_INTEGER) && number >= -BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number;

function take(reader, length) {
  if (length > reader.data.length - reader.at) throw new Malformed("it ends too early");
  reader.at += length;
  return reader.data.subarray(reader.at - length, reader.at);
}
