// Two tables of types that a lake stores, for every engine: many NULLs, ties, NaN, infinities, texts that differ in
// case or are empty, instants around the changes of summer time.

import type { ColumnSchema, DataType, Scalar } from "#columnar";
import { column, type MemoryRow } from "../memory-table.ts";
import type { OracleTable } from "../sql-oracle.ts";

const INT: DataType = { kind: "int32" };
const TEXT: DataType = { kind: "string" };
const micros = (text: string): number => Date.parse(`${text}Z`) * 1000;
const days = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 86_400_000;

const INSTANTS = [
  "2024-03-31T00:59:59.999",
  "2024-03-31T01:00:00",
  "2024-03-10T07:00:00",
  "2024-11-03T05:30:00",
  "2024-11-03T06:30:00",
  "2024-10-27T00:30:00",
  "2024-02-29T23:59:59.999999",
  "2023-12-31T23:30:00",
  "2024-01-01T00:00:00",
  "1969-12-31T23:59:59.5",
  "2024-06-15T12:00:00",
  "2024-06-15T12:34:56.789",
] as const;
const DAYS = [
  "2024-02-29",
  "2024-01-31",
  "2023-12-31",
  "2024-01-01",
  "1969-12-31",
  "2024-06-15",
  "2024-10-27",
] as const;
const GROUPS = ["a", "b", "c", "dd", ""] as const;
const TEXTS = [
  "apple",
  "Apple",
  "apple pie",
  "banana",
  "",
  " pad ",
  "100%",
  "a_b",
  "é",
  "😀 x",
  "zebra",
  "O'Brien",
] as const;
const DOUBLES = [0, 1.5, -0.25, 2.5, 100, Number.NaN, Infinity, -Infinity, 0.125, 3] as const;
const DOCUMENTS = ['{"a": 1, "b": [1, 2]}', '{"a": "x"}', "[]", '{"a": null}', "3", '{"b": {"c": true}}'] as const;

/** Columns of the larger table, `e`. */
export const E_COLUMNS: readonly ColumnSchema[] = [
  column("id", INT),
  column("k", INT),
  column("grp", TEXT),
  column("txt", TEXT),
  column("v", INT),
  column("big", { kind: "int64" }),
  column("n", { kind: "decimal", precision: 12, scale: 2 }),
  column("f", { kind: "float64" }),
  column("r", { kind: "float32" }),
  column("b", { kind: "boolean" }),
  column("d", { kind: "date" }),
  column("ts", { kind: "timestamp", utc: false }),
  column("tz", { kind: "timestamp", utc: true }),
  column("js", TEXT),
];
/** Columns of the smaller table, `dim`. */
export const DIM_COLUMNS: readonly ColumnSchema[] = [
  column("id", INT),
  column("k", INT),
  column("grp", TEXT),
  column("label", TEXT),
  column("amount", { kind: "decimal", precision: 10, scale: 3 }),
  column("at", { kind: "timestamp", utc: false }),
];

/** Rows from a linear congruence: the same in every run. */
function createRows(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

function eRows(count: number): readonly MemoryRow[] {
  const next = createRows(7);
  const one = <T extends Scalar>(items: readonly T[], nulls: number): T | null =>
    next(nulls) === 0 ? null : (items[next(items.length)] ?? null);
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    k: next(5) === 0 ? null : next(12),
    grp: one(GROUPS, 5),
    txt: one(TEXTS, 7),
    v: next(3) === 0 ? null : next(41) - 20,
    big: next(6) === 0 ? null : next(9) === 0 ? 9_007_199_254_740_993n : next(2000) - 1000,
    n: next(6) === 0 ? null : { unscaled: BigInt(next(4000) - 2000), scale: 2 },
    f: one(DOUBLES, 6),
    r: next(4) === 0 ? null : (next(64) - 32) / 8,
    b: one([true, false], 4),
    d: one(
      DAYS.map((text) => days(text)),
      5,
    ),
    ts: one(
      INSTANTS.map((text) => micros(text)),
      6,
    ),
    tz: one(
      INSTANTS.map((text) => micros(text)),
      6,
    ),
    js: one(DOCUMENTS, 4),
  }));
}

function dimRows(): readonly MemoryRow[] {
  const next = createRows(11);
  return Array.from({ length: 14 }, (_, index) => ({
    id: index + 1,
    k: next(5) === 0 ? null : next(14),
    grp: next(4) === 0 ? null : (["a", "b", "x", ""][next(4)] ?? null),
    label: next(5) === 0 ? null : `L${next(6)}`,
    amount: next(5) === 0 ? null : { unscaled: BigInt(next(9000) - 3000), scale: 3 },
    at: next(4) === 0 ? null : micros(INSTANTS[next(INSTANTS.length)] ?? INSTANTS[0]),
  }));
}

/** Rows of `e`: enough for several batches, files and row groups, few enough for joins of three. */
const E_ROW_COUNT = 90;

/** The tables of random queries, beside those of the SQL case files. */
export const FUZZ_TABLES: readonly OracleTable[] = [
  { name: "e", columns: E_COLUMNS, rows: eRows(E_ROW_COUNT) },
  { name: "dim", columns: DIM_COLUMNS, rows: dimRows() },
];
