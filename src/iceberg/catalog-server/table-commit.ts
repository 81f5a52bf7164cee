// The catalog's half of a commit: check requirements, apply updates, write the next metadata files, swap the pointers.

import { LakeError, type TableIdentifier } from "#core";
import { applyUpdates, createFromUpdates } from "../metadata-builder.ts";
import { failedRequirement } from "../requirements.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CommitRequest } from "../update-json.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import type { RequestContext } from "./request-context.ts";
import { DoneBeforeError } from "./done-before.ts";
import { checkIngestMarks } from "./ingest-marks.ts";
import { checkTableFolders, locationTaken } from "./locations.ts";
import { nameTaken, noSuchEntry, noSuchNamespace } from "./names.ts";
import {
  entryText,
  locationsOverlap,
  type PointerChange,
  type Receipt,
  type SwapOutcome,
  type SwapRefusal,
} from "./pointer-store.ts";
import {
  deleteQuietly,
  readStored,
  tablePointer,
  tablePointerIfAny,
  writeMetadata,
  type StoredMetadata,
} from "./stored-metadata.ts";

/** Attempts to swap pointers that others move; requirements are checked anew each time. */
const COMMIT_ATTEMPTS = 6;
/** Upper bound of the first wait between attempts; doubles each time. */
const COMMIT_BASE_DELAY_MS = 10;

/** The changes to one table. */
export interface TableChange {
  readonly table: TableIdentifier;
  readonly request: CommitRequest;
  /** Location of the table should the commit create it. */
  readonly newTableLocation: () => Promise<string>;
}

/** What a commit needs to know of its request. */
export type CommitContext = Pick<RequestContext, "deps" | "caller" | "receipt">;

interface PreparedChange {
  readonly change: TableChange;
  readonly base: StoredMetadata | undefined;
  /** The base itself where the change asks for nothing. */
  readonly next: TableMetadata;
}

/**
 * Commits to tables, all or none; a table whose request says assert-create and that does not exist is created. Gives
 * the tables' metadata in the order of the changes.
 *
 * Concurrency: the swap of all pointers is the commit point. A loser checks its requirements against the winner's
 * metadata and tries again; the files it wrote in vain are deleted. `arrived`: the moment of the request: what is
 * remembered from later on refuses it without asking the store.
 * Cost: one metadata file a table, and one call to the store when the isolate remembers the tables.
 * Errors: `commit_conflict` with what changed, `table_not_found`, `namespace_not_found`, `already_exists`,
 * `invalid_request`; `commit_state_unknown` when the pointers could not be read after a failed swap.
 */
export async function commitTables(
  context: CommitContext,
  changes: readonly TableChange[],
  arrived: number = context.deps.memory?.now() ?? 0,
): Promise<readonly StoredMetadata[]> {
  const { deps, receipt } = context;
  const pointers = new Map<string, string>();
  for (let attempt = 1; ; attempt++) {
    const prepared: PreparedChange[] = [];
    for (const change of changes) {
      prepared.push(await prepare(context, change, pointers.get(entryText(change.table)), arrived));
    }
    checkApart(prepared);
    const written = await writeAll(deps, prepared);
    const asOf = deps.memory?.now() ?? 0;
    const refusal = await swapAll(deps, prepared, written, receipt);
    if (refusal === undefined) {
      for (const [index, { change, base, next }] of prepared.entries()) {
        deps.memory?.keepPointer(entryText(change.table), (written[index] as StoredMetadata).location, asOf);
        await deleteDroppedMetadata(deps, base?.metadata, next);
      }
      return written;
    }
    await deleteUnused(deps, prepared, written);
    const { change, next } = prepared[refusal.index] as PreparedChange;
    const name = entryText(change.table);
    if (refusal.outcome === "no_namespace") throw noSuchNamespace(change.table.namespace);
    if (refusal.outcome === "location_used") throw locationTaken(next.location, refusal.by);
    if (refusal.outcome === "exists" && refusal.kind === "view") throw nameTaken("table", "view", change.table);
    pointers.delete(name);
    deps.memory?.dropPointer(name);
    if (refusal.outcome === "moved") pointers.set(name, refusal.current);
    if (attempt >= COMMIT_ATTEMPTS) {
      throw new LakeError("commit_conflict", `Other commits kept moving ${name}; nothing was committed.`);
    }
    await deps.sleep(deps.random.nextUnit() * COMMIT_BASE_DELAY_MS * 2 ** (attempt - 1));
  }
}

/** Builds a change on the pointer the swap answered, on the remembered one, or on the one the store has. */
async function prepare(
  context: CommitContext,
  change: TableChange,
  current: string | undefined,
  arrived: number,
): Promise<PreparedChange> {
  const { deps } = context;
  const { table } = change;
  if (current !== undefined) return build(context, change, await readStored(deps, current));
  const remembered = deps.memory?.pointer(entryText(table));
  if (remembered !== undefined) {
    try {
      return await build(context, change, await readStored(deps, remembered.location));
    } catch (error) {
      // What an older base refuses, the current one may allow.
      if (!(error instanceof LakeError) || error.status >= 500 || remembered.asOf > arrived) throw error;
    }
  }
  const isCreate = change.request.requirements.some((requirement) => requirement.type === "assert-create");
  // A view of the name is in the way of a create only.
  const pointer = isCreate ? await tablePointerIfAny(deps, table) : await tablePointer(deps, table);
  return build(context, change, pointer === undefined ? undefined : await readStored(deps, pointer));
}

