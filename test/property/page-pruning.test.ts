// Page indexes leave rows out that no predicate wants, and nothing else: rows, their positions and their order stay.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { rowAt, vectorFromScalars, type DataType, type Scalar } from "#columnar";
import {
  encodeParquet,
  readParquetMetadata,
  scanParquet,
  type ParquetColumn,
  type ParquetField,
  type ParquetMetadata,
} from "#parquet";
import { matchesValue, type FieldPredicate } from "../../src/query/field-predicate.ts";
import { planPagePruning } from "../../src/query/page-pruning.ts";
import { bytesReader } from "../support/parquet-files.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const FIELDS: readonly ParquetField[] = [
  { name: "n", fieldId: 1, type: { kind: "int64" }, nullable: true },
  { name: "x", fieldId: 2, type: { kind: "float64" }, nullable: true },
  { name: "key", fieldId: 3, type: { kind: "string" }, nullable: true },
  { name: "day", fieldId: 4, type: { kind: "date" }, nullable: true },
  { name: "flag", fieldId: 5, type: { kind: "boolean" }, nullable: true },
  { name: "noise", fieldId: 6, type: { kind: "string" }, nullable: false },
];
const ROWS = 9000;
/** Values are spread over this many steps, so that pages differ. */
const STEPS = 60;

/** Longer than what bounds keep of a text, which tell the steps apart all the same. */
function keyOf(step: string): string {
  return "key-é-".repeat(3) + step + "z".repeat(60);
}

/** Text that does not compress away. */
function noise(row: number): string {
  let state = row + 1;
  return Array.from({ length: 5 }, () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0)).join("-");
}

/** Rows whose values rise, but for nulls, NaNs and a stretch that jumps about. */
const rows: readonly Scalar[][] = Array.from({ length: ROWS }, (_, i) => {
  const jumps = i > 4000 && i < 5500;
  const step = jumps ? (i * 7919) % STEPS : Math.floor((i / ROWS) * STEPS);
  const nulls = i >= 2000 && i < 3500;
  return [
    nulls || i % 13 === 0 ? null : step - 30,
    i % 11 === 0 ? null : i % 401 === 0 ? Number.NaN : step === 30 ? -0 : step / 4 - 7.5,
    nulls ? null : keyOf(String(step).padStart(3, "0")),
    i % 17 === 0 ? null : step * 3,
    step > 20,
    noise(i),
  ];
});

interface Fixture {
  readonly bytes: Uint8Array;
  readonly metadata: ParquetMetadata;
}

async function fixture(rowGroupRows: number, dictionary: boolean): Promise<Fixture> {
  const columns = FIELDS.map(({ type }, c) =>
    vectorFromScalars(
      type,
      rows.map((row) => row[c] ?? null),
    ),
  );
  const { bytes } = encodeParquet([...FIELDS], [{ rowCount: ROWS, columns }], {
    rowGroupRows,
    pageBytes: 1500,
    ...(dictionary ? {} : { dictionary: false }),
  });
  return { bytes, metadata: await readParquetMetadata(bytesReader(bytes)) };
}

interface Pruned {
  /** Row numbers and values of all rows that came. */
  readonly rows: readonly (readonly [number, Scalar[]])[];
  readonly rowsSkipped: number;
  readonly bytes: number;
}

async function scan(
  { bytes, metadata }: Fixture,
  predicates: readonly FieldPredicate[],
  leaves: readonly ParquetColumn[],
  batchRows: number,
): Promise<Pruned> {
  const reader = bytesReader(bytes);
  const rowGroups = [...metadata.rowGroups.keys()];
  const leafOf = ({ fieldId }: FieldPredicate): ParquetColumn | undefined =>
    metadata.columns.find((column) => column.fieldId === fieldId);
  const pruning = planPagePruning({ reader, metadata, rowGroups, predicates, leafOf, leaves });
  const found: (readonly [number, Scalar[]])[] = [];
  let rowsSkipped = 0;
  for (const rowGroup of rowGroups) {
    const wanted = await pruning.wantedRows(rowGroup);
    rowsSkipped += wanted?.rowsSkipped ?? 0;
    const columns = leaves.map(({ leafIndex }) => ({ leafIndex }));
    const rowsOf = wanted === undefined ? {} : { rows: new Map([[rowGroup, wanted]]) };
    for await (const batch of scanParquet(reader, metadata, { columns, rowGroups: [rowGroup], batchRows, ...rowsOf })) {
      for (let i = 0; i < batch.rowCount; i++) found.push([batch.firstRow + i, rowAt(batch, i)]);
    }
  }
  return { rows: found, rowsSkipped, bytes: reader.requests.reduce((sum, { length }) => sum + length, 0) };
}

