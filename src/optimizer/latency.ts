// What the optimizer sees of the workload: percentiles per query pattern out of system.query_logs.

/** Latency percentiles of one pattern over one window, milliseconds. */
export interface PatternLatency {
  readonly fingerprint: string;
  /** The normalised query text of one of its executions. */
  readonly pattern: string;
  /** Uncached successful executions in the window. */
  readonly samples: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** How the optimizer asks Firn's own SQL engine; rows are objects by column name. */
export type RunSql = (sql: string, params: readonly unknown[]) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/**
 * Executions answered from the cache are left out: they would hide a slow layout behind a good hit rate. Window
 * bounds: from inclusive, to exclusive.
 */
const PATTERN_LATENCY_SQL = `
  SELECT fingerprint,
         max(query_pattern) AS pattern,
         count(*) AS samples,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY latency) AS p50,
         percentile_cont(0.95) WITHIN GROUP (ORDER BY latency) AS p95,
         percentile_cont(0.99) WITHIN GROUP (ORDER BY latency) AS p99
  FROM system.query_logs
  WHERE timestamp >= $1::timestamptz AND timestamp < $2::timestamptz
    AND success AND cache IN ('miss', 'bypass')
  GROUP BY fingerprint
  HAVING count(*) >= $3::bigint`;

/** Percentiles of every pattern with at least `minSamples` executions in [fromMs, toMs). */
export async function readPatternLatencies(
  runSql: RunSql,
  window: { readonly fromMs: number; readonly toMs: number; readonly minSamples: number },
): Promise<readonly PatternLatency[]> {
  const rows = await runSql(PATTERN_LATENCY_SQL, [
    new Date(window.fromMs).toISOString(),
    new Date(window.toMs).toISOString(),
    window.minSamples,
  ]);
  return rows.map((row) => ({
    fingerprint: String(row["fingerprint"]),
    pattern: String(row["pattern"]),
    samples: Number(row["samples"]),
    p50: Number(row["p50"]),
    p95: Number(row["p95"]),
    p99: Number(row["p99"]),
  }));
}

/** What queries on one table cost over a window; medians, so that one outlier decides nothing. */
export interface TableCost {
  readonly samples: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly filesScanned: number;
  readonly bytesScanned: number;
  readonly storageReads: number;
}

/** `tables` is a JSON array of qualified names; the quotes keep events from matching events_archive. */
const TABLE_COST_SQL = `
  SELECT count(*) AS samples,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY latency) AS p50,
         percentile_cont(0.95) WITHIN GROUP (ORDER BY latency) AS p95,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY files_scanned) AS files,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY bytes_scanned) AS bytes,
         percentile_cont(0.5) WITHIN GROUP (ORDER BY storage_reads) AS reads
  FROM system.query_logs
  WHERE timestamp >= $1::timestamptz AND timestamp < $2::timestamptz
    AND success AND cache IN ('miss', 'bypass') AND position($3::text IN tables) > 0`;

/** The cost of uncached queries on `table` (qualified name) in [fromMs, toMs); undefined without samples. */
export async function readTableCost(
  runSql: RunSql,
  table: string,
  window: { readonly fromMs: number; readonly toMs: number },
): Promise<TableCost | undefined> {
  const [row] = await runSql(TABLE_COST_SQL, [
    new Date(window.fromMs).toISOString(),
    new Date(window.toMs).toISOString(),
    JSON.stringify(table),
  ]);
  const samples = Number(row?.["samples"] ?? 0);
  if (row === undefined || samples === 0) return undefined;
  return {
    samples,
    p50Ms: Number(row["p50"]),
    p95Ms: Number(row["p95"]),
    filesScanned: Number(row["files"]),
    bytesScanned: Number(row["bytes"]),
    storageReads: Number(row["reads"]),
  };
}
