// Decodes Avro binary data by closures built once from the writer's schema: no code generation, which Workers refuse.
//
// | Avro | JavaScript |
// |---|---|
// | null, boolean, float, double, string, enum | null, boolean, number, number, string, string |
// | int | number |
// | long | number within ±(2^53 - 1), else bigint |
// | bytes, fixed | Uint8Array, a view of the block |
// | record | object by field name |
// | array (Iceberg's int-keyed maps too) | array |
// | map | Map by string |
// | union | the value of the branch |
// Source: Apache Avro 1.12 specification, "Binary Encoding".

import { utf8ToString } from "#core";
import {
  MAX_AVRO_DEPTH,
  avroError,
  declaredNames,
  type AvroField,
  type AvroRecord,
  type AvroSchema,
} from "./avro-schema.ts";

/** A position in a block of encoded values. */
export interface AvroCursor {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  offset: number;
  /** Values of declared types around the one that is read: types may hold themselves. */
  depth: number;
}

/** Reads one value and moves the cursor behind it. Errors: `metadata_invalid` past the end. */
export type AvroDecoder = (cursor: AvroCursor) => unknown;

/** A cursor at the start of the bytes. */
export function createAvroCursor(bytes: Uint8Array): AvroCursor {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0, depth: 0 };
}

/** Builds the decoder of a schema. Errors: `metadata_invalid` for an unknown type name. */
export function compileAvroDecoder(schema: AvroSchema): AvroDecoder {
  return compile(schema, new Map());
}

/**
 * Builds the decoders of a record's fields, each to be used by itself: a type that one field declares serves the later
 * ones. Errors: `metadata_invalid` for an unknown type name.
 */
export function compileAvroFieldDecoders(fields: readonly AvroField[]): readonly AvroDecoder[] {
  const named: NamedDecoders = new Map();
  return fields.map(({ type }) => compile(type, named));
}

const TWO_POW_28 = 2 ** 28;
/** While the upper half of a varint stays below this, the whole fits a double exactly. */
const SAFE_HIGH_LIMIT = 2 ** 25;

/** Reads a zigzag varint of up to 64 bits: a number when safe, else a bigint. */
export function readAvroLong(cursor: AvroCursor): number | bigint {
  const { bytes } = cursor;
  let low = 0;
  let high = 0;
  let top = 0;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[cursor.offset];
    if (byte === undefined) throw avroError("the data ends inside a number.");
    cursor.offset += 1;
    const bits = byte & 0x7f;
    if (index < 4) low |= bits << (7 * index);
    else if (index < 8) high |= bits << (7 * (index - 4));
    else top |= bits << (7 * (index - 8));
    if (byte < 0x80) return zigzagToNumber(low, high, top);
  }
  throw avroError("a number is longer than ten bytes.");
}

