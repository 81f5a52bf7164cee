// Variants as they are stored: a dictionary of field names and a value that describes itself.
// Source: https://github.com/apache/parquet-format/blob/master/VariantEncoding.md
//
// | section of the metadata | bytes |
// |---|---|
// | header | bits 0–3 version 1, bit 4 names are sorted and unique, bits 6–7 offset size - 1 |
// | count | offset size, little-endian |
// | offsets | count + 1 of them, into the names |
// | names | UTF-8 |
//
// | value by the low two bits of its first byte | bytes after it |
// |---|---|
// | 0 primitive, its type in the upper six bits | by type |
// | 1 short string, its length in the upper six bits | UTF-8 |
// | 2 object: bits 2–3 offset size - 1, bits 4–5 id size - 1, bit 6 count takes 4 bytes | count, ids in the order of the names, offsets, values |
// | 3 array: bits 2–3 offset size - 1, bit 4 count takes 4 bytes | count, offsets, values |

import { utf8ToStringStrict } from "#core";
import { corruptData } from "#codec";

/** A variant as it is stored. */
export interface Variant {
  readonly metadata: Uint8Array;
  readonly value: Uint8Array;
}

/** Kinds of values by the low two bits. */
export const BASIC_TYPE = { primitive: 0, shortString: 1, object: 2, array: 3 } as const;

/** Types of primitives. */
export const PRIMITIVE = {
  null: 0,
  true: 1,
  false: 2,
  int8: 3,
  int16: 4,
  int32: 5,
  int64: 6,
  double: 7,
  decimal4: 8,
  decimal8: 9,
  decimal16: 10,
  date: 11,
  timestamp: 12,
  timestampNtz: 13,
  float: 14,
  binary: 15,
  string: 16,
  time: 17,
  timestampNanos: 18,
  timestampNtzNanos: 19,
  uuid: 20,
} as const;

/** The version of the encoding that is read and written. */
export const VARIANT_VERSION = 1;

/** Values nest no deeper, so that no file can exhaust the stack. */
export const MAX_VARIANT_DEPTH = 128;

/** A field of an object: the id of its name and its value's bytes. */
export interface VariantField {
  readonly id: number;
  readonly value: Uint8Array;
}

/** An unsigned little-endian integer of 1 to 4 bytes. Errors: `data_invalid` beyond the end. */
function readUnsigned(bytes: Uint8Array, at: number, size: number): number {
  if (at + size > bytes.length) throw corruptData("a variant is cut short");
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] as number);
  return value;
}

/** The names of a variant's metadata; each is decoded when it is asked for. */
export interface VariantNames {
  readonly length: number;
  /** Errors: `data_invalid` for an id that is none. */
  nameOf(id: number): string;
  /** The id of a name; undefined when there is none. Cost: decodes every name once. */
  idOf(name: string): number | undefined;
}

/** Opens metadata. Errors: `data_invalid`. Ownership: keeps a view. */
export function readVariantNames(metadata: Uint8Array): VariantNames {
  const [header] = metadata;
  if (header === undefined) throw corruptData("a variant has no metadata");
  if ((header & 0x0f) !== VARIANT_VERSION) throw corruptData("a variant's metadata has an unknown version");
  const size = (header >> 6) + 1;
  const length = readUnsigned(metadata, 1, size);
  const namesAt = 1 + size * (length + 2);
  if (namesAt > metadata.length) throw corruptData("a variant's metadata is cut short");
  const known = new Map<number, string>();
  let ids: Map<string, number> | undefined;

  function nameOf(id: number): string {
    const cached = known.get(id);
    if (cached !== undefined) return cached;
    if (id >= length) throw corruptData("a variant's field has no name");
    const start = namesAt + readUnsigned(metadata, 1 + size * (id + 1), size);
    const end = namesAt + readUnsigned(metadata, 1 + size * (id + 2), size);
    if (start > end || end > metadata.length) throw corruptData("a variant's names overlap its end");
    const name = text(metadata.subarray(start, end));
    known.set(id, name);
    return name;
  }

  return {
    length,
    nameOf,
    idOf(name) {
      ids ??= new Map(Array.from({ length }, (_, id) => [nameOf(id), id]));
      return ids.get(name);
    },
  };
}

