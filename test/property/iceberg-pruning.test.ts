// I33 pruning never drops a matching row: random rows, specs, files and predicates, against a plain filter.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { vectorFromScalars, type Scalar } from "#columnar";
import { compareCodePoints } from "#core";
import {
  applyTransform,
  icebergTypeToDataType,
  parseTransform,
  scalarToSingleValue,
  splitByPartition,
  type DataFile,
  type IcebergPredicate,
  type IcebergSchema,
} from "#iceberg";
import { truncateString, truncateStringUpward } from "../../src/iceberg/bound-truncation.ts";
import { encodeManifest, sequenceManifest } from "../../src/iceberg/manifest-write.ts";
import { partitionTuple } from "../../src/iceberg/manifest-schema.ts";
import {
  createSpecFilter,
  excludingColumn,
  excludingPartitionField,
  mightHoldPartition,
  excludingSummary,
} from "../../src/iceberg/partition-pruning.ts";
import { fieldsById } from "../../src/iceberg/schema.ts";

const SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "n", required: false, type: "long" },
    { id: 2, name: "t", required: false, type: "timestamptz" },
    { id: 3, name: "s", required: false, type: "string" },
    { id: 4, name: "x", required: false, type: "double" },
    { id: 5, name: "d", required: false, type: "decimal(9, 2)" },
    { id: 6, name: "day", required: false, type: "date" },
  ],
};
const FIELDS = fieldsById(SCHEMA);
const DAY_MICROS = 86_400_000_000;

/** Small domains, so that values meet. */
const VALUES: Readonly<Record<number, fc.Arbitrary<Scalar>>> = {
  1: fc.integer({ min: -25, max: 25 }),
  2: fc
    .integer({ min: -400, max: 400 })
    .chain((day) => fc.integer({ min: -1, max: 1 }).map((micros) => day * DAY_MICROS + micros)),
  3: fc.string({ unit: fc.constantFrom("a", "b", "\uD7FF", "🧊", "\u{10FFFF}"), maxLength: 5 }),
  4: fc.constantFrom(-1.5, -0, 0, 0.5, 2, Number.NaN, Number.POSITIVE_INFINITY),
  5: fc.integer({ min: -300, max: 300 }).map((unscaled) => ({ unscaled: BigInt(unscaled), scale: 2 })),
  6: fc.integer({ min: -800, max: 800 }),
};

const TRANSFORMS: Readonly<Record<number, readonly string[]>> = {
  1: ["identity", "bucket[3]", "truncate[10]", "void"],
  2: ["identity", "year", "month", "day", "hour", "bucket[3]"],
  3: ["identity", "truncate[2]", "bucket[3]"],
  4: ["identity"],
  5: ["identity", "truncate[50]", "bucket[3]"],
  6: ["identity", "year", "month", "day", "bucket[3]"],
};

const fieldId = fc.integer({ min: 1, max: 6 });
const row = fc.tuple(...SCHEMA.fields.map((field) => fc.option(VALUES[field.id] as fc.Arbitrary<Scalar>, { freq: 6 })));

const partitionField = fieldId.chain((id) =>
  fc.constantFrom(...(TRANSFORMS[id] as readonly string[])).map((transform) => ({ id, transform })),
);

const predicate: fc.Arbitrary<IcebergPredicate> = fieldId.chain((id) => {
  const value = VALUES[id] as fc.Arbitrary<Scalar>;
  const one = fc.tuple(value);
  const comparison = fc
    .constantFrom<IcebergPredicate["operator"][]>("=", "<>", "<", "<=", ">", ">=")
    .chain((operator) => one.map((values): IcebergPredicate => ({ fieldId: id, operator, values })));
  const others: fc.Arbitrary<IcebergPredicate>[] = [
    fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => ({ fieldId: id, operator: "in", values })),
    fc.constantFrom<IcebergPredicate>(
      { fieldId: id, operator: "is_null", values: [] },
      { fieldId: id, operator: "is_not_null", values: [] },
    ),
    ...(id === 3 ? [one.map((values): IcebergPredicate => ({ fieldId: id, operator: "starts_with", values }))] : []),
  ];
  return fc.oneof({ arbitrary: comparison, weight: 3 }, ...others);
});

