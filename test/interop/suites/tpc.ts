// TPC-H and TPC-DS: data, query texts and answers from DuckDB's own extensions; the tables are Iceberg tables that Firn
// wrote, and Firn runs the query texts as they are.

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Batch } from "#columnar";
import { utf8ToString } from "#core";
import { readParquetMetadata, scanParquet } from "#parquet";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";
import type { InteropSuite } from "../suite.ts";

const run = promisify(execFile);

const SCRIPT = join(import.meta.dirname, "../python/tpc_data.py");
const SCALE = "0.01";
/** TPC-H has 22 queries, TPC-DS 99. */
const BENCHMARKS = [
  { name: "tpch", queries: 22 },
  { name: "tpcds", queries: 99 },
] as const;

interface Benchmark {
  readonly tables: Readonly<Record<string, readonly (readonly [column: string, type: string])[]>>;
  readonly queries: readonly {
    readonly number: number;
    readonly sql: string;
    readonly types: readonly string[];
    readonly rows: readonly (readonly (string | null)[])[];
  }[];
}

const ICEBERG_TYPES: Readonly<Record<string, string>> = {
  BOOLEAN: "boolean",
  INTEGER: "int",
  BIGINT: "long",
  DOUBLE: "double",
  DATE: "date",
  VARCHAR: "string",
};

function icebergType(type: string): string {
  return type.startsWith("DECIMAL") ? type.toLowerCase() : (ICEBERG_TYPES[type] ?? type);
}

async function readBatches(path: string): Promise<readonly Batch[]> {
  const bytes = new Uint8Array(readFileSync(path));
  const read = (offset: number, length: number): Promise<Uint8Array> =>
    Promise.resolve(bytes.slice(offset, offset + length));
  const reader = { sizeBytes: bytes.length, read };
  const metadata = await readParquetMetadata(reader);
  const columns = metadata.columns.map(({ leafIndex }) => ({ leafIndex }));
  const batches: Batch[] = [];
  for await (const batch of scanParquet(reader, metadata, { columns })) batches.push(batch);
  return batches;
}

async function loadTables(lake: QueryLake, folder: string, tables: Benchmark["tables"]): Promise<void> {
  for (const [name, columns] of Object.entries(tables)) {
    await lake.createTable(
      name,
      columns.map(([column, type]) => [column, icebergType(type)]),
    );
    await lake.appendBatches(name, await readBatches(join(folder, `${name}.parquet`)));
  }
}

const NUMBER = /^(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT|FLOAT|DOUBLE|DECIMAL)/;
/** DuckDB's avg() of decimals is a double, PostgreSQL's is exact. */
const DIGITS = 10;

function canonical(text: string | null, type: string): string {
  if (text === null || text === "") return "NULL";
  if (NUMBER.test(type)) {
    const value = Number(text);
    return Number.isNaN(value) ? text : value.toPrecision(DIGITS);
  }
  return text;
}

/** The rows of a CSV answer without its header. */
function csvRows(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cell = /("(?:[^"]|"")*"|[^,\r\n]*)(,|\r?\n|$)/gy;
  for (let match = cell.exec(text); match !== null && cell.lastIndex <= text.length; match = cell.exec(text)) {
    const [, written = "", ending = ""] = match;
    row.push(written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written);
    if (ending === ",") continue;
    rows.push(row);
    row = [];
    if (cell.lastIndex >= text.length) break;
  }
  return rows.slice(1);
}

function sortedLines(rows: readonly (readonly (string | null)[])[], types: readonly string[]): readonly string[] {
  const lines = rows.map((row) => row.map((value, i) => canonical(value, types[i] ?? "")).join("|"));
  return lines.toSorted((a, b) => (a < b ? -1 : 1));
}

/** Every query of both benchmarks on tables of scale 0.01. */
export const tpcSuite: InteropSuite = {
  name: "tpc",
  needs: ["python"],
  limitSeconds: 180,
  async run({ python, cache, check, fail, note }) {
    for (const { name, queries: expectedQueries } of BENCHMARKS) {
      const folder = join(cache, `${name}-${SCALE}`);
      if (!existsSync(join(folder, "queries.json"))) await run(python, [SCRIPT, name, SCALE, folder]);
      const { tables, queries } = JSON.parse(readFileSync(join(folder, "queries.json"), "utf8")) as Benchmark;
      const lake = await createQueryLake();
      await loadTables(lake, folder, tables);
      check(`${name} has all its queries`, queries.length, expectedQueries);
      const startMs = Date.now();
      for (const { number, sql, types, rows } of queries) {
        const answer = await lake.query(sql, { format: "csv", limits: { timeMs: 60_000 } });
        if (answer.ok) {
          const got = sortedLines(csvRows(utf8ToString(answer.bytes)), types);
          check(`${name} query ${number}`, got, sortedLines(rows, types));
        } else fail(`${name} query ${number}`, answer.problem);
      }
      note(`${name}: ${queries.length} queries in ${Date.now() - startMs} ms`);
    }
  },
};
