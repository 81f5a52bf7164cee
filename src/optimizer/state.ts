// The optimizer's memory: baselines, alerts, actions and configuration overrides, in D1 (SQLite).

import type { Alert, Baseline } from "./alerts.ts";
import type { OptimizerOverrides } from "./config.ts";
import type { TableCost } from "./latency.ts";
import type { CompactionExpectation } from "./small-files.ts";

/** A value bound to a statement or read from a row. */
export type StateValue = null | number | string;

/** One statement with its bindings. */
export interface Statement {
  readonly sql: string;
  readonly bindings: readonly StateValue[];
}

/** The little of D1 that the optimizer needs; tests run it on node:sqlite. */
export interface StateDatabase {
  all(statement: Statement): Promise<readonly Readonly<Record<string, StateValue>>[]>;
  /** Runs all statements in one transaction. */
  batch(statements: readonly Statement[]): Promise<void>;
}

/** What the optimizer did to a table, what it expected and what it measured. Times: milliseconds since the epoch. */
export interface OptimizerAction {
  readonly id: string;
  readonly kind: "compact";
  readonly table: string;
  readonly reason: string;
  readonly state: "running" | "verifying" | "measured" | "not_measured" | "failed";
  readonly jobId: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number | undefined;
  readonly expected: CompactionExpectation;
  /** The job's own report: files and bytes before and after. */
  readonly result: unknown;
  readonly costBefore: TableCost | undefined;
  readonly costAfter: TableCost | undefined;
  readonly error: string | undefined;
}

