// Every transform of every type it takes, against brute force: a partition that holds a matching row is never ruled out,
// and one that is proved to hold only matching rows holds no other.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Scalar } from "#columnar";
import {
  applyTransform,
  parseTransform,
  scalarToSingleValue,
  type DataFile,
  type IcebergPredicate,
  type IcebergSchema,
  type ManifestFile,
  type PartitionSpec,
} from "#iceberg";
import { partitionTuple } from "../../src/iceberg/manifest-schema.ts";
import { createSpecFilter, excludingPartitionField, excludingSummary } from "../../src/iceberg/partition-pruning.ts";
import { fieldsById } from "../../src/iceberg/schema.ts";
import { partitionMatches } from "../../src/iceberg/strict-match.ts";
import { canTransform } from "../../src/iceberg/transform.ts";
import { comparePlainly, matches } from "../support/plain-filter.ts";

const DAY = 86_400_000_000;
const narrow = (value: bigint): number | bigint => {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
};
const near = (centers: readonly bigint[]): fc.Arbitrary<Scalar> =>
  fc.tuple(fc.constantFrom(...centers), fc.bigInt({ min: -12n, max: 12n })).map(([center, by]) => narrow(center + by));
const within = (bits: number, values: fc.Arbitrary<Scalar>): fc.Arbitrary<Scalar> =>
  values.filter((value) => BigInt.asIntN(bits, BigInt(value as number | bigint)) === BigInt(value as number | bigint));

/** Times around the epoch, around midnights, months and years, and far from now. */
const times = (unit: bigint): fc.Arbitrary<Scalar> =>
  fc.oneof(
    near([0n, BigInt(DAY), -BigInt(DAY), 3_600_000_000n, -3_600_000_000n].map((micros) => micros * unit)),
    fc
      .tuple(fc.integer({ min: -900, max: 900 }), fc.integer({ min: -1, max: 1 }))
      .map(([day, by]) => narrow(BigInt(day) * BigInt(DAY) * unit + BigInt(by))),
    near([BigInt(Date.UTC(1900, 2, 1)) * 1000n * unit, BigInt(Date.UTC(2024, 1, 29)) * 1000n * unit]),
  );

const text = fc.string({ unit: fc.constantFrom("a", "b", "\uD7FF", "\uFFFD", "🧊", "\u{10FFFF}"), maxLength: 5 });
const bytes = (size?: number): fc.Arbitrary<Scalar> =>
  fc
    .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), { minLength: size ?? 0, maxLength: size ?? 5 })
    .map((list) => Uint8Array.from(list));

