// Table metadata files: parsing with every 64-bit id exact, and printing. Format version 1 is lifted to version 2's
// fields. Source: Iceberg table spec, "Table Metadata Fields" and Appendix C.

import { LakeError, parseJson, stringToUtf8, stringifyJson, utf8ToString } from "#core";
import { createJsonShape, type JsonObject } from "./json-shape.ts";
import { readPartitionFields, readSchema, readSnapshot, readSnapshotRef, readSortOrder } from "./schema-json.ts";
import type { IcebergSchema } from "./schema.ts";
import {
  FIRST_PARTITION_FIELD_ID,
  MAIN_BRANCH,
  UNSORTED_ORDER,
  currentSchema,
  defaultSpec,
  type PartitionField,
  type PartitionSpec,
  type Snapshot,
  type SnapshotRef,
  type SortField,
  type StatisticsFile,
  type TableMetadata,
} from "./table-metadata.ts";
import type { PartitionFieldRequest } from "./table-update.ts";

const shape = createJsonShape("metadata_invalid", "The table's metadata");

/** Format versions that are understood. */
const MAX_FORMAT_VERSION = 3;

/** Older writers say -1 where there is no current snapshot. */
const NO_SNAPSHOT_ID = -1n;

/** Metadata of the bytes of a metadata file. Errors: `metadata_invalid`. */
export function decodeTableMetadata(bytes: Uint8Array): TableMetadata {
  let json: unknown;
  try {
    json = parseJson(utf8ToString(bytes));
  } catch (cause) {
    throw new LakeError("metadata_invalid", "The table's metadata is not JSON.", { cause });
  }
  return parseTableMetadata(json);
}

/** The bytes of a metadata file; 64-bit ids print as integers. */
export function encodeTableMetadata(metadata: TableMetadata): Uint8Array<ArrayBuffer> {
  return stringToUtf8(stringifyJson(tableMetadataToJson(metadata)));
}

/**
 * Metadata as the specification writes it, for stringifyJson: with format version 1's own fields, and with either one
 * source or several for a transform.
 */
export function tableMetadataToJson(metadata: TableMetadata): JsonObject {
  const json = {
    ...metadata,
    "partition-specs": metadata["partition-specs"].map((spec) => ({ ...spec, fields: spec.fields.map(sourcesToJson) })),
    "sort-orders": metadata["sort-orders"].map((order) => ({ ...order, fields: order.fields.map(sourcesToJson) })),
    snapshots: metadata.snapshots.map((snapshot) => snapshotToJson(snapshot, metadata["format-version"])),
  };
  if (metadata["format-version"] !== 1) return json;
  return {
    ...json,
    // Undefined members are not printed.
    "last-sequence-number": undefined,
    schema: currentSchema(metadata),
    "partition-spec": defaultSpec(metadata).fields.map(sourcesToJson),
  };
}

function sourcesToJson(field: PartitionField | SortField): JsonObject {
  const { "source-id": sourceId, "source-ids": sourceIds, ...rest } = field;
  return sourceIds === undefined ? { "source-id": sourceId, ...rest } : { "source-ids": sourceIds, ...rest };
}

/** A snapshot as the specification writes it, for stringifyJson: format version 1 has no sequence numbers. */
export function snapshotToJson(snapshot: Snapshot, formatVersion: number): JsonObject {
  // Undefined members are not printed.
  return {
    ...snapshot,
    "sequence-number": formatVersion === 1 ? undefined : snapshot["sequence-number"],
    "manifest-list": snapshot["manifest-list"] === "" ? undefined : snapshot["manifest-list"],
  };
}

/**
 * Metadata out of JSON parsed by #core's parseJson. Fields this code does not know are dropped.
 *
 * Errors: `metadata_invalid`.
 */
