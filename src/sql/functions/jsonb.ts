// Functions that build and change JSON, and those of SQL/JSON paths.

import type { DataType, Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { jsonTextToPlain } from "../values/json-scan.ts";
import { checkTextLength } from "../values/limits.ts";
import { scalarToText } from "../values/index.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { existsByPath, findByPath, isOfPath, queryJsonPath } from "./json-path.ts";
import {
  canonicalJson,
  isJsonArray,
  isJsonObject,
  jsonbPretty,
  jsonbText,
  parseJsonb,
  type Jsonb,
} from "../values/jsonb.ts";
import { scalarToJson } from "./miscellany.ts";

const JSON_TYPE: DataType = { kind: "json" };
const JSONB: DataType = { kind: "json", canonical: true };
const TEXT: DataType = { kind: "string" };

type Finish = (text: string) => string;
const asJson: Finish = (text) => text;

/** json, whose text stays as it was built, or jsonb. */
interface Form {
  readonly name: "json" | "jsonb";
  readonly type: DataType;
  readonly finish: Finish;
}
const AS_JSON: Form = { name: "json", type: JSON_TYPE, finish: asJson };
const AS_JSONB: Form = { name: "jsonb", type: JSONB, finish: canonicalJson };

/** Untyped arguments are text. */
function resolvedTypes(given: readonly DataType[]): readonly DataType[] {
  return given.map((type) => (type.kind === "null" ? TEXT : type));
}

function objectBuilder({ name, type: returnType, finish }: Form): PolymorphicFunction {
  return {
    signature: `any, any, ... -> ${name}`,
    options: { strict: false },
    resolve: (given) => ({ argTypes: resolvedTypes(given), returnType }),
    implement:
      (types) =>
      (...values: Scalar[]) => {
        if (values.length % 2 !== 0) throw runtimeError("argument list must have even number of elements");
        const members: string[] = [];
        for (let i = 0; i < values.length; i += 2) {
          const key = values[i] ?? null;
          if (key === null) throw runtimeError(`argument ${i + 1}: key must not be null`);
          const keyText = scalarToText(key, types[i] ?? TEXT);
          members.push(`${JSON.stringify(keyText)} : ${scalarToJson(values[i + 1] ?? null, types[i + 1] ?? TEXT)}`);
        }
        return finish(`{${members.join(", ")}}`);
      },
  };
}

function arrayBuilder({ name, type: returnType, finish }: Form): PolymorphicFunction {
  return {
    signature: `any, ... -> ${name}`,
    options: { strict: false },
    resolve: (given) => ({ argTypes: resolvedTypes(given), returnType }),
    implement:
      (types) =>
      (...values: Scalar[]) =>
        finish(`[${values.map((value, i) => scalarToJson(value, types[i] ?? TEXT)).join(", ")}]`),
  };
}

function converter({ name, type: returnType, finish }: Form): PolymorphicFunction {
  return {
    signature: `any -> ${name}`,
    options: {},
    resolve([type, ...rest]) {
      if (type === undefined || rest.length > 0) return undefined;
      return { argTypes: [type.kind === "null" ? TEXT : type], returnType };
    },
    implement:
      ([type]) =>
      (value: Scalar) =>
        finish(scalarToJson(value, type ?? TEXT)),
  };
}

/** With line feeds between the elements where the second argument asks for them. */
const ARRAY_TO_JSON: PolymorphicFunction = {
  signature: "any[] [, bool] -> json",
  options: {},
  resolve: ([list, pretty, ...rest]) =>
    list?.kind !== "list" || rest.length > 0
      ? undefined
      : { argTypes: pretty === undefined ? [list] : [list, { kind: "boolean" }], returnType: JSON_TYPE },
  implement: ([list = TEXT]) => {
    const element = list.kind === "list" ? list.element : list;
    return (items: readonly Scalar[], pretty = false) =>
      `[${items.map((item) => scalarToJson(item, element)).join(pretty ? ",\n " : ",")}]`;
  },
};

type Path = readonly (string | null)[];

function positionOf(key: string, length: number): number | undefined {
  if (!/^-?\d+$/.test(key)) throw runtimeError(`path element is not an integer: "${key}"`);
  const index = Number(key);
  return index < 0 ? (length + index < 0 ? undefined : length + index) : index;
}

/** The document with what is at a path replaced by what `change` gives; undefined removes it. */
function edit(value: Jsonb, path: Path, change: (old: Jsonb | undefined) => Jsonb | undefined): Jsonb {
  const [key, ...rest] = path;
  if (key === undefined || key === null) return value;
  if (isJsonObject(value)) {
    const old = Object.hasOwn(value, key) ? value[key] : undefined;
    if (rest.length > 0) return old === undefined ? value : { ...value, [key]: edit(old, rest, change) };
    const next = change(old);
    if (next === undefined) return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
    return { ...value, [key]: next };
  }
  if (!isJsonArray(value)) return value;
  const position = positionOf(key, value.length);
  const old = position === undefined ? undefined : value[position];
  if (rest.length > 0) {
    return old === undefined || position === undefined ? value : value.with(position, edit(old, rest, change));
  }
  const next = change(old);
  if (old !== undefined && position !== undefined) {
    return next === undefined ? value.toSpliced(position, 1) : value.with(position, next);
  }
  if (next === undefined) return value;
  return position === undefined ? [next, ...value] : [...value, next];
}

function setAt(text: string, path: Path, replacement: string, createsMissing = true): string {
  const next = parseJsonb(replacement);
  return jsonbText(edit(parseJsonb(text), path, (old) => (old === undefined && !createsMissing ? undefined : next)));
}

/** jsonb_set, and what SQL NULL as the new value means: use_json_null, delete_key, return_target, raise_exception. */
function setLax(
  text: string | null,
  path: Path | null,
  replacement: string | null,
  createsMissing: boolean | null = true,
  onNull: string | null = "use_json_null",
): string | null {
  if (text === null || path === null || createsMissing === null) return null;
  if (replacement !== null) return setAt(text, path, replacement, createsMissing);
  switch (onNull) {
    case "use_json_null":
      return setAt(text, path, "null", createsMissing);
    case "delete_key":
      return jsonbText(edit(parseJsonb(text), path, () => undefined));
    case "return_target":
      return jsonbText(parseJsonb(text));
    case "raise_exception":
      throw runtimeError("JSON value must not be null");
    case null:
    default:
      throw runtimeError(
        'null_value_treatment must be "delete_key", "return_target", "use_json_null", or "raise_exception"',
      );
  }
}

function insertAt(text: string, path: Path, inserted: string, after = false): string {
  const document = parseJsonb(text);
  const item = parseJsonb(inserted);
  const last = path.at(-1) ?? "";
  const parent = path.slice(0, -1);
  const insert = (value: Jsonb): Jsonb => {
    if (isJsonObject(value)) {
      if (Object.hasOwn(value, last)) throw runtimeError("cannot replace existing key");
      return { ...value, [last]: item };
    }
    if (!isJsonArray(value)) return value;
    const position = positionOf(last, value.length);
    if (position === undefined) return [item, ...value];
    return value.toSpliced(Math.min(value.length, position + (after ? 1 : 0)), 0, item);
  };
  return jsonbText(
    parent.length === 0
      ? insert(document)
      : edit(document, parent, (old) => (old === undefined ? undefined : insert(old))),
  );
}

const asList = (value: Jsonb): readonly Jsonb[] => (isJsonArray(value) ? value : [value]);

/** jsonb's ||. */
export function concatenateJson(left: string, right: string): string {
  const a = parseJsonb(left);
  const b = parseJsonb(right);
  if (isJsonObject(a) && isJsonObject(b)) return jsonbText({ ...a, ...b });
  return jsonbText([...asList(a), ...asList(b)]);
}

function without(text: string, keys: readonly (string | null)[]): string {
  const value = parseJsonb(text);
  if (isJsonObject(value)) {
    return jsonbText(Object.fromEntries(Object.entries(value).filter(([name]) => !keys.includes(name))));
  }
  if (!isJsonArray(value)) throw runtimeError("cannot delete from scalar");
  return jsonbText(value.filter((item) => typeof item !== "string" || !keys.includes(item)));
}

function withoutIndex(text: string, index: number): string {
  const value = parseJsonb(text);
  if (isJsonObject(value)) throw runtimeError("cannot delete from object using integer index");
  if (!isJsonArray(value)) throw runtimeError("cannot delete from scalar");
  const position = index < 0 ? value.length + index : index;
  return jsonbText(position < 0 || position >= value.length ? value : value.toSpliced(position, 1));
}

function stripNulls(value: Jsonb, inArrays: boolean): Jsonb {
  if (isJsonArray(value)) {
    const kept = inArrays ? value.filter((item) => item !== null) : value;
    return kept.map((item) => stripNulls(item, inArrays));
  }
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, stripNulls(member, inArrays)]])),
  );
}

