// One random query in every engine: PostgreSQL judges; DuckDB judges too where the dialects agree; Firn answers
// unoptimized, optimized over a source that skips every row it may, and from a lake of Parquet files.

import { DuckDBInstance, type DuckDBConnection, type Json } from "@duckdb/node-api";
import { PGlite } from "@electric-sql/pglite";
import { LakeError } from "#core";
import { arrowIpcToBatches, decimalToString, scalarAt, type ColumnSchema, type Decimal, type Scalar } from "#columnar";
import { executeQuery } from "#query";
import { initSqlParser, scalarToText, type TableCatalog } from "#sql";
import { createMemorySink } from "#telemetry";
import { createQueryLake, type ColumnDefinition, type QueryLake } from "../query-lake.ts";
import { memoryCatalog, memoryTable, type MemoryTableOptions } from "../memory-table.ts";
import { askOracle, loadOracle, type OracleTable } from "../sql-oracle.ts";
import { runSql, STATEMENT_TIME_MS, type TextRow } from "../sql-run.ts";
import { ORACLE_TABLES } from "../sql-tables.ts";
import { FUZZ_TABLES } from "./tables.ts";
import type { RandomQuery } from "./queries.ts";

/** How one engine ended. */
type Outcome =
  | { readonly kind: "rows"; readonly rows: readonly TextRow[] }
  | { readonly kind: "failed"; readonly message: string }
  /** Refused by name when the query was bound: listed in docs/sql.md. */
  | { readonly kind: "refused"; readonly message: string };

/** What comparing a query found. */
export interface Verdict {
  /** Undefined when every engine agreed. */
  readonly difference: string | undefined;
  /** Firn's refusal, when it refused by name. */
  readonly refusal: string | undefined;
  /** Why DuckDB was not a judge although the query is of the common dialect. */
  readonly duckdbFailure: string | undefined;
  readonly judgedByDuckdb: boolean;
  readonly ranInLake: boolean;
  /** PostgreSQL refused the query too, so it proves little. */
  readonly failed: string | undefined;
}

/** The engines with their tables. */
export interface FuzzEngines {
  compare(query: RandomQuery): Promise<Verdict>;
  close(): Promise<void>;
}

const TABLES: readonly OracleTable[] = [...ORACLE_TABLES, ...FUZZ_TABLES];

function catalogOf(options: MemoryTableOptions): TableCatalog {
  return memoryCatalog(TABLES.map(({ name, columns, rows }) => memoryTable(`default.${name}`, columns, rows, options)));
}

async function outcomeOf(run: () => Promise<readonly TextRow[]>): Promise<Outcome> {
  try {
    return { kind: "rows", rows: await run() };
  } catch (error) {
    const message = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    // A bug of ours must not pass for a query that both refuse.
    if (error instanceof Error && error.name === "InvariantViolation") throw error;
    const refused = error instanceof LakeError && error.code === "sql_unsupported";
    return { kind: refused ? "refused" : "failed", message };
  }
}

const asText = (row: TextRow): string => JSON.stringify(row);

function arranged(rows: readonly TextRow[], ordered: boolean): string {
  const texts = rows.map((row) => asText(row));
  return (ordered ? texts : texts.toSorted()).join("\n");
}

/** Where two answers part, in a few lines. */
function describeDifference(name: string, ordered: boolean, expected: Outcome, actual: Outcome): string | undefined {
  if (expected.kind === "rows" && actual.kind === "rows") {
    if (arranged(expected.rows, ordered) === arranged(actual.rows, ordered)) return undefined;
    const missing = expected.rows.map((row) => asText(row)).toSorted();
    const surplus: string[] = [];
    for (const row of actual.rows.map((each) => asText(each))) {
      const at = missing.indexOf(row);
      if (at < 0) surplus.push(row);
      else missing.splice(at, 1);
    }
    return `${name}: ${actual.rows.length} rows, expected ${expected.rows.length}; missing ${missing.slice(0, 3).join(" ")}; surplus ${surplus.slice(0, 3).join(" ")}${missing.length + surplus.length === 0 ? "; order differs" : ""}`;
  }
  if (expected.kind === actual.kind || actual.kind === "refused") return undefined;
  const ends = (outcome: Outcome): string =>
    outcome.kind === "rows" ? `${outcome.rows.length} rows` : outcome.message;
  return `${name}: ${ends(actual)}; expected ${ends(expected)}`;
}

