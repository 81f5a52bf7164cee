// Native DuckDB on one thread: the peer for queries and rewrites.

import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";

/** A single-threaded in-memory DuckDB with UTC as its zone. */
export async function connectDuckDB(): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  await connection.run("SET TimeZone = 'UTC'");
  return connection;
}

/** Rows as arrays of JSON values. */
export async function duckdbRows(connection: DuckDBConnection, sql: string): Promise<readonly unknown[][]> {
  const reader = await connection.runAndReadAll(sql);
  return reader.getRowsJson();
}