function zigzagToNumber(low: number, high: number, top: number): number | bigint {
  if (top === 0 && high < SAFE_HIGH_LIMIT) {
    const unsigned = low + high * TWO_POW_28;
    return low % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2;
  }
  const unsigned = BigInt.asUintN(64, BigInt(low) + (BigInt(high) << 28n) + (BigInt(top) << 56n));
  const value = (unsigned & 1n) === 0n ? unsigned >> 1n : -((unsigned + 1n) >> 1n);
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

/** Reads a long that counts or measures something, which has to be a safe integer. */
export function readAvroCount(cursor: AvroCursor): number {
  const value = readAvroLong(cursor);
  if (typeof value !== "number") throw avroError("a length is out of range.");
  return value;
}

/** Reads `length` bytes as a view. */
export function readAvroRaw(cursor: AvroCursor, length: number): Uint8Array {
  const end = cursor.offset + length;
  if (length < 0 || end > cursor.bytes.length) throw avroError("the data ends inside a value.");
  const raw = cursor.bytes.subarray(cursor.offset, end);
  cursor.offset = end;
  return raw;
}

/** Reads a length-prefixed byte string as a view. */
export function readAvroBytes(cursor: AvroCursor): Uint8Array {
  return readAvroRaw(cursor, readAvroCount(cursor));
}

const PRIMITIVES: Readonly<Record<string, AvroDecoder>> = {
  null: () => null,
  boolean: (cursor) => readAvroRaw(cursor, 1)[0] === 1,
  int: readAvroCount,
  long: readAvroLong,
  float: (cursor) => {
    const at = cursor.offset;
    readAvroRaw(cursor, 4);
    return cursor.view.getFloat32(at, true);
  },
  double: (cursor) => {
    const at = cursor.offset;
    readAvroRaw(cursor, 8);
    return cursor.view.getFloat64(at, true);
  },
  bytes: readAvroBytes,
  string: (cursor) => utf8ToString(readAvroBytes(cursor)),
};

/** Decoders by declared name; a recursive type finds itself here once it is built. */
type NamedDecoders = Map<string, { decoder: AvroDecoder }>;

function compile(schema: AvroSchema, named: NamedDecoders): AvroDecoder {
  if (typeof schema === "string") {
    if (Object.hasOwn(PRIMITIVES, schema)) return PRIMITIVES[schema] as AvroDecoder;
    const slot = named.get(schema);
    if (slot === undefined) throw avroError(`unknown type "${schema}".`);
    return (cursor) => {
      enterAvroType(cursor);
      const value = slot.decoder(cursor);
      cursor.depth -= 1;
      return value;
    };
  }
  if (isUnion(schema)) return compileUnion(schema, named);
  switch (schema.type) {
    case "record":
      return compileRecord(schema as AvroRecord, named);
    case "array":
      return compileArray((schema as { readonly items: AvroSchema }).items, named);
    case "map":
      return compileMap((schema as { readonly values: AvroSchema }).values, named);
    case "fixed": {
      const { size, name } = schema as { readonly size: number; readonly name: string };
      return declare({ ...schema, name }, named, (cursor) => readAvroRaw(cursor, size));
    }
    case "enum": {
      const { symbols, name } = schema as { readonly symbols: readonly string[]; readonly name: string };
      return declare({ ...schema, name }, named, (cursor) => symbols[readAvroCount(cursor)]);
    }
    default:
      return compile(schema.type, named);
  }
}

/** Counts a value of a declared type in; whoever calls counts it out. Errors: `metadata_invalid` for too many. */
export function enterAvroType(cursor: AvroCursor): void {
  cursor.depth += 1;
  if (cursor.depth > MAX_AVRO_DEPTH) throw avroError(`values nest deeper than ${MAX_AVRO_DEPTH} levels.`);
}

/** Whether a schema is a union. */
export function isUnion(schema: AvroSchema): schema is readonly AvroSchema[] {
  return Array.isArray(schema);
}

function declare(
  schema: { readonly name: string; readonly namespace?: string },
  named: NamedDecoders,
  decoder: AvroDecoder,
): AvroDecoder {
  for (const name of declaredNames(schema)) named.set(name, { decoder });
  return decoder;
}

function compileRecord(schema: AvroRecord, named: NamedDecoders): AvroDecoder {
  const slot: { decoder: AvroDecoder } = { decoder: unreadyDecoder };
  for (const name of declaredNames(schema)) named.set(name, slot);
  const names = schema.fields.map((field) => field.name);
  const decoders = schema.fields.map((field) => compile(field.type, named));
  slot.decoder = (cursor) => {
    const record: Record<string, unknown> = {};
    for (let i = 0; i < names.length; i++) record[names[i] as string] = (decoders[i] as AvroDecoder)(cursor);
    return record;
  };
  return slot.decoder;
}

function unreadyDecoder(): never {
  throw avroError("a recursive type was read before it was complete.");
}

function compileUnion(branches: readonly AvroSchema[], named: NamedDecoders): AvroDecoder {
  const decoders = branches.map((branch) => compile(branch, named));
  return (cursor) => {
    const decoder = decoders[readAvroCount(cursor)];
    if (decoder === undefined) throw avroError("a union names a branch it does not have.");
    return decoder(cursor);
  };
}

/** Calls `readItem` for every item of a blocked sequence. */
function readBlocks(cursor: AvroCursor, readItem: () => void): void {
  for (;;) {
    let count = readAvroCount(cursor);
    if (count === 0) return;
    if (count < 0) {
      count = -count;
      readAvroCount(cursor);
    }
    // Every item but null takes a byte: a longer count is no count.
    if (count > cursor.bytes.length - cursor.offset) throw avroError("a block counts more items than it has bytes.");
    for (let i = 0; i < count; i++) readItem();
  }
}

function compileArray(items: AvroSchema, named: NamedDecoders): AvroDecoder {
  const decodeItem = compile(items, named);
  return (cursor) => {
    const values: unknown[] = [];
    readBlocks(cursor, () => values.push(decodeItem(cursor)));
    return values;
  };
}

function compileMap(valueSchema: AvroSchema, named: NamedDecoders): AvroDecoder {
  const decodeValue = compile(valueSchema, named);
  return (cursor) => {
    const values = new Map<string, unknown>();
    readBlocks(cursor, () => values.set(utf8ToString(readAvroBytes(cursor)), decodeValue(cursor)));
    return values;
  };
}