const VALUES: readonly (readonly [DataType, fc.Arbitrary<Exclude<Scalar, null>>])[] = [
  [{ kind: "int64" }, fc.oneof(fc.integer({ min: -32, max: 32 }), fc.constant(2n ** 60n))],
  [
    { kind: "float64" },
    fc.oneof(
      fc.integer({ min: -32, max: 32 }).map((n) => n / 4),
      fc.constant(Number.NaN),
    ),
  ],
  [{ kind: "string" }, fc.integer({ min: 0, max: 70 }).map((n) => keyOf(String(n).padStart(3, "0")))],
  [{ kind: "date" }, fc.integer({ min: -2, max: 190 })],
  [{ kind: "boolean" }, fc.boolean()],
];
const OPERATORS = ["=", "<>", "<", "<=", ">", ">=", "in", "is_null", "is_not_null", "starts_with"] as const;

const predicate = fc.integer({ min: 0, max: 4 }).chain((column): fc.Arbitrary<FieldPredicate> => {
  const [type, value] = VALUES[column] as (typeof VALUES)[number];
  return fc.record({
    fieldId: fc.constant(column + 1),
    name: fc.constant(FIELDS[column]?.name ?? ""),
    type: fc.constant(type),
    operator: fc.constantFrom(...OPERATORS.filter((name) => name !== "starts_with" || column === 2)),
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  });
});

test("I230 skipping pages never changes the rows that match, nor where they lie", async () => {
  const fixtures = await Promise.all([fixture(ROWS, true), fixture(5000, false)]);
  let skipped = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...fixtures),
      fc.array(predicate, { minLength: 1, maxLength: 3 }),
      fc.subarray([0, 1, 2, 3, 4, 5]),
      fc.integer({ min: 1, max: 4000 }),
      async (file, predicates, wanted, batchRows) => {
        const columns = wanted.length === 0 ? [0] : wanted;
        // The noise makes the file large enough for indexes to be worth a request.
        const leaves = [...new Set([...columns, 5])].map((index) => file.metadata.columns[index] as ParquetColumn);
        const scanned = await scan(file, predicates, leaves, batchRows);
        const matches = (row: readonly Scalar[]): boolean =>
          predicates.every((each) => matchesValue(each, row[each.fieldId - 1] ?? null));
        for (const [place, values] of scanned.rows) {
          expect(values).toEqual(leaves.map(({ leafIndex }) => rows[place]?.[leafIndex]));
        }
        const came = new Set(scanned.rows.map(([place]) => place));
        expect(scanned.rows.map(([place]) => place)).toEqual([...came].toSorted((a, b) => a - b));
        expect([...rows.keys()].filter((place) => matches(rows[place] as Scalar[]) && !came.has(place))).toEqual([]);
        expect(came.size + scanned.rowsSkipped).toBe(ROWS);
        skipped += scanned.rowsSkipped;
      },
    ),
    { numRuns: 60 },
  );
  expect(skipped).toBeGreaterThan(0);
});

function keyPredicate(operator: ">=" | "=", step: string): FieldPredicate {
  return { fieldId: 3, name: "key", type: { kind: "string" }, operator, values: [keyOf(step)] };
}

test("I231 only pages of rows that remain are fetched, of every wanted column", async () => {
  const file = await fixture(ROWS, false);
  const leaves = file.metadata.columns;
  const all = await scan(file, [], leaves, 4096);
  const few = await scan(file, [keyPredicate(">=", "055")], leaves, 4096);
  expect(few.rows.length).toBeLessThan(all.rows.length / 2);
  expect(few.rowsSkipped).toBe(ROWS - few.rows.length);
  // What is not fetched is more than what the indexes take.
  expect(few.bytes).toBeLessThan(all.bytes * 0.8);
  // Between two values that are there, so that the row group's own bounds do not tell.
  const none = await scan(file, [keyPredicate("=", "0005")], leaves, 4096);
  expect(none.rows.length).toBeLessThan(all.rows.length / 2);
});
