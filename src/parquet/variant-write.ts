// Variants out of JSON text, and the building of values out of parts. Mirrors variant-value.ts and variant-json.ts.

import { LakeError, compareBytes, concatBytes, stringToUtf8 } from "#core";
import {
  BASIC_TYPE,
  MAX_VARIANT_DEPTH,
  PRIMITIVE,
  VARIANT_VERSION,
  type Variant,
  type VariantField,
} from "./variant-value.ts";

const SORTED_NAMES = 0x10;
const MAX_SHORT_STRING = 63;
/** Digits that the widest decimal holds. */
const MAX_PRECISION = 38;

/** A number as JSON wrote it. */
class NumberText {
  readonly source: string;
  constructor(source: string) {
    this.source = source;
  }
}

type Json = null | boolean | string | NumberText | readonly Json[] | { readonly [name: string]: Json };

interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}

// ECMAScript "JSON.parse source text access": not yet in TypeScript's library types.
const json = JSON as unknown as JsonWithSource;

/**
 * The variant of a JSON text. Whole numbers take the least width that holds them, numbers with a fraction are decimals
 * of up to 38 digits, others doubles. Of equal keys the last counts.
 *
 * Errors: `data_invalid` for what is no JSON, nests deeper than 128 levels or has a number beyond a double.
 */
export function jsonToVariant(text: string): Variant {
  const parsed = parse(text);
  const names = new Set<string>();
  collectNames(parsed, names, 0);
  const sorted = [...names]
    .map((name) => ({ name, bytes: stringToUtf8(name) }))
    .toSorted((a, b) => compareBytes(a.bytes, b.bytes));
  const ids = new Map(sorted.map(({ name }, id) => [name, id]));
  return { metadata: encodeNames(sorted.map(({ bytes }) => bytes)), value: encodeJson(parsed, ids) };
}

function parse(text: string): Json {
  try {
    return json.parse(text, (_key, value, { source }) =>
      typeof value === "number" ? new NumberText(source ?? String(value)) : value,
    ) as Json;
  } catch (cause) {
    throw new LakeError("data_invalid", "A text that is no JSON cannot be stored as a variant.", { cause });
  }
}

function collectNames(value: Json, names: Set<string>, depth: number): void {
  if (typeof value !== "object" || value === null || value instanceof NumberText) return;
  if (depth > MAX_VARIANT_DEPTH) {
    throw new LakeError(
      "data_invalid",
      `JSON that nests deeper than ${MAX_VARIANT_DEPTH} levels cannot be stored as a variant.`,
    );
  }
  if (isArray(value)) {
    for (const item of value) collectNames(item, names, depth + 1);
    return;
  }
  for (const [name, member] of Object.entries(value)) {
    names.add(name.toWellFormed());
    collectNames(member, names, depth + 1);
  }
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** The metadata of names that are sorted by their bytes and distinct. */
export function encodeNames(names: readonly Uint8Array[]): Uint8Array {
  const total = names.reduce((sum, { length }) => sum + length, 0);
  const size = widthOf(Math.max(total, names.length));
  const header = VARIANT_VERSION | (names.length === 0 ? 0 : SORTED_NAMES) | ((size - 1) << 6);
  const offsets = offsetsOf(names);
  return concatBytes([Uint8Array.of(header), unsigned([names.length, ...offsets], size), ...names]);
}

function encodeJson(value: Json, ids: ReadonlyMap<string, number>): Uint8Array {
  if (value === null) return primitive(PRIMITIVE.null);
  if (typeof value === "boolean") return primitive(value ? PRIMITIVE.true : PRIMITIVE.false);
  if (typeof value === "string") return encodeText(value);
  if (value instanceof NumberText) return encodeNumber(value.source);
  if (isArray(value)) return encodeArray(value.map((item) => encodeJson(item, ids)));
  const fields = new Map<number, VariantField>();
  for (const [name, member] of Object.entries(value)) {
    const id = ids.get(name.toWellFormed()) as number;
    fields.set(id, { id, value: encodeJson(member, ids) });
  }
  // Ids are in the order of the names' bytes.
  return encodeObject([...fields.values()].toSorted((a, b) => a.id - b.id));
}

const PLAIN_NUMBER = /^(-?)(\d+)(?:\.(\d+))?$/;

function encodeNumber(source: string): Uint8Array {
  const [, sign = "", whole = "", fraction = ""] = PLAIN_NUMBER.exec(source) ?? [];
  if (whole !== "") {
    const unscaled = BigInt(sign + whole + fraction);
    if (fraction === "" && BigInt.asIntN(64, unscaled) === unscaled) return encodeInteger(unscaled);
    const digits = (whole + fraction).replace(/^0+/, "").length;
    if (digits <= MAX_PRECISION && fraction.length <= MAX_PRECISION) return encodeDecimal(unscaled, fraction.length);
  }
  const double = Number(source);
  if (Number.isFinite(double)) return encodeDouble(double);
  throw new LakeError("data_invalid", "A number in JSON is too great for a variant.");
}

function encodeInteger(value: bigint): Uint8Array {
  if (BigInt.asIntN(8, value) === value) return encodeSigned(PRIMITIVE.int8, value, 1);
  if (BigInt.asIntN(16, value) === value) return encodeSigned(PRIMITIVE.int16, value, 2);
  if (BigInt.asIntN(32, value) === value) return encodeSigned(PRIMITIVE.int32, value, 4);
  return encodeSigned(PRIMITIVE.int64, value, 8);
}

/** A primitive without bytes of its own, or with these. */
export function primitive(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes([Uint8Array.of((type << 2) | BASIC_TYPE.primitive), ...parts]);
}

/** A primitive of a signed little-endian integer of 1 to 16 bytes. */
export function encodeSigned(type: number, value: number | bigint, width: number): Uint8Array {
  return primitive(type, signed(BigInt(value), width));
}

function signed(value: bigint, width: number): Uint8Array {
  let rest = BigInt.asUintN(width * 8, value);
  return Uint8Array.from({ length: width }, () => {
    const byte = Number(rest & 0xffn);
    rest >>= 8n;
    return byte;
  });
}

const DECIMALS = [
  { digits: 9, type: PRIMITIVE.decimal4, width: 4 },
  { digits: 18, type: PRIMITIVE.decimal8, width: 8 },
  { digits: MAX_PRECISION, type: PRIMITIVE.decimal16, width: 16 },
] as const;

/** The narrowest decimal that holds the value; `type` asks for one of them. */
export function encodeDecimal(unscaled: bigint, scale: number, type?: number): Uint8Array {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().length;
  const form =
    DECIMALS.find((each) => (type === undefined ? digits <= each.digits : each.type === type)) ?? DECIMALS[2];
  return primitive(form.type, Uint8Array.of(scale), signed(unscaled, form.width));
}

/** A 64-bit float. */
export function encodeDouble(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value, true);
  return primitive(PRIMITIVE.double, new Uint8Array(view.buffer));
}