function objectOfTexts(texts: Path, finish: Finish): string {
  if (texts.length % 2 !== 0) throw runtimeError("array must have even number of elements");
  const keys = texts.filter((_, i) => i % 2 === 0);
  return objectOfPairs(
    keys,
    texts.filter((_, i) => i % 2 === 1),
    finish,
  );
}

function objectOfPairs(keys: Path, values: Path, finish: Finish): string {
  if (keys.length !== values.length) throw runtimeError("mismatched array dimensions");
  const members = keys.map((key, i) => {
    if (key === null) throw runtimeError("null value not allowed for object key");
    return `${JSON.stringify(key)} : ${JSON.stringify(values[i] ?? null)}`;
  });
  return finish(`{${members.join(", ")}}`);
}

/** The one condition a path gives. Errors: `sql_runtime_error` unless silent. */
function matches(text: string, path: string, variables = "{}", silent = false, usesZone = false): boolean | null {
  try {
    const [value, ...others] = findByPath(parseJsonb(text), path, parseJsonb(variables), usesZone);
    if (others.length === 0 && (typeof value === "boolean" || value === null)) return value;
  } catch (error) {
    if (!silent || !isOfPath(error)) throw error;
    return null;
  }
  if (silent) return null;
  throw runtimeError("single boolean result is expected");
}