const VALUES: Readonly<Record<string, fc.Arbitrary<Scalar>>> = {
  boolean: fc.boolean(),
  int: within(32, near([0n, -20n, 2n ** 31n - 1n, -(2n ** 31n)])),
  long: within(64, near([0n, -20n, 2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)])),
  float: fc.constantFrom(-1.5, -0, 0, 0.5, 2, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  double: fc.constantFrom(-1.5, -0, 0, 0.5, 2, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  date: fc.oneof(near([0n, 19_723n, -365n, 365n]), fc.integer({ min: -900, max: 900 })),
  time: fc.integer({ min: 0, max: 30 }),
  timestamp: times(1n),
  timestamptz: times(1n),
  timestamp_ns: times(1000n),
  timestamptz_ns: times(1000n),
  string: text,
  uuid: fc
    .array(fc.constantFrom("0", "7", "8", "f"), { minLength: 3, maxLength: 3 })
    .map(([a, b, c]) => `${a}0000000-0000-4000-${b === "7" ? "8" : "b"}000-00000000000${c}`),
  "fixed[3]": bytes(3),
  binary: bytes(),
  "decimal(9, 2)": fc.integer({ min: -130, max: 130 }).map((unscaled) => ({ unscaled: BigInt(unscaled), scale: 2 })),
  "decimal(38, 4)": fc
    .tuple(fc.constantFrom(0n, 10n ** 38n - 13n, -(10n ** 38n) + 13n), fc.bigInt({ min: -12n, max: 12n }))
    .map(([center, by]) => ({ unscaled: center + by, scale: 4 })),
};
const TRANSFORMS = [
  "identity",
  "void",
  "year",
  "month",
  "day",
  "hour",
  "bucket[1]",
  "bucket[7]",
  "truncate[1]",
  "truncate[2]",
  "truncate[10]",
];
const PAIRS = Object.keys(VALUES).flatMap((type) =>
  TRANSFORMS.filter((transform) => canTransform(parseTransform(transform), type)).map((transform) => ({
    type,
    transform,
  })),
);

type Condition = Pick<IcebergPredicate, "operator" | "values">;

function predicateOf(type: string): fc.Arbitrary<Condition> {
  const value = VALUES[type] as fc.Arbitrary<Scalar>;
  const comparisons = fc.constantFrom<IcebergPredicate["operator"]>("=", "<>", "<", "<=", ">", ">=");
  const compared = fc.tuple(comparisons, value).map(([operator, one]): Condition => ({ operator, values: [one] }));
  const others: fc.Arbitrary<Condition>[] = [
    fc.constantFrom<Condition>({ operator: "is_null", values: [] }, { operator: "is_not_null", values: [] }),
    fc.array(value, { minLength: 1, maxLength: 3 }).map((values) => ({ operator: "in", values })),
    ...(type === "string" ? [value.map((one): Condition => ({ operator: "starts_with", values: [one] }))] : []),
  ];
  return fc.oneof({ arbitrary: compared, weight: 6 }, ...others);
}

function fileOf(partition: readonly Scalar[]): DataFile {
  return {
    content: 0,
    filePath: "f.parquet",
    fileFormat: "PARQUET",
    specId: 0,
    partition,
    recordCount: 1,
    fileSizeBytes: 1,
    columnSizes: new Map(),
    valueCounts: new Map(),
    nullValueCounts: new Map(),
    nanValueCounts: new Map(),
    lowerBounds: new Map(),
    upperBounds: new Map(),
    splitOffsets: [],
  };
}

function isNan(value: Scalar): boolean {
  return typeof value === "number" && Number.isNaN(value);
}

/** What a writer's manifest list says of these partition values. */
function manifestOf(type: string, values: readonly Scalar[]): ManifestFile {
  const bounded = values.filter((value) => value !== null && !isNan(value)).toSorted(comparePlainly);
  const bound = (value: Scalar | undefined): Uint8Array | undefined =>
    value === undefined ? undefined : scalarToSingleValue(type, value);
  return {
    path: "m.avro",
    lengthBytes: 1,
    specId: 0,
    content: "data",
    sequenceNumber: 1n,
    minSequenceNumber: 1n,
    addedSnapshotId: 1n,
    addedFiles: values.length,
    existingFiles: 0,
    deletedFiles: 0,
    addedRows: values.length,
    existingRows: 0,
    deletedRows: 0,
    partitions: [
      {
        containsNull: values.includes(null),
        containsNan: values.some(isNan),
        lowerBound: bound(bounded[0]),
        upperBound: bound(bounded.at(-1)),
      },
    ],
  };
}

describe("projection through transforms", () => {
  test("I186 the types of the specification are all here", () => {
    expect(PAIRS.length).toBe(99);
  });

  test.for(PAIRS)("I186 $transform of $type", ({ type, transform: name }) => {
    const transform = parseTransform(name);
    const schema: IcebergSchema = {
      type: "struct",
      "schema-id": 0,
      fields: [{ id: 1, name: "c", required: false, type }],
    };
    const fields = fieldsById(schema);
    const spec: PartitionSpec = {
      "spec-id": 0,
      fields: [{ "source-id": 1, "field-id": 1000, name: "p", transform: name }],
    };
    const tuple = partitionTuple(spec, fields);
    const value = fc.option(VALUES[type] as fc.Arbitrary<Scalar>, { freq: 8 });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), predicateOf(type), (rows, condition) => {
        const predicate: IcebergPredicate = { fieldId: 1, ...condition };
        const filter = createSpecFilter(spec, tuple, fields, [predicate]);
        const partitions = rows.map((row) => applyTransform(transform, type, row));
        const files = partitions.map((partition) => fileOf([partition]));
        const pruned = rows.filter((_row, index) => {
          return excludingPartitionField(filter, files[index] as DataFile) !== undefined;
        });
        expect(pruned.filter((row) => matches(row, predicate))).toEqual([]);
        // Whatever else is in a partition: a row that does not match disproves it.
        const proved = rows.filter((_row, index) => {
          return partitionMatches(files[index] as DataFile, spec, fields, [predicate]);
        });
        expect(proved.filter((row) => !matches(row, predicate))).toEqual([]);
        const summary = name === "void" ? undefined : manifestOf(tuple[0]?.type as string, partitions);
        const isRuledOut = summary !== undefined && excludingSummary(filter, summary) !== undefined;
        expect(isRuledOut && rows.some((row) => matches(row, predicate))).toBe(false);
      }),
      { numRuns: 200 },
    );
  });
});
