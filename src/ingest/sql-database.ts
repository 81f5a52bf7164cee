// The little of SQLite that an ingest shard needs, so that its logic runs on a Durable Object's storage and, in
// tests, on node:sqlite.

/** A value bound to or read from SQLite. Integers stay within ±(2^53 - 1) by construction of our schema. */
export type SqlValue = null | number | string | Uint8Array;

/** One result row, by column name. */
export type SqlRow = Readonly<Record<string, SqlValue>>;

/**
 * A synchronous SQLite database.
 *
 * Concurrency: JavaScript runs one transaction at a time; nothing may be awaited inside one.
 */
export interface SqlDatabase {
  /** Runs one statement and returns all its rows. */
  exec(sql: string, ...bindings: readonly SqlValue[]): readonly SqlRow[];
  /** Runs `body` atomically: a throw rolls everything back and is rethrown. */
  transaction<T>(body: () => T): T;
}

/** The single alarm of a Durable Object. */
export interface AlarmClock {
  /** The pending alarm in milliseconds since the epoch, or null. An alarm that is running counts as none. */
  get(): Promise<number | null>;
  /** Replaces the pending alarm. Joins the storage writes made since the last await in one atomic write. */
  set(atMs: number): Promise<void>;
  clear(): Promise<void>;
}