/** Adds what builds, changes and searches JSON. */
export function defineJsonb({ define, definePolymorphic }: FunctionCatalog): void {
  define("jsonb_plain", "json -> text", (text: string) => jsonTextToPlain(canonicalJson(text)));
  for (const form of [AS_JSON, AS_JSONB]) {
    const { name, finish } = form;
    definePolymorphic(`${name}_build_object`, objectBuilder(form));
    definePolymorphic(`${name}_build_array`, arrayBuilder(form));
    definePolymorphic(`to_${name}`, converter(form));
    define(`${name}_object`, `text[] -> ${name}`, (texts: Path) => objectOfTexts(texts, finish));
    define(`${name}_object`, `text[], text[] -> ${name}`, (keys: Path, values: Path) =>
      objectOfPairs(keys, values, finish),
    );
  }
  definePolymorphic("row_to_json", converter(AS_JSON));
  definePolymorphic("array_to_json", ARRAY_TO_JSON);
  define("-", "jsonb, text -> jsonb", (text: string, key: string) => without(text, [key]));
  define("-", "jsonb, int4 -> jsonb", withoutIndex);
  define("-", "jsonb, text[] -> jsonb", without);
  define("#-", "jsonb, text[] -> jsonb", (text: string, path: Path) =>
    jsonbText(edit(parseJsonb(text), path, () => undefined)),
  );
  define("jsonb_set", "jsonb, text[], jsonb -> jsonb", setAt);
  define("jsonb_set", "jsonb, text[], jsonb, bool -> jsonb", setAt);
  define("jsonb_set_lax", "jsonb, text[], jsonb -> jsonb", setLax, { strict: false });
  define("jsonb_set_lax", "jsonb, text[], jsonb, bool -> jsonb", setLax, { strict: false });
  define("jsonb_set_lax", "jsonb, text[], jsonb, bool, text -> jsonb", setLax, { strict: false });
  define("jsonb_insert", "jsonb, text[], jsonb -> jsonb", insertAt);
  define("jsonb_insert", "jsonb, text[], jsonb, bool -> jsonb", insertAt);
  for (const rest of ["", ", bool"]) {
    define(`jsonb_strip_nulls`, `jsonb${rest} -> jsonb`, (text: string, inArrays = false) =>
      jsonbText(stripNulls(parseJsonb(text), inArrays)),
    );
    define("json_strip_nulls", `json${rest} -> json`, (text: string, inArrays = false) =>
      jsonbText(stripNulls(parseJsonb(text), inArrays)).replaceAll(/(?<=[:,]) (?=(?:[^"]*"[^"]*")*[^"]*$)/g, ""),
    );
  }
  define("jsonb_pretty", "jsonb -> text", (text: string) => {
    const pretty = jsonbPretty(parseJsonb(text));
    checkTextLength(pretty.length);
    return pretty;
  });
  definePathSearches(define);
}

function definePathSearches(define: FunctionCatalog["define"]): void {
  define("@?", "jsonb, text -> bool", (text: string, path: string) => existsByPath(text, path, "{}", true));
  define("@@", "jsonb, text -> bool", (text: string, path: string) => matches(text, path, "{}", true));
  for (const suffix of ["", "_tz"] as const) {
    const usesZone = suffix === "_tz";
    const found = (text: string, path: string, variables?: string, silent?: boolean): string[] =>
      queryJsonPath(text, path, variables, silent, usesZone);
    for (const rest of ["", ", jsonb", ", jsonb, bool"]) {
      const args = `jsonb, text${rest}`;
      define(
        `jsonb_path_exists${suffix}`,
        `${args} -> bool`,
        (text: string, path: string, variables?: string, silent?: boolean) =>
          existsByPath(text, path, variables, silent, usesZone),
      );
      define(
        `jsonb_path_match${suffix}`,
        `${args} -> bool`,
        (text: string, path: string, variables?: string, silent?: boolean) =>
          matches(text, path, variables, silent, usesZone),
      );
      define(
        `jsonb_path_query_first${suffix}`,
        `${args} -> jsonb`,
        (...call: Parameters<typeof found>) => found(...call)[0] ?? null,
      );
      define(
        `jsonb_path_query_array${suffix}`,
        `${args} -> jsonb`,
        (...call: Parameters<typeof found>) => `[${found(...call).join(", ")}]`,
      );
    }
  }
}
