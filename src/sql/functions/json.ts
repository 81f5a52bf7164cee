// Operators and functions on JSON, which is held as text. Extraction gives the text as it is written.

import type { JsonValue } from "#core";
import type { Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { jsonChildText, jsonMemberTexts, jsonPathText, jsonTextToPlain } from "../values/json-scan.ts";
import { jsonMember, textToJson } from "../values/json-text.ts";
import type { FunctionCatalog } from "./definition.ts";

function jsonEquals(a: JsonValue, b: JsonValue): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    const other = b as readonly JsonValue[];
    return a.every((item: JsonValue, i) => jsonEquals(item, other[i] ?? null));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => {
    const right = jsonMember(b, key);
    return right !== undefined && jsonEquals(jsonMember(a, key) ?? null, right);
  });
}

/** jsonb's @>: an array may contain a scalar at the top, and nowhere else. */
function jsonContains(a: JsonValue, b: JsonValue): boolean {
  const isScalar = typeof b !== "object" || b === null;
  return Array.isArray(a) && isScalar ? partContains(a, [b]) : partContains(a, b);
}

function partContains(a: JsonValue, b: JsonValue): boolean {
  if (Array.isArray(a)) {
    if (!Array.isArray(b)) return false;
    const items = a as readonly JsonValue[];
    const wanted = b as readonly JsonValue[];
    return wanted.every((part) =>
      items.some((item) =>
        typeof part === "object" && part !== null ? partContains(item, part) : jsonEquals(item, part),
      ),
    );
  }
  if (typeof a === "object" && a !== null && typeof b === "object" && b !== null && !Array.isArray(b)) {
    return Object.keys(b).every((key) => {
      const left = jsonMember(a, key);
      const right = jsonMember(b, key);
      return left !== undefined && right !== undefined && partContains(left, right);
    });
  }
  return jsonEquals(a, b);
}

function jsonTypeOf(value: JsonValue): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value === "bigint" ? "number" : typeof value;
}

function hasKey(text: string, key: string): boolean {
  const json = textToJson(text);
  if (Array.isArray(json)) return json.includes(key);
  if (typeof json === "object" && json !== null) return Object.hasOwn(json, key);
  return json === key;
}

function hasKeys(quantifier: "some" | "every"): (text: string, keys: readonly Scalar[]) => boolean {
  return (text, keys) => keys.filter((key) => key !== null)[quantifier]((key) => hasKey(text, key as string));
}

function isJsonText(text: string): boolean {
  try {
    textToJson(text);
    return true;
  } catch {
    return false;
  }
}

const JSON_PAIRS = [
  ["jsonb", "jsonb"],
  ["json", "jsonb"],
  ["jsonb", "json"],
  ["json", "json"],
] as const;

/** Spark and Trino paths: $.a.b[0]['c']. */
function parseJsonPath(path: string): string[] {
  const steps: string[] = [];
  const step = /\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[\s*'((?:[^'\\]|\\.)*)'\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\."([^"]*)"/y;
  let at = path.startsWith("$") ? 1 : 0;
  if (at === 0) return path.split(".");
  while (at < path.length) {
    step.lastIndex = at;
    const match = step.exec(path);
    if (match === null) throw runtimeError(`invalid JSON path "${path}"`);
    steps.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? match[5] ?? "");
    at = step.lastIndex;
  }
  return steps;
}

/** An element by position; a jsonb that is no array counts as an array of itself. */
function elementText(text: string, index: number, isJsonb: boolean): string | null {
  const first = text.charAt(0);
  if (isJsonb && first !== "[" && first !== "{") return index === 0 || index === -1 ? text : null;
  return jsonChildText(text, index) ?? null;
}

/** Adds JSON operators and functions. */
export function defineJson({ define, alias }: FunctionCatalog): void {
  for (const source of ["json", "jsonb", "text"] as const) {
    // Text that holds JSON, such as an events table's properties, may be used without a cast.
    const isJsonb = source === "jsonb";
    const part = isJsonb ? "jsonb" : "json";
    define("->", `${source}, text -> ${part}`, (text: string, key: string) => jsonChildText(text, key) ?? null);
    define("->", `${source}, int4 -> ${part}`, (text: string, index: number) => elementText(text, index, isJsonb));
    define("->>", `${source}, text -> text`, (text: string, key: string) => jsonTextToPlain(jsonChildText(text, key)));
    define("->>", `${source}, int4 -> text`, (text: string, index: number) =>
      jsonTextToPlain(elementText(text, index, isJsonb) ?? undefined),
    );
    define(
      "#>",
      `${source}, text[] -> ${part}`,
      (text: string, path: readonly (string | null)[]) => jsonPathText(text, path) ?? null,
    );
    define("#>>", `${source}, text[] -> text`, (text: string, path: readonly (string | null)[]) =>
      jsonTextToPlain(jsonPathText(text, path)),
    );
    define(
      "json_extract_path",
      `${source}, ...text -> ${part}`,
      (text: string, ...path: string[]) => jsonPathText(text, path) ?? null,
    );
    define("json_extract_path_text", `${source}, ...text -> text`, (text: string, ...path: string[]) =>
      jsonTextToPlain(jsonPathText(text, path)),
    );
    define("get_json_object", `${source}, text -> text`, (text: string, path: string) =>
      jsonTextToPlain(jsonPathText(text, parseJsonPath(path))),
    );
    define("json_extract", `${source}, text -> json`, (text: string, path: string) => {
      return jsonPathText(text, parseJsonPath(path)) ?? null;
    });
    define("json_keys", `${source} -> text[]`, (text: string) => jsonMemberTexts(text)?.map(([key]) => key) ?? []);
    define("json_array_length", `${source} -> int4`, (text: string) => {
      const json = textToJson(text);
      if (!Array.isArray(json)) throw runtimeError("cannot get array length of a non-array");
      return json.length;
    });
    define("json_typeof", `${source} -> text`, (text: string) => jsonTypeOf(textToJson(text)));
  }
  define("json_valid", "text -> bool", isJsonText, { safe: true });
  for (const source of ["jsonb", "json"] as const) {
    // Of JSON as it is written too, so that a long document need not take its normal form first.
    define("?", `${source}, text -> bool`, hasKey);
    define("?|", `${source}, text[] -> bool`, hasKeys("some"));
    define("?&", `${source}, text[] -> bool`, hasKeys("every"));
    define("json_exists", `${source}, text -> bool`, hasKey);
  }
  for (const [left, right] of JSON_PAIRS) {
    define("@>", `${left}, ${right} -> bool`, (a: string, b: string) => jsonContains(textToJson(a), textToJson(b)));
    define("<@", `${left}, ${right} -> bool`, (a: string, b: string) => jsonContains(textToJson(b), textToJson(a)));
  }
  alias("json_extract_path", "jsonb_extract_path");
  alias("json_extract_path_text", "jsonb_extract_path_text");
  alias("json_array_length", "jsonb_array_length");
  alias("json_typeof", "jsonb_typeof");
  alias("json_exists", "jsonb_exists");
  alias("get_json_object", "json_extract_scalar", "json_extract_string", "json_value");
}
