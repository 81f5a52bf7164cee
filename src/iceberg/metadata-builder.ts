// Applies a commit's updates to table metadata. Pure: the same base, updates and time give the same metadata.
// Source: Iceberg table spec; the order of checks follows Java's TableMetadata.Builder.

import { LakeError } from "#core";
import {
  badUpdate,
  draftFromMetadata,
  draftToMetadata,
  emptyDraft,
  type MetadataDraft,
  type PreviousMetadata,
} from "./metadata-draft.ts";
import {
  addSchema,
  addSortOrder,
  addSpec,
  removeSchemas,
  removeSpecs,
  setCurrentSchema,
  setDefaultSortOrder,
  setDefaultSpec,
} from "./metadata-layout-updates.ts";
import { addSnapshot, removeRef, removeSnapshots, setRef } from "./metadata-snapshot-updates.ts";
import type { TableMetadata } from "./table-metadata.ts";
import type { TableUpdate } from "./table-update.ts";

const MIN_FORMAT_VERSION = 1;
const MAX_FORMAT_VERSION = 3;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * The metadata after the updates, in order. An empty list gives the base with a newer time.
 *
 * Errors: `invalid_request` for an update that no base allows; `commit_conflict` for a snapshot whose sequence number
 * or row ids another commit took, and for one to remove that a branch or tag names.
 */
export function applyUpdates(base: PreviousMetadata, updates: readonly TableUpdate[], nowMs: number): TableMetadata {
  const draft = draftFromMetadata(base.metadata, nowMs);
  for (const update of updates) applyUpdate(draft, update);
  checkRefsKept(base.metadata, draft, updates);
  return draftToMetadata(draft, base);
}

/** Errors: `commit_conflict` when a snapshot goes that a ref the writer did not know of names. */
function checkRefsKept(base: TableMetadata, draft: MetadataDraft, updates: readonly TableUpdate[]): void {
  const named = new Set(updates.map((update) => ("ref-name" in update ? update["ref-name"] : undefined)));
  const lost = Object.keys(base.refs).find((name) => !draft.refs.has(name) && !named.has(name));
  if (lost === undefined) return;
  throw new LakeError("commit_conflict", `The snapshot that ${lost} names cannot be removed while it names it.`);
}

/** The first metadata of a table made by updates alone. Errors: as {@link applyUpdates}. */
export function createFromUpdates(
  start: { readonly tableUuid: string; readonly location: string },
  updates: readonly TableUpdate[],
  nowMs: number,
): TableMetadata {
  const draft = emptyDraft(start.tableUuid, start.location, nowMs);
  // A create that names its format version may name the first one.
  if (updates.some((update) => update.action === "upgrade-format-version")) draft.formatVersion = MIN_FORMAT_VERSION;
  // The uuid belongs to the client until the table exists.
  draft.tableUuid = updates.find((update) => update.action === "assign-uuid")?.uuid ?? start.tableUuid;
  for (const update of updates) applyUpdate(draft, update);
  return draftToMetadata(draft, undefined);
}

function applyUpdate(draft: MetadataDraft, update: TableUpdate): void {
  switch (update.action) {
    case "assign-uuid":
      return assignUuid(draft, update.uuid);
    case "upgrade-format-version":
      return upgradeFormatVersion(draft, update["format-version"]);
    case "add-schema":
      return addSchema(draft, update.schema);
    case "set-current-schema":
      return setCurrentSchema(draft, update["schema-id"]);
    case "add-spec":
      return addSpec(draft, update.spec);
    case "set-default-spec":
      return setDefaultSpec(draft, update["spec-id"]);
    case "add-sort-order":
      return addSortOrder(draft, update["sort-order"]);
    case "set-default-sort-order":
      return setDefaultSortOrder(draft, update["sort-order-id"]);
    case "add-snapshot":
      return addSnapshot(draft, update.snapshot);
    case "set-snapshot-ref": {
      const { action: _action, "ref-name": name, ...ref } = update;
      return setRef(draft, name, ref);
    }
    case "remove-snapshots":
      return removeSnapshots(draft, update["snapshot-ids"]);
    case "remove-snapshot-ref":
      return removeRef(draft, update["ref-name"]);
    case "set-location":
      draft.location = update.location.replace(/\/+$/, "");
      return undefined;
    case "set-properties":
      for (const [key, value] of Object.entries(update.updates)) draft.properties.set(key, value);
      return undefined;
    case "remove-properties":
      for (const key of update.removals) draft.properties.delete(key);
      return undefined;
    case "set-statistics":
      draft.statistics = [...without(draft.statistics, update.statistics["snapshot-id"]), update.statistics];
      return undefined;
    case "remove-statistics":
      draft.statistics = without(draft.statistics, update["snapshot-id"]);
      return undefined;
    case "set-partition-statistics": {
      const file = update["partition-statistics"];
      draft.partitionStatistics = [...without(draft.partitionStatistics, file["snapshot-id"]), file];
      return undefined;
    }
    case "remove-partition-statistics":
      draft.partitionStatistics = without(draft.partitionStatistics, update["snapshot-id"]);
      return undefined;
    case "remove-partition-specs":
      return removeSpecs(draft, update["spec-ids"]);
    case "remove-schemas":
      return removeSchemas(draft, update["schema-ids"]);
    case "add-encryption-key":
      draft.encryptionKeys.push(update["encryption-key"]);
      return undefined;
    case "remove-encryption-key":
      draft.encryptionKeys = draft.encryptionKeys.filter((key) => key["key-id"] !== update["key-id"]);
      return undefined;
  }
}

function without<T extends { readonly "snapshot-id": bigint }>(items: readonly T[], snapshotId: bigint): T[] {
  return items.filter((item) => item["snapshot-id"] !== snapshotId);
}

function assignUuid(draft: MetadataDraft, uuid: string): void {
  if (!UUID.test(uuid)) throw badUpdate(`"${uuid}" is not a UUID.`);
  if (draft.tableUuid.toLowerCase() !== uuid.toLowerCase()) {
    throw badUpdate(`Cannot reassign the table's UUID: it is ${draft.tableUuid}.`);
  }
}

function upgradeFormatVersion(draft: MetadataDraft, version: number): void {
  if (version < draft.formatVersion) {
    throw badUpdate(`Cannot downgrade the table from format version ${draft.formatVersion} to ${version}.`);
  }
  if (version > MAX_FORMAT_VERSION) throw badUpdate(`Format version ${version} is not supported.`);
  draft.formatVersion = version;
}
