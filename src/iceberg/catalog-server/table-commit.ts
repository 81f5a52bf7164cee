// The catalog's half of a commit: check requirements, apply updates, write the next metadata file, swap the pointer.

import { LakeError, stringToUtf8, type TableIdentifier } from "#core";
import { readTableMetadata } from "../metadata-file.ts";
import { applyUpdates, createFromUpdates } from "../metadata-builder.ts";
import { encodeTableMetadata } from "../metadata-json.ts";
import { failedRequirement } from "../requirements.ts";
import { metadataFolder } from "../snapshot-files.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CommitRequest } from "../update-json.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { noSuchNamespace } from "./namespace-routes.ts";

/** A table's metadata with the file it is in. */
export interface StoredMetadata {
  readonly location: string;
  readonly metadata: TableMetadata;
}

/** Attempts to swap a pointer that others move; requirements are checked anew each time. */
const COMMIT_ATTEMPTS = 6;
/** Upper bound of the first wait between attempts; doubles each time. */
const COMMIT_BASE_DELAY_MS = 10;

/**
 * Commits to a table, or creates it when the request says assert-create and it does not exist.
 *
 * Concurrency: the pointer's compare-and-swap is the commit point. A loser checks its requirements against the winner's
 * metadata and tries again; the file it wrote in vain is deleted.
 * Errors: `commit_conflict`, `table_not_found`, `namespace_not_found`, `invalid_request`; `commit_state_unknown` when
 * the pointer could not be read after a failed swap.
 */
export async function commitTable(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  request: CommitRequest,
  newTableLocation: () => Promise<string>,
): Promise<StoredMetadata> {
  for (let attempt = 1; ; attempt++) {
    const pointer = await deps.pointers.tablePointer(table);
    const base =
      pointer === undefined ? undefined : { location: pointer, metadata: await readTableMetadata(deps.io, pointer) };
    const failed = failedRequirement(base?.metadata, request.requirements);
    if (failed !== undefined) throw new LakeError("commit_conflict", failed);
    if (base !== undefined && request.updates.length === 0) return base;
    const metadata =
      base === undefined
        ? createFromUpdates(
            { tableUuid: deps.random.uuid(), location: await newTableLocation() },
            request.updates,
            deps.clock.nowMs(),
          )
        : applyUpdates(base, request.updates, deps.clock.nowMs());
    checkLocation(deps, metadata.location);
    if (metadata.location !== base?.metadata.location) {
      await checkLocationFree(deps, metadata.location);
    }
    const next = await writeMetadata(deps, metadata, base?.location);
    const outcome = await swapPointer(deps, table, base?.location, next);
    if (outcome === "swapped") {
      if (base !== undefined) await deleteDroppedMetadata(deps, base.metadata, metadata);
      return { location: next, metadata };
    }
    await deleteQuietly(deps, [next]);
    if (outcome === "missing") throw new LakeError("table_not_found", "The table was dropped during the commit.");
    if (outcome === "no_namespace") throw noSuchNamespace(table.namespace);
    if (attempt >= COMMIT_ATTEMPTS) {
      throw new LakeError("commit_conflict", "Other commits kept moving the table; nothing was committed.");
    }
    await deps.sleep(deps.random.nextUnit() * COMMIT_BASE_DELAY_MS * 2 ** (attempt - 1));
  }
}

/** Longest location, bytes: object keys end at 1,024 and also hold partitions and file names. */
const MAX_LOCATION_BYTES = 440;

/** Errors: `invalid_request` for a location outside the warehouse, or one whose files could not be stored. */
export function checkLocation(deps: CatalogServerDeps, location: string): void {
  const segments = location.slice(deps.warehouse.length + 1).split("/");
  if (!location.startsWith(`${deps.warehouse}/`) || segments.includes("..")) {
    throw new LakeError("invalid_request", `The location ${location} is outside the warehouse ${deps.warehouse}.`);
  }
  const hasControl = Array.from(location).some((char) => (char.codePointAt(0) as number) < 0x20);
  if (hasControl || segments.some((segment) => segment === "" || segment === ".") || !location.isWellFormed()) {
    throw new LakeError("invalid_request", `The location ${location} has empty segments or control characters.`);
  }
  const sizeBytes = stringToUtf8(location).length;
  if (sizeBytes > MAX_LOCATION_BYTES) {
    const message = `The location has ${sizeBytes} bytes; at most ${MAX_LOCATION_BYTES} leave room for file names.`;
    throw new LakeError("invalid_request", message);
  }
}