const SCHEMA: readonly string[] = [
  `CREATE TABLE IF NOT EXISTS baselines (
     fingerprint TEXT PRIMARY KEY, pattern TEXT NOT NULL, samples INTEGER NOT NULL,
     p50 REAL NOT NULL, p95 REAL NOT NULL, p99 REAL NOT NULL, computed_at_ms INTEGER NOT NULL)`,
  `CREATE TABLE IF NOT EXISTS alerts (
     id TEXT PRIMARY KEY, code TEXT NOT NULL, subject TEXT NOT NULL, raised_at_ms INTEGER NOT NULL, resolved_at_ms INTEGER,
     alert TEXT NOT NULL)`,
  // At most one active alert a code and subject, even if two cron runs overlap.
  "CREATE UNIQUE INDEX IF NOT EXISTS active_alert ON alerts (code, subject) WHERE resolved_at_ms IS NULL",
  `CREATE TABLE IF NOT EXISTS actions (
     id TEXT PRIMARY KEY, state TEXT NOT NULL, started_at_ms INTEGER NOT NULL, action TEXT NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS actions_by_time ON actions (started_at_ms)",
  "CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
];

/** How long resolved alerts and closed actions are kept. */
const HISTORY_MS = 90 * 86_400_000;
const LIST_LIMIT = 200;

/** Reads and writes of the optimizer's state. Every write is one transaction. */
export interface OptimizerState {
  readBaselines(): Promise<readonly Baseline[]>;
  writeBaselines(baselines: readonly Baseline[]): Promise<void>;
  /** Newest first. */
  readAlerts(filter: { readonly activeOnly: boolean }): Promise<readonly Alert[]>;
  /** Inserts or replaces by id; an alert whose code and subject have an active one is dropped. */
  writeAlerts(alerts: readonly Alert[]): Promise<void>;
  /** Newest first. */
  readActions(sinceMs: number): Promise<readonly OptimizerAction[]>;
  readOpenActions(): Promise<readonly OptimizerAction[]>;
  writeAction(action: OptimizerAction): Promise<void>;
  readOverrides(): Promise<OptimizerOverrides>;
  writeOverrides(overrides: OptimizerOverrides): Promise<void>;
  /** Deletes history older than 90 days. */
  prune(nowMs: number): Promise<void>;
}

/** The state over a database; creates its tables on first use. */
export function createOptimizerState(database: StateDatabase): OptimizerState {
  let ready: Promise<void> | undefined;

  async function open(): Promise<StateDatabase> {
    ready ??= database.batch(SCHEMA.map((sql) => ({ sql, bindings: [] })));
    try {
      await ready;
    } catch (error) {
      ready = undefined;
      throw error;
    }
    return database;
  }

  async function all(sql: string, ...bindings: StateValue[]): Promise<readonly Readonly<Record<string, StateValue>>[]> {
    return (await open()).all({ sql, bindings });
  }

  async function write(statements: readonly Statement[]): Promise<void> {
    const opened = await open();
    if (statements.length > 0) await opened.batch(statements);
  }

  async function actions(where: string, ...bindings: StateValue[]): Promise<readonly OptimizerAction[]> {
    const rows = await all(
      `SELECT action FROM actions WHERE ${where} ORDER BY started_at_ms DESC LIMIT ${LIST_LIMIT}`,
      ...bindings,
    );
    return rows.map((row) => JSON.parse(String(row["action"])) as OptimizerAction);
  }

  return {
    async readBaselines() {
      const rows = await all("SELECT * FROM baselines");
      return rows.map((row) => ({
        fingerprint: String(row["fingerprint"]),
        pattern: String(row["pattern"]),
        samples: Number(row["samples"]),
        p50: Number(row["p50"]),
        p95: Number(row["p95"]),
        p99: Number(row["p99"]),
        computedAtMs: Number(row["computed_at_ms"]),
      }));
    },
    writeBaselines: (baselines) =>
      write(
        baselines.map((b) => ({
          sql: "INSERT OR REPLACE INTO baselines VALUES (?, ?, ?, ?, ?, ?, ?)",
          bindings: [b.fingerprint, b.pattern, b.samples, b.p50, b.p95, b.p99, b.computedAtMs],
        })),
      ),
    async readAlerts({ activeOnly }) {
      const rows = await all(
        `SELECT alert FROM alerts ${activeOnly ? "WHERE resolved_at_ms IS NULL" : ""} ORDER BY raised_at_ms DESC LIMIT ${LIST_LIMIT}`,
      );
      return rows.map((row) => JSON.parse(String(row["alert"])) as Alert);
    },
    writeAlerts: (alerts) =>
      write(
        alerts.map((alert) => ({
          sql: `INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (id) DO UPDATE SET resolved_at_ms = excluded.resolved_at_ms, alert = excluded.alert
                ON CONFLICT DO NOTHING`,
          bindings: [
            alert.id,
            alert.code,
            alert.subject,
            alert.raisedAtMs,
            alert.resolvedAtMs ?? null,
            JSON.stringify(alert),
          ],
        })),
      ),
    readActions: (sinceMs) => actions("started_at_ms >= ?", sinceMs),
    readOpenActions: () => actions("state IN ('running', 'verifying')"),
    writeAction: (action) =>
      write([
        {
          sql: "INSERT OR REPLACE INTO actions VALUES (?, ?, ?, ?)",
          bindings: [action.id, action.state, action.startedAtMs, JSON.stringify(action)],
        },
      ]),
    async readOverrides() {
      const rows = await all("SELECT name, value FROM settings");
      return Object.fromEntries(
        rows.map((row) => [String(row["name"]), JSON.parse(String(row["value"]))]),
      ) as OptimizerOverrides;
    },
    writeOverrides: (overrides) =>
      write([
        { sql: "DELETE FROM settings", bindings: [] },
        ...Object.entries(overrides).map(([name, value]) => ({
          sql: "INSERT INTO settings VALUES (?, ?)",
          bindings: [name, JSON.stringify(value)],
        })),
      ]),
    prune: (nowMs) =>
      write([
        { sql: "DELETE FROM alerts WHERE resolved_at_ms < ?", bindings: [nowMs - HISTORY_MS] },
        {
          sql: "DELETE FROM actions WHERE started_at_ms < ? AND state NOT IN ('running', 'verifying')",
          bindings: [nowMs - HISTORY_MS],
        },
      ]),
  };
}
