// Signatures of the aggregates. How they accumulate is in ../execute/aggregate.

import type { DataType } from "#columnar";
import { parseSignature, typeOf, type Signature } from "./definition.ts";

/** One signature of an aggregate. */
export interface AggregateOverload extends Signature {
  /** WITHIN GROUP: the arguments after the direct ones are the sort expressions. */
  readonly orderedSet: boolean;
}

/** All ways to call one aggregate. */
export interface AggregateFamily {
  readonly name: string;
  readonly overloads: readonly AggregateOverload[];
  /** Result type for argument types that no signature lists. */
  readonly polymorphic:
    | ((argTypes: readonly DataType[]) => { argTypes: readonly DataType[]; returnType: DataType } | undefined)
    | undefined;
  readonly orderedSet: boolean;
}

const families = new Map<string, AggregateFamily>();
const aliases = new Map<string, string>();

function aggregate(
  name: string,
  signatures: readonly string[],
  polymorphic?: AggregateFamily["polymorphic"],
  orderedSet = false,
): void {
  const overloads = signatures.map((signature) => ({ ...parseSignature(signature), orderedSet }));
  families.set(name, { name, overloads, polymorphic, orderedSet });
}

const TEXT = typeOf("text");

function sameAsFirst(count: number): NonNullable<AggregateFamily["polymorphic"]> {
  return (given) => {
    const [first] = given;
    if (first === undefined || given.length !== count) return undefined;
    const argTypes = given.map((type) => (type.kind === "null" ? TEXT : type));
    return { argTypes, returnType: argTypes[0] ?? first };
  };
}

aggregate("count", ["-> int8"], (given) =>
  given.length === 1
    ? { argTypes: given.map((type) => (type.kind === "null" ? TEXT : type)), returnType: typeOf("int8") }
    : undefined,
);
aggregate("sum", [
  "int2 -> int8",
  "int4 -> int8",
  "int8 -> numeric",
  "float4 -> float4",
  "float8 -> float8",
  "numeric -> numeric",
  "interval -> interval",
]);
aggregate("avg", [
  "int2 -> numeric",
  "int4 -> numeric",
  "int8 -> numeric",
  "float4 -> float8",
  "float8 -> float8",
  "numeric -> numeric",
  "interval -> interval",
]);
for (const name of ["min", "max", "any_value", "first", "last"]) aggregate(name, [], sameAsFirst(1));
for (const name of ["min_by", "max_by"]) aggregate(name, [], sameAsFirst(2));
for (const name of ["bool_and", "bool_or", "every"]) aggregate(name, ["bool -> bool"]);
for (const name of ["bit_and", "bit_or", "bit_xor"]) aggregate(name, ["int2 -> int2", "int4 -> int4", "int8 -> int8"]);
aggregate("count_if", ["bool -> int8"]);
for (const name of ["stddev_samp", "stddev_pop", "var_samp", "var_pop"]) {
  aggregate(name, [
    "int2 -> numeric",
    "int4 -> numeric",
    "int8 -> numeric",
    "numeric -> numeric",
    "float4 -> float8",
    "float8 -> float8",
  ]);
}
for (const name of [
  "corr",
  "covar_pop",
  "covar_samp",
  "regr_slope",
  "regr_intercept",
  "regr_r2",
  "regr_avgx",
  "regr_avgy",
  "regr_sxx",
  "regr_syy",
  "regr_sxy",
]) {
  aggregate(name, ["float8, float8 -> float8"]);
}
aggregate("regr_count", ["float8, float8 -> int8"]);
aggregate("string_agg", ["text, text -> text", "bytea, bytea -> bytea"]);
aggregate("array_agg", [], ([first, ...rest]) => {
  if (first === undefined || rest.length > 0) return undefined;
  const element = first.kind === "null" ? TEXT : first;
  return { argTypes: [element], returnType: { kind: "list", element } };
});
for (const name of ["json_agg", "jsonb_agg", "json_agg_strict", "jsonb_agg_strict"]) {
  aggregate(name, [], ([first, ...rest]) =>
    first === undefined || rest.length > 0
      ? undefined
      : {
          argTypes: [first.kind === "null" ? TEXT : first],
          returnType: typeOf(name.startsWith("jsonb") ? "jsonb" : "json"),
        },
  );
}
const OBJECT_AGGREGATES = ["json", "jsonb"].flatMap((prefix) =>
  ["", "_strict", "_unique", "_unique_strict"].map((suffix) => `${prefix}_object_agg${suffix}`),
);
for (const name of OBJECT_AGGREGATES) {
  aggregate(name, [], ([key, value, ...rest]) =>
    key === undefined || value === undefined || rest.length > 0
      ? undefined
      : {
          argTypes: [key.kind === "null" ? TEXT : key, value.kind === "null" ? TEXT : value],
          returnType: typeOf(name.startsWith("jsonb") ? "jsonb" : "json"),
        },
  );
}
aggregate("approx_count_distinct", [], (given) =>
  given.length === 1 || given.length === 2
    ? {
        argTypes: given.map((type, i) => (i === 1 ? typeOf("float8") : type.kind === "null" ? TEXT : type)),
        returnType: typeOf("int8"),
      }
    : undefined,
);
aggregate("approx_percentile", [
  "float8, float8 -> float8",
  "float8, float8[] -> float8[]",
  "float8, float8, float8 -> float8",
]);
aggregate("median", ["float8 -> float8", "interval -> interval"]);
aggregate(
  "percentile_cont",
  [
    "float8, float8 -> float8",
    "float8[], float8 -> float8[]",
    "float8, interval -> interval",
    "float8[], interval -> interval[]",
  ],
  undefined,
  true,
);
aggregate(
  "percentile_disc",
  [],
  ([fraction, value, ...rest]) => {
    if (fraction === undefined || value === undefined || rest.length > 0) return undefined;
    const type = value.kind === "null" ? TEXT : value;
    if (fraction.kind === "list") {
      return { argTypes: [typeOf("float8[]"), type], returnType: { kind: "list", element: type } };
    }
    return { argTypes: [typeOf("float8"), type], returnType: type };
  },
  true,
);
aggregate("mode", [], sameAsFirst(1), true);

for (const [alias, name] of Object.entries({
  stddev: "stddev_samp",
  variance: "var_samp",
  std_dev: "stddev_samp",
  arg_max: "max_by",
  argmax: "max_by",
  arg_min: "min_by",
  argmin: "min_by",
  countif: "count_if",
  approx_distinct: "approx_count_distinct",
  approx_quantile: "approx_percentile",
  percentile_approx: "approx_percentile",
  group_concat: "string_agg",
  listagg: "string_agg",
  array_aggregate: "array_agg",
  logical_and: "bool_and",
  logical_or: "bool_or",
  arbitrary: "any_value",
  any: "any_value",
  collect_list: "array_agg",
  mean: "avg",
})) {
  aliases.set(alias, name);
}

/** The aggregate of a name or alias, in lower case. */
export function findAggregate(name: string): AggregateFamily | undefined {
  return families.get(aliases.get(name) ?? name);
}

/** Every aggregate, with its other names. */
export function aggregateFamilies(): readonly {
  readonly family: AggregateFamily;
  readonly aliases: readonly string[];
}[] {
  return [...families.values()].map((family) => ({
    family,
    aliases: [...aliases].flatMap(([other, name]) => (name === family.name ? [other] : [])),
  }));
}

/** Every aggregate's name and alias. */
export function aggregateNames(): string[] {
  return [...families.keys(), ...aliases.keys()];
}
