// The item methods of SQL/JSON paths: .type(), .size(), conversions, .keyvalue() and arithmetic.

import {
  ceilDecimal,
  fitDecimal,
  floorDecimal,
  negateDecimal,
  roundDecimal,
  textToDecimal,
} from "../values/decimal.ts";
import { runtimeError } from "../values/errors.ts";
import {
  isJsonArray,
  isJsonObject,
  jsonMembers,
  JsonDateTime,
  JsonNumber,
  jsonbText,
  type Jsonb,
} from "../values/jsonb.ts";
import { textToFloat } from "../values/number-text.ts";
import { float64ToDecimal } from "../values/decimal.ts";
import { readAs, readDateTime } from "./json-datetime.ts";

/** A method with its arguments, all of them literals. */
export interface PathMethod {
  readonly name: string;
  readonly args: readonly Jsonb[];
}

const DATE_TIME_NAMES = {
  date: "date",
  time: "time without time zone",
  timetz: "time with time zone",
  timestamp: "timestamp without time zone",
  timestamptz: "timestamp with time zone",
} as const;

/** What .type() gives. */
export function jsonTypeName(item: Jsonb): string {
  if (item === null) return "null";
  if (isJsonArray(item)) return "array";
  if (item instanceof JsonNumber) return "number";
  if (item instanceof JsonDateTime) return DATE_TIME_NAMES[item.kind];
  return typeof item === "object" ? "object" : typeof item;
}

function count(value: number): JsonNumber {
  return new JsonNumber(textToDecimal(String(value)));
}

function onlyFor(method: string, what: string): Error {
  return runtimeError(`jsonpath item method .${method}() can only be applied to ${what}`);
}

function invalidArgument(item: Jsonb, method: string, type: string): Error {
  const shown = typeof item === "string" ? item : jsonbText(item);
  return runtimeError(`argument "${shown}" of jsonpath item method .${method}() is invalid for type ${type}`);
}

function numberOf(item: Jsonb, method: string, type: string): JsonNumber["decimal"] {
  if (item instanceof JsonNumber) return item.decimal;
  if (typeof item !== "string") throw onlyFor(method, "a string or numeric value");
  try {
    return textToDecimal(item);
  } catch {
    throw invalidArgument(item, method, type);
  }
}

/** The greatest values of the integers. */
const INTEGER_LIMITS = { bigint: 2n ** 63n - 1n, integer: 2n ** 31n - 1n } as const;

function toInteger(item: Jsonb, method: "bigint" | "integer"): JsonNumber {
  if (typeof item === "string" && !/^\s*[-+]?\d+\s*$/.test(item)) throw invalidArgument(item, method, method);
  const rounded = roundDecimal(numberOf(item, method, method), 0);
  const limit = INTEGER_LIMITS[method];
  if (rounded.unscaled > limit || rounded.unscaled < -limit - 1n) throw invalidArgument(item, method, method);
  return new JsonNumber(rounded);
}

function toDecimal(item: Jsonb, [precision, scale]: readonly Jsonb[]): JsonNumber {
  const decimal = numberOf(item, "decimal", "numeric");
  if (!(precision instanceof JsonNumber)) return new JsonNumber(decimal);
  const digits = scale instanceof JsonNumber ? Number(scale.decimal.unscaled) : 0;
  try {
    return new JsonNumber(fitDecimal(decimal, Number(precision.decimal.unscaled), digits));
  } catch {
    throw invalidArgument(item, "decimal", "numeric");
  }
}

function toDouble(item: Jsonb): JsonNumber {
  if (item instanceof JsonNumber) return item;
  if (typeof item !== "string") throw onlyFor("double", "a string or numeric value");
  let value: number;
  try {
    value = textToFloat("float64", item);
  } catch {
    throw invalidArgument(item, "double", "double precision");
  }
  if (!Number.isFinite(value)) throw runtimeError("NaN or Infinity is not allowed for jsonpath item method .double()");
  return new JsonNumber(float64ToDecimal(value));
}