export function parseTableMetadata(value: unknown): TableMetadata {
  const json = shape.object(value, "metadata");
  const formatVersion = shape.integer(json["format-version"], "format-version");
  if (formatVersion < 1 || formatVersion > MAX_FORMAT_VERSION) {
    throw shape.fail(`format version ${formatVersion} is not supported.`);
  }
  if (formatVersion > 1) requireFields(json, ["schemas", "current-schema-id"], formatVersion);
  const schemas = readSchemas(json);
  const currentSchemaId = optionalInteger(json, "current-schema-id") ?? schemas[0]?.["schema-id"] ?? 0;
  if (!schemas.some((schema) => schema["schema-id"] === currentSchemaId)) {
    throw shape.fail(`the current schema ${currentSchemaId} is not among the schemas.`);
  }
  if (formatVersion > 1) requireFields(json, REQUIRED_FIELDS, formatVersion);
  if (formatVersion > 2) requireFields(json, ["next-row-id"], formatVersion);
  const specs = readSpecs(json);
  const currentId = readCurrentSnapshotId(json);
  const snapshots = list(json, "snapshots").map((item, index) => {
    const snapshot = readSnapshot(shape, item, `snapshots[${index}]`);
    // Format version 1 has no sequence numbers, whatever a file says.
    return formatVersion === 1 ? { ...snapshot, "sequence-number": 0n } : snapshot;
  });
  const defaultSpecId = optionalInteger(json, "default-spec-id") ?? specs[0]?.["spec-id"] ?? 0;
  if (!specs.some((spec) => spec["spec-id"] === defaultSpecId)) {
    throw shape.fail(`the default spec ${defaultSpecId} is not among the partition-specs.`);
  }
  return {
    "format-version": formatVersion,
    "table-uuid":
      formatVersion === 1 && isAbsent(json["table-uuid"]) ? NO_UUID : shape.string(json["table-uuid"], "table-uuid"),
    location: shape.string(json["location"], "location"),
    "last-sequence-number":
      formatVersion === 1 || isAbsent(json["last-sequence-number"])
        ? 0n
        : shape.long(json["last-sequence-number"], "last-sequence-number"),
    "last-updated-ms": shape.integer(json["last-updated-ms"], "last-updated-ms"),
    "last-column-id": shape.integer(json["last-column-id"], "last-column-id"),
    schemas,
    "current-schema-id": currentSchemaId,
    "partition-specs": specs,
    "default-spec-id": defaultSpecId,
    "last-partition-id": optionalInteger(json, "last-partition-id") ?? lastPartitionId(specs),
    properties:
      json["properties"] === undefined || json["properties"] === null
        ? {}
        : shape.stringMap(json["properties"], "properties"),
    ...(currentId === undefined ? {} : { "current-snapshot-id": currentId }),
    snapshots,
    "snapshot-log": list(json, "snapshot-log").map((item, index) => {
      const entry = shape.object(item, `snapshot-log[${index}]`);
      return {
        "snapshot-id": shape.long(entry["snapshot-id"], "snapshot-log.snapshot-id"),
        "timestamp-ms": shape.integer(entry["timestamp-ms"], "snapshot-log.timestamp-ms"),
      };
    }),
    "metadata-log": list(json, "metadata-log").map((item, index) => {
      const entry = shape.object(item, `metadata-log[${index}]`);
      return {
        "metadata-file": shape.string(entry["metadata-file"], "metadata-log.metadata-file"),
        "timestamp-ms": shape.integer(entry["timestamp-ms"], "metadata-log.timestamp-ms"),
      };
    }),
    "sort-orders":
      json["sort-orders"] === undefined
        ? [UNSORTED_ORDER]
        : list(json, "sort-orders").map((item, index) => readSortOrder(shape, item, `sort-orders[${index}]`)),
    "default-sort-order-id":
      json["default-sort-order-id"] === undefined
        ? 0
        : shape.integer(json["default-sort-order-id"], "default-sort-order-id"),
    refs: readRefs(json, currentId),
    ...optionalFields(json),
  };
}

/** What versions after the first require beside the fields that are read unconditionally. */
const REQUIRED_FIELDS = [
  "table-uuid",
  "last-sequence-number",
  "partition-specs",
  "default-spec-id",
  "last-partition-id",
  "sort-orders",
  "default-sort-order-id",
];

/** Tables of format version 1 may have no uuid. */
const NO_UUID = "00000000-0000-0000-0000-000000000000";