/** SQL's order with PostgreSQL's NaN: equal to itself and above every number. Independent of the code under test. */
function compare(a: Scalar, b: Scalar): number {
  if (typeof a === "string" && typeof b === "string") return compareCodePoints(a, b);
  const [left, right] = [toNumber(a), toNumber(b)];
  if (Number.isNaN(left) || Number.isNaN(right)) return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
  return left < right ? -1 : Number(left > right);
}

function toNumber(value: Scalar): number {
  if (typeof value === "number") return value;
  return Number((value as { readonly unscaled: bigint }).unscaled);
}

function matches(value: Scalar, { operator, values }: IcebergPredicate): boolean {
  if (operator === "is_null") return value === null;
  if (value === null) return false;
  const first = values[0] ?? null;
  switch (operator) {
    case "=":
      return compare(value, first) === 0;
    case "<>":
      return compare(value, first) !== 0;
    case "<":
      return compare(value, first) < 0;
    case "<=":
      return compare(value, first) <= 0;
    case ">":
      return compare(value, first) > 0;
    case ">=":
      return compare(value, first) >= 0;
    case "in":
      return values.some((candidate) => compare(value, candidate) === 0);
    case "is_not_null":
      return true;
    case "starts_with":
      return typeof value === "string" && typeof first === "string" && value.startsWith(first);
  }
}

function isNan(value: Scalar): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

/** A data file of the rows with honest, truncated metrics. */
function fileOf(rows: readonly (readonly Scalar[])[], partition: readonly Scalar[]): DataFile {
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  const nulls = new Map<number, number>();
  const nans = new Map<number, number>();
  for (const [index, field] of SCHEMA.fields.entries()) {
    const type = field.type as string;
    const values = rows.map((values) => values[index] ?? null).filter((value) => value !== null);
    nulls.set(field.id, rows.length - values.length);
    if (field.id === 4) nans.set(4, values.filter(isNan).length);
    const sorted = values.filter((value) => !isNan(value)).toSorted(compare);
    const [min, max] = [sorted[0], sorted.at(-1)];
    if (min === undefined || max === undefined) continue;
    const upper = typeof max === "string" ? truncateStringUpward(max, 2) : max;
    lowerBounds.set(field.id, scalarToSingleValue(type, typeof min === "string" ? truncateString(min, 2) : min));
    if (upper !== undefined) upperBounds.set(field.id, scalarToSingleValue(type, upper));
  }
  return {
    content: 0,
    filePath: "s3://b/f",
    fileFormat: "PARQUET",
    specId: 0,
    partition,
    recordCount: rows.length,
    fileSizeBytes: 1,
    columnSizes: new Map(),
    valueCounts: new Map(SCHEMA.fields.map((field) => [field.id, rows.length])),
    nullValueCounts: nulls,
    nanValueCounts: nans,
    lowerBounds,
    upperBounds,
    splitOffsets: [],
  };
}

