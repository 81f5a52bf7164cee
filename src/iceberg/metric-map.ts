// Int-keyed maps of a manifest's entry, read from their Avro bytes when asked: planning looks at one or two columns of
// a file, and most files are passed over without looking at any.
// Source: Iceberg table spec, Appendix A: maps with keys that are not strings are arrays of key and value records.

import { avroError, createAvroCursor, readAvroCount, skipAvroBytes, skipAvroLong, type AvroCursor } from "#codec";

/** Reads a value at the cursor. */
interface ValueCodec<T> {
  readonly read: (cursor: AvroCursor) => T;
  readonly skip: (cursor: AvroCursor) => void;
}

const LONG_VALUES: ValueCodec<number> = { read: readAvroCount, skip: skipAvroLong };

const BYTES_VALUES: ValueCodec<Uint8Array> = {
  read(cursor) {
    const length = readAvroCount(cursor);
    const start = cursor.offset;
    cursor.offset += length;
    return cursor.bytes.subarray(start, start + length);
  },
  skip: skipAvroBytes,
};

/** Moves behind a map of counts. As every skipper, it leaves the end of the data to its caller. */
export function skipCounts(cursor: AvroCursor): void {
  const { bytes } = cursor;
  for (let count = itemCount(cursor); count > 0; count = itemCount(cursor)) {
    let { offset } = cursor;
    // A key and a value are two integers.
    for (let i = 0; i < count * 2; i++) while ((bytes[offset++] as number) >= 0x80);
    cursor.offset = offset;
  }
}

/** Moves behind a map of bounds. */
export function skipBounds(cursor: AvroCursor): void {
  const { bytes } = cursor;
  for (let count = itemCount(cursor); count > 0; count = itemCount(cursor)) {
    for (let i = 0; i < count; i++) {
      let { offset } = cursor;
      while ((bytes[offset++] as number) >= 0x80);
      const length = bytes[offset] as number;
      cursor.offset = offset;
      // Most bounds are short: one byte holds twice their length.
      if (length < 0x80 && (length & 1) === 0) cursor.offset = offset + 1 + (length >> 1);
      else skipAvroBytes(cursor);
    }
  }
}

/** Items of the next run of a map, 0 at its end; the bytes a run may say it has are passed. */
function itemCount(cursor: AvroCursor): number {
  let count = readAvroCount(cursor);
  if (count < 0) {
    count = -count;
    skipAvroLong(cursor);
  }
  // An item takes two bytes at least.
  if (count * 2 > cursor.bytes.length - cursor.offset) throw avroError("a map counts more items than it has bytes.");
  return count;
}

/** Calls `visit` for each key with the cursor at its value until it answers true; `visit` has to pass the value. */
function walk(cursor: AvroCursor, visit: (key: number) => boolean): void {
  for (;;) {
    let count = readAvroCount(cursor);
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      skipAvroLong(cursor);
    }
    for (let i = 0; i < count; i++) if (visit(readAvroCount(cursor))) return;
  }
}

/** A map read from bytes that have been walked over once without finding them damaged. */
class EncodedMap<T> implements ReadonlyMap<number, T> {
  readonly #bytes: Uint8Array;
  readonly #offset: number;
  readonly #codec: ValueCodec<T>;

  constructor(bytes: Uint8Array, offset: number, codec: ValueCodec<T>) {
    this.#bytes = bytes;
    this.#offset = offset;
    this.#codec = codec;
  }

  get size(): number {
    return this.#decode().size;
  }

  get(key: number): T | undefined {
    return findValue(this.#bytes, this.#offset, key, this.#codec);
  }

  has(key: number): boolean {
    return this.get(key) !== undefined;
  }

  forEach(visit: (value: T, key: number, map: ReadonlyMap<number, T>) => void): void {
    for (const [key, value] of this.#decode()) visit(value, key, this);
  }

  entries(): MapIterator<[number, T]> {
    return this.#decode().entries();
  }

  keys(): MapIterator<number> {
    return this.#decode().keys();
  }

  values(): MapIterator<T> {
    return this.#decode().values();
  }

  [Symbol.iterator](): MapIterator<[number, T]> {
    return this.entries();
  }

  #decode(): Map<number, T> {
    const found = new Map<number, T>();
    const cursor = cursorAt(this.#bytes, this.#offset);
    walk(cursor, (key) => {
      found.set(key, this.#codec.read(cursor));
      return false;
    });
    return found;
  }
}

function cursorAt(bytes: Uint8Array, offset: number): AvroCursor {
  const cursor = createAvroCursor(bytes);
  cursor.offset = offset;
  return cursor;
}

function findValue<T>(bytes: Uint8Array, offset: number, key: number, codec: ValueCodec<T>): T | undefined {
  const cursor = cursorAt(bytes, offset);
  return seekKey(cursor, key, codec.skip) ? codec.read(cursor) : undefined;
}

/** Moves from the start of a map to the value of the key; false when the map lacks it. */
function seekKey(cursor: AvroCursor, key: number, skip: (cursor: AvroCursor) => void): boolean {
  for (;;) {
    let count = readAvroCount(cursor);
    if (count === 0) return false;
    if (count < 0) {
      count = -count;
      skipAvroLong(cursor);
    }
    for (let i = 0; i < count; i++) {
      if (readAvroCount(cursor) === key) return true;
      skip(cursor);
    }
  }
}

/** The count of the key in the map at `offset`, which a negative one lacks; moves the cursor. */
export function seekCount(cursor: AvroCursor, offset: number, key: number): number | undefined {
  if (offset < 0) return undefined;
  cursor.offset = offset;
  return seekKey(cursor, key, skipAvroLong) ? readAvroCount(cursor) : undefined;
}

/** The bound of the key in the map at `offset`, which a negative one lacks, as a view; moves the cursor. */
export function seekBound(cursor: AvroCursor, offset: number, key: number): Uint8Array | undefined {
  if (offset < 0) return undefined;
  cursor.offset = offset;
  return seekKey(cursor, key, skipAvroBytes) ? BYTES_VALUES.read(cursor) : undefined;
}

const NO_COUNTS: ReadonlyMap<number, number> = new Map();
const NO_BOUNDS: ReadonlyMap<number, Uint8Array> = new Map();

/** A map of counts whose Avro bytes start at the offset; a negative offset stands for none. */
export function encodedCounts(bytes: Uint8Array, offset: number): ReadonlyMap<number, number> {
  return offset < 0 ? NO_COUNTS : new EncodedMap(bytes, offset, LONG_VALUES);
}

/** A map of bounds whose Avro bytes start at the offset; values are views. A negative offset stands for none. */
export function encodedBounds(bytes: Uint8Array, offset: number): ReadonlyMap<number, Uint8Array> {
  return offset < 0 ? NO_BOUNDS : new EncodedMap(bytes, offset, BYTES_VALUES);
}