/** A 32-bit float. */
export function encodeFloat(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setFloat32(0, value, true);
  return primitive(PRIMITIVE.float, new Uint8Array(view.buffer));
}

/** A text, in the short form where it fits. */
export function encodeText(value: string): Uint8Array {
  const bytes = stringToUtf8(value.toWellFormed());
  if (bytes.length > MAX_SHORT_STRING) return encodeSized(PRIMITIVE.string, bytes);
  return concatBytes([Uint8Array.of((bytes.length << 2) | BASIC_TYPE.shortString), bytes]);
}

/** Bytes or a long text. */
export function encodeSized(type: number, bytes: Uint8Array): Uint8Array {
  return primitive(type, unsigned([bytes.length], 4), bytes);
}

/** An object of fields that are in the order of their names' bytes. */
export function encodeObject(fields: readonly VariantField[]): Uint8Array {
  const values = fields.map(({ value }) => value);
  const offsets = offsetsOf(values);
  const idSize = widthOf(Math.max(0, ...fields.map(({ id }) => id)));
  const offsetSize = widthOf(offsets.at(-1) ?? 0);
  const isLarge = fields.length > 255;
  const header = (offsetSize - 1) | ((idSize - 1) << 2) | (isLarge ? 16 : 0);
  return concatBytes([
    Uint8Array.of((header << 2) | BASIC_TYPE.object),
    unsigned([fields.length], isLarge ? 4 : 1),
    unsigned(
      fields.map(({ id }) => id),
      idSize,
    ),
    unsigned(offsets, offsetSize),
    ...values,
  ]);
}

/** An array of values. */
export function encodeArray(values: readonly Uint8Array[]): Uint8Array {
  const offsets = offsetsOf(values);
  const offsetSize = widthOf(offsets.at(-1) ?? 0);
  const isLarge = values.length > 255;
  const header = (offsetSize - 1) | (isLarge ? 4 : 0);
  return concatBytes([
    Uint8Array.of((header << 2) | BASIC_TYPE.array),
    unsigned([values.length], isLarge ? 4 : 1),
    unsigned(offsets, offsetSize),
    ...values,
  ]);
}

/** Where each part begins, and where the last one ends. */
function offsetsOf(parts: readonly Uint8Array[]): number[] {
  const offsets = [0];
  let at = 0;
  for (const { length } of parts) offsets.push((at += length));
  return offsets;
}

/** Bytes that an unsigned integer takes. */
function widthOf(value: number): number {
  if (value < 2 ** 8) return 1;
  if (value < 2 ** 16) return 2;
  return value < 2 ** 24 ? 3 : 4;
}

function unsigned(values: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(values.length * width);
  let at = 0;
  for (const value of values) {
    let rest = value;
    for (let i = 0; i < width; i++) {
      bytes[at++] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }
  return bytes;
}
