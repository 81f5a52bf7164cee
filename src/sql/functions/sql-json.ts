// What SQL/JSON's own syntax is bound to: JSON_VALUE, JSON_QUERY and JSON_EXISTS with their clauses, JSON_TABLE's rows,
// constructors, IS JSON. The names have blanks, so SQL cannot write them.

import { LakeError } from "#core";
import type { DataType, Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { castScalar, scalarToText } from "../values/index.ts";
import { jsonElementTexts, jsonTextToPlain } from "../values/json-scan.ts";
import { textToJson } from "../values/json-text.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { findByPath } from "./json-path.ts";
import { canonicalJson, isJsonArray, isJsonObject, jsonbText, parseJsonb, type Jsonb } from "../values/jsonb.ts";
import { scalarToJson } from "./miscellany.ts";

const TEXT: DataType = { kind: "string" };
const JSON_TYPE: DataType = { kind: "json" };
const BOOL: DataType = { kind: "boolean" };
const UNKNOWN: DataType = { kind: "null" };

/** How JSON_VALUE and JSON_QUERY treat what they find; `default` leaves the case to the CASE around the call. */
export interface JsonOptions {
  readonly kind: "value" | "query" | "exists";
  readonly wrapper: "none" | "conditional" | "always";
  readonly omitsQuotes: boolean;
  readonly onEmpty: JsonBehavior;
  readonly onError: JsonBehavior;
}

/** What stands for nothing, or for an error. */
export type JsonBehavior = "null" | "error" | "array" | "object" | "default" | "true" | "false";

type Found =
  | { readonly kind: "item"; readonly item: Jsonb; readonly isPlain: boolean }
  | { readonly kind: "empty" }
  | { readonly kind: "error"; readonly error: Error };

/** An error that a clause may stand for: of the data, not of the query. */
function isOfData(error: unknown): error is LakeError {
  return error instanceof LakeError && error.code !== "sql_unsupported" && error.code !== "sql_syntax_error";
}

function find(text: string, path: string, variables: string, options: JsonOptions): Found {
  let items: readonly Jsonb[];
  try {
    items = findByPath(parseJsonb(text), path, parseJsonb(variables));
  } catch (error) {
    if (isOfData(error)) return { kind: "error", error };
    throw error;
  }
  const [first = null, ...others] = items;
  if (items.length === 0) return { kind: "empty" };
  const several = others.length > 0;
  if (options.kind === "query" && (options.wrapper === "always" || (options.wrapper === "conditional" && several))) {
    return { kind: "item", item: items, isPlain: false };
  }
  if (several) {
    const message = "JSON path expression should return a single item";
    return { kind: "error", error: runtimeError(message) };
  }
  if (options.kind === "value" && (isJsonArray(first) || isJsonObject(first))) {
    return { kind: "error", error: runtimeError("JSON path expression should return a scalar item") };
  }
  return { kind: "item", item: first, isPlain: options.kind === "value" || options.omitsQuotes };
}

/** JSON as a value of a type, as json_populate_record reads it. Errors: those of the type's input. */
function jsonToType(text: string, type: DataType, isPlain: boolean): Scalar {
  if (type.kind === "json") {
    const plain = isPlain ? jsonTextToPlain(text) : text;
    if (plain === null) return null;
    return type.canonical === true ? canonicalJson(plain) : plain;
  }
  if (text === "null") return null;
  if (type.kind === "string" && !isPlain) return text;
  if (type.kind === "list" && !isPlain) {
    const items = jsonElementTexts(text);
    if (items === undefined) throw runtimeError("expected JSON array");
    return items.map((item) => jsonToType(item, type.element, type.element.kind === "string"));
  }
  const plain = jsonTextToPlain(text);
  return plain === null ? null : castScalar(plain, UNKNOWN, type);
}

function convert(found: Found & { readonly kind: "item" }, type: DataType, kind: JsonOptions["kind"]): Scalar {
  // JSON_VALUE gives a boolean by PostgreSQL's output: t or f.
  if (kind === "value" && typeof found.item === "boolean" && type.kind !== "json") {
    return castScalar(found.item ? "t" : "f", UNKNOWN, type);
  }
  return jsonToType(jsonbText(found.item), type, found.isPlain);
}

function standIn(behavior: JsonBehavior, type: DataType, error: () => Error): Scalar {
  switch (behavior) {
    case "error":
      throw error();
    case "array":
      return jsonToType("[]", type, false);
    case "object":
      return jsonToType("{}", type, false);
    case "true":
      return true;
    case "false":
      return false;
    case "null":
    case "default":
      return null;
  }
}

const nothingFound = (): Error => runtimeError("no SQL/JSON item found for specified path");

/** A call with document, path, variables, options and a NULL of the type that is wanted. */
function jsonCall(
  returnType: (wanted: DataType) => DataType,
  evaluate: (text: string, path: string, variables: string, options: JsonOptions, type: DataType) => Scalar,
): PolymorphicFunction {
  return {
    signature: "json, text, json, text, any -> any",
    options: { strict: false },
    resolve([document, path, variables, options, wanted]) {
      if (document === undefined || path === undefined || variables === undefined || options === undefined)
        return undefined;
      const type = wanted === undefined || wanted.kind === "null" ? TEXT : wanted;
      return { argTypes: [JSON_TYPE, TEXT, JSON_TYPE, TEXT, type], returnType: returnType(type) };
    },
    implement([, , , , type = TEXT]) {
      let known: { readonly text: string; readonly options: JsonOptions } | undefined;
      return (document: string | null, path: string | null, variables: string | null, optionText: string | null) => {
        if (document === null || path === null) return null;
        const text = optionText ?? "{}";
        if (known?.text !== text) known = { text, options: JSON.parse(text) as JsonOptions };
        return evaluate(document, path, variables ?? "{}", known.options, type);
      };
    },
  };
}

function jsonValue(text: string, path: string, variables: string, options: JsonOptions, type: DataType): Scalar {
  const found = find(text, path, variables, options);
  if (found.kind === "empty") return standIn(options.onEmpty, type, nothingFound);
  if (found.kind === "error") return standIn(options.onError, type, () => found.error);
  try {
    return convert(found, type, options.kind);
  } catch (error) {
    if (isOfData(error)) return standIn(options.onError, type, () => error);
    throw error;
  }
}

/** empty, error, or value: what a DEFAULT depends on. */
function jsonStatus(text: string, path: string, variables: string, options: JsonOptions, type: DataType): Scalar {
  const found = find(text, path, variables, options);
  if (found.kind !== "item") return found.kind;
  try {
    convert(found, type, options.kind);
    return "value";
  } catch (error) {
    if (isOfData(error)) return "error";
    throw error;
  }
}

function jsonExists(text: string, path: string, variables: string, { onError }: JsonOptions): Scalar {
  try {
    return findByPath(parseJsonb(text), path, parseJsonb(variables)).length > 0;
  } catch (error) {
    if (isOfData(error)) return standIn(onError, BOOL, () => error);
    throw error;
  }
}

/** Whether a text has a key twice in one object; the text is JSON. */
function repeatsKeys(text: string): boolean {
  let repeated = false;
  // JSON.parse drops what is repeated: members are counted as they stand in the text.
  const scan = (part: string): void => {
    const trimmed = part.trim();
    if (trimmed.startsWith("[")) for (const item of jsonElementTexts(trimmed) ?? []) scan(item);
    if (!trimmed.startsWith("{")) return;
    const keys = new Set<string>();
    for (const [key, value] of memberTexts(trimmed)) {
      if (keys.has(key)) repeated = true;
      keys.add(key);
      scan(value);
    }
  };
  scan(text);
  return repeated;
}

/** Members of an object with the repeated ones. */
function memberTexts(text: string): (readonly [key: string, value: string])[] {
  const inner = `[${text.slice(1, -1).replaceAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g, (token) => token)}]`;
  const members: (readonly [string, string])[] = [];
  let depth = 0;
  let start = 1;
  let key: string | undefined;
  const token = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/g;
  for (const match of inner.matchAll(token)) {
    const [symbol] = match;
    if (symbol === "{" || symbol === "[") depth += 1;
    else if (symbol === "}" || symbol === "]") depth -= 1;
    else if (symbol === ":" && depth === 1) {
      key = JSON.parse(inner.slice(start, match.index)) as string;
      start = match.index + 1;
    }
    if ((symbol === "," && depth === 1) || (symbol === "]" && depth === 0)) {
      if (key !== undefined) members.push([key, inner.slice(start, match.index)]);
      key = undefined;
      start = match.index + 1;
    }
  }
  return members;
}

function isJson(text: string, wanted: string, unique: boolean): boolean {
  try {
    const value = textToJson(text);
    const kind = Array.isArray(value) ? "array" : typeof value === "object" && value !== null ? "object" : "scalar";
    return (wanted === "any" || wanted === kind) && !(unique && repeatsKeys(text));
  } catch (error) {
    if (isOfData(error)) return false;
    throw error;
  }
}

/** JSON_OBJECT and JSON_ARRAY: the first argument tells whether NULLs are left out, of objects the next whether keys must differ. */
function constructor(isObject: boolean): PolymorphicFunction {
  const flags = isObject ? 2 : 1;
  return {
    signature: "bool, ..., any, ... -> json",
    options: { strict: false },
    resolve: (given) => ({
      argTypes: given.map((type, i) => (i < flags ? BOOL : type.kind === "null" ? TEXT : type)),
      returnType: JSON_TYPE,
    }),
    implement: (types) =>
      isObject
        ? (absent: boolean, unique: boolean, ...values: Scalar[]) => objectOf(absent, unique, values, types.slice(2))
        : (absent: boolean, ...values: Scalar[]) => arrayOf(absent, values, types.slice(1)),
  };
}

function objectOf(absent: boolean, unique: boolean, values: readonly Scalar[], types: readonly DataType[]): string {
  const keys = new Set<string>();
  const members: string[] = [];
  for (let i = 0; i < values.length; i += 2) {
    const key = values[i] ?? null;
    const value = values[i + 1] ?? null;
    if (key === null) throw runtimeError("null value not allowed for object key");
    if (absent && value === null) continue;
    const name = scalarToText(key, types[i] ?? TEXT);
    if (unique && keys.has(name)) throw runtimeError(`duplicate JSON object key value: "${name}"`);
    keys.add(name);
    members.push(`${JSON.stringify(name)} : ${scalarToJson(value, types[i + 1] ?? TEXT)}`);
  }
  return `{${members.join(", ")}}`;
}

function arrayOf(absent: boolean, values: readonly Scalar[], types: readonly DataType[]): string {
  const items = values.flatMap((value, i) => (absent && value === null ? [] : [scalarToJson(value, types[i] ?? TEXT)]));
  return `[${items.join(", ")}]`;
}

/** One nested path of JSON_TABLE. */
export interface JsonTableLevel {
  readonly path: string;
  readonly nested: readonly JsonTableLevel[];
}

function levelCount(level: JsonTableLevel): number {
  return level.nested.reduce((count, nested) => count + levelCount(nested), 1);
}

/** Rows of a level: its item and number, then those of the nested ones; siblings follow each other. */
function* levelRows(level: JsonTableLevel, items: readonly Jsonb[], variables: Jsonb): Generator<Scalar[]> {
  const width = 2 * levelCount(level);
  for (const [index, item] of items.entries()) {
    const own: Scalar[] = [jsonbText(item), index + 1];
    let first = 2;
    let isShown = false;
    for (const nested of level.nested) {
      const count = 2 * levelCount(nested);
      for (const row of levelRows(nested, pathItems(item, nested.path, variables, false), variables)) {
        const filled: Scalar[] = Array.from({ length: width }, () => null);
        filled.splice(0, 2, ...own);
        filled.splice(first, count, ...row);
        isShown = true;
        yield filled;
      }
      first += count;
    }
    if (!isShown) yield [...own, ...Array.from({ length: width - 2 }, () => null)];
  }
}

function pathItems(item: Jsonb, path: string, variables: Jsonb, throws: boolean): readonly Jsonb[] {
  try {
    return findByPath(item, path, variables);
  } catch (error) {
    if (!throws && isOfData(error)) return [];
    throw error;
  }
}

/** Rows of JSON_TABLE: for every level, in the order they are written, the item and its number. */
export function* jsonTableRows([text, variables, spec]: readonly Scalar[]): Generator<Scalar[]> {
  const level = JSON.parse(spec as string) as JsonTableLevel & { readonly throws: boolean };
  const known = parseJsonb(variables as string);
  yield* levelRows(level, pathItems(parseJsonb(text as string), level.path, known, level.throws), known);
}

/** Adds what SQL/JSON's syntax is bound to. */
export function defineSqlJson({ define, definePolymorphic }: FunctionCatalog): void {
  definePolymorphic(
    "json value",
    jsonCall((type) => type, jsonValue),
  );
  definePolymorphic(
    "json status",
    jsonCall(() => TEXT, jsonStatus),
  );
  definePolymorphic(
    "json exists",
    jsonCall(() => BOOL, jsonExists),
  );
  define("is json", "text, text, bool -> bool", isJson);
  definePolymorphic("json object", constructor(true));
  definePolymorphic("json array", constructor(false));
  // JSON_ARRAY(SELECT …): its values with and without NULLs; none is NULL.
  definePolymorphic("json list", {
    signature: "any[], any[] -> json",
    options: {},
    resolve: ([all, kept]) =>
      all === undefined || kept === undefined ? undefined : { argTypes: [all, kept], returnType: JSON_TYPE },
    implement:
      ([type]) =>
      (all: readonly Scalar[], kept: readonly Scalar[]) =>
        all.length === 0
          ? null
          : `[${kept.map((value) => scalarToJson(value, type?.kind === "list" ? type.element : TEXT)).join(", ")}]`,
  });
  definePolymorphic("json as", {
    signature: "json, any -> any",
    options: { strict: false },
    resolve: ([document, wanted]) =>
      document === undefined || wanted === undefined
        ? undefined
        : { argTypes: [JSON_TYPE, wanted], returnType: wanted },
    implement:
      ([, type = TEXT]) =>
      (text: string | null) =>
        text === null ? null : jsonToType(text, type, type.kind === "string"),
  });
}
