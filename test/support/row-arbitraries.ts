// Random rows, partition fields and predicates, data files with honest metrics of such rows, and what a plain filter says
// of a row: for tests of what files are skipped, kept or dropped by metadata alone.

import * as fc from "fast-check";
import type { Scalar } from "#columnar";
import { scalarToSingleValue, type DataFile, type IcebergPredicate, type IcebergSchema } from "#iceberg";
import { truncateString, truncateStringUpward } from "../../src/iceberg/bound-truncation.ts";
import { fieldsById } from "../../src/iceberg/schema.ts";
import { comparePlainly } from "./plain-filter.ts";

/** Columns of the forms whose metrics differ. */
export const SCHEMA: IcebergSchema = {
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
/** By id. */
export const FIELDS = fieldsById(SCHEMA);
/** Microseconds of a day. */
export const DAY_MICROS = 86_400_000_000;

/** Values of each column, of small domains so that they meet. */
export const VALUES: Readonly<Record<number, fc.Arbitrary<Scalar>>> = {
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
/** Values of all columns; null is drawn often enough to meet. */
export const row = fc.tuple(
  ...SCHEMA.fields.map((field) => fc.option(VALUES[field.id] as fc.Arbitrary<Scalar>, { freq: 6 })),
);

/** A column with a transform it takes. */
export const partitionField = fieldId.chain((id) =>
  fc.constantFrom(...(TRANSFORMS[id] as readonly string[])).map((transform) => ({ id, transform })),
);

/** Any condition on a column. */
export const predicate: fc.Arbitrary<IcebergPredicate> = fieldId.chain((id) => {
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

function isNan(value: Scalar): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

/** A data file of the rows with honest, truncated metrics. */
export function fileOf(rows: readonly (readonly Scalar[])[], partition: readonly Scalar[]): DataFile {
  const lowerBounds = new Map<number, Uint8Array>();
  const upperBounds = new Map<number, Uint8Array>();
  const nulls = new Map<number, number>();
  const nans = new Map<number, number>();
  for (const [index, field] of SCHEMA.fields.entries()) {
    const type = field.type as string;
    const values = rows.map((values) => values[index] ?? null).filter((value) => value !== null);
    nulls.set(field.id, rows.length - values.length);
    if (field.id === 4) nans.set(4, values.filter(isNan).length);
    const sorted = values.filter((value) => !isNan(value)).toSorted(comparePlainly);
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
