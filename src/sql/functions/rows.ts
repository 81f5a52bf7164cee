// Rows as values: what ROW(…) and the name of a table in an expression give.

import type { DataType, Scalar } from "#columnar";
import type { FunctionCatalog } from "./definition.ts";

const TEXT: DataType = { kind: "string" };

/** Adds "row of": names as JSON, then a value for each. No name that SQL could write. */
export function defineRows({ definePolymorphic }: FunctionCatalog): void {
  definePolymorphic("row of", {
    signature: "text, any, … -> struct",
    options: { strict: false, safe: true },
    resolve: ([, ...types]) => ({
      argTypes: [TEXT, ...types],
      returnType: {
        kind: "struct",
        fields: types.map((type, i) => ({ name: `f${i + 1}`, type, nullable: true })),
      },
    }),
    implement: () => {
      let known: string | undefined;
      let names: readonly string[] = [];
      return (text: string, ...values: readonly Scalar[]) => {
        if (text !== known) {
          names = JSON.parse(text) as readonly string[];
          known = text;
        }
        const row: Record<string, Scalar> = {};
        for (const [i, name] of names.entries()) row[name] = values[i] ?? null;
        return row;
      };
    },
  });
}
