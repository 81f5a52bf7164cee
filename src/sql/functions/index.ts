// The function registry: names to signatures for the binder, ids to implementations for the executor.

import { windowFunctionNames } from "./window.ts";
import { InvariantViolation } from "#core";
import type { DataType } from "#columnar";
import type { FunctionRegistry, ResolvedAggregate, ResolvedFunction } from "../plan.ts";
import { castKind, typesEqual } from "../values/index.ts";
import { aggregateNames, findAggregate } from "./aggregates.ts";
import { defineArrayEdits } from "./array-edits.ts";
import { defineArithmetic } from "./arithmetic.ts";
import { defineArrays } from "./arrays.ts";
import { defineBytes } from "./bytes.ts";
import { defineComparisons } from "./comparison.ts";
import { defineDateTimes } from "./datetime.ts";
import {
  createFunctionCatalog,
  type EvaluationEnvironment,
  type FunctionFamily,
  type FunctionImplementation,
} from "./definition.ts";
import { defineJson } from "./json.ts";
import { defineJsonb } from "./jsonb.ts";
import { defineMatching } from "./matching.ts";
import { defineMath } from "./math.ts";
import { defineMiscellany } from "./miscellany.ts";
import { definePercentiles } from "./percentile.ts";
import { defineRows } from "./rows.ts";
import { defineArrayChance } from "./array-chance.ts";
import { defineSession } from "./session.ts";
import { defineSqlJson } from "./sql-json.ts";
import { defineEncodings } from "./encodings.ts";
import { defineInputChecks } from "./input-check.ts";
import { defineLakehouseArrays } from "./lakehouse-arrays.ts";
import { defineLakehouseNames } from "./lakehouse-names.ts";
import { defineTextLikeness } from "./text-likeness.ts";
import { defineQuoting } from "./quoting.ts";
import { defineUuids } from "./uuids.ts";
import { defineZonedTime } from "./zoned-time.ts";
import { defineNumericDetails } from "./numeric-details.ts";
import { defineTextDetails } from "./text-details.ts";
import { chooseOverload, expandArguments } from "./resolve.ts";
import { defineStrings } from "./string.ts";

export { decimalCastKernel, unscaledBound, type DecimalBound } from "./decimal-kernels.ts";
export type { EvaluationEnvironment, EvaluationLimits, FunctionImplementation, VectorKernel } from "./definition.ts";
export { commonType, commonTypeOf } from "./resolve.ts";
export { likeMatcher } from "./pattern.ts";

const catalog = createFunctionCatalog();
defineArithmetic(catalog);
defineComparisons(catalog);
defineMath(catalog);
defineStrings(catalog);
defineMatching(catalog);
defineDateTimes(catalog);
defineJson(catalog);
defineArrays(catalog);
defineMiscellany(catalog);
definePercentiles(catalog);
defineRows(catalog);
defineUuids(catalog);
defineSqlJson(catalog);
defineZonedTime(catalog);
defineSession(catalog);
defineArrayChance(catalog);
defineArrayEdits(catalog);
defineBytes(catalog);
defineJsonb(catalog);
defineNumericDetails(catalog);
defineTextDetails(catalog);
defineEncodings(catalog);
defineQuoting(catalog);
defineInputChecks(catalog);
defineLakehouseArrays(catalog);
defineLakehouseNames(catalog);
defineTextLikeness(catalog);

/** Every scalar function and operator, with its other names. */
export function scalarFamilies(): readonly { readonly family: FunctionFamily; readonly aliases: readonly string[] }[] {
  return [...catalog.families.values()].map((family) => ({
    family,
    aliases: [...catalog.aliases].flatMap(([other, name]) => (name === family.name ? [other] : [])),
  }));
}

function familyOf(name: string): FunctionFamily | undefined {
  return catalog.families.get(catalog.aliases.get(name) ?? name);
}

function resolveScalar(name: string, argTypes: readonly DataType[]): ResolvedFunction | undefined {
  const family = familyOf(name);
  if (family === undefined) return undefined;
  const chosen = chooseOverload(family.overloads, argTypes);
  if (chosen !== undefined) {
    const volatility = chosen.item.options.volatility ?? "immutable";
    return { id: family.name, argTypes: chosen.argTypes, returnType: chosen.item.returnType, volatility };
  }
  const resolved = family.polymorphic?.resolve(argTypes);
  if (resolved === undefined) return undefined;
  return { id: family.name, ...resolved, volatility: family.polymorphic?.options.volatility ?? "immutable" };
}

function resolveAggregate(name: string, argTypes: readonly DataType[]): ResolvedAggregate | undefined {
  const family = findAggregate(name);
  if (family === undefined) return undefined;
  const { orderedSet } = family;
  const chosen = chooseOverload(family.overloads, argTypes);
  if (chosen !== undefined) {
    return { id: family.name, argTypes: chosen.argTypes, returnType: chosen.item.returnType, orderedSet };
  }
  const resolved = family.polymorphic?.(argTypes);
  return resolved === undefined ? undefined : { id: family.name, ...resolved, orderedSet };
}

/**
 * Names to signatures, with PostgreSQL's overload resolution.
 *
 * An untyped literal or bare NULL is passed as kind "null" and then takes the type the chosen signature asks for.
 * A resolved id is the canonical name (aliases are resolved: len → length); with the argument types it determines
 * the implementation. For ordered-set aggregates the argument types are the direct ones, then the sort
 * expressions': percentile_cont(float8, float8). Operators have PostgreSQL's names (LIKE is ~~, AT TIME ZONE is
 * timezone(zone, value), EXTRACT is extract(text, value), IS DISTINCT FROM is is_distinct_from, x = ANY(list) is
 * "= any", ARRAY[…] is array(…)); greatest, least and nullif are functions.
 */
export const functionRegistry: FunctionRegistry = {
  resolveScalar,
  resolveAggregate,
  isAggregate: (name) => findAggregate(name) !== undefined,
  functionNames: () => [
    ...catalog.families.keys(),
    ...catalog.aliases.keys(),
    ...aggregateNames(),
    ...windowFunctionNames(),
  ],
  castKind,
};

/** The implementation of a resolved call. Errors: InvariantViolation when the plan names an unknown function. */
export function implementFunction(
  id: string,
  argTypes: readonly DataType[],
  returnType: DataType,
  env: EvaluationEnvironment,
): FunctionImplementation {
  const family = familyOf(id);
  const overload = family?.overloads.find((candidate) => {
    const expected = expandArguments(candidate, argTypes.length);
    return expected?.every((type, i) => argTypes[i]?.kind === "null" || typesEqual(type, argTypes[i] ?? type)) === true;
  });
  if (overload !== undefined) {
    const { strict = true, safe = false, volatility = "immutable", kernel } = overload.options;
    return { evaluate: overload.make(env), strict, safe, volatility, kernel };
  }
  const polymorphic = family?.polymorphic;
  if (polymorphic === undefined) {
    throw new InvariantViolation(`no function ${id}(${argTypes.map((type) => type.kind).join(", ")})`);
  }
  const { strict = true, safe = false, volatility = "immutable" } = polymorphic.options;
  return {
    evaluate: polymorphic.implement(argTypes, returnType),
    strict,
    safe,
    volatility,
    kernel: polymorphic.kernel?.(argTypes, returnType),
  };
}
