// PostgreSQL's overload resolution (manual, chapter 10) over our implicit casts.

import type { DataType } from "#columnar";
import { castKind, typesEqual } from "../values/index.ts";
import type { Signature } from "./definition.ts";

type Category = "boolean" | "numeric" | "string" | "datetime" | "interval" | "unknown" | "other";

function categoryOf(type: DataType): Category {
  switch (type.kind) {
    case "null":
      return "unknown";
    case "boolean":
      return "boolean";
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "decimal":
      return "numeric";
    case "string":
      return "string";
    case "date":
    case "time":
    case "timestamp":
      return "datetime";
    case "interval":
      return "interval";
    case "json":
    case "uuid":
    case "binary":
    case "list":
    case "struct":
    case "map":
      return "other";
  }
}

const PREFERRED: ReadonlySet<string> = new Set(["float64", "string", "boolean", "interval"]);

/** The preferred type of its category. */
function isPreferred(type: DataType): boolean {
  return type.kind === "timestamp" ? type.utc : PREFERRED.has(type.kind);
}

const NUMERIC_ORDER = ["int16", "int32", "int64", "decimal", "float32", "float64"];

/**
 * The type that both sides of a comparison, CASE, COALESCE, UNION … become; undefined when there is none. A bare
 * NULL or untyped literal takes the other's type. float32 with decimal or int64 gives float64, as PostgreSQL's
 * operators do.
 */
export function commonType(a: DataType, b: DataType): DataType | undefined {
  if (a.kind === "null") return b;
  if (b.kind === "null") return a;
  if (typesEqual(a, b)) {
    if (a.kind === "decimal" && !typesEqual(a, b, true)) return { kind: "decimal" };
    return a;
  }
  const x = NUMERIC_ORDER.indexOf(a.kind);
  const y = NUMERIC_ORDER.indexOf(b.kind);
  if (x >= 0 && y >= 0) {
    const wider = x > y ? a : b;
    if (wider.kind === "float32") return { kind: "float64" };
    return wider.kind === "decimal" ? { kind: "decimal" } : wider;
  }
  if (a.kind === "list" && b.kind === "list") {
    const element = commonType(a.element, b.element);
    return element === undefined ? undefined : { kind: "list", element };
  }
  if (a.kind === "json" && b.kind === "json") return a.canonical === true ? a : b;
  if (castKind(a, b) === "implicit") return b;
  if (castKind(b, a) === "implicit") return a;
  return undefined;
}

/** The common type of any number of arguments; untyped only when all are. */
export function commonTypeOf(types: readonly DataType[]): DataType | undefined {
  let result: DataType = { kind: "null" };
  for (const type of types) {
    const next = commonType(result, type);
    if (next === undefined) return undefined;
    result = next;
  }
  return result;
}

/** The argument types of a signature for a call with `count` arguments; undefined when the count does not fit. */
export function expandArguments(signature: Signature, count: number): readonly DataType[] | undefined {
  const { argTypes, variadic } = signature;
  if (!variadic) return argTypes.length === count ? argTypes : undefined;
  const fixed = argTypes.length - 1;
  const repeated = argTypes[fixed];
  if (count < fixed || repeated === undefined) return undefined;
  return [...argTypes.slice(0, fixed), ...Array.from({ length: count - fixed }, () => repeated)];
}

interface Candidate<T> {
  readonly item: T;
  readonly argTypes: readonly DataType[];
}

function keepBest<T>(candidates: readonly Candidate<T>[], score: (c: Candidate<T>) => number): Candidate<T>[] {
  const scores = candidates.map((candidate) => score(candidate));
  const best = Math.max(...scores);
  return candidates.filter((_, i) => scores[i] === best);
}

function isUnknown(type: DataType | undefined): boolean {
  return type?.kind === "null";
}

function matches(argTypes: readonly DataType[], wanted: readonly DataType[]): boolean {
  return argTypes.every((type, i) => typesEqual(type, wanted[i] ?? { kind: "null" }));
}

/**
 * Chooses the signature PostgreSQL would choose; the arguments' untyped literals have kind "null". Undefined when
 * none fits; where PostgreSQL would call the choice ambiguous, the first remaining signature is taken.
 */
export function chooseOverload<T extends Signature>(
  overloads: readonly T[],
  given: readonly DataType[],
): { readonly item: T; readonly argTypes: readonly DataType[] } | undefined {
  let candidates: Candidate<T>[] = [];
  for (const item of overloads) {
    const argTypes = expandArguments(item, given.length);
    if (argTypes !== undefined) candidates.push({ item, argTypes });
  }
  const exact = candidates.find((candidate) => matches(candidate.argTypes, given));
  if (exact !== undefined) return exact;
  // A binary call with one untyped literal: assume the other side's type first.
  if (given.length === 2) {
    const [left, right] = given as readonly [DataType, DataType];
    if (isUnknown(left) !== isUnknown(right)) {
      const assumed = isUnknown(left) ? right : left;
      const same = candidates.find((candidate) => matches(candidate.argTypes, [assumed, assumed]));
      if (same !== undefined) return same;
    }
  }
  candidates = candidates.filter(({ argTypes }) =>
    argTypes.every((type, i) => castKind(given[i] ?? { kind: "null" }, type) === "implicit"),
  );
  if (candidates.length <= 1) return candidates[0];
  candidates = keepBest(
    candidates,
    ({ argTypes }) => argTypes.filter((type, i) => typesEqual(type, given[i] ?? { kind: "null" })).length,
  );
  candidates = keepBest(
    candidates,
    ({ argTypes }) =>
      argTypes.filter((type, i) => {
        const actual = given[i] ?? { kind: "null" };
        return (
          typesEqual(type, actual) ||
          (!isUnknown(actual) && isPreferred(type) && categoryOf(type) === categoryOf(actual))
        );
      }).length,
  );
  if (candidates.length <= 1) return candidates[0];
  for (const [i, type] of given.entries()) {
    if (!isUnknown(type)) continue;
    const categories = new Set(candidates.map(({ argTypes }) => categoryOf(argTypes[i] ?? { kind: "null" })));
    const wanted: Category | undefined = categories.has("string")
      ? "string"
      : categories.size === 1
        ? [...categories][0]
        : undefined;
    if (wanted === undefined) continue;
    const inCategory = candidates.filter(({ argTypes }) => categoryOf(argTypes[i] ?? { kind: "null" }) === wanted);
    const preferred = inCategory.filter(({ argTypes }) => isPreferred(argTypes[i] ?? { kind: "null" }));
    candidates = preferred.length > 0 ? preferred : inCategory;
  }
  if (candidates.length <= 1) return candidates[0];
  const known = given.filter((type) => !isUnknown(type));
  const [first] = known;
  if (first !== undefined && known.every((type) => typesEqual(type, first))) {
    const assumed = candidates.filter(({ argTypes }) => argTypes.every((type) => castKind(first, type) === "implicit"));
    if (assumed.length > 0) candidates = assumed;
  }
  return candidates[0];
}
