// Runs one query on memory tables and gives its rows as PostgreSQL would print them.

import { scalarAt, type Scalar } from "#columnar";
import {
  dataTypeToName,
  prepareQuery,
  scalarToText,
  type PreparedQuery,
  type StatementParams,
  type TableCatalog,
} from "#sql";

/** A row of texts; null is SQL NULL. */
export type TextRow = readonly (string | null)[];

/** A query's answer. */
export interface Answer {
  readonly columns: readonly string[];
  readonly types: readonly string[];
  readonly rows: TextRow[];
  readonly prepared: PreparedQuery;
}

/** The time that now() gives: 2024-01-16 12:34:56.789 UTC. */
export const STATEMENT_TIME_MS = Date.UTC(2024, 0, 16, 12, 34, 56, 789);
/** A clock that stands still at the statement's time. */
export const fixedClock = { nowMs: () => STATEMENT_TIME_MS };

/** Options of a test run. */
export interface RunOptions {
  readonly params?: StatementParams;
  readonly optimize?: boolean;
  readonly profile?: boolean;
}

/** Prepares and runs a query to its end. */
export async function runSql(catalog: TableCatalog, sql: string, options: RunOptions = {}): Promise<Answer> {
  const { params = [], optimize = true, profile = false } = options;
  const prepared = await prepareQuery(sql, { catalog, params, clock: fixedClock, optimize });
  const rows: TextRow[] = [];
  const batches = prepared.execute({
    signal: new AbortController().signal,
    memoryLimitBytes: 64 * 2 ** 20,
    clock: fixedClock,
    profile,
  });
  for await (const batch of batches) {
    for (let i = 0; i < batch.rowCount; i++) {
      rows.push(
        batch.columns.map((vector) => {
          const value: Scalar = scalarAt(vector, i);
          return value === null ? null : scalarToText(value, vector.type);
        }),
      );
    }
  }
  return {
    columns: prepared.columns.map((column) => column.name),
    types: prepared.columns.map(({ type }) => (type.kind === "json" ? dataTypeToName(type) : type.kind)),
    rows,
    prepared,
  };
}
