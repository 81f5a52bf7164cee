// A bounds-checked position in bytes with the variable-length integers that Parquet and Thrift use.

import { LakeError } from "#core";

/** The error of every decoder here: the bytes do not follow their format. */
export function corruptData(what: string): LakeError {
  return new LakeError("data_invalid", `Corrupt data: ${what}.`);
}

/** 2^32 */
const WORD = 4_294_967_296;

/** Reads forward through bytes. Errors: `data_invalid` when a read passes the end or a varint is overlong. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  /** Offset of the next byte. */
  position: number;
  /** Exclusive limit of reads. */
  readonly end: number;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  readByte(): number {
    if (this.position >= this.end) throw corruptData("it ends too early");
    return this.bytes[this.position++] as number;
  }

  /** The next `length` bytes as a view. */
  readBytes(length: number): Uint8Array {
    if (!(length >= 0) || length > this.end - this.position) throw corruptData("it ends too early");
    const start = this.position;
    this.position = start + length;
    return this.bytes.subarray(start, start + length);
  }

  /** An unsigned LEB128 integer of at most 32 bits. */
  readVarint32(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.readByte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw corruptData("a 32-bit varint is too long");
  }

  /** A zigzag LEB128 integer of at most 32 bits. */
  readZigzag32(): number {
    const value = this.readVarint32();
    return (value >>> 1) ^ -(value & 1);
  }

  /** A zigzag LEB128 integer of at most 64 bits: a number when within ±(2^53 - 1), else a bigint. */
  readZigzag64(): number | bigint {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.readByte();
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) return unzigzag(low, high);
    }
    throw corruptData("a 64-bit varint is too long");
  }
}

/** Undoes zigzag on a 64-bit integer given as two words. */
function unzigzag(low: number, high: number): number | bigint {
  const sign = -(low & 1);
  const resultLow = ((low >>> 1) | (high << 31)) ^ sign;
  const resultHigh = (high >>> 1) ^ sign;
  const value = resultHigh * WORD + (resultLow >>> 0);
  if (Number.isSafeInteger(value)) return value;
  return (BigInt(resultHigh) << 32n) | BigInt(resultLow >>> 0);
}

/** Appends bytes and varints to a growing buffer. */
export class ByteSink {
  #bytes = new Uint8Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  writeByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  writeBytes(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Unsigned LEB128 of a value below 2^32. */
  writeVarint32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.writeByte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.writeByte(rest);
  }

  /** Zigzag LEB128 of a signed 64-bit integer. */
  writeZigzag64(value: number | bigint): void {
    if (typeof value === "number" && value >= -0x4000_0000 && value < 0x4000_0000) {
      this.writeVarint32((value << 1) ^ (value >> 31));
      return;
    }
    const wide = BigInt(value);
    let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
    while (rest > 0x7fn) {
      this.writeByte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.writeByte(Number(rest));
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
