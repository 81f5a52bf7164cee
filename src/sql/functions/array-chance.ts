// Arrays put into another order by chance.

import type { DataType, Scalar } from "#columnar";
import { runtimeError } from "../values/errors.ts";
import type { FunctionCatalog } from "./definition.ts";

type List = readonly Scalar[];

const INT4: DataType = { kind: "int32" };

function shuffled(list: List, randomUnit: () => number): Scalar[] {
  const items = [...list];
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(randomUnit() * (i + 1));
    const kept = items[i] ?? null;
    items[i] = items[j] ?? null;
    items[j] = kept;
  }
  return items;
}

/** Adds array_shuffle and array_sample. */
export function defineArrayChance({ definePolymorphic }: FunctionCatalog): void {
  definePolymorphic("array_shuffle", {
    signature: "any[] -> any[]",
    options: { volatility: "volatile" },
    resolve: ([list, ...rest]) =>
      list?.kind === "list" && rest.length === 0 ? { argTypes: [list], returnType: list } : undefined,
    implement: () => (list: List) => shuffled(list, Math.random),
  });
  definePolymorphic("array_sample", {
    signature: "any[], int4 -> any[]",
    options: { volatility: "volatile" },
    resolve: ([list, count, ...rest]) =>
      list?.kind === "list" && count !== undefined && rest.length === 0
        ? { argTypes: [list, INT4], returnType: list }
        : undefined,
    implement: () => (list: List, count: number) => {
      if (count < 0 || count > list.length) throw runtimeError(`sample size must be between 0 and ${list.length}`);
      return shuffled(list, Math.random).slice(0, count);
    },
  });
}
