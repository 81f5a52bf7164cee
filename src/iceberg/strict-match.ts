// Whether all rows of a file fulfil conditions, told by partition values, counts and bounds alone. The mirror image of
// pruning: pruning may be wrong only by saying "perhaps", this only by saying "not all".

import type { Scalar } from "#columnar";
import { compareScalars } from "./compare.ts";
import type { ColumnMetrics } from "./partition-pruning.ts";
import type { LocatedField } from "./schema.ts";
import { singleValueToScalar } from "./single-value.ts";
import type { PartitionSpec } from "./table-metadata.ts";
import type { IcebergPredicate } from "./table.ts";
import { applyTransform, canTransform, fieldTransform, mayBeWrapped, type Transform } from "./transform.ts";

const FLOAT_TYPES = new Set(["float", "double"]);
/** Bounds of uuids are ordered differently by different writers. */
const UNORDERED_TYPES = new Set(["uuid"]);
const TIME_KINDS = new Set<Transform["kind"]>(["year", "month", "day", "hour"]);

/** What is looked at of a file, or of an entry that is being read. */
export interface JudgedFile extends ColumnMetrics {
  readonly partition: readonly Scalar[];
  readonly recordCount: number;
}

/** What is known of all values of a column in a file; undefined where nothing is. */
interface KnownValues {
  readonly lower: Scalar | undefined;
  readonly upper: Scalar | undefined;
  readonly hasNoNull: boolean;
  readonly hasOnlyNull: boolean;
}

/** Whether every row of the file fulfils every predicate. No predicates hold for all rows. */
export function allRowsMatch(
  file: JudgedFile,
  spec: PartitionSpec,
  fields: ReadonlyMap<number, LocatedField>,
  predicates: readonly IcebergPredicate[],
): boolean {
  return predicates.every(
    (predicate) =>
      file.recordCount === 0 ||
      partitionProves(file, spec, fields, predicate) ||
      boundsProve(file, fields.get(predicate.fieldId), predicate),
  );
}

/** Whether the partition alone proves the predicates of all its rows, whatever file they are in. */
export function partitionMatches(
  file: JudgedFile,
  spec: PartitionSpec,
  fields: ReadonlyMap<number, LocatedField>,
  predicates: readonly IcebergPredicate[],
): boolean {
  return predicates.every((predicate) => partitionProves(file, spec, fields, predicate));
}

function boundsProve(file: JudgedFile, located: LocatedField | undefined, predicate: IcebergPredicate): boolean {
  if (located === undefined || located.repeated || typeof located.field.type !== "string") return false;
  const { type } = located.field;
  const nulls = file.nullValueCounts.get(predicate.fieldId);
  const values = file.valueCounts.get(predicate.fieldId);
  const mayHaveNan = FLOAT_TYPES.has(type) && file.nanValueCounts.get(predicate.fieldId) !== 0;
  const useBounds = !mayHaveNan && !UNORDERED_TYPES.has(type);
  const bound = (bytes: Uint8Array | undefined): Scalar | undefined =>
    bytes === undefined || !useBounds ? undefined : singleValueToScalar(type, bytes);
  return valuesProve(
    {
      lower: bound(file.lowerBounds.get(predicate.fieldId)),
      upper: bound(file.upperBounds.get(predicate.fieldId)),
      hasNoNull: nulls === 0,
      hasOnlyNull: nulls !== undefined && values !== undefined && nulls >= values,
    },
    predicate,
  );
}

function partitionProves(
  file: JudgedFile,
  spec: PartitionSpec,
  fields: ReadonlyMap<number, LocatedField>,
  predicate: IcebergPredicate,
): boolean {
  const source = fields.get(predicate.fieldId)?.field.type;
  return spec.fields.some((field, index) => {
    if (field["source-id"] !== predicate.fieldId || typeof source !== "string") return false;
    const transform = fieldTransform(field);
    if (transform.kind === "void" || transform.kind === "unknown" || !canTransform(transform, source)) return false;
    const value = file.partition[index] ?? null;
    const known = { hasNoNull: value !== null, hasOnlyNull: value === null };
    if (transform.kind === "identity") {
      return !isNan(value) && valuesProve({ ...known, lower: value, upper: value }, predicate);
    }
    if (predicate.operator === "is_null" || predicate.operator === "is_not_null") {
      return valuesProve({ ...known, lower: undefined, upper: undefined }, predicate);
    }
    return value !== null && strictProjectionHolds(transform, source, value, predicate);
  });
}

