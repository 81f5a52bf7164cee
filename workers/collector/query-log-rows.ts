// Rows of system.query_logs on their way to the ingest log: those that queries leave within a moment are written together,
// because a write costs as much as answering from the cache does.

import type { TableIdentifier } from "#core";
import { errorToLogFields, logEvent } from "#telemetry";
import type { CollectorServices } from "./services.ts";

const QUERY_LOGS: TableIdentifier = { namespace: ["system"], name: "query_logs" };

/** How long a row waits for others, milliseconds. */
const GATHER_MS = 20;
/** Rows that are written without waiting for more. */
const MAX_WAITING = 200;

/** One row of the table. */
export type QueryLogRow = Readonly<Record<string, unknown>> & { readonly query_id: string };

/** Writes rows; one that cannot be written is an `internal_error` line. */
export interface QueryLogRows {
  /**
   * Adds a row; resolves when it is written, or when another request's write has it.
   *
   * Concurrency: every request waits for itself and then takes all rows there are, so that no row depends on the life of
   * another request while it waits.
   */
  add(row: QueryLogRow): Promise<void>;
  /** Writes the rows that wait: what is asked about the log next finds them. */
  flush(): Promise<void>;
}

/** Starts without rows. Cost: one ingest request for all rows of {@link GATHER_MS}. */
export function createQueryLogRows(services: Pick<CollectorServices, "ingest" | "log" | "sleep">): QueryLogRows {
  let waiting: QueryLogRow[] = [];

  async function flush(): Promise<void> {
    if (waiting.length === 0) return;
    const rows = waiting;
    waiting = [];
    try {
      await services.ingest.ingestRows(QUERY_LOGS, rows);
    } catch (error) {
      for (const { query_id } of rows) {
        const fields = { operation: "query_log", query_id, ...errorToLogFields(error) };
        logEvent(services.log, { event: "internal_error", level: "error", ...fields });
      }
    }
  }

  return {
    async add(row) {
      waiting.push(row);
      if (waiting.length < MAX_WAITING) await services.sleep(GATHER_MS);
      await flush();
    },
    flush,
  };
}

/** Whether a statement may read the log, as far as its text tells. */
export function mayReadQueryLogs(sql: string): boolean {
  return /query_logs/i.test(sql);
}
