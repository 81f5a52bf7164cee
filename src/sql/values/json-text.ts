// JSON text as values, with exact big integers: what containment and key tests work on.

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