const TRUE_WORDS = new Set(["true", "tru", "tr", "t", "yes", "ye", "y", "on", "1"]);
const FALSE_WORDS = new Set(["false", "fals", "fal", "fa", "f", "no", "n", "off", "of", "0"]);

function toBoolean(item: Jsonb): boolean {
  if (typeof item === "boolean") return item;
  if (item instanceof JsonNumber) {
    if (roundDecimal(item.decimal, 0).unscaled * 10n ** BigInt(item.decimal.scale) !== item.decimal.unscaled) {
      throw invalidArgument(item, "boolean", "boolean");
    }
    return item.decimal.unscaled !== 0n;
  }
  if (typeof item !== "string") throw onlyFor("boolean", "a boolean, string, or numeric value");
  const word = item.trim().toLowerCase();
  if (TRUE_WORDS.has(word)) return true;
  if (FALSE_WORDS.has(word)) return false;
  throw invalidArgument(item, "boolean", "boolean");
}

function toText(item: Jsonb): string {
  if (typeof item === "string") return item;
  if (typeof item === "boolean" || item instanceof JsonNumber) return jsonbText(item);
  if (item instanceof JsonDateTime) return item.text;
  throw onlyFor("string", "a boolean, string, numeric, or datetime value");
}

function arithmetic(item: Jsonb, name: string): JsonNumber {
  if (!(item instanceof JsonNumber)) throw onlyFor(name, "a numeric value");
  const { decimal } = item;
  if (name === "abs") return new JsonNumber(decimal.unscaled < 0n ? negateDecimal(decimal) : decimal);
  return new JsonNumber(name === "floor" ? floorDecimal(decimal) : ceilDecimal(decimal));
}

const ARITHMETIC = new Set(["abs", "floor", "ceiling"]);

/** What a method gives of an item; in lax mode of each item of an array. Errors: `sql_runtime_error`. */
export function applyMethod(item: Jsonb, method: PathMethod, isLax: boolean, usesZone: boolean): readonly Jsonb[] {
  const { name, args } = method;
  if (name === "type") return [jsonTypeName(item)];
  if (name === "size") {
    if (!isJsonArray(item) && !isLax) throw onlyFor(name, "an array");
    return [count(isJsonArray(item) ? item.length : 1)];
  }
  if (isLax && isJsonArray(item)) return item.flatMap((part) => applyMethod(part, method, isLax, usesZone));
  switch (name) {
    case "keyvalue":
      if (!isJsonObject(item)) throw onlyFor(name, "an object");
      return jsonMembers(item).map(([key, value]) => ({ id: count(0), key, value }));
    case "string":
      return [toText(item)];
    case "boolean":
      return [toBoolean(item)];
    case "number":
      return [new JsonNumber(numberOf(item, name, "numeric"))];
    case "decimal":
      return [toDecimal(item, args)];
    case "double":
      return [toDouble(item)];
    case "bigint":
    case "integer":
      return [toInteger(item, name)];
    case "datetime": {
      if (typeof item !== "string") throw onlyFor(name, "a string");
      const [pattern] = args;
      return [readDateTime(item, typeof pattern === "string" ? pattern : undefined)];
    }
    default: {
      if (ARITHMETIC.has(name)) return [arithmetic(item, name)];
      const text = item instanceof JsonDateTime ? item.text : item;
      const [precision] = args;
      const digits = precision instanceof JsonNumber ? Number(precision.decimal.unscaled) : undefined;
      const value = typeof text === "string" ? readAs(text, name, digits, usesZone) : undefined;
      if (value !== undefined) return [value];
      throw /^(?:date|time|timestamp)(?:_tz)?$/.test(name)
        ? onlyFor(name, "a string")
        : runtimeError(`jsonpath item method .${name}() does not exist`);
    }
  }
}
