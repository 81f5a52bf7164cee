// The JSON body of an answer: an envelope around the payload, which is inserted as it was encoded.

import { concatBytes, stringToUtf8, stringifyJson } from "#core";
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

/** The parts of a body. */
export interface JsonBodyParts {
  readonly queryId: string;
  readonly cache: CacheOutcome;
  readonly ageMs: number;
  /** Members `"columns"`, `"rows"` and `"row_count"`. */
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly timings: QueryTimings;
  /** Present when asked for. */
  readonly profile: QueryProfile | undefined;
}

/** Assembles the body. */
export function jsonBody(parts: JsonBodyParts): Uint8Array<ArrayBuffer> {
  const head = { query_id: parts.queryId, cache: parts.cache, age_seconds: Math.max(0, parts.ageMs) / 1000 };
  const tail = parts.profile === undefined ? undefined : profileMembers(parts.timings, parts.profile);
  const headText = stringifyJson(head);
  const tailText = tail === undefined ? "}" : `,${stringifyJson(tail).slice(1)}`;
  return concatBytes([stringToUtf8(`${headText.slice(0, -1)},`), parts.payload, stringToUtf8(tailText)]);
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
