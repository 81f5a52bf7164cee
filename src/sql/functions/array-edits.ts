// Subscripts and slices of arrays, and functions that make arrays of arrays.

import type { DataType, Scalar } from "#columnar";
import { scalarComparator } from "../values/index.ts";
import { runtimeError } from "../values/errors.ts";
import { checkListLength } from "../values/limits.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { commonType } from "./resolve.ts";

type List = readonly Scalar[];

const TEXT: DataType = { kind: "string" };
const INT4: DataType = { kind: "int32" };
const BOOL: DataType = { kind: "boolean" };

function innermost(type: DataType): DataType {
  return type.kind === "list" ? innermost(type.element) : type;
}

function isList(value: Scalar): value is List {
  return Array.isArray(value);
}

/** `list, element` with the element cast to the list's type. */
function listAndElement(
  signature: string,
  implement: PolymorphicFunction["implement"],
  returnType: (list: DataType) => DataType = (list) => list,
  elementFirst = false,
): PolymorphicFunction {
  return {
    signature,
    options: { strict: false },
    resolve(given) {
      const [a, b, ...rest] = elementFirst ? [given[1], given[0], ...given.slice(2)] : given;
      if (b === undefined || rest.length > 0) return undefined;
      const list: DataType | undefined =
        a?.kind === "list" ? a : a?.kind === "null" ? { kind: "list", element: b } : undefined;
      if (list === undefined || list.kind !== "list") return undefined;
      const element = commonType(list.element, b);
      if (element === undefined) return undefined;
      const type: DataType = { kind: "list", element };
      return { argTypes: elementFirst ? [element, type] : [type, element], returnType: returnType(type) };
    },
    implement,
  };
}

function sameList(
  signature: string,
  extra: readonly DataType[],
  evaluate: (list: List, ...args: never[]) => Scalar,
  returnType: (list: DataType) => DataType = (list) => list,
): PolymorphicFunction {
  return {
    signature,
    options: {},
    resolve([list, ...rest]) {
      if (list?.kind !== "list" || rest.length !== extra.length) return undefined;
      return { argTypes: [list, ...extra], returnType: returnType(list) };
    },
    implement: () => evaluate,
  };
}

function twoLists(
  signature: string,
  implement: (element: DataType) => (a: List | null, b: List | null) => Scalar,
  returnType: (list: DataType) => DataType,
  strict: boolean,
): PolymorphicFunction {
  return {
    signature,
    options: { strict },
    resolve([a, b, ...rest]) {
      if (a === undefined || b === undefined || rest.length > 0) return undefined;
      const type = commonType(a, b);
      return type?.kind === "list" ? { argTypes: [type, type], returnType: returnType(type) } : undefined;
    },
    implement: ([type]) => implement(type?.kind === "list" ? type.element : TEXT),
  };
}

/** The element that all subscripts name; NULL for too few, too many or outside. */
function subscript(list: List, ...indices: number[]): Scalar {
  let value: Scalar = list;
  for (const index of indices) {
    if (!isList(value)) return null;
    value = value[index - 1] ?? null;
  }
  return isList(value) ? null : value;
}

/** Bounds come as (lower, lower left out, upper, upper left out) for each dimension. */
function slice(list: List, bounds: readonly Scalar[]): Scalar {
  const [low, isLowOpen, high, isHighOpen, ...inner] = bounds;
  if ((low === null && isLowOpen !== true) || (high === null && isHighOpen !== true)) return null;
  const from = isLowOpen === true ? 1 : Math.max(1, low as number);
  const to = isHighOpen === true ? list.length : Math.min(list.length, high as number);
  const taken = from > to ? [] : list.slice(from - 1, to);
  if (inner.length === 0) return taken;
  const parts = taken.map((item) => (isList(item) ? slice(item, inner) : null));
  return parts.some((part) => part === null) ? [] : parts;
}

function dimensions(list: List): readonly number[] {
  const sizes: number[] = [];
  for (let value: Scalar = list; isList(value) && value.length > 0; value = value[0] ?? null) sizes.push(value.length);
  return sizes;
}

function fill(value: Scalar, sizes: readonly number[]): Scalar {
  const [size = 0, ...rest] = sizes;
  checkListLength(sizes.reduce((product, next) => product * next, 1));
  return Array.from({ length: size }, () => (rest.length === 0 ? value : fill(value, rest)));
}