async function build(
  { deps, caller }: CommitContext,
  change: TableChange,
  base: StoredMetadata | undefined,
): Promise<PreparedChange> {
  const { table, request } = change;
  if (base === undefined && !request.requirements.some((requirement) => requirement.type === "assert-create")) {
    throw noSuchEntry("table", table);
  }
  const failed = failedRequirement(base?.metadata, request.requirements);
  if (failed !== undefined) throw new LakeError("commit_conflict", failed);
  if (base !== undefined && request.updates.length === 0) return { change, base, next: base.metadata };
  const nowMs = deps.clock.nowMs();
  const next =
    base === undefined
      ? createFromUpdates(
          { tableUuid: deps.random.uuid(), location: await change.newTableLocation() },
          request.updates,
          nowMs,
        )
      : applyUpdates(base, request.updates, nowMs);
  checkIngestMarks(caller, base?.metadata, request.updates);
  await checkTableFolders(deps, caller, base?.metadata, next);
  return { change, base, next };
}

/** Errors: `invalid_request` when two tables of one commit would share a location. */
function checkApart(prepared: readonly PreparedChange[]): void {
  for (const [index, { next }] of prepared.entries()) {
    const other = prepared.slice(0, index).find((earlier) => locationsOverlap(earlier.next.location, next.location));
    if (other !== undefined) throw locationTaken(next.location, entryText(other.change.table));
  }
}

async function writeAll(deps: CatalogServerDeps, prepared: readonly PreparedChange[]): Promise<StoredMetadata[]> {
  const results = await Promise.allSettled(
    prepared.map(({ base, next }) =>
      base?.metadata === next ? Promise.resolve(base) : writeMetadata(deps, next, base?.location),
    ),
  );
  const written = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  const failure = results.find((result) => result.status === "rejected");
  if (failure === undefined) return written;
  const bases = new Set(prepared.map(({ base }) => base?.location));
  await deleteQuietly(
    deps,
    written.map(({ location }) => location).filter((location) => !bases.has(location)),
  );
  throw failure.reason;
}

async function deleteUnused(
  deps: CatalogServerDeps,
  prepared: readonly PreparedChange[],
  written: readonly StoredMetadata[],
): Promise<void> {
  const unused = written.filter((stored, index) => prepared[index]?.base !== stored);
  await deleteQuietly(
    deps,
    unused.map(({ location }) => location),
  );
}

async function swapAll(
  deps: CatalogServerDeps,
  prepared: readonly PreparedChange[],
  written: readonly StoredMetadata[],
  receipt: Receipt | undefined,
): Promise<SwapRefusal | undefined> {
  const swaps = prepared.map(({ change, base, next }, index): PointerChange => {
    const { location } = written[index] as StoredMetadata;
    return { table: change.table, expected: base?.location, next: location, location: next.location };
  });
  let outcome: SwapOutcome;
  try {
    outcome = await deps.pointers.swapPointers("table", swaps, receipt);
  } catch (cause) {
    await resolveSwap(deps, swaps, cause);
    return undefined;
  }
  if (outcome.outcome === "done_before") {
    await deleteUnused(deps, prepared, written);
    throw new DoneBeforeError();
  }
  return outcome.outcome === "swapped" ? undefined : outcome;
}

/** After a swap that threw: all of it is in exactly when one of its pointers is. Errors: `commit_state_unknown`. */
async function resolveSwap(deps: CatalogServerDeps, swaps: readonly PointerChange[], cause: unknown): Promise<void> {
  for (const { table, expected, next } of swaps) {
    if (expected === next) continue;
    const entry = await deps.pointers.findEntry(table).catch(() => undefined);
    if (entry?.metadataLocation === next) return;
  }
  throw new LakeError("commit_state_unknown", "The catalog could not tell whether the commit is in.", { cause });
}

const DELETE_AFTER_COMMIT = "write.metadata.delete-after-commit.enabled";

/** Metadata files that fell out of the log are deleted when the table asks for it. */
async function deleteDroppedMetadata(
  deps: CatalogServerDeps,
  base: TableMetadata | undefined,
  next: TableMetadata,
): Promise<void> {
  if (base === undefined || next.properties[DELETE_AFTER_COMMIT] !== "true") return;
  const kept = new Set(next["metadata-log"].map((entry) => entry["metadata-file"]));
  const dropped = base["metadata-log"].map((entry) => entry["metadata-file"]).filter((file) => !kept.has(file));
  await deleteQuietly(
    deps,
    dropped.filter((file) => file.startsWith(`${deps.warehouse}/`)),
  );
}
