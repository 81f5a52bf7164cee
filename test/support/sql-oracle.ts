// PostgreSQL itself (PGlite) over the same rows, as the judge of our answers.

import type { PGlite } from "@electric-sql/pglite";
import type { ColumnSchema, DataType } from "#columnar";
import { dataTypeToName, scalarToText } from "#sql";
import type { MemoryRow } from "./memory-table.ts";
import type { TextRow } from "./sql-run.ts";

/** A table both engines get. */
export interface OracleTable {
  readonly name: string;
  readonly columns: readonly ColumnSchema[];
  readonly rows: readonly MemoryRow[];
}

/** PostgreSQL's answer, values as its text output. */
export interface OracleAnswer {
  readonly columns: readonly string[];
  readonly types: readonly string[];
  readonly rows: TextRow[];
}

/** Type ids of PostgreSQL (pg_type.oid) as our type kinds; text-like types are one. */
const KIND_BY_OID: Readonly<Record<number, string>> = {
  16: "boolean",
  17: "binary",
  20: "int64",
  21: "int16",
  23: "int32",
  25: "string",
  1043: "string",
  114: "json",
  3802: "jsonb",
  700: "float32",
  701: "float64",
  1082: "date",
  1083: "time",
  1114: "timestamp",
  1184: "timestamp",
  1186: "interval",
  1700: "decimal",
  2950: "uuid",
};

/** Leaves every value as the text PostgreSQL sends. */
export const RAW_PARSERS = Object.fromEntries(
  Array.from({ length: 5000 }, (_, oid) => [oid, (text: string) => text] as const),
);

function columnType(type: DataType): string {
  return dataTypeToName(type);
}

function quoteValue(text: string | null): string {
  return text === null ? "NULL" : `'${text.replaceAll("'", "''")}'`;
}

/** Creates the tables with their rows. The session's time zone is UTC. */
export async function loadOracle(db: PGlite, tables: readonly OracleTable[]): Promise<void> {
  await db.exec("SET TIME ZONE 'UTC'; SET extra_float_digits = 1;");
  for (const { name, columns, rows } of tables) {
    const definitions = columns.map((column) => `"${column.name}" ${columnType(column.type)}`);
    const values = rows.map((row) => {
      const texts = columns.map(({ name: key, type }) => {
        const value = row[key] ?? null;
        return quoteValue(value === null ? null : scalarToText(value, type));
      });
      return `(${texts.join(", ")})`;
    });
    const insert = values.length === 0 ? "" : `INSERT INTO ${name} VALUES ${values.join(", ")};`;
    await db.exec(`CREATE TABLE ${name} (${definitions.join(", ")}); ${insert}`);
  }
}

/** Runs a query in PostgreSQL. Booleans come as true and false. */
export async function askOracle(db: PGlite, sql: string, params: readonly unknown[] = []): Promise<OracleAnswer> {
  const result = await db.query<(string | null)[]>(sql, [...params], { rowMode: "array", parsers: RAW_PARSERS });
  const types = result.fields.map((field) => KIND_BY_OID[field.dataTypeID] ?? `oid ${field.dataTypeID}`);
  return {
    columns: result.fields.map((field) => field.name),
    types,
    rows: result.rows.map((row) =>
      row.map((value, i) => (types[i] === "boolean" && value !== null ? String(value === "t") : value)),
    ),
  };
}
