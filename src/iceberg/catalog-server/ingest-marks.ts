// Ingest's watermarks say which acknowledged rows are in a table. Nobody else may set them: with a greater one rows would
// be taken for committed and lost, with a smaller one committed again.

import { LakeError, type TableIdentifier } from "#core";
import { CARRIED_SUMMARY_KEYS, newestWithSummary } from "../carried-summary.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { TableUpdate } from "../table-update.ts";
import { isOurselves, type CatalogCaller } from "./caller.ts";
import { entryText } from "./pointer-store.ts";

const MARK_PREFIX = "firn.ingest.watermark.";
const SUMMARY_KEYS: ReadonlySet<string> = new Set(CARRIED_SUMMARY_KEYS);

function isMark(name: string): boolean {
  return name.startsWith(MARK_PREFIX) || SUMMARY_KEYS.has(name);
}

/** Errors: `invalid_request` when the caller is not Firn and names a watermark among properties. */
export function checkPropertyNames(caller: CatalogCaller, names: readonly string[]): void {
  const mark = isOurselves(caller) ? undefined : names.find(isMark);
  if (mark === undefined) return;
  throw new LakeError("invalid_request", `${mark} belongs to ingest; nothing was changed.`);
}

/**
 * Checks that a commit leaves watermarks to ingest. A snapshot's summary may carry on what the newest one says, as
 * Firn's library does wherever it runs.
 *
 * Errors: `invalid_request`; `commit_conflict` for a summary that carries on an older one.
 */
export function checkIngestMarks(
  caller: CatalogCaller,
  base: TableMetadata | undefined,
  updates: readonly TableUpdate[],
): void {
  if (isOurselves(caller)) return;
  for (const update of updates) {
    if (update.action === "set-properties") checkPropertyNames(caller, Object.keys(update.updates));
    if (update.action === "remove-properties") checkPropertyNames(caller, update.removals);
    if (update.action === "add-snapshot") checkSummary(base, update.snapshot.summary);
  }
}

function checkSummary(base: TableMetadata | undefined, summary: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(summary)) {
    if (!isMark(key)) continue;
    const newest = base === undefined ? undefined : newestWithSummary(base, key)?.summary[key];
    if (newest === value) continue;
    if (base?.snapshots.some((snapshot) => snapshot.summary[key] === value) === true) {
      throw new LakeError("commit_conflict", `Requirement failed: ${key} has changed: ingest committed to the table.`);
    }
    throw new LakeError("invalid_request", `${key} in a snapshot's summary belongs to ingest; nothing was changed.`);
  }
}

/** Errors: `unsupported_operation` for a table with watermarks: ingest knows it by its name. */
export function checkNotIngested(caller: CatalogCaller, table: TableIdentifier, metadata: TableMetadata): void {
  if (isOurselves(caller)) return;
  const isIngested =
    Object.keys(metadata.properties).some(isMark) ||
    metadata.snapshots.some((snapshot) => Object.keys(snapshot.summary).some(isMark));
  if (!isIngested) return;
  throw new LakeError(
    "unsupported_operation",
    `${entryText(table)} receives events, and ingest knows it by its name: it was not renamed or replaced.`,
  );
}
