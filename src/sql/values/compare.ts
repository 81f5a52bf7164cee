// Order and equality of two non-null scalars of one type, as PostgreSQL's btree operators define them.

import { compareBytes, compareCodePoints } from "#core";
import type { DataType, Decimal, Interval, Scalar } from "#columnar";
import { compareDecimals, trimDecimal } from "./decimal.ts";
import { compareIntervals, intervalToMicros } from "./interval.ts";
import { compareJsonbTexts, jsonbKey } from "./jsonb.ts";

/** Negative, zero or positive. */
export type ScalarComparator = (a: Scalar, b: Scalar) => number;

function compareNumbers(a: Scalar, b: Scalar): number {
  const x = a as number;
  const y = b as number;
  if (x < y) return -1;
  if (x > y) return 1;
  if (x === y) return 0;
  // NaN equals itself and exceeds every other number; number against bigint never gets here.
  return (Number.isNaN(x) ? 1 : 0) - (Number.isNaN(y) ? 1 : 0);
}

function compareBooleans(a: Scalar, b: Scalar): number {
  return Number(a) - Number(b);
}

function compareLists(element: ScalarComparator): ScalarComparator {
  return (a, b) => {
    const x = a as readonly Scalar[];
    const y = b as readonly Scalar[];
    const shared = Math.min(x.length, y.length);
    for (let i = 0; i < shared; i++) {
      const left = x[i] ?? null;
      const right = y[i] ?? null;
      if (left === null || right === null) {
        if (left === right) continue;
        return left === null ? 1 : -1;
      }
      const order = element(left, right);
      if (order !== 0) return order;
    }
    return x.length - y.length;
  };
}

/**
 * The comparator of a type for non-null values. Strings go by code point (the "C" collation), NaN is the largest
 * float and equals itself, a month of an interval counts 30 days.
 */
export function scalarComparator(type: DataType): ScalarComparator {
  switch (type.kind) {
    case "boolean":
      return compareBooleans;
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "date":
    case "time":
    case "timestamp":
    case "null":
      return compareNumbers;
    case "decimal":
      return (a, b) => compareDecimals(a as Decimal, b as Decimal);
    case "json":
      if (type.canonical === true) return (a, b) => compareJsonbTexts(a as string, b as string);
      return (a, b) => compareCodePoints(a as string, b as string);
    case "string":
    case "uuid":
      return (a, b) => compareCodePoints(a as string, b as string);
    case "binary":
      return (a, b) => compareBytes(a as Uint8Array, b as Uint8Array);
    case "interval":
      return (a, b) => compareIntervals(a as Interval, b as Interval);
    case "list":
      return compareLists(scalarComparator(type.element));
    case "struct": {
      const names = type.fields.map((field) => field.name);
      const lists = type.fields.map((field) => compareLists(scalarComparator(field.type)));
      return (a, b) => {
        for (const [i, name] of names.entries()) {
          const left = (a as Record<string, Scalar>)[name] ?? null;
          const right = (b as Record<string, Scalar>)[name] ?? null;
          const order = lists[i]?.([left], [right]) ?? 0;
          if (order !== 0) return order;
        }
        return 0;
      };
    }
    case "map": {
      const keys = scalarComparator(type.key);
      const values = compareLists(scalarComparator(type.value));
      return compareLists((a, b) => {
        const [leftKey = null, leftValue = null] = a as readonly Scalar[];
        const [rightKey = null, rightValue = null] = b as readonly Scalar[];
        const order = leftKey === null || rightKey === null ? 0 : keys(leftKey, rightKey);
        return order === 0 ? values([leftValue], [rightValue]) : order;
      });
    }
  }
}

/**
 * A primitive that is equal for exactly the values that SQL calls equal, usable as a Map key. NaN and -0 are
 * safe: Map treats NaN as itself and -0 as 0.
 */
export function scalarKey(type: DataType, value: Exclude<Scalar, null>): string | number | bigint | boolean {
  switch (type.kind) {
    case "decimal": {
      const { unscaled, scale } = trimDecimal(value as Decimal);
      return `${unscaled}e${scale}`;
    }
    case "interval": {
      const micros = intervalToMicros(value as Interval);
      if (Number.isSafeInteger(micros) || !Number.isFinite(micros)) return micros;
      const { months, days, micros: rest } = value as Interval;
      return BigInt(months * 30 + days) * 86_400_000_000n + BigInt(rest);
    }
    case "binary": {
      let key = "";
      for (const byte of value as Uint8Array) key += String.fromCharCode(byte);
      return key;
    }
    case "list":
      return (value as readonly Scalar[])
        .map((item) => {
          if (item === null) return "n";
          const key = scalarKey(type.element, item);
          return `${typeof key === "string" ? `s${key.length}:` : ""}${String(key)};`;
        })
        .join("");
    case "struct":
      return type.fields
        .map(({ name, type: fieldType }) => {
          const item = (value as Record<string, Scalar>)[name] ?? null;
          return String(scalarKey({ kind: "list", element: fieldType }, [item]));
        })
        .join("|");
    case "map":
      return JSON.stringify(value, (_key, item: unknown) => (typeof item === "bigint" ? `${item}n` : item));
    case "json":
      return type.canonical === true ? jsonbKey(value as string) : (value as string);
    case "null":
    case "boolean":
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "string":
    case "uuid":
    case "date":
    case "time":
    case "timestamp":
      return value as string | number | bigint | boolean;
  }
}
