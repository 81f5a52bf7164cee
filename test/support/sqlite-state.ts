// The optimizer's state database on node:sqlite: the same SQL that D1 runs.

import { DatabaseSync } from "node:sqlite";
import type { StateDatabase, StateValue } from "#optimizer";

/** An in-memory SQLite database behind the StateDatabase interface. */
export function createSqliteState(): StateDatabase {
  const database = new DatabaseSync(":memory:");
  return {
    all: ({ sql, bindings }) => Promise.resolve(database.prepare(sql).all(...bindings) as Record<string, StateValue>[]),
    batch(statements) {
      database.exec("BEGIN");
      try {
        for (const { sql, bindings } of statements) database.prepare(sql).run(...bindings);
        database.exec("COMMIT");
      } catch (error) {
        database.exec("ROLLBACK");
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
      return Promise.resolve();
    },
  };
}
