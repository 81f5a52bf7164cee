// Encodes Avro binary data by closures built once from the schema; mirrors avro-decode.ts. Unions are what Iceberg
// writes: one type, or null and one type.

import { stringToUtf8 } from "#core";
import { isUnion } from "./avro-decode.ts";
import { avroError, declaredNames, type AvroRecord, type AvroSchema } from "./avro-schema.ts";

/** Bytes being built. */
export interface AvroSink {
  /** Capacity; only the first `length` bytes are written. */
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

/** Appends one value. Errors: `metadata_invalid` for a value that does not fit the schema. */
export type AvroEncoder = (sink: AvroSink, value: unknown) => void;

const INITIAL_CAPACITY_BYTES = 4096;

/** An empty sink. */
export function createAvroSink(): AvroSink {
  return { bytes: new Uint8Array(INITIAL_CAPACITY_BYTES), length: 0 };
}

/** What was written, as a view. */
export function avroSinkBytes(sink: AvroSink): Uint8Array<ArrayBuffer> {
  return sink.bytes.subarray(0, sink.length);
}

/** Builds the encoder of a schema. Errors: `metadata_invalid` for types it cannot write. */
export function compileAvroEncoder(schema: AvroSchema): AvroEncoder {
  return compile(schema, new Map());
}

function reserve(sink: AvroSink, extra: number): void {
  const needed = sink.length + extra;
  if (needed <= sink.bytes.length) return;
  const grown = new Uint8Array(Math.max(needed, sink.bytes.length * 2));
  grown.set(sink.bytes.subarray(0, sink.length));
  sink.bytes = grown;
}

/** Appends bytes as they are. */
export function writeAvroRaw(sink: AvroSink, bytes: Uint8Array): void {
  reserve(sink, bytes.length);
  sink.bytes.set(bytes, sink.length);
  sink.length += bytes.length;
}

const INT32_HALF = 2 ** 30;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/** Appends a zigzag varint. Errors: `metadata_invalid` for what is no 64-bit integer. */
export function writeAvroLong(sink: AvroSink, value: number | bigint): void {
  reserve(sink, 10);
  if (typeof value === "number" && value >= -INT32_HALF && value < INT32_HALF && Number.isInteger(value)) {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 0x7f) {
      sink.bytes[sink.length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    sink.bytes[sink.length++] = rest;
    return;
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw avroError(`${value} is no exact integer.`);
  const wide = BigInt(value);
  if (wide < MIN_INT64 || wide > MAX_INT64) throw avroError(`${wide} does not fit 64 bits.`);
  let rest = BigInt.asUintN(64, (wide << 1n) ^ (wide >> 63n));
  while (rest > 0x7fn) {
    sink.bytes[sink.length++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  sink.bytes[sink.length++] = Number(rest);
}

/** Appends a length-prefixed byte string. */
export function writeAvroBytes(sink: AvroSink, bytes: Uint8Array): void {
  writeAvroLong(sink, bytes.length);
  writeAvroRaw(sink, bytes);
}

function writeFloat(sink: AvroSink, value: number, width: 4 | 8): void {
  reserve(sink, width);
  const view = new DataView(sink.bytes.buffer, sink.bytes.byteOffset + sink.length, width);
  if (width === 4) view.setFloat32(0, value, true);
  else view.setFloat64(0, value, true);
  sink.length += width;
}

function expectInteger(value: unknown): number | bigint {
  if (typeof value === "number" || typeof value === "bigint") return value;
  throw avroError("expected an integer.");
}

function expectNumber(value: unknown): number {
  if (typeof value === "number") return value;
  throw avroError("expected a number.");
}

function expectBytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw avroError("expected bytes.");
}

const PRIMITIVES: Readonly<Record<string, AvroEncoder>> = {
  null: (_sink, value) => {
    if (value !== null && value !== undefined) throw avroError("expected null.");
  },
  boolean: (sink, value) => {
    if (typeof value !== "boolean") throw avroError("expected a boolean.");
    writeAvroRaw(sink, Uint8Array.of(value ? 1 : 0));
  },
  int: (sink, value) => {
    const number = expectNumber(value);
    if ((number | 0) !== number) throw avroError(`${number} does not fit 32 bits.`);
    writeAvroLong(sink, number);
  },
  long: (sink, value) => writeAvroLong(sink, expectInteger(value)),
  float: (sink, value) => writeFloat(sink, expectNumber(value), 4),
  double: (sink, value) => writeFloat(sink, expectNumber(value), 8),
  bytes: (sink, value) => writeAvroBytes(sink, expectBytes(value)),
  string: (sink, value) => {
    if (typeof value !== "string") throw avroError("expected a string.");
    writeAvroBytes(sink, stringToUtf8(value));
  },
};

type NamedEncoders = Map<string, { encoder: AvroEncoder }>;

function compile(schema: AvroSchema, named: NamedEncoders): AvroEncoder {
  if (typeof schema === "string") {
    const primitive = PRIMITIVES[schema];
    if (primitive !== undefined) return primitive;
    const slot = named.get(schema);
    if (slot === undefined) throw avroError(`unknown type "${schema}".`);
    return (sink, value) => slot.encoder(sink, value);
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
      const encoder: AvroEncoder = (sink, value) => {
        const bytes = expectBytes(value);
        if (bytes.length !== size) throw avroError(`expected ${size} bytes for ${name}, not ${bytes.length}.`);
        writeAvroRaw(sink, bytes);
      };
      for (const known of declaredNames({ ...schema, name })) named.set(known, { encoder });
      return encoder;
    }
    case "enum":
      throw avroError("enums are not written.");
    default:
      return compile(schema.type, named);
  }
}

function compileRecord(schema: AvroRecord, named: NamedEncoders): AvroEncoder {
  const slot: { encoder: AvroEncoder } = {
    encoder: () => {
      throw avroError("a recursive type was written before it was complete.");
    },
  };
  for (const name of declaredNames(schema)) named.set(name, slot);
  const names = schema.fields.map((field) => field.name);
  const encoders = schema.fields.map((field) => compile(field.type, named));
  slot.encoder = (sink, value) => {
    if (typeof value !== "object" || value === null) throw avroError(`expected a record for ${schema.name}.`);
    const record = value as Readonly<Record<string, unknown>>;
    for (let i = 0; i < names.length; i++) (encoders[i] as AvroEncoder)(sink, record[names[i] as string]);
  };
  return slot.encoder;
}

function compileUnion(branches: readonly AvroSchema[], named: NamedEncoders): AvroEncoder {
  const nullIndex = branches.indexOf("null");
  const valueIndex = branches.findIndex((branch) => branch !== "null");
  const valueBranch = branches[valueIndex];
  if (branches.length > 2 || valueBranch === undefined || (branches.length === 2 && nullIndex < 0)) {
    throw avroError("only unions of null and one type are written.");
  }
  const encodeValue = compile(valueBranch, named);
  return (sink, value) => {
    if ((value === null || value === undefined) && nullIndex >= 0) {
      writeAvroLong(sink, nullIndex);
      return;
    }
    writeAvroLong(sink, valueIndex);
    encodeValue(sink, value);
  };
}

function compileArray(items: AvroSchema, named: NamedEncoders): AvroEncoder {
  const encodeItem = compile(items, named);
  return (sink, value) => {
    if (!Array.isArray(value)) throw avroError("expected an array.");
    if (value.length > 0) {
      writeAvroLong(sink, value.length);
      for (const item of value as readonly unknown[]) encodeItem(sink, item);
    }
    writeAvroLong(sink, 0);
  };
}

function compileMap(valueSchema: AvroSchema, named: NamedEncoders): AvroEncoder {
  const encodeValue = compile(valueSchema, named);
  return (sink, value) => {
    if (!(value instanceof Map)) throw avroError("expected a Map.");
    const map = value as ReadonlyMap<string, unknown>;
    if (map.size > 0) {
      writeAvroLong(sink, map.size);
      for (const [key, item] of map) {
        writeAvroBytes(sink, stringToUtf8(key));
        encodeValue(sink, item);
      }
    }
    writeAvroLong(sink, 0);
  };
}
