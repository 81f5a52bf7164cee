// Thrift's compact protocol, read into generic structs and written back unchanged, so that a file's footer can be
// rewritten without knowing every field a writer put there.
// Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
//
// | element | bytes |
// |---|---|
// | field header | delta << 4 | type, or type then zigzag field id when the delta is not within 1..15 |
// | bool field | no bytes: the type is 1 (true) or 2 (false) |
// | i16, i32, i64 | zigzag LEB128 |
// | double | 8 bytes little-endian |
// | binary | LEB128 length, bytes |
// | list, set | size << 4 | element type, or 0xF0 | element type then LEB128 size; elements |
// | map | LEB128 size, then unless 0: key type << 4 | value type; pairs |
// | struct | fields, then 0 |

import { ByteSink, corruptData, type ByteCursor } from "./byte-cursor.ts";

/** Compact protocol type codes. */
export const THRIFT_TYPE = {
  true: 1,
  false: 2,
  i8: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const;

/** A value: integers are numbers unless beyond ±(2^53 - 1), doubles are numbers, binaries are views. */
export type ThriftValue = boolean | number | bigint | Uint8Array | ThriftList | ThriftMap | ThriftStruct;

/** A list or set. */
export interface ThriftList {
  readonly elementType: number;
  readonly items: ThriftValue[];
}

/** A map as pairs in file order. */
export interface ThriftMap {
  readonly keyType: number;
  readonly valueType: number;
  readonly entries: [ThriftValue, ThriftValue][];
}

/** A field's type code and value; the code of a bool field follows from its value. */
export interface ThriftField {
  readonly type: number;
  readonly value: ThriftValue;
}

/** A struct: fields by id, in file order. Mutable, for rewriting. */
export type ThriftStruct = Map<number, ThriftField>;

/** Parquet nests four deep; anything deeper is an attack or noise. */
const MAX_DEPTH = 32;

/**
 * Reads one struct at the cursor. Cost: bounded by the cursor's bytes, whatever they claim. Errors: `data_invalid`.
 */
export function readThriftStruct(cursor: ByteCursor, depth = 0): ThriftStruct {
  if (depth > MAX_DEPTH) throw corruptData("thrift structs nest too deep");
  const struct: ThriftStruct = new Map();
  let fieldId = 0;
  for (;;) {
    const header = cursor.readByte();
    if (header === 0) return struct;
    const type = header & 0x0f;
    const delta = header >> 4;
    fieldId = delta === 0 ? cursor.readZigzag32() : fieldId + delta;
    const value = type === 1 ? true : type === 2 ? false : readValue(cursor, type, depth);
    struct.set(fieldId, { type, value });
  }
}

function readValue(cursor: ByteCursor, type: number, depth: number): ThriftValue {
  switch (type) {
    case THRIFT_TYPE.true:
    case THRIFT_TYPE.false:
      // Inside a collection a bool is one byte.
      return cursor.readByte() === 1;
    case THRIFT_TYPE.i8:
      return (cursor.readByte() << 24) >> 24;
    case THRIFT_TYPE.i16:
    case THRIFT_TYPE.i32:
      return cursor.readZigzag32();
    case THRIFT_TYPE.i64:
      return cursor.readZigzag64();
    case THRIFT_TYPE.double: {
      const bytes = cursor.readBytes(8);
      return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
    }
    case THRIFT_TYPE.binary:
      return cursor.readBytes(cursor.readVarint32());
    case THRIFT_TYPE.list:
    case THRIFT_TYPE.set:
      return readList(cursor, depth + 1);
    case THRIFT_TYPE.map:
      return readMap(cursor, depth + 1);
    case THRIFT_TYPE.struct:
      return readThriftStruct(cursor, depth + 1);
    default:
      throw corruptData(`thrift type ${type} does not exist`);
  }
}

function readList(cursor: ByteCursor, depth: number): ThriftList {
  if (depth > MAX_DEPTH) throw corruptData("thrift lists nest too deep");
  const header = cursor.readByte();
  const elementType = header & 0x0f;
  const size = header >> 4 === 15 ? cursor.readVarint32() : header >> 4;
  // Every element takes a byte at least, so a claimed size beyond the rest is false.
  if (size > cursor.remaining) throw corruptData("a thrift list is longer than its bytes");
  const items: ThriftValue[] = [];
  for (let i = 0; i < size; i++) items.push(readValue(cursor, elementType, depth));
  return { elementType, items };
}

function readMap(cursor: ByteCursor, depth: number): ThriftMap {
  if (depth > MAX_DEPTH) throw corruptData("thrift maps nest too deep");
  const size = cursor.readVarint32();
  if (size === 0) return { keyType: 0, valueType: 0, entries: [] };
  const types = cursor.readByte();
  if (size > cursor.remaining) throw corruptData("a thrift map is longer than its bytes");
  const keyType = types >> 4;
  const valueType = types & 0x0f;
  const entries: [ThriftValue, ThriftValue][] = [];
  for (let i = 0; i < size; i++) {
    entries.push([readValue(cursor, keyType, depth), readValue(cursor, valueType, depth)]);
  }
  return { keyType, valueType, entries };
}

/** Writes a struct; fields go out in ascending id, as writers do. */
export function writeThriftStruct(sink: ByteSink, struct: ThriftStruct): void {
  let previous = 0;
  const ids = [...struct.keys()].toSorted((a, b) => a - b);
  for (const id of ids) {
    const field = struct.get(id);
    if (field === undefined) continue;
    const type = typeof field.value === "boolean" ? (field.value ? 1 : 2) : field.type;
    const delta = id - previous;
    if (delta >= 1 && delta <= 15) sink.writeByte((delta << 4) | type);
    else {
      sink.writeByte(type);
      sink.writeZigzag64(id);
    }
    previous = id;
    if (typeof field.value !== "boolean") writeValue(sink, type, field.value);
  }
  sink.writeByte(0);
}

function writeValue(sink: ByteSink, type: number, value: ThriftValue): void {
  if (typeof value === "boolean") sink.writeByte(value ? 1 : 2);
  else if (typeof value === "number" || typeof value === "bigint") writeNumber(sink, type, value);
  else if (value instanceof Uint8Array) {
    sink.writeVarint32(value.length);
    sink.writeBytes(value);
  } else if (value instanceof Map) writeThriftStruct(sink, value);
  else if ("items" in value) {
    const size = value.items.length;
    if (size < 15) sink.writeByte((size << 4) | value.elementType);
    else {
      sink.writeByte(0xf0 | value.elementType);
      sink.writeVarint32(size);
    }
    for (const item of value.items) writeValue(sink, value.elementType, item);
  } else {
    sink.writeVarint32(value.entries.length);
    if (value.entries.length === 0) return;
    sink.writeByte((value.keyType << 4) | value.valueType);
    for (const [key, item] of value.entries) {
      writeValue(sink, value.keyType, key);
      writeValue(sink, value.valueType, item);
    }
  }
}

function writeNumber(sink: ByteSink, type: number, value: number | bigint): void {
  if (type === THRIFT_TYPE.i8) sink.writeByte(Number(value) & 0xff);
  else if (type === THRIFT_TYPE.double) {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, Number(value), true);
    sink.writeBytes(bytes);
  } else sink.writeZigzag64(value);
}

/** Serializes one struct. */
export function thriftStructToBytes(struct: ThriftStruct): Uint8Array<ArrayBuffer> {
  const sink = new ByteSink();
  writeThriftStruct(sink, struct);
  return sink.toBytes();
}
