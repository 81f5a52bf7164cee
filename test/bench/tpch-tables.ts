// TPC-H's tables as Firn writes them: data and query texts from DuckDB's tpch extension, files of Firn's own writer, kept
// on disk between runs.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sliceBatch, type Batch, type ColumnSchema } from "#columnar";
import { schemaToColumns, schemaToParquetFields, type IcebergSchema } from "#iceberg";
import { encodeParquet, readParquetMetadata, scanParquet } from "#parquet";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { preparePython } from "../interop/tools.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

/** A query of the benchmark. */
export interface TpchQuery {
  readonly number: number;
  readonly sql: string;
}

/** A table's columns and the files that Firn wrote of it. */
export interface TpchTable {
  readonly name: string;
  readonly schema: IcebergSchema;
  readonly paths: readonly string[];
}

/** The benchmark at one scale. */
export interface Tpch {
  readonly tables: readonly TpchTable[];
  readonly queries: readonly TpchQuery[];
}

interface Described {
  readonly tables: Readonly<Record<string, readonly (readonly [column: string, type: string])[]>>;
  readonly queries: readonly TpchQuery[];
}

/** About 25 MB of the widest table. */
const ROWS_A_FILE = 750_000;
const SCRIPT = join(ROOT, "test/interop/python/tpc_data.py");

const ICEBERG_TYPES: Readonly<Record<string, string>> = {
  INTEGER: "int",
  BIGINT: "long",
  DATE: "date",
  VARCHAR: "string",
};

function schemaOf(columns: Described["tables"][string]): IcebergSchema {
  return {
    type: "struct",
    "schema-id": 0,
    fields: columns.map(([name, type], index) => ({
      id: index + 1,
      name,
      type: type.startsWith("DECIMAL") ? type.toLowerCase() : (ICEBERG_TYPES[type] ?? type),
      required: false,
    })),
  };
}

async function* readRows(path: string): AsyncGenerator<Batch> {
  const bytes = new Uint8Array(readFileSync(path));
  const read = (offset: number, length: number): Promise<Uint8Array> =>
    Promise.resolve(bytes.slice(offset, offset + length));
  const reader = { sizeBytes: bytes.length, read };
  const metadata = await readParquetMetadata(reader);
  yield* scanParquet(reader, metadata, { columns: metadata.columns.map(({ leafIndex }) => ({ leafIndex })) });
}

/** Batches cut so that each list fills a file. */
async function* byFile(batches: AsyncIterable<Batch>): AsyncGenerator<readonly Batch[]> {
  let held: Batch[] = [];
  let rows = 0;
  for await (const batch of batches) {
    let start = 0;
    while (start < batch.rowCount) {
      const end = Math.min(batch.rowCount, start + ROWS_A_FILE - rows);
      held.push(sliceBatch(batch, start, end));
      rows += end - start;
      start = end;
      if (rows < ROWS_A_FILE) continue;
      yield held;
      held = [];
      rows = 0;
    }
  }
  if (rows > 0) yield held;
}

async function writeTable(source: string, schema: IcebergSchema, prefix: string): Promise<void> {
  const columns: readonly ColumnSchema[] = schemaToColumns(schema);
  const fields = schemaToParquetFields(schema);
  let number = 0;
  for await (const batches of byFile(readRows(source))) {
    const typed = batches.map(({ rowCount, columns: vectors }) => ({
      rowCount,
      columns: vectors.slice(0, columns.length),
    }));
    writeFileSync(`${prefix}-${number}.parquet`, encodeParquet(fields, typed).bytes);
    number += 1;
  }
}

/** Makes the tables, or finds those of an earlier run in `.cache`. Cost: at scale 1 about two minutes and 0.6 GB. */
export async function prepareTpch(scale: string): Promise<Tpch> {
  const folder = join(ROOT, ".cache", `tpch-${scale}`);
  const described = join(folder, "queries.json");
  if (!existsSync(described)) {
    const python = await preparePython(["requirements.txt"]);
    execFileSync(python, [SCRIPT, "tpch", scale, folder]);
  }
  const { tables, queries } = JSON.parse(readFileSync(described, "utf8")) as Described;
  const files = join(folder, "files");
  const done = join(files, "done");
  const schemas = Object.entries(tables).map(([name, columns]) => ({ name, schema: schemaOf(columns) }));
  if (!existsSync(done)) {
    loadParquetWasm();
    mkdirSync(files, { recursive: true });
    for (const { name, schema } of schemas) {
      await writeTable(join(folder, `${name}.parquet`), schema, join(files, name));
    }
    writeFileSync(done, "");
  }
  const names = readdirSync(files);
  return {
    queries,
    tables: schemas.map(({ name, schema }) => ({
      name,
      schema,
      paths: names.filter((file) => file.startsWith(`${name}-`)).map((file) => join(files, file)),
    })),
  };
}
