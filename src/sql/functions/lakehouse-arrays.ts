// Functions on arrays and maps by the names of Spark, Trino and DuckDB; each does what all that have it do.

import type { DataType, Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import { scalarComparator } from "../values/index.ts";
import { checkListLength } from "../values/limits.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { commonType } from "./resolve.ts";

type List = readonly Scalar[];
type Entries = readonly (readonly [Scalar, Scalar])[];

const TEXT: DataType = { kind: "string" };
const INT4: DataType = { kind: "int32" };
const BOOL: DataType = { kind: "boolean" };

function elementOf(list: DataType | undefined): DataType {
  return list?.kind === "list" ? list.element : TEXT;
}

/** A function of two lists of one type. */
function ofLists(
  returnType: (list: DataType) => DataType,
  evaluate: (isSame: (a: Scalar, b: Scalar) => boolean) => (a: List, b: List) => Scalar,
): PolymorphicFunction {
  return {
    signature: "any[], any[] -> any[] or bool",
    options: {},
    resolve([a, b, ...rest]) {
      if (a === undefined || b === undefined || rest.length > 0) return undefined;
      const type = commonType(a, b);
      return type?.kind === "list" ? { argTypes: [type, type], returnType: returnType(type) } : undefined;
    },
    implement: ([type]) => evaluate(sameness(elementOf(type))),
  };
}

/** Whether two items are the same; NULL is the same as NULL. */
function sameness(type: DataType): (a: Scalar, b: Scalar) => boolean {
  const compare = scalarComparator(type);
  return (a, b) => (a === null || b === null ? a === b : compare(a, b) === 0);
}

function distinctItems(items: List, isSame: (a: Scalar, b: Scalar) => boolean): List {
  return items.filter((item, i) => items.findIndex((other) => isSame(item, other)) === i);
}

/** A function of one list. */
function ofList(
  signature: string,
  returnType: (element: DataType) => DataType | undefined,
  implement: (element: DataType) => (list: List, ...args: never[]) => Scalar,
  extra: readonly DataType[] = [],
): PolymorphicFunction {
  return {
    signature,
    options: {},
    resolve([list, ...rest]) {
      if (list?.kind !== "list" || rest.length !== extra.length) return undefined;
      const result = returnType(list.element);
      return result === undefined ? undefined : { argTypes: [list, ...extra], returnType: result };
    },
    implement: ([list]) => implement(elementOf(list)),
  };
}

/** The least or greatest item; NULLs do not count. */
function extreme(sign: 1 | -1): PolymorphicFunction {
  return ofList(
    "any[] -> any",
    (element) => element,
    (element) => {
      const compare = scalarComparator(element);
      return (list) =>
        list.reduce((best, item) => {
          if (item === null) return best;
          return best === null || compare(item, best) * sign > 0 ? item : best;
        }, null);
    },
  );
}

const CONTAINS: PolymorphicFunction = {
  signature: "any[], any -> bool",
  options: {},
  resolve([list, item, ...rest]) {
    if (list?.kind !== "list" || item === undefined || rest.length > 0) return undefined;
    const element = commonType(list.element, item);
    return element === undefined ? undefined : { argTypes: [{ kind: "list", element }, element], returnType: BOOL };
  },
  implement([list]) {
    const isSame = sameness(elementOf(list));
    return (items: List, wanted: Scalar) => items.some((item) => isSame(item, wanted));
  },
};

/** An item by its position; negative ones count from the end. */
const itemAt = (list: List, position: number): Scalar =>
  (position > 0 ? list[position - 1] : position < 0 ? list.at(position) : undefined) ?? null;

const ELEMENT_AT: PolymorphicFunction = {
  signature: "any[], int4 -> any; map, key -> value",
  options: {},
  resolve([whole, key, ...rest]) {
    if (key === undefined || rest.length > 0) return undefined;
    if (whole?.kind === "map") return { argTypes: [whole, whole.key], returnType: whole.value };
    return whole?.kind === "list" ? { argTypes: [whole, INT4], returnType: whole.element } : undefined;
  },
  implement([whole]) {
    if (whole?.kind !== "map") return itemAt;
    const isSame = sameness(whole.key);
    return (entries: Entries, key: Scalar) => entries.find(([known]) => isSame(known, key))?.[1] ?? null;
  },
};

/** `count` items from a position on, as Trino and Spark cut. */
function cut(list: List, start: number, count: number): List {
  if (start === 0) throw runtimeError("positions of an array begin at 1");
  if (count < 0) throw runtimeError("the length of a slice must not be negative");
  const from = start > 0 ? start - 1 : list.length + start;
  return from < 0 ? [] : list.slice(from, from + count);
}

function* numbersBetween(start: bigint, stop: bigint, step: bigint): Generator<bigint> {
  if (step === 0n) throw runtimeError("step size cannot equal zero");
  for (let value = start; step > 0n ? value <= stop : value >= stop; value += step) yield value;
}

function sequence(start: number | bigint, stop: number | bigint, step?: number | bigint): List {
  const by = step === undefined ? (start > stop ? -1n : 1n) : BigInt(step);
  const items: Scalar[] = [];
  for (const value of numbersBetween(BigInt(start), BigInt(stop), by)) {
    items.push(Number.isSafeInteger(Number(value)) ? Number(value) : value);
    checkListLength(items.length);
  }
  return items;
}

function ofMap(returnType: (key: DataType, value: DataType) => DataType, part: 0 | 1): PolymorphicFunction {
  return {
    signature: "map -> any[]",
    options: { safe: true },
    resolve: ([map, ...rest]) =>
      map?.kind === "map" && rest.length === 0
        ? { argTypes: [map], returnType: returnType(map.key, map.value) }
        : undefined,
    implement: () => (entries: Entries) => entries.map((entry) => entry[part]),
  };
}

const MAP_CONTAINS: PolymorphicFunction = {
  signature: "map, key -> bool",
  options: {},
  resolve: ([map, key, ...rest]) =>
    map?.kind === "map" && key !== undefined && rest.length === 0
      ? { argTypes: [map, map.key], returnType: BOOL }
      : undefined,
  implement([map]) {
    const isSame = sameness(map?.kind === "map" ? map.key : TEXT);
    return (entries: Entries, key: Scalar) => entries.some(([known]) => isSame(known, key));
  },
};

const isShared =
  (isSame: (a: Scalar, b: Scalar) => boolean) =>
  (list: List, item: Scalar): boolean =>
    item !== null && list.some((other) => isSame(item, other));

const same = (list: DataType): DataType => list;
const truth = (): DataType => BOOL;

/** Adds functions on arrays and maps. */
export function defineLakehouseArrays({ definePolymorphic, define, alias }: FunctionCatalog): void {
  definePolymorphic("array_contains", CONTAINS);
  alias("array_contains", "list_contains", "array_has", "list_has");
  definePolymorphic(
    "array_has_all",
    ofLists(truth, (isSame) => (a, b) => b.every((item) => item === null || isShared(isSame)(a, item))),
  );
  definePolymorphic(
    "array_has_any",
    ofLists(truth, (isSame) => (a, b) => b.some((item) => isShared(isSame)(a, item))),
  );
  alias("array_has_all", "list_has_all");
  alias("array_has_any", "list_has_any", "arrays_overlap");
  definePolymorphic(
    "array_intersect",
    ofLists(same, (isSame) => (a, b) => distinctItems(a, isSame).filter((item) => isShared(isSame)(b, item))),
  );
  alias("array_intersect", "list_intersect");
  definePolymorphic(
    "array_except",
    ofLists(same, (isSame) => (a, b) => {
      return distinctItems(a, isSame).filter((item) => !b.some((other) => isSame(item, other)));
    }),
  );
  definePolymorphic(
    "array_union",
    ofLists(same, (isSame) => (a, b) => distinctItems([...a, ...b], isSame)),
  );
  definePolymorphic("array_max", extreme(1));
  definePolymorphic("array_min", extreme(-1));
  alias("array_max", "list_max");
  alias("array_min", "list_min");
  definePolymorphic(
    "list_unique",
    ofList(
      "any[] -> int8",
      () => ({ kind: "int64" }),
      (element) => (list) =>
        distinctItems(
          list.filter((item) => item !== null),
          sameness(element),
        ).length,
    ),
  );
  alias("list_unique", "array_unique");
  definePolymorphic(
    "flatten",
    ofList(
      "any[][] -> any[]",
      (element) => (element.kind === "list" ? element : undefined),
      () => (list) => list.flatMap((item) => (item === null ? [] : (item as List))),
    ),
  );
  definePolymorphic(
    "slice",
    ofList(
      "any[], int4, int4 -> any[]",
      (element) => ({ kind: "list", element }),
      () => cut,
      [INT4, INT4],
    ),
  );
  definePolymorphic("element_at", ELEMENT_AT);
  definePolymorphic(
    "list_extract",
    ofList(
      "any[], int4 -> any",
      (element) => element,
      () => itemAt,
      [INT4],
    ),
  );
  alias("list_extract", "list_element", "array_extract");
  alias("array", "list_value", "list_pack", "array_value");
  alias("array_cat", "array_concat");
  alias("array_position", "list_position", "list_indexof", "array_indexof");
  alias("array_to_string", "array_join");
  define("sequence", "int8, int8 -> int8[]", (start: number, stop: number) => sequence(start, stop));
  define("sequence", "int8, int8, int8 -> int8[]", sequence);
  definePolymorphic(
    "map_keys",
    ofMap((key) => ({ kind: "list", element: key }), 0),
  );
  definePolymorphic(
    "map_values",
    ofMap((_key, value) => ({ kind: "list", element: value }), 1),
  );
  definePolymorphic("map_contains_key", MAP_CONTAINS);
  alias("map_contains_key", "map_contains");
}
