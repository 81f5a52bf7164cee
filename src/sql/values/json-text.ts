// JSON values inside SQL: parsed with exact big integers, printed as PostgreSQL prints jsonb.

import { parseJson, type JsonValue } from "#core";
import { invalidText } from "./errors.ts";

/** Parses JSON text. Errors: invalid_text_representation. */
export function textToJson(text: string): JsonValue {
  try {
    return parseJson(text) as JsonValue;
  } catch {
    throw invalidText("json", text);
  }
}

/** jsonb's text: a space after each colon and comma, keys in source order. */
export function jsonToText(value: JsonValue): string {
  if (value === null) return "null";
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => jsonToText(item)).join(", ")}]`;
  const entries = Object.entries(value as Record<string, JsonValue>);
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}: ${jsonToText(item)}`).join(", ")}}`;
}

/** What `->>` gives: strings bare, null as SQL NULL, everything else as JSON text. */
export function jsonToPlainText(value: JsonValue | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === "string" ? value : jsonToText(value);
}

/** The member of an object or, for an integer, the element of an array (negative counts from the end). */
export function jsonMember(value: JsonValue | undefined, key: string | number): JsonValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if (Array.isArray(value)) {
    const items = value as readonly JsonValue[];
    return typeof key === "number" ? items.at(key) : undefined;
  }
  if (typeof key === "number" || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, JsonValue>)[key];
}

/** Follows a path of keys; an integer text indexes arrays. */
export function jsonAtPath(value: JsonValue, path: readonly (string | null)[]): JsonValue | undefined {
  let current: JsonValue | undefined = value;
  for (const step of path) {
    if (step === null || current === undefined) return undefined;
    if (Array.isArray(current)) {
      if (!/^-?\d+$/.test(step)) return undefined;
      current = jsonMember(current, Number(step));
    } else {
      current = jsonMember(current, step);
    }
  }
  return current;
}
