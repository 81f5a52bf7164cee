// The tables of the SQL case files: every type, NULLs, NaN, infinities, negative intervals, ties, an empty table.

import type { DataType, Scalar } from "#columnar";
import type { TableCatalog } from "#sql";
import { column, memoryCatalog, memoryTable, type MemoryTable, type MemoryTableOptions } from "./memory-table.ts";
import type { OracleTable } from "./sql-oracle.ts";

const INT32: DataType = { kind: "int32" };
const TEXT: DataType = { kind: "string" };
const TZ: DataType = { kind: "timestamp", utc: true };
const micros = (text: string): number => Date.parse(`${text}Z`) * 1000;
const days = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 86_400_000;
const money = (cents: number): Scalar => ({ unscaled: BigInt(cents), scale: 2 });

const T: OracleTable = {
  name: "t",
  columns: [
    column("id", INT32),
    column("grp", TEXT),
    column("i2", { kind: "int16" }),
    column("i8", { kind: "int64" }),
    column("f8", { kind: "float64" }),
    column("f4", { kind: "float32" }),
    column("n", { kind: "decimal", precision: 12, scale: 2 }),
    column("b", { kind: "boolean" }),
    column("d", { kind: "date" }),
    column("ts", { kind: "timestamp", utc: false }),
    column("tz", TZ),
    column("iv", { kind: "interval" }),
    column("txt", TEXT),
  ],
  rows: [
    {
      id: 1,
      grp: "a",
      i2: 1,
      i8: 10,
      f8: 1.5,
      f4: 0.5,
      n: money(1050),
      b: true,
      d: days("2024-01-15"),
      ts: micros("2024-01-15T10:30:00"),
      tz: micros("2024-01-15T10:30:00.123"),
      iv: { months: 0, days: 1, micros: 0 },
      txt: "apple",
    },
    {
      id: 2,
      grp: "a",
      i2: -2,
      i8: 9_007_199_254_740_993n,
      f8: -0.25,
      f4: 2.25,
      n: money(-500),
      b: false,
      d: days("2024-01-16"),
      ts: micros("2024-01-16T00:00:00"),
      tz: micros("2024-01-16T00:00:00"),
      iv: { months: 1, days: -3, micros: 5_000_000 },
      txt: "Apple pie",
    },
    {
      id: 3,
      grp: "b",
      i2: 3,
      i8: -30,
      f8: Number.NaN,
      f4: -1,
      n: money(0),
      b: null,
      d: days("2024-02-29"),
      ts: micros("2024-02-29T23:59:59"),
      tz: micros("2024-02-29T23:59:59.999"),
      iv: { months: -14, days: 0, micros: 0 },
      txt: "banana",
    },
    {
      id: 4,
      grp: "b",
      i2: null,
      i8: null,
      f8: Infinity,
      f4: null,
      n: null,
      b: true,
      d: null,
      ts: null,
      tz: null,
      iv: null,
      txt: null,
    },
    {
      id: 5,
      grp: "b",
      i2: 5,
      i8: 50,
      f8: -Infinity,
      f4: 1.75,
      n: money(9_999_999),
      b: false,
      d: days("1969-12-31"),
      ts: micros("1969-12-31T23:00:00"),
      tz: micros("1969-12-31T23:00:00"),
      iv: { months: 0, days: 0, micros: -3_600_000_000 },
      txt: "100%_done",
    },
    {
      id: 6,
      grp: null,
      i2: 6,
      i8: 10,
      f8: 0,
      f4: 0,
      n: money(1050),
      b: true,
      d: days("2024-01-15"),
      ts: micros("2024-01-15T11:00:00"),
      tz: micros("2024-01-15T11:00:00"),
      iv: { months: 0, days: 0, micros: 90_061_000_001 },
      txt: "",
    },
    {
      id: 7,
      grp: null,
      i2: null,
      i8: 70,
      f8: null,
      f4: 3.5,
      n: money(333),
      b: null,
      d: days("2023-12-31"),
      ts: micros("2023-12-31T08:15:30"),
      tz: micros("2023-12-31T08:15:30"),
      iv: { months: 12, days: 10, micros: 1 },
      txt: "cherry",
    },
    {
      id: 8,
      grp: "c",
      i2: 8,
      i8: 0,
      f8: 1e300,
      f4: 8,
      n: money(-1),
      b: false,
      d: days("2024-12-31"),
      ts: micros("2024-12-31T12:00:00"),
      tz: micros("2024-12-31T12:00:00.5"),
      iv: { months: 0, days: 0, micros: 0 },
      txt: "straße 😀",
    },
    {
      id: 9,
      grp: "c",
      i2: 9,
      i8: 90,
      f8: 2.5,
      f4: 0.125,
      n: money(250),
      b: true,
      d: days("2024-03-01"),
      ts: micros("2024-03-01T00:00:01"),
      tz: micros("2024-03-01T00:00:01"),
      iv: { months: 2, days: 2, micros: 2 },
      txt: "O'Brien",
    },
    {
      id: 10,
      grp: "a",
      i2: 1,
      i8: 10,
      f8: 1.5,
      f4: 0.5,
      n: money(1050),
      b: true,
      d: days("2024-01-15"),
      ts: micros("2024-01-15T10:30:00"),
      tz: micros("2024-01-15T10:45:00"),
      iv: { months: 0, days: 30, micros: 0 },
      txt: "apple",
    },
  ],
};

const U: OracleTable = {
  name: "u",
  columns: [
    column("id", INT32),
    column("t_id", INT32),
    column("grp", TEXT),
    column("amount", { kind: "decimal", precision: 10, scale: 3 }),
    column("at", TZ),
  ],
  rows: [
    { id: 1, t_id: 1, grp: "a", amount: { unscaled: 1500n, scale: 3 }, at: micros("2024-01-15T00:00:00") },
    { id: 2, t_id: 1, grp: "x", amount: { unscaled: -250n, scale: 3 }, at: micros("2024-01-15T12:00:00") },
    { id: 3, t_id: 2, grp: "a", amount: null, at: micros("2024-01-16T00:00:00") },
    { id: 4, t_id: null, grp: "b", amount: { unscaled: 7n, scale: 3 }, at: null },
    { id: 5, t_id: 99, grp: null, amount: { unscaled: 1_000_000n, scale: 3 }, at: micros("2024-02-01T00:00:00") },
    { id: 6, t_id: 3, grp: "c", amount: { unscaled: 12_345n, scale: 3 }, at: micros("2024-02-29T10:00:00") },
  ],
};

const EMPTY: OracleTable = {
  name: "empty",
  columns: [column("id", INT32), column("x", TEXT), column("v", { kind: "float64" })],
  rows: [],
};

/** Tables for both engines. */
export const ORACLE_TABLES: readonly OracleTable[] = [T, U, EMPTY];

/** The same tables for ours; made anew, since tables note their requests. */
export function caseTables(options: MemoryTableOptions = {}): MemoryTable[] {
  return ORACLE_TABLES.map(({ name, columns, rows }) => memoryTable(`default.${name}`, columns, rows, options));
}

/** A catalog of {@link caseTables}. */
export function caseCatalog(options: MemoryTableOptions = {}): TableCatalog {
  return memoryCatalog(caseTables(options));
}
