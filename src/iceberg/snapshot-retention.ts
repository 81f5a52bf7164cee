// Which snapshots and refs a table keeps. Source: Iceberg table spec, "Snapshot Retention Policy"; Java's
// RemoveSnapshots.

import { LakeError } from "#core";
import { MAIN_BRANCH, findSnapshot, type Snapshot, type TableMetadata } from "./table-metadata.ts";

/** What the caller says; what is left out is the table's. */
export interface RetentionOptions {
  readonly olderThanMs?: number | undefined;
  readonly retainLast?: number | undefined;
  readonly snapshotIds?: readonly bigint[];
  readonly maxSnapshots?: number | undefined;
}

/** What may go. */
export interface Expirable {
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  readonly refs: readonly string[];
}

const DEFAULT_MAX_AGE_MS = 5 * 24 * 3_600_000;
const DEFAULT_MAX_SNAPSHOTS = 500;

/**
 * What may go at this time. Heads of kept refs never do; each branch keeps its ancestors by age and number, its own
 * settings before the options, these before the table's properties.
 *
 * Errors: `invalid_option` for a snapshot to expire that a ref names.
 */
export function expirable(metadata: TableMetadata, options: RetentionOptions, nowMs: number): Expirable {
  const { properties } = metadata;
  const olderThanMs =
    options.olderThanMs ?? nowMs - positiveNumber(properties["history.expire.max-snapshot-age-ms"], DEFAULT_MAX_AGE_MS);
  const retainLast = Math.max(
    1,
    options.retainLast ?? positiveNumber(properties["history.expire.min-snapshots-to-keep"], 1),
  );
  const maxRefAgeMs = positiveNumber(properties["history.expire.max-ref-age-ms"], Number.POSITIVE_INFINITY);

  const refs = Object.entries(metadata.refs).filter(([name, ref]) => {
    const snapshot = findSnapshot(metadata, ref["snapshot-id"]);
    if (name === MAIN_BRANCH) return false;
    return snapshot !== undefined && nowMs - snapshot["timestamp-ms"] > (ref["max-ref-age-ms"] ?? maxRefAgeMs);
  });
  const expiredRefs = new Set(refs.map(([name]) => name));
  const kept = new Set<bigint>();
  const referenced = new Set<bigint>();
  for (const [name, ref] of Object.entries(metadata.refs)) {
    if (expiredRefs.has(name)) continue;
    kept.add(ref["snapshot-id"]);
    referenced.add(ref["snapshot-id"]);
    if (ref.type === "tag") continue;
    const least = ref["min-snapshots-to-keep"] ?? retainLast;
    const before = ref["max-snapshot-age-ms"] === undefined ? olderThanMs : nowMs - ref["max-snapshot-age-ms"];
    let isKept = true;
    for (const [index, snapshot] of ancestors(metadata, ref["snapshot-id"]).entries()) {
      referenced.add(snapshot["snapshot-id"]);
      isKept &&= index < least || snapshot["timestamp-ms"] >= before;
      if (isKept) kept.add(snapshot["snapshot-id"]);
    }
  }
  const named = new Set(options.snapshotIds);
  checkUnreferenced(metadata, named, expiredRefs);
  const snapshots = metadata.snapshots.filter((snapshot) => {
    const id = snapshot["snapshot-id"];
    if (named.has(id)) return true;
    if (kept.has(id)) return false;
    return referenced.has(id) || snapshot["timestamp-ms"] < olderThanMs;
  });
  return {
    snapshots: snapshots
      .toSorted((a, b) => a["timestamp-ms"] - b["timestamp-ms"])
      .slice(0, options.maxSnapshots ?? DEFAULT_MAX_SNAPSHOTS),
    refs: [...expiredRefs],
  };
}

function ancestors(metadata: TableMetadata, from: bigint): Snapshot[] {
  const byId = new Map(metadata.snapshots.map((snapshot) => [snapshot["snapshot-id"], snapshot]));
  const found: Snapshot[] = [];
  let next = byId.get(from);
  while (next !== undefined) {
    found.push(next);
    next = byId.get(next["parent-snapshot-id"] ?? -1n);
  }
  return found;
}

function checkUnreferenced(
  metadata: TableMetadata,
  named: ReadonlySet<bigint>,
  expiredRefs: ReadonlySet<string>,
): void {
  for (const [name, ref] of Object.entries(metadata.refs)) {
    if (!expiredRefs.has(name) && named.has(ref["snapshot-id"])) {
      throw new LakeError("invalid_option", `Snapshot ${ref["snapshot-id"]} cannot be expired: ${name} names it.`);
    }
  }
}

function positiveNumber(text: string | undefined, fallback: number): number {
  const value = text === undefined ? Number.NaN : Number(text);
  return Number.isFinite(value) && value > 0 ? value : fallback;
}