/** Whether a transformed value proves the condition of every source value that has it. */
function strictProjectionHolds(
  transform: Transform,
  source: string,
  value: Scalar,
  predicate: IcebergPredicate,
): boolean {
  const wanted = predicate.values[0] ?? null;
  if (wanted === null || !hasFormOf(source, wanted)) return false;
  const target = applyTransform(transform, source, wanted);
  if (target === null || mayBeWrapped(transform, source, value) || mayBeWrapped(transform, source, target))
    return false;
  // Early writers rounded times before 1970 towards zero: such a value may stand for the one below it too.
  const isEarly = TIME_KINDS.has(transform.kind) && Number(value) <= 0;
  const order = compareScalars(value, target);
  const { operator } = predicate;
  switch (operator) {
    case "<>":
      return order !== 0 && !(isEarly && compareScalars(Number(value) - 1, target) === 0);
    case "<":
    case "<=":
      return (
        transform.kind !== "bucket" &&
        (order < 0 || (operator === "<=" && order === 0 && isEdge(transform, source, wanted, 1, target)))
      );
    case ">":
    case ">=":
      if (transform.kind === "bucket") return false;
      if (isEarly) return compareScalars(Number(value) - 1, target) > 0;
      return order > 0 || (operator === ">=" && order === 0 && isEdge(transform, source, wanted, -1, target));
    case "=":
    case "in":
    case "is_null":
    case "is_not_null":
    case "starts_with":
      return false;
  }
}

/** Whether the wanted value is the first or last that transforms to the target, as midnight is of its day. */
function isEdge(transform: Transform, source: string, wanted: Scalar, step: 1 | -1, target: Scalar): boolean {
  if (typeof wanted !== "number" && typeof wanted !== "bigint") return false;
  const next = typeof wanted === "bigint" ? wanted + BigInt(step) : wanted + step;
  return compareScalars(applyTransform(transform, source, next), target) !== 0;
}

/** Whether a predicate's value is one the column could hold: others cannot be transformed. */
function hasFormOf(type: string, value: Scalar): boolean {
  if (type === "string" || type === "uuid") return typeof value === "string";
  if (type === "binary" || type.startsWith("fixed")) return value instanceof Uint8Array;
  if (type.startsWith("decimal")) return typeof value === "object" && value !== null && "unscaled" in value;
  return typeof value === "bigint" || (typeof value === "number" && Number.isInteger(value));
}

function valuesProve(known: KnownValues, { operator, values }: IcebergPredicate): boolean {
  if (operator === "is_null") return known.hasOnlyNull;
  if (operator === "is_not_null") return known.hasNoNull;
  const { lower, upper } = known;
  // A comparison with NULL is never true.
  if (!known.hasNoNull || lower === undefined || upper === undefined || lower === null || upper === null) return false;
  if (isNan(lower) || isNan(upper) || values.some((value) => value === null || isNan(value))) return false;
  const isOnly = (value: Scalar): boolean => compareScalars(lower, value) === 0 && compareScalars(upper, value) === 0;
  if (operator === "in") return values.some(isOnly);
  const value = values[0] ?? null;
  if (value === null) return false;
  switch (operator) {
    case "=":
      return isOnly(value);
    case "<>":
      return compareScalars(upper, value) < 0 || compareScalars(lower, value) > 0;
    case "<":
      return compareScalars(upper, value) < 0;
    case "<=":
      return compareScalars(upper, value) <= 0;
    case ">":
      return compareScalars(lower, value) > 0;
    case ">=":
      return compareScalars(lower, value) >= 0;
    case "starts_with":
      return (
        typeof value === "string" &&
        typeof lower === "string" &&
        typeof upper === "string" &&
        lower.startsWith(value) &&
        upper.startsWith(value)
      );
  }
}

function isNan(value: Scalar | undefined): boolean {
  return typeof value === "number" && Number.isNaN(value);
}
