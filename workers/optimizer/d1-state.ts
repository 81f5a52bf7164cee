// D1 behind the optimizer's state interface.

import type { StateDatabase, Statement, StateValue } from "#optimizer";

/** Wraps a D1 binding; `batch` is one transaction, as D1 documents. */
export function createD1State(database: D1Database): StateDatabase {
  const prepare = ({ sql, bindings }: Statement): D1PreparedStatement => database.prepare(sql).bind(...bindings);
  return {
    all: async (statement) => (await prepare(statement).all<Record<string, StateValue>>()).results,
    async batch(statements) {
      await database.batch(statements.map(prepare));
    },
  };
}
