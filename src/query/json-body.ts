// The JSON body of an answer: an envelope around the payload, which is inserted as it was encoded.

import { stringifyJson } from "#core";
import type { ScanStatistics } from "#sql";
import type { CacheOutcome, QueryStats } from "./stats.ts";

/** Where the time went, milliseconds; in production clocks stand still between I/O. */
export interface QueryTimings {
  readonly queue_ms?: number;
  /** Parsing, binding and loading tables. */
  readonly plan_ms?: number;
  /** Choosing files and reading fresh rows. */
  readonly scan_planning_ms?: number;
  readonly cache_lookup_ms?: number;
  readonly execute_ms?: number;
  readonly encode_ms?: number;
  readonly total_ms: number;
}

/** How an answer was made. */
export interface QueryProfile {
  readonly plan: unknown;
  /** What every operator did, outermost first; empty when the answer came from the cache. */
  readonly operators: unknown;
  readonly scans: readonly ScanStatistics[];
  readonly stats: QueryStats;
}

/** What stands before the payload's members `"columns"`, `"rows"` and `"row_count"`. */
export interface JsonHead {
  readonly queryId: string;
  readonly cache: CacheOutcome;
  readonly ageMs: number;
}

/** The body's text up to the payload. */
export function jsonHead({ queryId, cache, ageMs }: JsonHead): string {
  const head = { query_id: queryId, cache, age_seconds: Math.max(0, ageMs) / 1000 };
  return `${stringifyJson(head).slice(0, -1)},`;
}

/** The body's text after the payload; the profile is there when it was asked for. */
export function jsonTail(timings: QueryTimings, profile: QueryProfile | undefined): string {
  return profile === undefined ? "}" : `,${stringifyJson(profileMembers(timings, profile)).slice(1)}`;
}

function profileMembers(
  timings: QueryTimings,
  { plan, operators, scans, stats }: QueryProfile,
): Readonly<Record<string, unknown>> {
  return { timings, plan, profile: { operators, scans: scans.map(scanToView), stats } };
}

/** What a scan read of what there was, in the names of system.query_logs. */
function scanToView(scan: ScanStatistics): Readonly<Record<string, unknown>> {
  return {
    table: scan.table,
    files_total: scan.filesTotal,
    files_scanned: scan.filesScanned,
    row_groups_total: scan.rowGroupsTotal,
    row_groups_scanned: scan.rowGroupsScanned,
    bytes_total: scan.bytesTotal,
    bytes_scanned: scan.bytesScanned,
    rows_scanned: scan.rowsScanned,
    storage_reads: scan.storageReads,
    rows_skipped: scan.rowsSkipped,
    pages_skipped: scan.pagesSkipped,
    fresh_rows: scan.freshRows,
    pruning: scan.pruning.map(({ reason, files, rowGroups }) => ({ reason, files, row_groups: rowGroups })),
  };
}