/** Type names where they differ from the kind's. */
const LAKE_TYPES: Readonly<Record<string, string>> = {
  int32: "int",
  int64: "long",
  float64: "double",
  float32: "float",
};
const DUCKDB_TYPES: Readonly<Record<string, string>> = {
  int32: "INTEGER",
  int64: "BIGINT",
  float64: "DOUBLE",
  float32: "REAL",
  string: "VARCHAR",
};

function typeNameIn(names: Readonly<Record<string, string>>, { type }: ColumnSchema, zoned: string): string {
  if (type.kind === "decimal") return `decimal(${type.precision ?? 38}, ${type.scale ?? 0})`;
  if (type.kind === "timestamp") return type.utc ? zoned : "timestamp";
  return names[type.kind] ?? type.kind;
}

/** The tables as Iceberg: `e` in three files of several row groups, one partition column. */
async function createLake(): Promise<QueryLake> {
  const lake = await createQueryLake();
  lake.clock.ms = STATEMENT_TIME_MS;
  for (const { name, columns, rows } of FUZZ_TABLES) {
    const definitions = columns.map((column): ColumnDefinition => [
      column.name,
      typeNameIn(LAKE_TYPES, column, "timestamptz"),
    ]);
    await lake.createTable(name, definitions);
    const size = name === "e" ? Math.ceil(rows.length / 3) : rows.length;
    for (let start = 0; start < rows.length; start += size) {
      const part = rows.slice(start, start + size);
      // The newest rows are acknowledged and not yet in a file.
      if (name === "e" && start + size >= rows.length) {
        await lake.append(name, part.slice(0, -5), { rowGroupRows: 10 });
        lake.ingest(name, part.slice(-5));
      } else await lake.append(name, part, { rowGroupRows: 10 });
    }
  }
  return lake;
}

/** Rows a request gives without a limit of its own (docs/query.md). */
const MAX_RETURNED_ROWS = 100_000;

async function askLake(lake: QueryLake, sql: string): Promise<readonly TextRow[]> {
  const log = createMemorySink();
  const reply = await executeQuery({ ...lake.deps(), log }, { sql, format: "arrow" }, { queryId: "q", userId: "u" });
  if (!reply.ok) {
    const cause = reply.problem.code === "internal" ? log.events.map((event) => String(event["stack"])).join(" ") : "";
    throw new Error(`${reply.problem.code}: ${reply.problem.detail} ${cause.replaceAll("\n", " ").slice(0, 400)}`);
  }
  const body = new Uint8Array(await new Response(reply.body).arrayBuffer());
  // What is kept for later is whole only when a large result has left.
  await lake.settle();
  const batches = arrowIpcToBatches(body);
  return batches.flatMap((batch) =>
    Array.from({ length: batch.rowCount }, (_, row) =>
      batch.columns.map((vector) => {
        const value: Scalar = scalarAt(vector, row);
        return value === null ? null : scalarToText(value, vector.type);
      }),
    ),
  );
}

async function loadDuckdb(connection: DuckDBConnection): Promise<void> {
  for (const { name, columns, rows } of FUZZ_TABLES) {
    await connection.run(
      `CREATE TABLE ${name} (${columns.map((c) => `"${c.name}" ${typeNameIn(DUCKDB_TYPES, c, "timestamp")}`).join(", ")})`,
    );
    const values = rows.map((row) => {
      const texts = columns.map(({ name: key, type }) => {
        const value = row[key] ?? null;
        if (value === null) return "NULL";
        const text = type.kind === "decimal" ? decimalToString(value as Decimal) : scalarToText(value, type);
        return `'${text.replaceAll("'", "''").replace(/\+00$/, "")}'`;
      });
      return `(${texts.join(", ")})`;
    });
    await connection.run(`INSERT INTO ${name} VALUES ${values.join(", ")}`);
  }
}