function requireFields(json: JsonObject, keys: readonly string[], formatVersion: number): void {
  const missing = keys.find((key) => isAbsent(json[key]));
  if (missing !== undefined) throw shape.fail(`${missing} must be present in format version ${formatVersion}.`);
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function optionalInteger(json: JsonObject, key: string): number | undefined {
  return isAbsent(json[key]) ? undefined : shape.integer(json[key], key);
}

function list(json: JsonObject, key: string): readonly unknown[] {
  return json[key] === undefined || json[key] === null ? [] : shape.array(json[key], key);
}

function readSchemas(json: JsonObject): IcebergSchema[] {
  const values = json["schemas"] === undefined ? [json["schema"]] : list(json, "schemas");
  return values.map((item, index) => readSchema(shape, item, `schemas[${index}]`));
}

function readSpecs(json: JsonObject): PartitionSpec[] {
  if (json["partition-specs"] === undefined) {
    const fields = readPartitionFields(shape, json["partition-spec"], "partition-spec");
    return [{ "spec-id": 0, fields: withFieldIds(fields) }];
  }
  return list(json, "partition-specs").map((item, index) => {
    const name = `partition-specs[${index}]`;
    const spec = shape.object(item, name);
    const fields = readPartitionFields(shape, spec["fields"], `${name}.fields`);
    return { "spec-id": shape.integer(spec["spec-id"], `${name}.spec-id`), fields: withFieldIds(fields) };
  });
}

/** Format version 1 numbers fields without ids by position. */
function withFieldIds(fields: readonly PartitionFieldRequest[]): PartitionField[] {
  return fields.map((field, index) => ({
    ...field,
    "field-id": field["field-id"] ?? FIRST_PARTITION_FIELD_ID + index,
  }));
}

function lastPartitionId(specs: readonly PartitionSpec[]): number {
  const ids = specs.flatMap((spec) => spec.fields.map((field) => field["field-id"]));
  return Math.max(FIRST_PARTITION_FIELD_ID - 1, ...ids);
}

function readCurrentSnapshotId(json: JsonObject): bigint | undefined {
  const value = json["current-snapshot-id"];
  if (value === undefined || value === null) return undefined;
  const id = shape.long(value, "current-snapshot-id");
  return id === NO_SNAPSHOT_ID ? undefined : id;
}

function readRefs(json: JsonObject, currentId: bigint | undefined): Record<string, SnapshotRef> {
  const refs = Object.entries(
    json["refs"] === undefined || json["refs"] === null ? {} : shape.object(json["refs"], "refs"),
  ).map(([name, item]) => [name, readSnapshotRef(shape, item, `refs.${name}`)] as const);
  const main = refs.find(([name]) => name === MAIN_BRANCH)?.[1]["snapshot-id"];
  if (main !== undefined && main !== currentId) {
    throw shape.fail(`current-snapshot-id ${currentId ?? "-1"} differs from the main branch's ${main}.`);
  }
  const implied =
    currentId === undefined ? {} : { [MAIN_BRANCH]: { type: "branch", "snapshot-id": currentId } as const };
  return { ...implied, ...Object.fromEntries(refs) };
}

function optionalFields(json: JsonObject): Partial<TableMetadata> {
  const statistics = readStatistics(json, "statistics");
  const partitionStatistics = readStatistics(json, "partition-statistics");
  const keys = list(json, "encryption-keys").map((item, index) => {
    const key = shape.object(item, `encryption-keys[${index}]`);
    return { ...key, "key-id": shape.string(key["key-id"], "encryption-keys.key-id") };
  });
  return {
    ...(statistics.length === 0 ? {} : { statistics }),
    ...(partitionStatistics.length === 0 ? {} : { "partition-statistics": partitionStatistics }),
    ...(json["next-row-id"] === undefined ? {} : { "next-row-id": shape.long(json["next-row-id"], "next-row-id") }),
    ...(keys.length === 0 ? {} : { "encryption-keys": keys }),
  };
}

function readStatistics(json: JsonObject, key: string): StatisticsFile[] {
  return list(json, key).map((item, index) => {
    const file = shape.object(item, `${key}[${index}]`);
    return {
      ...file,
      "snapshot-id": shape.long(file["snapshot-id"], `${key}.snapshot-id`),
      "statistics-path": shape.string(file["statistics-path"], `${key}.statistics-path`),
    };
  });
}
