// Filters with and, or and not, as other engines send them with a scan: what they say of manifests and files.
// Source: Iceberg expressions specification.

import type { Scalar } from "#columnar";
import { mightMatch, mightMatchUuid, rangeOfValue, type ColumnRange } from "./column-range.ts";
import { compareScalars } from "./compare.ts";
import type { PartitionTupleField } from "./manifest-schema.ts";
import type { ManifestFile } from "./manifest.ts";
import { createColumnTest, summaryToRange, type ColumnMetrics, type ColumnTest } from "./partition-pruning.ts";
import { projectCondition } from "./projection.ts";
import type { LocatedField } from "./schema.ts";
import { singleValueToScalar } from "./single-value.ts";
import { allRowsMatch, type JudgedFile } from "./strict-match.ts";
import type { PartitionSpec } from "./table-metadata.ts";
import type { IcebergPredicate } from "./table.ts";
import {
  applyTransform,
  canTransform,
  fieldTransform,
  mayBeWrapped,
  transformResultType,
  type Transform,
} from "./transform.ts";

type PlainOperator = IcebergPredicate["operator"];

/** Tests of one value. */
export type FilterOperator = PlainOperator | "not_in" | "not_starts_with" | "is_nan" | "not_nan";

/**
 * A test of a column, or of a transform of it. Negations are carried by the operators.
 */
export interface FilterTest {
  readonly kind: "test";
  readonly fieldId: number;
  /** The column's type and, for a test of its transform, that; values are in the form of the transform's results. */
  readonly type: string;
  readonly transform?: Transform;
  readonly operator: FilterOperator;
  readonly values: readonly Scalar[];
  /** Whether rows without a value, null or NaN, fulfil it or may do so, depending on whose rules are followed. */
  readonly orNothing: boolean;
  /** Whether the values were widened, so that no row can be proven to fulfil the test. */
  readonly isLoose: boolean;
  /** The test as it was sent, for the client to apply to rows. */
  readonly json: unknown;
}

/** A filter without negations above its tests. */
export type Filter =
  | { readonly kind: "constant"; readonly value: boolean }
  | { readonly kind: "and" | "or"; readonly left: Filter; readonly right: Filter }
  /** A predicate nothing is known of, such as one of two columns. */
  | { readonly kind: "opaque"; readonly json: unknown }
  | FilterTest;

/** A file or an entry that is being read. */
export type FilteredFile = JudgedFile;

/** A filter prepared for the files of one partition spec. */
export interface SpecTests {
  /** Whether some file of the manifest may hold a row that fulfils the filter. May be wrong only by saying yes. */
  mightHoldMatch(manifest: ManifestFile): boolean;
  /** Whether some row of the file may fulfil the filter. May be wrong only by saying yes. */
  mightMatch(file: FilteredFile): boolean;
  /** What is left of the filter, as JSON, for the rows of a file: true where every row is proven to fulfil it. */
  residual(file: FilteredFile): unknown;
}

interface PreparedTest {
  readonly test: FilterTest;
  readonly partitions: readonly PartitionTest[];
  readonly column: (file: ColumnMetrics) => boolean;
  readonly proves: (file: FilteredFile) => boolean;
}

interface PartitionTest {
  readonly index: number;
  readonly matches: (range: ColumnRange) => boolean;
  readonly type: string;
}

type Prepared =
  | Extract<Filter, { readonly kind: "constant" | "opaque" }>
  | { readonly kind: "and" | "or"; readonly left: Prepared; readonly right: Prepared }
  | { readonly kind: "test"; readonly prepared: PreparedTest };

/** Prepares a filter for the files of a spec. */
export function createSpecTests(
  filter: Filter,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
  fields: ReadonlyMap<number, LocatedField>,
): SpecTests {
  const prepare = (item: Filter): Prepared => {
    if (item.kind === "constant" || item.kind === "opaque") return item;
    if (item.kind === "test") return { kind: "test", prepared: prepareTest(item, spec, tuple, fields) };
    return { kind: item.kind, left: prepare(item.left), right: prepare(item.right) };
  };
  const prepared = prepare(filter);
  return {
    mightHoldMatch: (manifest) =>
      holds(prepared, ({ partitions }) =>
        partitions.every(({ index, type, matches }) => {
          const summary = manifest.partitions[index];
          return summary === undefined || matches(summaryToRange(summary, type));
        }),
      ),
    mightMatch: (file) => holds(prepared, (test) => mightFulfil(test, file)),
    residual: (file) => residualOf(prepared, file),
  };
}

function holds(item: Prepared, test: (prepared: PreparedTest) => boolean): boolean {
  switch (item.kind) {
    case "constant":
      return item.value;
    case "opaque":
      return true;
    case "and":
      return holds(item.left, test) && holds(item.right, test);
    case "or":
      return holds(item.left, test) || holds(item.right, test);
    case "test":
      return test(item.prepared);
  }
}