test("I33 a skipped manifest or file holds no row that fulfils all predicates", () => {
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 12 }),
      fc.array(partitionField, { maxLength: 2 }),
      fc.array(predicate, { minLength: 1, maxLength: 3 }),
      (rows, partitioning, predicates) => {
        const spec = {
          "spec-id": 0,
          fields: partitioning.map(({ id, transform }, index) => ({
            "source-id": id,
            "field-id": 1000 + index,
            name: `p${index}`,
            transform,
          })),
        };
        const columns = SCHEMA.fields.map((field, index) =>
          vectorFromScalars(
            icebergTypeToDataType(field.type),
            rows.map((values) => values[index] ?? null),
          ),
        );
        const parts = splitByPartition({ rowCount: rows.length, columns }, SCHEMA, spec);
        const tuple = partitionTuple(spec, FIELDS);
        const filter = createSpecFilter(spec, tuple, FIELDS, predicates);
        const isWanted = (values: readonly Scalar[]): boolean =>
          predicates.every((condition) => matches(values[condition.fieldId - 1] ?? null, condition));
        const files = parts.map((part) => ({
          part,
          rows: Array.from(part.rows, (index) => rows[index] as readonly Scalar[]),
          file: fileOf(
            Array.from(part.rows, (index) => rows[index] as readonly Scalar[]),
            part.partition,
          ),
        }));
        const entries = files.map(({ file }) => ({
          status: 1 as const,
          snapshotId: 1n,
          sequenceNumber: null,
          fileSequenceNumber: null,
          dataFile: file,
        }));
        const { file } = encodeManifest({
          path: "m",
          formatVersion: 2,
          schema: SCHEMA,
          spec,
          tuple,
          entries,
          snapshotId: 1n,
        });
        const manifest = sequenceManifest(file, 1n);
        const wanted = files.filter((candidate) => candidate.rows.some(isWanted));
        expect(wanted.length === 0 || excludingSummary(filter, manifest) === undefined).toBe(true);
        for (const candidate of wanted) {
          expect(excludingPartitionField(filter, candidate.file)).toBeUndefined();
          expect(excludingColumn(candidate.file, FIELDS, predicates)).toBeUndefined();
        }
        // Rows are divided completely, and every partition is found again through the summary.
        expect(parts.flatMap((part) => [...part.rows]).toSorted((a, b) => a - b)).toEqual(
          rows.map((_, index) => index),
        );
        for (const { part } of files) expect(mightHoldPartition(manifest, tuple, part.partition)).toBe(true);
      },
    ),
    { numRuns: 3000 },
  );
});

test("I33 pruning does skip: a day outside the range and a name outside the bounds", () => {
  const spec = { "spec-id": 0, fields: [{ "source-id": 2, "field-id": 1000, name: "t_day", transform: "day" }] };
  const tuple = partitionTuple(spec, FIELDS);
  const late: IcebergPredicate = { fieldId: 2, operator: ">=", values: [10 * DAY_MICROS] };
  const filter = createSpecFilter(spec, tuple, FIELDS, [late]);
  const file = fileOf([[1, 9 * DAY_MICROS + 5, "m", 1, null, null]], [9]);
  expect(excludingPartitionField(filter, file)).toBe("t_day");
  expect(excludingColumn(file, FIELDS, [{ fieldId: 3, operator: "=", values: ["z"] }])).toBe("s");
  expect(excludingColumn(file, FIELDS, [{ fieldId: 5, operator: "is_not_null", values: [] }])).toBe("d");
  // "< the first microsecond of day 9" excludes day 9, "<=" does not.
  const strict = createSpecFilter(spec, tuple, FIELDS, [{ fieldId: 2, operator: "<", values: [9 * DAY_MICROS] }]);
  const inclusive = createSpecFilter(spec, tuple, FIELDS, [{ fieldId: 2, operator: "<=", values: [9 * DAY_MICROS] }]);
  expect(excludingPartitionField(strict, file)).toBe("t_day");
  expect(excludingPartitionField(inclusive, file)).toBeUndefined();
  expect(applyTransform(parseTransform("day"), "timestamptz", 9 * DAY_MICROS)).toBe(9);
});

test("I33 a file of the least integer, whose truncation wraps around, is found by every comparison it fulfils", () => {
  const spec = {
    "spec-id": 0,
    fields: [{ "source-id": 1, "field-id": 1000, name: "l_trunc", transform: "truncate[10]" }],
  };
  const least = -(2n ** 63n);
  const value = applyTransform(parseTransform("truncate[10]"), "long", least);
  expect(value).toBe(9_223_372_036_854_775_806n);
  const file = { partition: [value] };
  const fields = new Map([
    [1, { field: { id: 1, name: "l", required: true, type: "long" }, path: "l", repeated: false }],
  ]);
  const tuple = partitionTuple(spec, fields);
  for (const predicate of [
    { fieldId: 1, operator: "=", values: [least] },
    { fieldId: 1, operator: "<", values: [0] },
    { fieldId: 1, operator: "<=", values: [least] },
    { fieldId: 1, operator: "in", values: [7, least] },
  ] as const) {
    expect(excludingPartitionField(createSpecFilter(spec, tuple, fields, [predicate]), file)).toBeUndefined();
  }
});