/** Text of a variant. Errors: `data_invalid` for what is not UTF-8. */
export function text(bytes: Uint8Array): string {
  const decoded = utf8ToStringStrict(bytes);
  if (decoded === undefined) throw corruptData("a variant's text is not UTF-8");
  return decoded;
}

/** The kind of a value. Errors: `data_invalid` when there is none. */
export function basicTypeOf(value: Uint8Array): number {
  const [header] = value;
  if (header === undefined) throw corruptData("a variant has no value");
  return header & 3;
}

/** The fields of an object in stored order. Ownership: views. Errors: `data_invalid`. */
export function readObject(value: Uint8Array): VariantField[] {
  const header = (value[0] as number) >> 2;
  const offsetSize = (header & 3) + 1;
  const idSize = ((header >> 2) & 3) + 1;
  const countSize = (header & 16) === 0 ? 1 : 4;
  const count = readUnsigned(value, 1, countSize);
  const idsAt = 1 + countSize;
  const offsetsAt = idsAt + count * idSize;
  const valuesAt = offsetsAt + (count + 1) * offsetSize;
  if (valuesAt > value.length) throw corruptData("a variant is cut short");
  const end = valuesAt + readUnsigned(value, offsetsAt + count * offsetSize, offsetSize);
  if (end > value.length) throw corruptData("a variant is cut short");
  return Array.from({ length: count }, (_, i): VariantField => {
    const start = valuesAt + readUnsigned(value, offsetsAt + i * offsetSize, offsetSize);
    // Values need not be in the order of their fields: each tells its own length.
    return {
      id: readUnsigned(value, idsAt + i * idSize, idSize),
      value: exactValue(value.subarray(Math.min(start, end), end)),
    };
  });
}

/** The elements of an array. Ownership: views. Errors: `data_invalid`. */
export function readArray(value: Uint8Array): Uint8Array[] {
  const header = (value[0] as number) >> 2;
  const offsetSize = (header & 3) + 1;
  const countSize = (header & 4) === 0 ? 1 : 4;
  const count = readUnsigned(value, 1, countSize);
  const offsetsAt = 1 + countSize;
  const valuesAt = offsetsAt + (count + 1) * offsetSize;
  if (valuesAt > value.length) throw corruptData("a variant is cut short");
  const offsetOf = (i: number): number => valuesAt + readUnsigned(value, offsetsAt + i * offsetSize, offsetSize);
  return Array.from({ length: count }, (_, i) => {
    const [start, end] = [offsetOf(i), offsetOf(i + 1)];
    if (start > end || end > value.length) throw corruptData("a variant is cut short");
    return exactValue(value.subarray(start, end));
  });
}

/** The first value within the bytes, without what follows. Errors: `data_invalid` when it is cut short. */
function exactValue(bytes: Uint8Array): Uint8Array {
  const length = valueLength(bytes);
  if (length > bytes.length) throw corruptData("a variant is cut short");
  return bytes.subarray(0, length);
}

const PRIMITIVE_BYTES: readonly number[] = [0, 0, 0, 1, 2, 4, 8, 8, 5, 9, 17, 4, 8, 8, 4, -1, -1, 8, 8, 8, 16];

/** Bytes that a value takes, its header included. Errors: `data_invalid`. */
function valueLength(value: Uint8Array): number {
  const basic = basicTypeOf(value);
  const header = (value[0] as number) >> 2;
  if (basic === BASIC_TYPE.shortString) return 1 + header;
  if (basic === BASIC_TYPE.primitive) {
    const length = PRIMITIVE_BYTES[header];
    if (length === undefined) throw corruptData(`a variant has the unknown type ${header}`);
    return length < 0 ? 5 + readUnsigned(value, 1, 4) : 1 + length;
  }
  const isObject = basic === BASIC_TYPE.object;
  const offsetSize = (header & 3) + 1;
  const idSize = isObject ? ((header >> 2) & 3) + 1 : 0;
  const countSize = (header & (isObject ? 16 : 4)) === 0 ? 1 : 4;
  const count = readUnsigned(value, 1, countSize);
  const offsetsAt = 1 + countSize + count * idSize;
  return offsetsAt + (count + 1) * offsetSize + readUnsigned(value, offsetsAt + count * offsetSize, offsetSize);
}