function mightFulfil({ partitions, column }: PreparedTest, file: FilteredFile): boolean {
  return partitions.every(({ index, matches }) => matches(rangeOfValue(file.partition[index] ?? null))) && column(file);
}

function residualOf(item: Prepared, file: FilteredFile): unknown {
  switch (item.kind) {
    case "constant":
      return item.value;
    case "opaque":
      return item.json;
    case "test": {
      if (!mightFulfil(item.prepared, file)) return false;
      return item.prepared.proves(file) ? true : item.prepared.test.json;
    }
    case "and":
    case "or": {
      const decisive = item.kind === "or";
      const left = residualOf(item.left, file);
      if (left === decisive) return decisive;
      const right = residualOf(item.right, file);
      if (right === decisive || left === !decisive) return right;
      return right === !decisive ? left : { type: item.kind, left, right };
    }
  }
}

const PLAIN_OPERATORS: ReadonlySet<FilterOperator> = new Set<PlainOperator>([
  "=",
  "<>",
  "<",
  "<=",
  ">",
  ">=",
  "in",
  "is_null",
  "is_not_null",
  "starts_with",
]);

function isPlain(operator: FilterOperator): operator is PlainOperator {
  return PLAIN_OPERATORS.has(operator);
}

type Condition = Pick<FilterTest, "operator" | "values">;

/** Values of a set that are looked at one by one; of larger sets only the least and the greatest. */
const MAX_SET = 200;

/** Conditions that follow from the test and cost little whatever the number of its values. */
function impliedConditions({ operator, values }: Condition): readonly Condition[] {
  if (operator !== "in" || values.length <= MAX_SET) return [{ operator, values }];
  const least = values.reduce((a, b) => (compareScalars(b, a) < 0 ? b : a));
  const greatest = values.reduce((a, b) => (compareScalars(b, a) > 0 ? b : a));
  return [
    { operator: ">=", values: [least] },
    { operator: "<=", values: [greatest] },
  ];
}

function prepareTest(
  test: FilterTest,
  spec: PartitionSpec,
  tuple: readonly PartitionTupleField[],
  fields: ReadonlyMap<number, LocatedField>,
): PreparedTest {
  const partitions = spec.fields.flatMap((field, index): PartitionTest[] => {
    const type = tuple[index]?.type;
    if (field["source-id"] !== test.fieldId || typeof type !== "string") return [];
    const transform = fieldTransform(field);
    return impliedConditions(test).flatMap((condition) => {
      const matches = partitionCondition(test, condition, transform, type);
      return matches === undefined ? [] : [{ index, type, matches }];
    });
  });
  return { test, partitions, column: columnCondition(test, fields), proves: proofOf(test, spec, fields) };
}

const TIME_KINDS = new Set<Transform["kind"]>(["year", "month", "day", "hour"]);

/** What a condition says of partition values made by the transform; undefined: nothing. */
function partitionCondition(
  test: FilterTest,
  condition: Condition,
  transform: Transform,
  type: string,
): PartitionTest["matches"] | undefined {
  if (transform.kind === "void" || transform.kind === "unknown") return undefined;
  if (test.transform !== undefined)
    return transformedCondition({ ...test, transform: test.transform }, condition, transform);
  const { orNothing } = test;
  if (!isPlain(condition.operator)) {
    return transform.kind === "identity" ? (range) => rangeMatches(range, condition, type, orNothing) : undefined;
  }
  const { operator, values } = condition;
  const projected = projectCondition({ operator, values }, transform, test.type);
  if (projected === undefined) return undefined;
  return (range) => mayBeWrapped(transform, type, range.upper) || rangeMatches(range, projected, type, orNothing);
}

/** The same of a test of a transform, for partitions by it or by the column itself. */
function transformedCondition(
  test: FilterTest & { readonly transform: Transform },
  condition: Condition,
  transform: Transform,
): PartitionTest["matches"] | undefined {
  const result = transformResultType(test.transform, test.type);
  if (typeof result !== "string") return undefined;
  if (isSameTransform(test.transform, transform)) {
    return (range) => {
      if (mayBeWrapped(transform, test.type, range.upper)) return true;
      return rangeMatches(withEarlierRounding(range, transform), condition, result, test.orNothing);
    };
  }
  if (transform.kind !== "identity") return undefined;
  return (range) => rangeMatches(transformedRange(range, test), condition, result, test.orNothing);
}

function isSameTransform(one: Transform, other: Transform): boolean {
  if (one.kind === "bucket") return other.kind === "bucket" && one.buckets === other.buckets;
  if (one.kind === "truncate") return other.kind === "truncate" && one.width === other.width;
  return one.kind === other.kind;
}

/** Early writers rounded times before 1970 towards zero: their value may stand for the one below it. */
function withEarlierRounding(range: ColumnRange, transform: Transform): ColumnRange {
  const { lower } = range;
  if (!TIME_KINDS.has(transform.kind) || typeof lower !== "number" || lower > 0) return range;
  return { ...range, lower: lower - 1 };
}

