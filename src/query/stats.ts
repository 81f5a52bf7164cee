// What one query did, under the names of system.query_logs.

import type { CacheStatistics } from "#cache";
import type { ErrorCode } from "#core";
import type { ChangeOperation, DefinitionOperation, ScanStatistics } from "#sql";

/**
 * Where an answer came from. `stale` tiers answered within the client's `maxAge` without looking at the tables; `partial`:
 * computed, with aggregations of unchanged files from the cache.
 */
export type CacheOutcome =
  | "memory"
  | "kv"
  | "r2"
  | "stale-memory"
  | "stale-kv"
  | "stale-r2"
  | "partial"
  | "miss"
  | "bypass";

/** A condition of the query on a column, for the optimizer. */
export interface QueryPredicate {
  /** Fully qualified. */
  readonly table: string;
  readonly column: string;
  readonly operator: string;
}

/** What a statement does, for the log. */
export type StatementKind = "query" | ChangeOperation | DefinitionOperation;

/** Every column of system.query_logs that the query Worker knows; times in milliseconds. */
export interface QueryStats {
  readonly query_text: string;
  /** The text with its constants replaced; empty when it did not parse. */
  readonly query_pattern: string;
  readonly fingerprint: string;
  readonly tables: readonly string[];
  readonly operation: StatementKind;
  readonly queue_ms: number;
  /** Parsing, binding, loading tables, choosing files. */
  readonly plan_ms: number;
  /** Cache lookup, reading, computing and encoding. */
  readonly exec_ms: number;
  readonly files_total: number;
  readonly files_scanned: number;
  /** Row groups of the files that survived planning. */
  readonly row_groups_total: number;
  readonly row_groups_scanned: number;
  readonly bytes_total: number;
  readonly bytes_scanned: number;
  readonly rows_scanned: number;
  readonly rows_returned: number;
  /** What a change did to rows and data files; 0 for queries and for changes that failed. */
  readonly rows_inserted: number;
  readonly rows_updated: number;
  readonly rows_deleted: number;
  readonly files_added: number;
  readonly files_removed: number;
  /** The snapshot a change made, in decimal; null when it made none. */
  readonly snapshot_id: string | null;
  /** Requests to object storage, manifests and footers included. */
  readonly storage_reads: number;
  readonly cache: CacheOutcome;
  readonly engine: "firn";
  readonly memory_peak_bytes: number;
  readonly success: boolean;
  readonly error_code: ErrorCode | null;
  readonly predicates: readonly QueryPredicate[];
  /** List price of the reads and of the time as CPU time; see docs/query.md. */
  readonly cost_usd: number;
}

/** Statistics while a query runs; {@link finishStats} makes them final. */
export type MutableStats = { -readonly [K in keyof QueryStats]: QueryStats[K] };

/** R2 class B operations, US dollars each: $0.36 a million (developers.cloudflare.com/r2/pricing). */
const USD_PER_STORAGE_READ = 0.36e-6;
/** Workers CPU time, US dollars a millisecond: $0.02 a million (developers.cloudflare.com/workers/platform/pricing). */
const USD_PER_CPU_MS = 0.02e-6;

/** Statistics of a query that has done nothing yet. */
export function startStats(queryText: string): MutableStats {
  return {
    query_text: queryText,
    query_pattern: "",
    fingerprint: "",
    tables: [],
    operation: "query",
    queue_ms: 0,
    plan_ms: 0,
    exec_ms: 0,
    files_total: 0,
    files_scanned: 0,
    row_groups_total: 0,
    row_groups_scanned: 0,
    bytes_total: 0,
    bytes_scanned: 0,
    rows_scanned: 0,
    rows_returned: 0,
    rows_inserted: 0,
    rows_updated: 0,
    rows_deleted: 0,
    files_added: 0,
    files_removed: 0,
    snapshot_id: null,
    storage_reads: 0,
    cache: "bypass",
    engine: "firn",
    memory_peak_bytes: 0,
    success: false,
    error_code: null,
    predicates: [],
    cost_usd: 0,
  };
}

/** Adds up the scans of the query. */
export function applyScans(stats: MutableStats, scans: readonly ScanStatistics[]): void {
  const sum = (pick: (scan: ScanStatistics) => number): number => scans.reduce((total, scan) => total + pick(scan), 0);
  stats.files_total = sum((scan) => scan.filesTotal);
  stats.files_scanned = sum((scan) => scan.filesScanned);
  stats.row_groups_total = sum((scan) => scan.rowGroupsTotal);
  stats.row_groups_scanned = sum((scan) => scan.rowGroupsScanned);
  stats.bytes_total = sum((scan) => scan.bytesTotal);
  stats.bytes_scanned = sum((scan) => scan.bytesScanned);
  stats.rows_scanned = sum((scan) => scan.rowsScanned);
}

/** The final statistics. */
export function finishStats(stats: MutableStats): QueryStats {
  const cpuMs = stats.plan_ms + stats.exec_ms;
  return { ...stats, cost_usd: stats.storage_reads * USD_PER_STORAGE_READ + cpuMs * USD_PER_CPU_MS };
}

/** What `/admin/cache/statistics` shows of one isolate. */
export interface QueryCacheStatistics extends CacheStatistics {
  readonly footers: { readonly entries: number; readonly bytes: number; readonly max_bytes: number };
  /** Manifests, their lists and table metadata, with how often they were found and had to be fetched. */
  readonly manifests: {
    readonly entries: number;
    readonly bytes: number;
    readonly max_bytes: number;
    readonly hits: number;
    readonly misses: number;
  };
}
