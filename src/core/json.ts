// JSON with 64-bit integers. Iceberg snapshot ids and byte counts exceed 2^53, where JSON.parse silently rounds.

/** Any JSON value, with integers beyond ±(2^53 - 1) as bigint. */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** Sixteen digits in a row are the shortest integers that may not fit a double exactly. */
const MAY_HOLD_BIG_INTEGER = /\d{16}/;
const INTEGER = /^-?\d+$/;

interface ReviverContext {
  readonly source?: string;
}

interface JsonWithRawSource {
  parse(text: string, reviver?: (key: string, value: unknown, context: ReviverContext) => unknown): unknown;
  rawJSON(text: string): unknown;
}

// ECMAScript "JSON.parse source text access": present in V8 ≥ 11.4, not yet in TypeScript's library types.
const json = JSON as unknown as JsonWithRawSource;

/**
 * Parses JSON; integers outside ±(2^53 - 1) come back as bigint, every other number as number.
 *
 * Cost: the plain engine parser unless the text has a run of 16 digits. Errors: SyntaxError, as JSON.parse.
 */
export function parseJson(text: string): unknown {
  if (!MAY_HOLD_BIG_INTEGER.test(text)) return json.parse(text);
  return json.parse(text, (_key, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined && INTEGER.test(source)
      ? BigInt(source)
      : value,
  );
}

/** Serializes like JSON.stringify, with bigint written as a JSON integer. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === "bigint" ? json.rawJSON(item.toString()) : item),
    indent,
  );
}
