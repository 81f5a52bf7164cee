// I33 pruning never drops a matching row: random rows, specs, files and predicates, against a plain filter.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { vectorFromScalars, type Scalar } from "#columnar";
import {
  applyTransform,
  icebergTypeToDataType,
  parseTransform,
  splitByPartition,
  type IcebergPredicate,
} from "#iceberg";
import { encodeManifest, sequenceManifest } from "../../src/iceberg/manifest-write.ts";
import { partitionTuple } from "../../src/iceberg/manifest-schema.ts";
import {
  createSpecFilter,
  excludingColumn,
  excludingPartitionField,
  mightHoldPartition,
  excludingSummary,
} from "../../src/iceberg/partition-pruning.ts";
import { matches } from "../support/plain-filter.ts";
import { DAY_MICROS, FIELDS, SCHEMA, fileOf, partitionField, predicate, row } from "../support/row-arbitraries.ts";

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
