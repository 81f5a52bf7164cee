// Updates and requirements out of a commit request's JSON. What is not known is refused, never ignored: applying half
// a commit would corrupt the table.

import { createJsonShape, type JsonObject } from "./json-shape.ts";
import { readPartitionSpec, readSchema, readSnapshot, readSnapshotRef, readSortOrder } from "./schema-json.ts";
import type { Snapshot, SnapshotRef, StatisticsFile } from "./table-metadata.ts";
import type { TableRequirement, TableUpdate } from "./table-update.ts";

const shape = createJsonShape("invalid_request", "The request");

/** A commit's conditions and changes. */
export interface CommitRequest {
  readonly requirements: readonly TableRequirement[];
  readonly updates: readonly TableUpdate[];
}

/** Reads a commit request's body. Errors: `invalid_request` for anything malformed or unknown. */
export function parseCommitRequest(body: unknown): CommitRequest {
  const json = shape.object(body, "body");
  const requirements = shape.array(json["requirements"] ?? [], "requirements");
  const updates = shape.array(json["updates"] ?? [], "updates");
  return {
    requirements: requirements.map((item, index) => parseRequirement(item, `requirements[${index}]`)),
    updates: updates.map((item, index) => parseUpdate(item, `updates[${index}]`)),
  };
}

function parseRequirement(value: unknown, name: string): TableRequirement {
  const json = shape.object(value, name);
  const type = shape.string(json["type"], `${name}.type`);
  const integer = (key: string): number => shape.integer(json[key], `${name}.${key}`);
  switch (type) {
    case "assert-create":
      return { type };
    case "assert-table-uuid":
      return { type, uuid: shape.string(json["uuid"], `${name}.uuid`) };
    case "assert-ref-snapshot-id": {
      const snapshotId = json["snapshot-id"] ?? null;
      return {
        type,
        ref: shape.string(json["ref"], `${name}.ref`),
        "snapshot-id": snapshotId === null ? null : shape.long(snapshotId, `${name}.snapshot-id`),
      };
    }
    case "assert-last-assigned-field-id":
      return { type, "last-assigned-field-id": integer("last-assigned-field-id") };
    case "assert-current-schema-id":
      return { type, "current-schema-id": integer("current-schema-id") };
    case "assert-last-assigned-partition-id":
      return { type, "last-assigned-partition-id": integer("last-assigned-partition-id") };
    case "assert-default-spec-id":
      return { type, "default-spec-id": integer("default-spec-id") };
    case "assert-default-sort-order-id":
      return { type, "default-sort-order-id": integer("default-sort-order-id") };
    default:
      throw shape.fail(`${name}.type "${type}" is not a known requirement.`);
  }
}

function parseUpdate(value: unknown, name: string): TableUpdate {
  const json = shape.object(value, name);
  const action = shape.string(json["action"], `${name}.action`);
  const text = (key: string): string => shape.string(json[key], `${name}.${key}`);
  const integer = (key: string): number => shape.integer(json[key], `${name}.${key}`);
  const long = (key: string): bigint => shape.long(json[key], `${name}.${key}`);
  switch (action) {
    case "assign-uuid":
      return { action, uuid: text("uuid") };
    case "upgrade-format-version":
      return { action, "format-version": integer("format-version") };
    case "add-schema":
      return {
        action,
        schema: readSchema(shape, json["schema"], `${name}.schema`),
        ...(typeof json["last-column-id"] === "number" ? { "last-column-id": integer("last-column-id") } : {}),
      };
    case "set-current-schema":
      return { action, "schema-id": integer("schema-id") };
    case "add-spec":
      return { action, spec: readPartitionSpec(shape, json["spec"], `${name}.spec`) };
    case "set-default-spec":
      return { action, "spec-id": integer("spec-id") };
    case "add-sort-order":
      return { action, "sort-order": readSortOrder(shape, json["sort-order"], `${name}.sort-order`) };
    case "set-default-sort-order":
      return { action, "sort-order-id": integer("sort-order-id") };
    case "add-snapshot":
      return { action, snapshot: readNewSnapshot(json["snapshot"], `${name}.snapshot`) };
    case "set-snapshot-ref":
      return { action, "ref-name": text("ref-name"), ...readNewRef(json, name) };
    case "remove-snapshots":
      return {
        action,
        "snapshot-ids": shape
          .array(json["snapshot-ids"], `${name}.snapshot-ids`)
          .map((id, index) => shape.long(id, `${name}.snapshot-ids[${index}]`)),
      };
    case "remove-snapshot-ref":
      return { action, "ref-name": text("ref-name") };
    case "set-location":
      return { action, location: text("location") };
    case "set-properties":
      return { action, updates: shape.stringMap(json["updates"], `${name}.updates`) };
    case "remove-properties":
      return { action, removals: shape.strings(json["removals"], `${name}.removals`) };
    case "set-statistics":
      return { action, statistics: readStatisticsFile(json["statistics"], `${name}.statistics`) };
    case "remove-statistics":
      return { action, "snapshot-id": long("snapshot-id") };
    case "set-partition-statistics":
      return {
        action,
        "partition-statistics": readPartitionStatisticsFile(
          json["partition-statistics"],
          `${name}.partition-statistics`,
        ),
      };
    case "remove-partition-statistics":
      return { action, "snapshot-id": long("snapshot-id") };
    case "remove-partition-specs":
      return { action, "spec-ids": shape.integers(json["spec-ids"], `${name}.spec-ids`) };
    case "remove-schemas":
      return { action, "schema-ids": shape.integers(json["schema-ids"], `${name}.schema-ids`) };
    case "add-encryption-key":
      return { action, "encryption-key": readEncryptionKey(json["encryption-key"], `${name}.encryption-key`) };
    case "remove-encryption-key":
      return { action, "key-id": text("key-id") };
    default:
      throw shape.fail(`${name}.action "${action}" is not a known update.`);
  }
}

