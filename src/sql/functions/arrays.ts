// Functions on arrays.

import type { DataType, Scalar } from "#columnar";
import { scalarComparator, scalarToText } from "../values/index.ts";
import { runtimeError } from "../values/errors.ts";
import { checkJoined } from "../values/limits.ts";
import type { FunctionCatalog, PolymorphicFunction } from "./definition.ts";
import { commonTypeOf } from "./resolve.ts";

const TEXT: DataType = { kind: "string" };
const INT4: DataType = { kind: "int32" };

function onList(
  extra: readonly DataType[],
  returnType: (list: DataType, element: DataType) => DataType,
  implement: PolymorphicFunction["implement"],
  signature: string,
  strict = true,
): PolymorphicFunction {
  return {
    signature,
    options: { strict },
    resolve([list, ...rest]) {
      if (list?.kind !== "list" || rest.length !== extra.length) return undefined;
      return { argTypes: [list, ...extra], returnType: returnType(list, list.element) };
    },
    implement,
  };
}

const length = (list: readonly Scalar[], dimension: number): Scalar => {
  let current: Scalar = list;
  for (let i = 1; i < dimension; i++)
    current = Array.isArray(current) ? ((current as readonly Scalar[])[0] ?? null) : null;
  return Array.isArray(current) && current.length > 0 && dimension > 0 ? current.length : null;
};

const count = (list: readonly Scalar[]): Scalar => (list as readonly unknown[]).flat(6).length;

function joinItems(type: DataType | undefined) {
  const element = type?.kind === "list" ? type.element : TEXT;
  return (list: readonly Scalar[] | null, separator: string | null, nullText: string | null = null): Scalar => {
    if (list === null || separator === null) return null;
    const texts = list.map((item) => (item === null ? nullText : scalarToText(item, element)));
    const shown = texts.filter((text) => text !== null);
    checkJoined(shown, separator);
    return shown.join(separator);
  };
}

function contains(outer: 0 | 1): PolymorphicFunction {
  return {
    signature: "any[], any[] -> bool",
    options: {},
    resolve([a, b, ...rest]) {
      if (a === undefined || b === undefined || rest.length > 0) return undefined;
      const type = commonTypeOf([a, b]);
      return type?.kind === "list" ? { argTypes: [type, type], returnType: { kind: "boolean" } } : undefined;
    },
    implement([type]) {
      const compare = scalarComparator(type?.kind === "list" ? type.element : TEXT);
      return (...lists: [readonly Scalar[], readonly Scalar[]]) => {
        const whole = lists[outer];
        return lists[outer === 0 ? 1 : 0].every((item) =>
          whole.some((other) => item !== null && other !== null && compare(item, other) === 0),
        );
      };
    },
  };
}

/** Adds array functions. */
export function defineArrays(catalog: FunctionCatalog): void {
  catalog.definePolymorphic("array", {
    signature: "any, ... -> any[]",
    options: { strict: false, safe: true },
    resolve(given) {
      const common = commonTypeOf(given);
      if (common === undefined) return undefined;
      const element = common.kind === "null" ? TEXT : common;
      return { argTypes: given.map(() => element), returnType: { kind: "list", element } };
    },
    implement:
      () =>
      (...items: readonly Scalar[]) =>
        items,
  });
  const asInt = (): DataType => INT4;
  catalog.definePolymorphic(
    "array_length",
    onList([INT4], asInt, () => length, "any[], int4 -> int4"),
  );
  catalog.definePolymorphic(
    "array_upper",
    onList([INT4], asInt, () => length, "any[], int4 -> int4"),
  );
  catalog.definePolymorphic(
    "cardinality",
    onList([], asInt, () => count, "any[] -> int4"),
  );
  catalog.alias("cardinality", "array_size");
  catalog.definePolymorphic(
    "array_element",
    onList(
      [INT4],
      (_list, element) => element,
      () => (list: readonly Scalar[], index: number) => list[index - 1] ?? null,
      "any[], int4 -> any",
    ),
  );
  catalog.definePolymorphic("array_to_string", {
    signature: "any[], text, text -> text",
    options: { strict: false },
    resolve([list, ...rest]) {
      if (list?.kind !== "list" || rest.length < 1 || rest.length > 2) return undefined;
      return { argTypes: [list, ...rest.map(() => TEXT)], returnType: TEXT };
    },
    implement: ([list]) => joinItems(list),
  });
  catalog.definePolymorphic("array_position", {
    signature: "any[], any [, int4] -> int4",
    options: { strict: false },
    resolve([list, item, ...rest]) {
      if (list?.kind !== "list" || item === undefined || rest.length > 1) return undefined;
      return { argTypes: [list, list.element, ...rest.map(() => INT4)], returnType: INT4 };
    },
    implement([, element]) {
      const compare = scalarComparator(element ?? TEXT);
      return (list: readonly Scalar[], wanted: Scalar, from: number | null = 1) => {
        if (list === null) return null;
        if (from === null) throw runtimeError("initial position must not be null");
        const index = list.findIndex(
          (item, i) =>
            i >= from - 1 && (item === null || wanted === null ? item === wanted : compare(item, wanted) === 0),
        );
        return index < 0 ? null : index + 1;
      };
    },
  });
  catalog.definePolymorphic("@>", contains(0));
  catalog.definePolymorphic("<@", contains(1));
}
