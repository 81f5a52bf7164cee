// node:sqlite behind the shard's SQL interface, with a switch that makes it fail like a killed process.

import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlDatabase, SqlRow, SqlValue } from "#ingest";

/** A database in memory that outlives the shards opened over it. */
export interface TestDatabase extends SqlDatabase {
  /** Called at the named points; a throw there is a crash. */
  onStep: (step: string) => void;
}

/** Opens an empty database in memory. */
export function createTestDatabase(): TestDatabase {
  const db = new DatabaseSync(":memory:");
  const statements = new Map<string, StatementSync>();

  function prepare(sql: string): StatementSync {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const prepared = db.prepare(sql);
    statements.set(sql, prepared);
    return prepared;
  }

  const test: TestDatabase = {
    onStep: () => undefined,
    exec: (sql: string, ...bindings: readonly SqlValue[]) => {
      if (/^\s*(CREATE|DROP)/.test(sql)) {
        statements.clear();
        db.exec(sql);
        return [];
      }
      return prepare(sql).all(...bindings) as SqlRow[];
    },
    transaction(body) {
      test.onStep("transaction:before");
      db.exec("BEGIN");
      let result;
      try {
        result = body();
        test.onStep("transaction:inside");
      } catch (error) {
        db.exec("ROLLBACK");
        throw error;
      }
      db.exec("COMMIT");
      test.onStep("transaction:after");
      return result;
    },
  };
  return test;
}
