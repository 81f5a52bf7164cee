// Skipping manifests by their partition summaries, and files by their partition values and column bounds.

import { stringToUtf8 } from "#core";
import type { Scalar } from "#columnar";
import { mightMatch, mightMatchUuid, rangeOfValue, type ColumnRange } from "./column-range.ts";
import type { PartitionTupleField } from "./manifest-schema.ts";
import type { ManifestFile, PartitionFieldSummary } from "./manifest.ts";
import { projectCondition } from "./projection.ts";
import type { LocatedField } from "./schema.ts";
import { singleValueToScalar } from "./single-value.ts";
import type { PartitionSpec } from "./table-metadata.ts";
import type { IcebergPredicate } from "./table.ts";
import { fieldTransform, mayBeWrapped, type Transform } from "./transform.ts";

type Condition = Pick<IcebergPredicate, "operator" | "values">;

/** Conditions on one field of a partition tuple. */
interface PartitionFilter {
  readonly index: number;
  readonly name: string;
  readonly type: string;
  readonly conditions: readonly Condition[];
  readonly transform: Transform;
}

/** Conditions on the partition values of one spec, made once and applied to all its files. */
export type SpecFilter = readonly PartitionFilter[];

/** Projects the predicates through a spec's transforms. */
export function createSpecFilter(
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
  fields: ReadonlyMap<number, LocatedField>,
  predicates: readonly IcebergPredicate[],
): SpecFilter {
  return spec.fields.flatMap((field, index): PartitionFilter[] => {
    const source = fields.get(field["source-id"]);
    const type = tuple[index]?.type;
    if (source === undefined || typeof type !== "string") return [];
    const transform = fieldTransform(field);
    const conditions = predicates
      .filter((predicate) => predicate.fieldId === field["source-id"])
      .map((predicate) => projectCondition(predicate, transform, source.field.type))
      .filter((condition) => condition !== undefined);
    return conditions.length === 0 ? [] : [{ index, name: field.name, type, conditions, transform }];
  });
}

/** The name of the partition field whose summary rules out every file of the manifest, or undefined. */
export function excludingSummary(filter: SpecFilter, manifest: ManifestFile): string | undefined {
  return filter.find(({ index, type, conditions, transform }) => {
    const summary = manifest.partitions[index];
    if (summary === undefined) return false;
    const range = summaryToRange(summary, type);
    if (mayBeWrapped(transform, type, range.upper)) return false;
    const matches = type === "uuid" ? mightMatchUuid : mightMatch;
    return conditions.some((condition) => !matches(range, condition));
  })?.name;
}

const FLOAT_TYPES = new Set(["float", "double"]);

/** What a manifest's summary says of the values of one partition field. */
export function summaryToRange(summary: PartitionFieldSummary, type: string): ColumnRange {
  const isFloat = FLOAT_TYPES.has(type);
  const mayHaveNan = isFloat && summary.containsNan !== false;
  const hasBounds = summary.lowerBound !== undefined || summary.upperBound !== undefined;
  // Without bounds all values are null, unless it is a type bounds say nothing of or NaN hides from them.
  return {
    lower: summary.lowerBound === undefined ? undefined : singleValueToScalar(type, summary.lowerBound),
    upper: summary.upperBound === undefined ? undefined : singleValueToScalar(type, summary.upperBound),
    mayHaveNull: summary.containsNull,
    mayHaveValue: hasBounds || mayHaveNan || !summary.containsNull,
    mayHaveNan,
  };
}

/** Whether a manifest might list a file of exactly that partition. May be wrong only by saying yes. */
export function mightHoldPartition(
  manifest: ManifestFile,
  tuple: readonly PartitionTupleField[],
  partition: readonly Scalar[],
): boolean {
  return tuple.every((field, index) => {
    const summary = manifest.partitions[index];
    if (summary === undefined || typeof field.type !== "string") return true;
    const value = partition[index] ?? null;
    const condition: Condition =
      value === null ? { operator: "is_null", values: [] } : { operator: "=", values: [value] };
    const matches = field.type === "uuid" ? mightMatchUuid : mightMatch;
    return matches(summaryToRange(summary, field.type), condition);
  });
}

