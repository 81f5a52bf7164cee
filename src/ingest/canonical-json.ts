// JSON text in one form for one value, so that equal `properties` are equal strings: they group, compress and
// compare. Keys sorted by UTF-16 unit as in RFC 8785, no spaces, unpaired surrogates replaced by U+FFFD.

/** Nesting deeper than this is refused: readers of the column recurse. */
export const MAX_JSON_DEPTH = 64;

/** Why a value has no canonical text. */
export type JsonRefusal = "too_deep" | "out_of_range";

/** Canonical text, or why there is none. */
export type CanonicalJson =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly refusal: JsonRefusal };

class Refused {
  readonly refusal: JsonRefusal;
  constructor(refusal: JsonRefusal) {
    this.refusal = refusal;
  }
}

/** Canonical text of a parsed JSON value; numbers beyond double range (parsed as infinite) are refused. */
export function canonicalJson(value: unknown): CanonicalJson {
  const text = write(value, 0);
  return typeof text === "string" ? { ok: true, text } : { ok: false, refusal: text.refusal };
}

function write(value: unknown, depth: number): string | Refused {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value.toWellFormed());
    case "number":
      return Number.isFinite(value) ? JSON.stringify(value) : new Refused("out_of_range");
    case "bigint":
      return value.toString();
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      if (depth >= MAX_JSON_DEPTH) return new Refused("too_deep");
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value, depth);
    case "undefined":
    case "function":
    case "symbol":
      // JSON has no such values; an undefined member of an internal caller's row reads as null.
      return "null";
  }
}

function writeArray(items: readonly unknown[], depth: number): string | Refused {
  const parts: string[] = [];
  for (const item of items) {
    const text = write(item, depth + 1);
    if (typeof text !== "string") return text;
    parts.push(text);
  }
  return `[${parts.join(",")}]`;
}

function writeObject(object: object, depth: number): string | Refused {
  const members = object as Readonly<Record<string, unknown>>;
  const keys = Object.keys(members);
  if (isPlainlyOrdered(members, keys)) return JSON.stringify(object);
  const parts: string[] = [];
  for (const key of keys.toSorted()) {
    const text = write(members[key], depth + 1);
    if (typeof text !== "string") return text;
    parts.push(`${JSON.stringify(key.toWellFormed())}:${text}`);
  }
  return `{${parts.join(",")}}`;
}

/** Whether the engine's own serializer writes the canonical text: keys in order, only ordinary scalars. */
function isPlainlyOrdered(members: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  let previous = "";
  for (const key of keys) {
    if (key < previous || !key.isWellFormed()) return false;
    previous = key;
    const value = members[key];
    if (typeof value === "string") {
      if (!value.isWellFormed()) return false;
    } else if (typeof value === "number") {
      if (!Number.isFinite(value)) return false;
    } else if (typeof value !== "boolean" && value !== null) {
      return false;
    }
  }
  return true;
}