/** The range of a time's transform, which keeps the order; of other transforms nothing is known but of one value. */
function transformedRange(
  range: ColumnRange,
  { transform, type }: FilterTest & { readonly transform: Transform },
): ColumnRange {
  const { lower, upper } = range;
  const isOne = lower !== undefined && upper !== undefined && compareScalars(lower, upper) === 0;
  if (!isOne && !TIME_KINDS.has(transform.kind)) return { ...range, lower: undefined, upper: undefined };
  const apply = (value: Scalar | undefined): Scalar | undefined =>
    value === undefined ? undefined : applyTransform(transform, type, value);
  return { ...range, lower: apply(lower), upper: apply(upper) };
}

/** Whether a value of the range might fulfil the condition. May be wrong only by saying yes. */
function rangeMatches(range: ColumnRange, condition: Condition, type: string, orNothing: boolean): boolean {
  if (orNothing && (range.mayHaveNull || range.mayHaveNan)) return true;
  const { operator, values } = condition;
  if (isPlain(operator)) return (type === "uuid" ? mightMatchUuid : mightMatch)(range, { operator, values });
  const { lower, upper } = range;
  const hasBounds = lower !== undefined && upper !== undefined && type !== "uuid";
  switch (operator) {
    case "is_nan":
      return range.mayHaveNan;
    case "not_nan":
      return range.mayHaveNull || !range.mayHaveNan || range.mayHaveValue;
    case "not_in":
      return !(
        hasBounds &&
        values.length <= MAX_SET &&
        values.some((value) => compareScalars(lower, value) === 0 && compareScalars(upper, value) === 0)
      );
    case "not_starts_with": {
      const [prefix] = values;
      if (typeof lower !== "string" || typeof upper !== "string" || typeof prefix !== "string") return true;
      return !(lower.startsWith(prefix) && upper.startsWith(prefix));
    }
  }
}

const FLOAT_TYPES = new Set(["float", "double"]);

/** Whether a file's counts and bounds of the column let some row fulfil the test. */
function columnCondition(
  test: FilterTest,
  fields: ReadonlyMap<number, LocatedField>,
): (file: ColumnMetrics) => boolean {
  const located = fields.get(test.fieldId);
  if (located === undefined || located.repeated || typeof located.field.type !== "string") return () => true;
  const { type } = located.field;
  const { fieldId, orNothing } = test;
  const mayHaveNothing = (file: ColumnMetrics): boolean =>
    file.nullValueCounts.get(fieldId) !== 0 || (FLOAT_TYPES.has(type) && file.nanValueCounts.get(fieldId) !== 0);
  const plain: ColumnTest[] = [];
  const others: Condition[] = [];
  for (const condition of impliedConditions(test)) {
    const { operator, values } = condition;
    if (test.transform === undefined && isPlain(operator)) {
      plain.push(createColumnTest(fields, [{ fieldId, operator, values }]));
    } else others.push(condition);
  }
  const { transform } = test;
  const result = transform === undefined ? type : transformResultType(transform, type);
  if (typeof result !== "string") return () => true;
  return (file) => {
    if (orNothing && mayHaveNothing(file)) return true;
    if (plain.some((excludes) => excludes(file) !== undefined)) return false;
    if (others.length === 0) return true;
    const known = columnRange(file, fieldId, type);
    const range = transform === undefined ? known : transformedRange(known, { ...test, transform });
    return others.every((condition) => rangeMatches(range, condition, result, orNothing));
  };
}

function columnRange(file: ColumnMetrics, fieldId: number, type: string): ColumnRange {
  const nulls = file.nullValueCounts.get(fieldId);
  const nans = file.nanValueCounts.get(fieldId);
  const values = file.valueCounts.get(fieldId);
  const bound = (bytes: Uint8Array | undefined): Scalar | undefined => {
    const value = bytes === undefined ? undefined : singleValueToScalar(type, bytes);
    return typeof value === "number" && Number.isNaN(value) ? undefined : value;
  };
  return {
    lower: bound(file.lowerBounds.get(fieldId)),
    upper: bound(file.upperBounds.get(fieldId)),
    mayHaveNull: nulls !== 0,
    mayHaveValue: values === undefined || (nulls ?? 0) + (nans ?? 0) < values,
    mayHaveNan: FLOAT_TYPES.has(type) && nans !== 0,
  };
}

/** Proof that every row of a file fulfils the test, by whosever rules. */
function proofOf(
  test: FilterTest,
  spec: PartitionSpec,
  fields: ReadonlyMap<number, LocatedField>,
): (file: FilteredFile) => boolean {
  const { fieldId, operator, values, isLoose, transform } = test;
  if (isLoose || transform !== undefined || !isPlain(operator) || values.length > MAX_SET) return () => false;
  const predicate = { fieldId, operator, values };
  return (file) => allRowsMatch(file, spec, fields, [predicate]);
}

/** Whether the transform may be applied to a column of the type. */
export function isTransformOf(transform: Transform, type: string): boolean {
  return transform.kind !== "void" && canTransform(transform, type);
}