function equality(type: DataType | undefined): (a: Scalar, b: Scalar) => boolean {
  const compare = scalarComparator(type ?? TEXT);
  return (a, b) => (a === null || b === null ? a === b : compare(a, b) === 0);
}

/** Adds array functions. */
export function defineArrayEdits({ define, definePolymorphic, alias }: FunctionCatalog): void {
  definePolymorphic("array_subscript", {
    signature: "any[], int4, ... -> any",
    options: {},
    resolve([list, ...indices]) {
      if (list?.kind !== "list" || indices.length === 0) return undefined;
      return { argTypes: [list, ...indices.map(() => INT4)], returnType: innermost(list) };
    },
    implement: () => subscript,
  });
  definePolymorphic("array_slice", {
    signature: "any[], bounds -> any[]",
    options: { strict: false },
    resolve([list, ...bounds]) {
      if (list?.kind !== "list") return undefined;
      if (bounds.length === 2) return { argTypes: [list, INT4, INT4], returnType: list };
      if (bounds.length === 0 || bounds.length % 4 !== 0) return undefined;
      return { argTypes: [list, ...bounds.map((_, i) => (i % 2 === 0 ? INT4 : BOOL))], returnType: list };
    },
    implement:
      (types) =>
      (list: List | null, ...bounds: Scalar[]) => {
        if (list === null) return null;
        return slice(list, types.length === 3 ? [bounds[0] ?? null, false, bounds[1] ?? null, false] : bounds);
      },
  });
  definePolymorphic("struct_field", {
    signature: "struct, text -> any",
    options: {},
    resolve([struct, name]) {
      return struct?.kind === "struct" && name !== undefined
        ? { argTypes: [struct, TEXT], returnType: TEXT }
        : undefined;
    },
    implement: () => (struct: Readonly<Record<string, Scalar>>, name: string) => struct[name] ?? null,
  });
  definePolymorphic(
    "array_append",
    listAndElement("any[], any -> any[]", () => (list: List | null, item: Scalar) => [...(list ?? []), item]),
  );
  definePolymorphic(
    "array_prepend",
    listAndElement(
      "any, any[] -> any[]",
      () => (item: Scalar, list: List | null) => [item, ...(list ?? [])],
      undefined,
      true,
    ),
  );
  definePolymorphic(
    "array_cat",
    twoLists(
      "any[], any[] -> any[]",
      () => (a, b) => (a === null ? b : b === null ? a : [...a, ...b]),
      (list) => list,
      false,
    ),
  );
  definePolymorphic(
    "array_remove",
    listAndElement("any[], any -> any[]", ([, element]) => {
      const equal = equality(element);
      return (list: List | null, item: Scalar) => list?.filter((other) => !equal(other, item)) ?? null;
    }),
  );
  definePolymorphic(
    "array_positions",
    listAndElement(
      "any[], any -> int4[]",
      ([, element]) => {
        const equal = equality(element);
        return (list: List | null, item: Scalar) =>
          list?.flatMap((other, i) => (equal(other, item) ? [i + 1] : [])) ?? null;
      },
      () => ({ kind: "list", element: INT4 }),
    ),
  );
  definePolymorphic("array_replace", {
    signature: "any[], any, any -> any[]",
    options: { strict: false },
    resolve([list, from, to, ...rest]) {
      if (list?.kind !== "list" || from === undefined || to === undefined || rest.length > 0) return undefined;
      return { argTypes: [list, list.element, list.element], returnType: list };
    },
    implement([, element]) {
      const equal = equality(element);
      return (list: List | null, from: Scalar, to: Scalar) =>
        list?.map((item) => (equal(item, from) ? to : item)) ?? null;
    },
  });
  definePolymorphic(
    "&&",
    twoLists(
      "any[], any[] -> bool",
      (element) => {
        const equal = equality(element);
        return (a, b) =>
          (a ?? []).flat().some((item) => item !== null && (b ?? []).flat().some((other) => equal(item, other)));
      },
      () => BOOL,
      true,
    ),
  );
  definePolymorphic(
    "array_dims",
    sameList(
      "any[] -> text",
      [],
      (list) => {
        const sizes = dimensions(list);
        return sizes.length === 0 ? null : sizes.map((size) => `[1:${size}]`).join("");
      },
      () => TEXT,
    ),
  );
  definePolymorphic(
    "array_ndims",
    sameList(
      "any[] -> int4",
      [],
      (list) => dimensions(list).length || null,
      () => INT4,
    ),
  );
  definePolymorphic("array_fill", {
    signature: "any, int4[] -> any[]",
    options: { strict: false },
    resolve([value, sizes, ...rest]) {
      if (value === undefined || (sizes?.kind !== "list" && sizes?.kind !== "null") || rest.length > 0)
        return undefined;
      const element = value.kind === "null" ? TEXT : value;
      return { argTypes: [element, { kind: "list", element: INT4 }], returnType: { kind: "list", element } };
    },
    implement: () => (value: Scalar, sizes: readonly number[] | null) => {
      if (sizes === null) throw runtimeError("dimension array or low bound array cannot be null");
      return fill(value, sizes);
    },
  });
  definePolymorphic(
    "trim_array",
    sameList("any[], int4 -> any[]", [INT4], (list, count: number) => {
      if (count < 0 || count > list.length) {
        throw runtimeError(`number of elements to trim must be between 0 and ${list.length}`);
      }
      return list.slice(0, list.length - count);
    }),
  );
  definePolymorphic(
    "array_lower",
    sameList(
      "any[], int4 -> int4",
      [INT4],
      (list, dimension: number) => (dimensions(list)[dimension - 1] === undefined ? null : 1),
      () => INT4,
    ),
  );
  definePolymorphic(
    "array_reverse",
    sameList("any[] -> any[]", [], (list) => list.toReversed()),
  );
  definePolymorphic("array_sort", {
    signature: "any[] [, bool [, bool]] -> any[]",
    options: {},
    resolve([list, ...flags]) {
      if (list?.kind !== "list" || flags.length > 2) return undefined;
      return { argTypes: [list, ...flags.map(() => BOOL)], returnType: list };
    },
    implement([list]) {
      const compare = scalarComparator(list?.kind === "list" ? list.element : TEXT);
      return (items: List, descending = false, nullsFirst = descending) => {
        const nulls = items.filter((item) => item === null);
        const sorted = items.filter((item) => item !== null).toSorted(compare);
        const ordered = descending ? sorted.toReversed() : sorted;
        return nullsFirst ? [...nulls, ...ordered] : [...ordered, ...nulls];
      };
    },
  });
  definePolymorphic("array_distinct", {
    signature: "any[] -> any[]",
    options: {},
    resolve: ([list, ...rest]) =>
      list?.kind === "list" && rest.length === 0 ? { argTypes: [list], returnType: list } : undefined,
    implement([list]) {
      const equal = equality(list?.kind === "list" ? list.element : TEXT);
      return (items: List) =>
        items.filter((item, i) => item !== null && items.findIndex((other) => equal(item, other)) === i);
    },
  });
  definePolymorphic("array_subscripts", {
    signature: "any[], int4 [, bool] -> int4[]",
    options: {},
    resolve([list, ...rest]) {
      if (list?.kind !== "list" || rest.length < 1 || rest.length > 2) return undefined;
      return { argTypes: [list, INT4, ...rest.slice(1).map(() => BOOL)], returnType: { kind: "list", element: INT4 } };
    },
    implement:
      () =>
      (list: List, dimension: number, isReversed = false) => {
        const numbers = Array.from({ length: dimensions(list)[dimension - 1] ?? 0 }, (_, i) => i + 1);
        return isReversed ? numbers.toReversed() : numbers;
      },
  });
  define("string_to_array", "text, text, text -> text[]", splitText, { strict: false });
  alias("array_reverse", "list_reverse", "reverse_array");
  alias("array_sort", "list_sort", "sort_array");
  alias("array_append", "list_append");
  alias("array_prepend", "list_prepend");
  alias("array_cat", "list_concat", "list_cat");
  alias("array_distinct", "list_distinct");
  alias("array_slice", "list_slice");
  alias("array_remove", "list_remove");
}

function splitText(text: string | null, delimiter: string | null, none: string | null): Scalar {
  if (text === null) return null;
  const parts =
    delimiter === null ? Array.from(text) : delimiter === "" ? [text] : text === "" ? [] : text.split(delimiter);
  checkListLength(parts.length);
  return parts.map((part) => (part === none ? null : part));
}