/** The name of the partition field that rules the file out, or undefined when none does. */
export function excludingPartitionField(
  filter: SpecFilter,
  file: { readonly partition: readonly Scalar[] },
): string | undefined {
  return filter.find(({ index, type, conditions, transform }) => {
    const range = rangeOfValue(file.partition[index] ?? null);
    if (mayBeWrapped(transform, type, range.upper)) return false;
    return conditions.some((condition) => !mightMatch(range, condition));
  })?.name;
}

/** Metrics by field id, of a file or of an entry that is being read. */
export interface ColumnMetrics {
  readonly nullValueCounts: { get(fieldId: number): number | undefined };
  readonly valueCounts: { get(fieldId: number): number | undefined };
  readonly nanValueCounts: { get(fieldId: number): number | undefined };
  readonly lowerBounds: { get(fieldId: number): Uint8Array | undefined };
  readonly upperBounds: { get(fieldId: number): Uint8Array | undefined };
}

/** Names the column whose bounds or counts rule a file out; undefined when none does. */
export type ColumnTest = (file: ColumnMetrics) => string | undefined;

/** The column whose bounds or counts rule the file out, or undefined when none does. */
export function excludingColumn(
  file: ColumnMetrics,
  fields: ReadonlyMap<number, LocatedField>,
  predicates: readonly IcebergPredicate[],
): string | undefined {
  return createColumnTest(fields, predicates)(file);
}

/** Prepares the predicates for many files. */
export function createColumnTest(
  fields: ReadonlyMap<number, LocatedField>,
  predicates: readonly IcebergPredicate[],
): ColumnTest {
  const tests = predicates.flatMap((predicate) => {
    const located = fields.get(predicate.fieldId);
    // Lists and maps have no bounds.
    if (located === undefined || located.repeated || typeof located.field.type !== "string") return [];
    const { type } = located.field;
    const isText = type === "string" && predicate.values.every((value) => typeof value === "string");
    return [
      {
        fieldId: predicate.fieldId,
        path: located.path,
        isFloat: FLOAT_TYPES.has(type),
        matches: type === "uuid" ? mightMatchUuid : mightMatch,
        // Text compares as its bytes do, so bounds need no decoding.
        decode: isText ? identity : (bytes: Uint8Array) => decodeBound(type, bytes),
        condition: isText ? textCondition(predicate) : predicate,
      },
    ];
  });
  return (file) => {
    for (const { fieldId, path, isFloat, matches, decode, condition } of tests) {
      const nulls = file.nullValueCounts.get(fieldId);
      const values = file.valueCounts.get(fieldId);
      const lower = file.lowerBounds.get(fieldId);
      const upper = file.upperBounds.get(fieldId);
      const range: ColumnRange = {
        lower: lower === undefined ? undefined : decode(lower),
        upper: upper === undefined ? undefined : decode(upper),
        mayHaveNull: nulls !== 0,
        mayHaveValue: nulls === undefined || values === undefined || nulls < values,
        mayHaveNan: isFloat && file.nanValueCounts.get(fieldId) !== 0,
      };
      if (!matches(range, condition)) return path;
    }
    return undefined;
  };
}

function identity(bytes: Uint8Array): Scalar {
  return bytes;
}

function textCondition({ operator, values }: Condition): Condition {
  return { operator, values: values.map((value) => stringToUtf8(value as string)) };
}

/** A bound that is NaN comes from a writer that erred: it says nothing. */
function decodeBound(type: string, bytes: Uint8Array): Scalar | undefined {
  const value = singleValueToScalar(type, bytes);
  return typeof value === "number" && Number.isNaN(value) ? undefined : value;
}