/** A snapshot to add: ids of new snapshots are positive, -1 stands for none in metadata of older writers. */
function readNewSnapshot(value: unknown, name: string): Snapshot {
  const snapshot = readSnapshot(shape, value, name);
  if (snapshot["snapshot-id"] <= 0n) throw shape.fail(`${name}.snapshot-id must be positive.`);
  for (const key of ["sequence-number", "first-row-id", "added-rows"] as const) {
    if ((snapshot[key] ?? 0n) < 0n) throw shape.fail(`${name}.${key} must not be negative.`);
  }
  if (snapshot["timestamp-ms"] < 0) throw shape.fail(`${name}.timestamp-ms must not be negative.`);
  return snapshot;
}

/** A branch or tag to set; limits of retention are positive, and tags keep one snapshot only. */
function readNewRef(json: JsonObject, name: string): SnapshotRef {
  const ref = readSnapshotRef(shape, json, name);
  for (const key of ["min-snapshots-to-keep", "max-snapshot-age-ms", "max-ref-age-ms"] as const) {
    const limit = ref[key];
    if (limit !== undefined && limit <= 0) throw shape.fail(`${name}.${key} must be positive.`);
    if (limit !== undefined && ref.type === "tag" && key !== "max-ref-age-ms") {
      throw shape.fail(`${name}.${key} is for branches; tags keep one snapshot.`);
    }
  }
  return ref;
}

function readSize(value: unknown, name: string): number {
  const size = shape.integer(value, name);
  if (size < 0) throw shape.fail(`${name} must not be negative.`);
  return size;
}

/** A statistics file: what readers of metadata cannot do without is there, anything else is kept as it is. */
function readStatisticsFile(value: unknown, name: string): StatisticsFile {
  const file = shape.object(value, name);
  const key = file["key-metadata"];
  if (key !== undefined && key !== null) shape.string(key, `${name}.key-metadata`);
  return {
    ...readPartitionStatisticsFile(value, name),
    "file-footer-size-in-bytes": readSize(file["file-footer-size-in-bytes"], `${name}.file-footer-size-in-bytes`),
    "blob-metadata": shape.array(file["blob-metadata"], `${name}.blob-metadata`).map((item, index) => {
      const at = `${name}.blob-metadata[${index}]`;
      const blob = shape.object(item, at);
      const properties = blob["properties"];
      return {
        ...blob,
        type: shape.string(blob["type"], `${at}.type`),
        "snapshot-id": shape.long(blob["snapshot-id"], `${at}.snapshot-id`),
        "sequence-number": shape.long(blob["sequence-number"], `${at}.sequence-number`),
        fields: shape.integers(blob["fields"], `${at}.fields`),
        ...(properties === undefined || properties === null
          ? {}
          : { properties: shape.stringMap(properties, `${at}.properties`) }),
      };
    }),
  };
}

function readPartitionStatisticsFile(value: unknown, name: string): StatisticsFile {
  const file = shape.object(value, name);
  return {
    ...file,
    "snapshot-id": shape.long(file["snapshot-id"], `${name}.snapshot-id`),
    "statistics-path": shape.string(file["statistics-path"], `${name}.statistics-path`),
    "file-size-in-bytes": readSize(file["file-size-in-bytes"], `${name}.file-size-in-bytes`),
  };
}

/** A wrapped key; the catalog keeps it and cannot unwrap it. */
function readEncryptionKey(value: unknown, name: string): { readonly "key-id": string } {
  const key = shape.object(value, name);
  for (const member of ["encrypted-key-metadata", "encrypted-by-id"]) {
    if (key[member] !== undefined && key[member] !== null) shape.string(key[member], `${name}.${member}`);
  }
  if (key["properties"] !== undefined && key["properties"] !== null)
    shape.stringMap(key["properties"], `${name}.properties`);
  return { ...key, "key-id": shape.string(key["key-id"], `${name}.key-id`) };
}
