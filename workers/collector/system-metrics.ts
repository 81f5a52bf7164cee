// Metrics that live outside this isolate: shards, jobs, alerts. Read at each scrape; a part that does not answer
// says so in firn_scrape_success and takes no other part down.

import { fromRpcResult, tableNameToString, type TableIdentifier } from "#core";
import { listAllTables } from "#iceberg";
import type { ShardStatus } from "#ingest";
import { errorToLogFields, logEvent, type MetricFamily, type MetricKind, type MetricSample } from "#telemetry";
import type { CollectorServices } from "./services.ts";

/** Shards of more tables than this are not asked: each is a call. */
const MAX_TABLES = 50;
const MAX_JOBS = 200;

const SHARD_METRICS: readonly (readonly [
  name: string,
  kind: MetricKind,
  help: string,
  read: (status: ShardStatus) => number,
])[] = [
  ["firn_shard_pending_rows", "gauge", "Acknowledged rows not yet in their table.", (s) => s.pendingRows],
  ["firn_shard_pending_bytes", "gauge", "Bytes of acknowledged rows not yet in their table.", (s) => s.pendingBytes],
  [
    "firn_shard_oldest_pending_seconds",
    "gauge",
    "Age of the oldest acknowledged row not yet in its table.",
    (s) => s.oldestPendingAgeMs / 1000,
  ],
  ["firn_shard_rows_accepted_total", "counter", "Rows acknowledged.", (s) => s.rowsAccepted],
  ["firn_shard_rows_duplicate_total", "counter", "Rows recognised as duplicates.", (s) => s.rowsDuplicate],
  ["firn_shard_rows_flushed_total", "counter", "Rows brought into their table.", (s) => s.rowsFlushed],
  ["firn_shard_flushes_total", "counter", "Flushes that ended in the table.", (s) => s.flushes],
  [
    "firn_shard_flush_failures_total",
    "counter",
    "Flushes that failed and will be tried again.",
    (s) => s.flushFailures,
  ],
  ["firn_shard_files_written_total", "counter", "Parquet files written.", (s) => s.filesWritten],
  ["firn_shard_bytes_written_total", "counter", "Bytes of Parquet files written.", (s) => s.bytesWritten],
];

async function allTables({ client }: CollectorServices["catalog"]): Promise<readonly TableIdentifier[]> {
  return (await listAllTables(client)).slice(0, MAX_TABLES);
}

async function shardFamilies({ catalog, ingest }: CollectorServices): Promise<readonly MetricFamily[]> {
  const tables = await allTables(catalog);
  const shards = tables.flatMap((table) =>
    ingest.shards(table).map(async (shard, index) => ({
      // Not the shard's own idea of its table: one that never had a row may have none.
      labels: { table: tableNameToString(table), shard: String(index) },
      status: await shard.status(),
    })),
  );
  const statuses = await Promise.all(shards);
  return SHARD_METRICS.map(([name, kind, help, read]) => ({
    name,
    kind,
    help,
    samples: statuses.map(({ labels, status }) => ({ labels, value: read(status) })),
  }));
}

/** A list, bare or as the named member of an object. */
function listOf(value: unknown, member: string): readonly Readonly<Record<string, unknown>>[] {
  const list: unknown = Array.isArray(value) ? value : (value as Readonly<Record<string, unknown>> | null)?.[member];
  return Array.isArray(list) ? (list as Readonly<Record<string, unknown>>[]) : [];
}

function countBy(
  items: readonly Readonly<Record<string, unknown>>[],
  label: string,
  field: string,
): readonly MetricSample[] {
  const counts = new Map<string, number>();
  for (const item of items) {
    const value = item[field];
    const name = typeof value === "string" ? value : "unknown";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return Array.from(counts, ([name, value]) => ({ labels: { [label]: name }, value }));
}

async function jobFamilies({ compactor }: CollectorServices): Promise<readonly MetricFamily[]> {
  const jobs = listOf(fromRpcResult(await compactor.listJobs({ limit: MAX_JOBS })), "jobs");
  return [
    {
      name: "firn_maintenance_jobs",
      kind: "gauge",
      help: `Of the newest ${MAX_JOBS} maintenance jobs, how many are in each state.`,
      samples: countBy(jobs, "state", "state"),
    },
  ];
}

async function alertFamilies({ optimizer }: CollectorServices): Promise<readonly MetricFamily[]> {
  const alerts = listOf(fromRpcResult(await optimizer.alerts({ active: true })), "alerts");
  return [
    {
      name: "firn_alerts_active",
      kind: "gauge",
      help: "Active alerts by code; runbooks/<code>.md says what to do.",
      samples: countBy(alerts, "code", "code"),
    },
  ];
}

/** Every family from outside this isolate, and which parts answered. */
export async function readSystemMetrics(services: CollectorServices): Promise<readonly MetricFamily[]> {
  const parts: readonly (readonly [string, Promise<readonly MetricFamily[]>])[] = [
    ["shards", shardFamilies(services)],
    ["maintenance", jobFamilies(services)],
    ["optimizer", alertFamilies(services)],
  ];
  const families: MetricFamily[] = [];
  const success: MetricSample[] = [];
  const settled = await Promise.allSettled(parts.map(([, family]) => family));
  for (const [i, result] of settled.entries()) {
    const part = parts[i]?.[0] ?? "unknown";
    success.push({ labels: { part }, value: result.status === "fulfilled" ? 1 : 0 });
    if (result.status === "fulfilled") families.push(...result.value);
    else logEvent(services.log, { event: "internal_error", level: "warn", part, ...errorToLogFields(result.reason) });
  }
  return [
    ...families,
    { name: "firn_scrape_success", kind: "gauge", help: "Whether a part answered this scrape.", samples: success },
  ];
}