/** Errors: `invalid_request` when another table keeps its metadata there: two tables would share their files. */
export async function checkLocationFree(deps: CatalogServerDeps, location: string): Promise<void> {
  if (await deps.pointers.isLocationUsed(location)) {
    throw new LakeError("invalid_request", `The location ${location} belongs to another table.`);
  }
}

/** Makes the first pointer of a table. Errors: `already_exists`, `namespace_not_found`, `commit_state_unknown`. */
export async function createPointer(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  metadata: TableMetadata,
): Promise<StoredMetadata> {
  const location = await writeMetadata(deps, metadata, undefined);
  const outcome = await swapPointer(deps, table, undefined, location);
  if (outcome === "swapped") return { location, metadata };
  await deleteQuietly(deps, [location]);
  if (outcome === "no_namespace") throw noSuchNamespace(table.namespace);
  throw new LakeError("already_exists", `Table already exists: ${[...table.namespace, table.name].join(".")}`);
}

const VERSION = /\/(\d+)-[^/]*$/;

/** Writes metadata under a name no other commit can have; the five-digit version counts from 0. */
async function writeMetadata(
  deps: CatalogServerDeps,
  metadata: TableMetadata,
  previous: string | undefined,
): Promise<string> {
  const version = previous === undefined ? 0 : Number(VERSION.exec(previous)?.[1] ?? -1) + 1;
  const folder = metadataFolder(metadata);
  checkLocation(deps, folder);
  const location = `${folder}/${String(version).padStart(5, "0")}-${deps.random.uuid()}.metadata.json`;
  await deps.io.write(location, encodeTableMetadata(metadata));
  return location;
}

type SwapOutcome = "swapped" | "moved" | "missing" | "no_namespace";

async function swapPointer(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  expected: string | undefined,
  next: string,
): Promise<SwapOutcome> {
  try {
    if (expected !== undefined) return await deps.pointers.swapTable(table, expected, next);
    const created = await deps.pointers.createTable(table, next);
    if (created === "created") return "swapped";
    return created === "exists" ? "moved" : "no_namespace";
  } catch (cause) {
    return resolveSwap(deps, table, next, cause);
  }
}

/** After a swap that threw: it is in exactly when the pointer says so. */
async function resolveSwap(
  deps: CatalogServerDeps,
  table: TableIdentifier,
  next: string,
  cause: unknown,
): Promise<SwapOutcome> {
  const pointer = await deps.pointers.tablePointer(table).catch(() => undefined);
  if (pointer === next) return "swapped";
  throw new LakeError("commit_state_unknown", "The catalog could not tell whether the commit is in.", { cause });
}

const DELETE_AFTER_COMMIT = "write.metadata.delete-after-commit.enabled";

/** Metadata files that fell out of the log are deleted when the table asks for it. */
async function deleteDroppedMetadata(deps: CatalogServerDeps, base: TableMetadata, next: TableMetadata): Promise<void> {
  if (next.properties[DELETE_AFTER_COMMIT] !== "true") return;
  const kept = new Set(next["metadata-log"].map((entry) => entry["metadata-file"]));
  await deleteQuietly(
    deps,
    base["metadata-log"].map((entry) => entry["metadata-file"]).filter((file) => !kept.has(file)),
  );
}

/** A file left behind is for orphan removal; the commit's outcome does not depend on it. */
async function deleteQuietly(deps: CatalogServerDeps, locations: readonly string[]): Promise<void> {
  try {
    if (locations.length > 0) await deps.io.delete(locations);
  } catch (error) {
    deps.reportError?.(error);
  }
}
