// Detector: tables whose history is longer than they ask for. Every commit reads and writes the metadata of all
// snapshots, so a table that is flushed every few seconds must forget old ones.
// Source: Iceberg table properties, history.expire.max-snapshot-age-ms and history.expire.min-snapshots-to-keep.

import type { OptimizerConfig } from "./config.ts";

const MAX_AGE_PROPERTY = "history.expire.max-snapshot-age-ms";
const MIN_KEEP_PROPERTY = "history.expire.min-snapshots-to-keep";
/** Snapshots one run forgets of one table: bounds the manifest lists it reads. */
const MAX_SNAPSHOTS_A_RUN = 200;

/** The history of one table. */
export interface TableHistory {
  readonly snapshotTimesMs: readonly number[];
  readonly properties: Readonly<Record<string, string>>;
}

/** What to forget: the arguments of Iceberg's expireSnapshots. */
export interface ExpiryProposal {
  readonly olderThanMs: number;
  readonly retainLast: number;
  readonly maxSnapshots: number;
}

function positiveInteger(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

/**
 * Proposes an expiry for a table that states how long it keeps snapshots; history of other tables is never touched.
 * Undefined while fewer than `expire_min_snapshots` would go.
 */
export function detectLongHistory(
  history: TableHistory,
  config: OptimizerConfig,
  nowMs: number,
): ExpiryProposal | undefined {
  const maxAgeMs = positiveInteger(history.properties[MAX_AGE_PROPERTY]);
  if (maxAgeMs === undefined) return undefined;
  const retainLast = positiveInteger(history.properties[MIN_KEEP_PROPERTY]) ?? 1;
  const olderThanMs = nowMs - maxAgeMs;
  const old = history.snapshotTimesMs.filter((timeMs) => timeMs < olderThanMs).length;
  const expirable = Math.min(old, history.snapshotTimesMs.length - retainLast);
  if (expirable < config.expire_min_snapshots) return undefined;
  return { olderThanMs, retainLast, maxSnapshots: MAX_SNAPSHOTS_A_RUN };
}
