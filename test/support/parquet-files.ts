// Parquet files in memory for tests: counted reads, whole scans as rows, and DuckDB as the other engine.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import { rowAt, type Scalar } from "#columnar";
import { readParquetMetadata, scanParquet, type RangeReader, type ScanBatch, type ScanOptions } from "#parquet";

/** A reader over bytes that records every request. */
export interface CountingReader extends RangeReader {
  readonly requests: { readonly offset: number; readonly length: number }[];
}

export function bytesReader(bytes: Uint8Array): CountingReader {
  const requests: { offset: number; length: number }[] = [];
  return {
    sizeBytes: bytes.length,
    requests,
    read(offset, length) {
      requests.push({ offset, length });
      return Promise.resolve(bytes.slice(offset, offset + length));
    },
  };
}

export async function scanBatches(bytes: Uint8Array, options: ScanOptions): Promise<ScanBatch[]> {
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const batches: ScanBatch[] = [];
  for await (const batch of scanParquet(reader, metadata, options)) batches.push(batch);
  return batches;
}

/** All rows of all top-level columns as scalars. */
export async function scanRows(bytes: Uint8Array, options: ScanOptions = {}): Promise<Scalar[][]> {
  const metadata = await readParquetMetadata(bytesReader(bytes));
  const roots = new Set<string>();
  const columns = metadata.columns.flatMap((column) => {
    const root = column.path[0] ?? "";
    if (roots.has(root)) return [];
    roots.add(root);
    return [{ leafIndex: column.leafIndex }];
  });
  const rows: Scalar[][] = [];
  for (const batch of await scanBatches(bytes, { columns, ...options })) {
    for (let i = 0; i < batch.rowCount; i++) rows.push(rowAt(batch, i));
  }
  return rows;
}

/** Runs `use` with a DuckDB connection and a directory that is removed afterwards. */
export async function withDuckDb<T>(use: (duckdb: DuckDbFiles) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "firn-parquet-"));
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    return await use(duckDbFiles(connection, directory));
  } finally {
    connection.closeSync();
    instance.closeSync();
    await rm(directory, { recursive: true });
  }
}

export interface DuckDbFiles {
  /** Bytes of the Parquet file that `COPY (query) TO …` writes with these options. */
  copy(query: string, options?: string): Promise<Uint8Array>;
  /** Rows of a query in which `FILE` stands for a Parquet file with these bytes; values as JSON. */
  query(sql: string, file?: Uint8Array): Promise<unknown[][]>;
}

function duckDbFiles(connection: DuckDBConnection, directory: string): DuckDbFiles {
  let files = 0;
  return {
    async copy(query, options = "") {
      const path = join(directory, `${files++}.parquet`);
      await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet${options === "" ? "" : `, ${options}`})`);
      return new Uint8Array(await readFile(path));
    },
    async query(sql, file) {
      const path = join(directory, `${files++}.parquet`);
      if (file !== undefined) await writeFile(path, file);
      const reader = await connection.runAndReadAll(sql.replaceAll("FILE", `'${path}'`));
      return reader.getRowsJson();
    },
  };
}
