// What the registry holds, as the tables of docs/sql.md.

import type { DataType } from "#columnar";
import { tableFunctionSignatures } from "./execute/table-function.ts";
import { aggregateFamilies } from "./functions/aggregates.ts";
import type { Signature } from "./functions/definition.ts";
import { scalarFamilies } from "./functions/index.ts";
import { windowFunctionNames } from "./functions/window.ts";
import { dataTypeToName } from "./values/index.ts";

/** One function, operator or aggregate. */
export interface ReferenceEntry {
  readonly name: string;
  readonly signatures: readonly string[];
  readonly aliases: readonly string[];
}

/** Everything that can be called, sorted by name. */
export interface SqlReference {
  readonly operators: readonly ReferenceEntry[];
  readonly functions: readonly ReferenceEntry[];
  readonly aggregates: readonly ReferenceEntry[];
  readonly windowFunctions: readonly string[];
  readonly setFunctions: readonly ReferenceEntry[];
}

function typeName(type: DataType): string {
  return type.kind === "null" ? "any" : dataTypeToName(type);
}

function signatureText({ argTypes, variadic, returnType }: Signature): string {
  const args = argTypes.map((type, i) =>
    variadic && i === argTypes.length - 1 ? `${typeName(type)} …` : typeName(type),
  );
  return `(${args.join(", ")}) → ${typeName(returnType)}`;
}

function sorted<T extends { readonly name: string }>(entries: readonly T[]): readonly T[] {
  return entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Names that only the binder writes, for what has its own syntax. */
const INTERNAL = new Set([
  "array",
  "array_subscript",
  "sample_row",
  "round_fraction",
  "cut_interval",
  "struct_field",
  "jsonb_plain",
  "substring_similar",
  "array_subscripts",
  "is_distinct_from",
  "is_not_distinct_from",
]);

function isOperator({ name }: ReferenceEntry): boolean {
  return !/^[a-z_]/.test(name);
}

/** The registry's content. */
export function sqlReference(): SqlReference {
  const scalars = scalarFamilies()
    .filter(({ family }) => !INTERNAL.has(family.name) && !family.name.includes(" "))
    .map(({ family, aliases }): ReferenceEntry => {
      const polymorphic = family.polymorphic === undefined ? [] : [family.polymorphic.signature];
      return { name: family.name, signatures: [...family.overloads.map(signatureText), ...polymorphic], aliases };
    });
  return {
    operators: sorted(scalars.filter(isOperator)),
    functions: sorted(scalars.filter((entry) => !isOperator(entry))),
    aggregates: sorted(
      aggregateFamilies().map(({ family, aliases }) => ({
        name: family.name,
        signatures: [
          ...family.overloads.map(signatureText),
          ...(family.polymorphic === undefined ? [] : ["any type"]),
          ...(family.orderedSet ? ["WITHIN GROUP (ORDER BY …)"] : []),
        ],
        aliases,
      })),
    ),
    windowFunctions: windowFunctionNames(),
    setFunctions: sorted([
      ...[...tableFunctionSignatures()].map(([name, signatures]) => ({
        name,
        signatures: signatures.map(signatureText),
        aliases: [],
      })),
      { name: "unnest", signatures: ["any[] → any"], aliases: [] },
      { name: "generate_subscripts", signatures: ["any[], integer [, boolean] → integer"], aliases: [] },
    ]),
  };
}