/** Values as both engines can show them: numbers by their first 12 digits, since DuckDB's averages are doubles. */
function commonValue(value: Json | undefined): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "boolean") return String(value);
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  if (/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text)) return String(Number(Number(text).toPrecision(12)));
  return text;
}

/** Opens every engine; `lake` and `duckdb` can be left out for short runs. */
export async function openFuzzEngines(options: {
  readonly duckdb: boolean;
  readonly lake: boolean;
}): Promise<FuzzEngines> {
  await initSqlParser();
  const db = await PGlite.create();
  await loadOracle(db, TABLES);
  await db.exec("SET statement_timeout = 20000");
  const instance = options.duckdb ? await DuckDBInstance.create(":memory:", { threads: "1" }) : undefined;
  const duckdb = await instance?.connect();
  if (duckdb !== undefined) await loadDuckdb(duckdb);
  const lake = options.lake ? await createLake() : undefined;
  const plainCatalog = catalogOf({});
  const skippingCatalog = catalogOf({ appliesPredicates: true });

  async function judgeByDuckdb(
    query: RandomQuery,
    expected: Outcome,
  ): Promise<{ difference?: string; failure?: string }> {
    if (duckdb === undefined || expected.kind !== "rows") return {};
    const outcome = await outcomeOf(async () => {
      const reader = await duckdb.runAndReadAll(query.sql);
      return reader.getRowsJson().map((row) => row.map((value) => commonValue(value)));
    });
    if (outcome.kind !== "rows") return { failure: outcome.message };
    const rows = expected.rows.map((row) => row.map((value) => commonValue(value)));
    const difference = describeDifference("DuckDB against PostgreSQL", query.ordered, { kind: "rows", rows }, outcome);
    return difference === undefined ? {} : { difference };
  }

  return {
    async compare(query) {
      const { sql, ordered } = query;
      const expected = await outcomeOf(async () => (await askOracle(db, sql)).rows);
      const plain = await outcomeOf(async () => (await runSql(plainCatalog, sql, { optimize: false })).rows);
      const optimized = await outcomeOf(async () => (await runSql(skippingCatalog, sql)).rows);
      let difference =
        describeDifference("unoptimized", ordered, expected, plain) ??
        describeDifference("optimized", ordered, expected, optimized);
      const refusal =
        plain.kind === "refused" ? plain.message : optimized.kind === "refused" ? optimized.message : undefined;
      if (plain.kind !== optimized.kind) difference ??= `unoptimized ${plain.kind}, optimized ${optimized.kind}`;
      // A request returns no more rows than its limit, and says so.
      const isWithinLimit = expected.kind !== "rows" || expected.rows.length <= MAX_RETURNED_ROWS;
      const readsLake = lake !== undefined && isWithinLimit && /\b(e|dim)\b/.test(sql) && !/\b(t|u|empty)\b/.test(sql);
      if (readsLake && refusal === undefined) {
        const stored = await outcomeOf(() => askLake(lake, sql));
        difference ??= describeDifference("lake", ordered, expected, stored);
      }
      const judged = query.common && refusal === undefined ? await judgeByDuckdb(query, expected) : {};
      difference ??= judged.difference;
      return {
        difference,
        refusal,
        duckdbFailure: judged.failure,
        judgedByDuckdb:
          duckdb !== undefined && query.common && judged.failure === undefined && expected.kind === "rows",
        ranInLake: readsLake,
        failed: expected.kind === "rows" ? undefined : expected.message,
      };
    },
    async close() {
      duckdb?.closeSync();
      instance?.closeSync();
      await db.close();
    },
  };
}
