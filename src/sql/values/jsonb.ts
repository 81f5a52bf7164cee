// JSON as jsonb holds it: values whose numbers keep their digits, in PostgreSQL's canonical text and order.

import { compareCodePoints } from "#core";
import { decimalToString, type Decimal } from "#columnar";
import { compareDecimals, textToDecimal, trimDecimal } from "./decimal.ts";
import { invalidText, runtimeError } from "./errors.ts";

/** A number with its digits. */
export class JsonNumber {
  readonly decimal: Decimal;

  constructor(decimal: Decimal) {
    this.decimal = decimal;
  }
}

/** What a text in a path may be read as. */
export type DateTimeKind = "date" | "time" | "timetz" | "timestamp" | "timestamptz";

/** A date or time that a path made of a text; outside of the path it is its text. */
export class JsonDateTime {
  readonly kind: DateTimeKind;
  /** Since the epoch in UTC, or since midnight. */
  readonly micros: number;
  /** East of UTC, microseconds; 0 for kinds without a zone. */
  readonly offset: number;
  readonly text: string;

  constructor(kind: DateTimeKind, micros: number, offset: number, text: string) {
    this.kind = kind;
    this.micros = micros;
    this.offset = offset;
    this.text = text;
  }
}

/** A JSON value. */
export type Jsonb =
  | null
  | boolean
  | string
  | JsonNumber
  | JsonDateTime
  | readonly Jsonb[]
  | { readonly [key: string]: Jsonb };

/** Whether a value is an object: no array, no number. */
export function isJsonObject(value: Jsonb): value is { readonly [key: string]: Jsonb } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return !(value instanceof JsonNumber || value instanceof JsonDateTime);
}

/** Whether a value is an array. */
export function isJsonArray(value: Jsonb): value is readonly Jsonb[] {
  return Array.isArray(value);
}

type Reviver = (key: string, value: unknown, context: { readonly source: string }) => unknown;
/** JSON.parse with the source of each number, which the types do not know yet. */
const parseWithSource = JSON.parse as (text: string, reviver: Reviver) => unknown;

/** Parses JSON text; of equal keys the last counts. Errors: `invalid_text_representation`. */
export function parseJsonb(text: string): Jsonb {
  try {
    return parseWithSource(text, (_key, value, { source }) =>
      typeof value === "number" ? new JsonNumber(textToDecimal(source)) : value,
    ) as Jsonb;
  } catch {
    throw invalidText("json", text);
  }
}

/** Keys in jsonb's order: by length in bytes, then by bytes. */
function orderedKeys(value: { readonly [key: string]: Jsonb }): readonly string[] {
  const encoder = new TextEncoder();
  const keys = Object.keys(value).map((key) => ({ key, bytes: encoder.encode(key) }));
  return keys
    .toSorted((a, b) => {
      if (a.bytes.length !== b.bytes.length) return a.bytes.length - b.bytes.length;
      for (const [i, byte] of a.bytes.entries()) if (byte !== b.bytes[i]) return byte - (b.bytes[i] ?? 0);
      return 0;
    })
    .map(({ key }) => key);
}

/** The members of an object in jsonb's order. */
export function jsonMembers(value: { readonly [key: string]: Jsonb }): readonly (readonly [string, Jsonb])[] {
  return orderedKeys(value).map((key) => [key, value[key] ?? null] as const);
}

/** jsonb's text. */
export function jsonbText(value: Jsonb): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (value instanceof JsonNumber) return decimalToString(value.decimal);
  if (value instanceof JsonDateTime) return JSON.stringify(value.text);
  if (isJsonArray(value)) return `[${value.map((item) => jsonbText(item)).join(", ")}]`;
  return `{${jsonMembers(value)
    .map(([key, member]) => `${JSON.stringify(key)}: ${jsonbText(member)}`)
    .join(", ")}}`;
}

/** jsonb_pretty's text. */
export function jsonbPretty(value: Jsonb, indent = ""): string {
  const inner = `${indent}    `;
  if (!isJsonArray(value) && !isJsonObject(value)) return jsonbText(value);
  const parts = isJsonArray(value)
    ? value.map((item) => jsonbPretty(item, inner))
    : jsonMembers(value).map(([key, member]) => `${JSON.stringify(key)}: ${jsonbPretty(member, inner)}`);
  const [open, close] = isJsonArray(value) ? ["[", "]"] : ["{", "}"];
  if (parts.length === 0) return `${open}\n${indent}${close}`;
  return `${open}\n${parts.map((part) => inner + part).join(",\n")}\n${indent}${close}`;
}

function rank(value: Jsonb): number {
  if (value === null) return 0;
  if (typeof value === "string") return 1;
  if (value instanceof JsonNumber) return 2;
  if (typeof value === "boolean") return 3;
  return isJsonArray(value) ? 4 : 5;
}

/** jsonb's order: object > array > boolean > number > string > null; longer ones after shorter. */
export function compareJsonb(a: Jsonb, b: Jsonb): number {
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference;
  if (a instanceof JsonNumber && b instanceof JsonNumber) return compareDecimals(a.decimal, b.decimal);
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return a.length - b.length;
    return firstDifference(a.map((item, i) => compareJsonb(item as Jsonb, (b as readonly Jsonb[])[i] ?? null)));
  }
  if (!isJsonObject(a) || !isJsonObject(b)) return 0;
  const left = jsonMembers(a);
  const right = jsonMembers(b);
  if (left.length !== right.length) return left.length - right.length;
  return firstDifference(
    left.flatMap(([key, value], i) => {
      const [otherKey, other] = right[i] ?? ["", null];
      return [compareCodePoints(key, otherKey), compareJsonb(value, other)];
    }),
  );
}

function firstDifference(differences: readonly number[]): number {
  return differences.find((difference) => difference !== 0) ?? 0;
}

/** Texts that are canonical as they are: plain strings, integers, words. */
const CANONICAL = /^(?:"[\w .,:;@/+-]*"|-?[1-9]\d{0,17}|0|true|false|null)$/;
const NUL = /(?<!\\)(?:\\\\)*\\u0000/;

/** JSON text as jsonb writes it. Errors: `invalid_text_representation`; `sql_runtime_error` for the character NUL. */
export function canonicalJson(text: string): string {
  if (CANONICAL.test(text)) return text;
  const canonical = jsonbText(parseJsonb(text));
  if (canonical.includes("u0000") && NUL.test(canonical)) throw runtimeError("unsupported Unicode escape sequence");
  return canonical;
}

/** A digit 0 that ends what may be a fraction: only then can two texts be equal numbers. */
const MAY_END_IN_ZERO = /\.\d*0(?!\d)/;

function withoutTrailingZeros(value: Jsonb): Jsonb {
  if (value instanceof JsonNumber) return new JsonNumber(trimDecimal(value.decimal));
  if (isJsonArray(value)) return value.map((item) => withoutTrailingZeros(item));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, withoutTrailingZeros(member)]));
}

/** A text that is the same for exactly the canonical texts whose values are equal: 1 and 1.0 are. */
export function jsonbKey(canonical: string): string {
  return MAY_END_IN_ZERO.test(canonical) ? jsonbText(withoutTrailingZeros(parseJsonb(canonical))) : canonical;
}

const EMPTY_ARRAY = "[]";

/** The order of two canonical texts: that of {@link compareJsonb}, but an empty array by itself precedes all others. */
export function compareJsonbTexts(a: string, b: string): number {
  if (a === b) return 0;
  if (a === EMPTY_ARRAY) return -1;
  return b === EMPTY_ARRAY ? 1 : compareJsonb(parseJsonb(a), parseJsonb(b));
}
