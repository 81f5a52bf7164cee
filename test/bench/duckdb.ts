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

/** A view named `events` over Parquet files. */
export async function createEventsView(connection: DuckDBConnection, paths: readonly string[]): Promise<void> {
  const list = paths.map((path) => `'${path}'`).join(", ");
  await connection.run(`CREATE VIEW events AS SELECT * FROM read_parquet([${list}])`);
}

/**
 * Counts the bytes that DuckDB reads from Parquet files for a query, by its own log of file reads, less the files'
 * footers, which Firn has in memory. Logging slows it down: the counter is a DuckDB of its own.
 */
export async function createReadCounter(paths: readonly string[]): Promise<(sql: string) => Promise<number>> {
  const connection = await connectDuckDB();
  await createEventsView(connection, paths);
  await connection.run("CALL enable_logging('FileSystem')");
  const read = async (sql: string): Promise<number> => {
    await connection.run("CALL truncate_duckdb_logs()");
    await connection.runAndReadAll(sql);
    const [row] = await duckdbRows(
      connection,
      "SELECT coalesce(sum(bytes::bigint), 0) FROM duckdb_logs_parsed('FileSystem') WHERE op = 'READ'",
    );
    return Number(row?.[0]);
  };
  const footers = await read("SELECT count(*) FROM events");
  return async (sql) => Math.max(0, (await read(sql)) - footers);
}
