// Schemas, partition specs, sort orders, snapshots and refs out of parsed JSON: from metadata files, where an error
// means a damaged table, and from requests, where it means a bad request.

import type { JsonObject, JsonShape } from "./json-shape.ts";
import { fieldsById, type IcebergField, type IcebergSchema, type IcebergType } from "./schema.ts";
import type { Snapshot, SnapshotRef, SnapshotSummary, SortField, SortOrder } from "./table-metadata.ts";
import type { PartitionFieldRequest, PartitionSpecRequest } from "./table-update.ts";
import { parseDecimalType, parseFixedType } from "./type-names.ts";

const PRIMITIVES = new Set(
  (
    "boolean int long float double date time timestamp timestamptz string uuid binary " +
    "timestamp_ns timestamptz_ns unknown variant"
  ).split(" "),
);
const GEOSPATIAL = /^(?:geometry|geography)(?:\(.*\))?$/;
const MAX_DECIMAL_PRECISION = 38;
/** Field ids and lengths are 32-bit integers. */
const MAX_FIELD_ID = 2 ** 31 - 1;
/** Deeper types are refused: engines read them recursively. */
const MAX_TYPE_DEPTH = 64;

/** A schema; `schema-id` is 0 when absent. Field ids are distinct and identifier fields exist. */
export function readSchema(shape: JsonShape, value: unknown, name: string): IcebergSchema {
  const json = shape.object(value, name);
  if (json["type"] !== "struct") throw shape.fail(`${name}.type must be struct.`);
  const schema: IcebergSchema = {
    type: "struct",
    "schema-id": json["schema-id"] === undefined ? 0 : shape.integer(json["schema-id"], `${name}.schema-id`),
    ...(json["identifier-field-ids"] === undefined || json["identifier-field-ids"] === null
      ? {}
      : { "identifier-field-ids": shape.integers(json["identifier-field-ids"], `${name}.identifier-field-ids`) }),
    fields: readFields(shape, json["fields"], `${name}.fields`),
  };
  const distinct = fieldsById(schema);
  if (distinct.size !== countFields(schema.fields)) throw shape.fail(`${name} uses a field id twice.`);
  for (const id of schema["identifier-field-ids"] ?? []) {
    if (!distinct.has(id)) throw shape.fail(`${name}.identifier-field-ids names the missing field ${id}.`);
  }
  return schema;
}

function countFields(fields: readonly IcebergField[]): number {
  return fields.reduce((sum, field) => sum + 1 + countType(field.type), 0);
}

function countType(type: IcebergType): number {
  if (typeof type === "string") return 0;
  if (type.type === "struct") return countFields(type.fields);
  return type.type === "list" ? 1 + countType(type.element) : 2 + countType(type.key) + countType(type.value);
}

function readFields(shape: JsonShape, value: unknown, name: string): IcebergField[] {
  const fields = shape.array(value, name).map((item, index) => readField(shape, item, `${name}[${index}]`));
  const names = new Set(fields.map((field) => field.name));
  if (names.size !== fields.length) throw shape.fail(`${name} has two fields of one name.`);
  return fields;
}

function readField(shape: JsonShape, value: unknown, name: string): IcebergField {
  const json = shape.object(value, name);
  const fieldName = shape.string(json["name"], `${name}.name`);
  if (fieldName === "" || !fieldName.isWellFormed()) throw shape.fail(`${name}.name must be text that is not empty.`);
  return {
    id: readFieldId(shape, json["id"], `${name}.id`),
    name: fieldName,
    required: shape.boolean(json["required"], `${name}.required`),
    type: readType(shape, json["type"], `${name}.type`),
    ...(typeof json["doc"] === "string" ? { doc: json["doc"] } : {}),
    ...pick(json, "initial-default"),
    ...pick(json, "write-default"),
  };
}

function readFieldId(shape: JsonShape, value: unknown, name: string): number {
  const id = shape.integer(value, name);
  if (id < 0 || id > MAX_FIELD_ID) throw shape.fail(`${name} must be from 0 to ${MAX_FIELD_ID}.`);
  return id;
}

function pick(json: JsonObject, key: "initial-default" | "write-default"): Record<string, unknown> {
  return json[key] === undefined || json[key] === null ? {} : { [key]: json[key] };
}

function readType(shape: JsonShape, value: unknown, name: string): IcebergType {
  if (typeof value === "string") return readPrimitive(shape, value, name);
  // The name holds one .type, .element, .key or .value for each level.
  if (name.split(".").length > MAX_TYPE_DEPTH * 2)
    throw shape.fail(`A type nests deeper than ${MAX_TYPE_DEPTH} levels.`);
  const json = shape.object(value, name);
  switch (json["type"]) {
    case "struct":
      return { type: "struct", fields: readFields(shape, json["fields"], `${name}.fields`) };
    case "list":
      return {
        type: "list",
        "element-id": shape.integer(json["element-id"], `${name}.element-id`),
        "element-required": shape.boolean(json["element-required"], `${name}.element-required`),
        element: readType(shape, json["element"], `${name}.element`),
      };
    case "map":
      return {
        type: "map",
        "key-id": shape.integer(json["key-id"], `${name}.key-id`),
        key: readType(shape, json["key"], `${name}.key`),
        "value-id": shape.integer(json["value-id"], `${name}.value-id`),
        "value-required": shape.boolean(json["value-required"], `${name}.value-required`),
        value: readType(shape, json["value"], `${name}.value`),
      };
    default:
      throw shape.fail(`${name} must be a primitive's name, a struct, a list or a map.`);
  }
}

function readPrimitive(shape: JsonShape, text: string, name: string): string {
  const decimal = parseDecimalType(text);
  const known =
    PRIMITIVES.has(text) ||
    GEOSPATIAL.test(text) ||
    isWithin(parseFixedType(text), 1, MAX_FIELD_ID) ||
    (isWithin(decimal?.precision, 1, MAX_DECIMAL_PRECISION) && isWithin(decimal?.scale, 0, decimal?.precision ?? 0));
  if (!known) throw shape.fail(`${name}: "${text}" is no Iceberg type.`);
  return decimal === undefined ? text : `decimal(${decimal.precision}, ${decimal.scale})`;
}

function isWithin(value: number | undefined, low: number, high: number): boolean {
  return value !== undefined && value >= low && value <= high;
}

/** A partition spec; ids may be absent. */
export function readPartitionSpec(shape: JsonShape, value: unknown, name: string): PartitionSpecRequest {
  const json = shape.object(value, name);
  return {
    ...(typeof json["spec-id"] === "number" ? { "spec-id": shape.integer(json["spec-id"], `${name}.spec-id`) } : {}),
    fields: readPartitionFields(shape, json["fields"], `${name}.fields`),
  };
}

/** The fields of a partition spec. */
export function readPartitionFields(shape: JsonShape, value: unknown, name: string): PartitionFieldRequest[] {
  return shape.array(value, name).map((item, index) => {
    const at = `${name}[${index}]`;
    const json = shape.object(item, at);
    return {
      ...readSources(shape, json, at),
      ...(json["field-id"] === undefined || json["field-id"] === null
        ? {}
        : { "field-id": shape.integer(json["field-id"], `${at}.field-id`) }),
      name: shape.string(json["name"], `${at}.name`),
      transform: shape.string(json["transform"], `${at}.transform`),
    };
  });
}

/** Format version 3 allows a transform several sources; of one, only its id is kept. */
function readSources(
  shape: JsonShape,
  json: JsonObject,
  at: string,
): { readonly "source-id": number; readonly "source-ids"?: readonly number[] } {
  const value = json["source-ids"];
  const sourceIds = value === undefined || value === null ? [] : shape.integers(value, `${at}.source-ids`);
  const sourceId = shape.integer(sourceIds[0] ?? json["source-id"], `${at}.source-id`);
  return { "source-id": sourceId, ...(sourceIds.length > 1 ? { "source-ids": sourceIds } : {}) };
}

/** A sort order; `order-id` is 1 when absent and there are fields. */
export function readSortOrder(shape: JsonShape, value: unknown, name: string): SortOrder {
  const json = shape.object(value, name);
  const fields = shape.array(json["fields"], `${name}.fields`).map((item, index): SortField => {
    const at = `${name}.fields[${index}]`;
    const field = shape.object(item, at);
    const direction = shape.string(field["direction"], `${at}.direction`).toLowerCase();
    const nullOrder = shape.string(field["null-order"], `${at}.null-order`).toLowerCase();
    if (direction !== "asc" && direction !== "desc") throw shape.fail(`${at}.direction must be asc or desc.`);
    if (nullOrder !== "nulls-first" && nullOrder !== "nulls-last") {
      throw shape.fail(`${at}.null-order must be nulls-first or nulls-last.`);
    }
    return {
      transform: shape.string(field["transform"], `${at}.transform`),
      ...readSources(shape, field, at),
      direction,
      "null-order": nullOrder,
    };
  });
  const orderId = json["order-id"];
  const fallbackId = fields.length === 0 ? 0 : 1;
  return { "order-id": orderId === undefined ? fallbackId : shape.integer(orderId, `${name}.order-id`), fields };
}

const OPERATIONS = new Set(["append", "replace", "overwrite", "delete"]);

/** A snapshot; sequence number 0 and an empty summary stand for what format version 1 lacks. */
export function readSnapshot(shape: JsonShape, value: unknown, name: string): Snapshot {
  const json = shape.object(value, name);
  const optionalLong = (key: "parent-snapshot-id" | "first-row-id" | "added-rows"): Record<string, bigint> =>
    json[key] === undefined || json[key] === null ? {} : { [key]: shape.long(json[key], `${name}.${key}`) };
  return {
    "snapshot-id": shape.long(json["snapshot-id"], `${name}.snapshot-id`),
    ...optionalLong("parent-snapshot-id"),
    "sequence-number":
      json["sequence-number"] === undefined ? 0n : shape.long(json["sequence-number"], `${name}.sequence-number`),
    "timestamp-ms": shape.integer(json["timestamp-ms"], `${name}.timestamp-ms`),
    ...readManifests(shape, json, name),
    summary: readSummary(shape, json["summary"], `${name}.summary`),
    ...(typeof json["schema-id"] === "number" ? { "schema-id": json["schema-id"] } : {}),
    ...optionalLong("first-row-id"),
    ...optionalLong("added-rows"),
    ...(typeof json["key-id"] === "string" ? { "key-id": json["key-id"] } : {}),
  };
}

/** Snapshots of format version 1 may list their manifests themselves. */
function readManifests(
  shape: JsonShape,
  json: JsonObject,
  name: string,
): { readonly "manifest-list": string; readonly manifests?: readonly string[] } {
  if (json["manifest-list"] === undefined && json["manifests"] !== undefined) {
    return { "manifest-list": "", manifests: shape.strings(json["manifests"], `${name}.manifests`) };
  }
  return { "manifest-list": shape.string(json["manifest-list"], `${name}.manifest-list`) };
}

function readSummary(shape: JsonShape, value: unknown, name: string): SnapshotSummary {
  const summary = value === undefined || value === null ? {} : shape.stringMap(value, name);
  const operation = summary["operation"] ?? "overwrite";
  if (!OPERATIONS.has(operation)) throw shape.fail(`${name}.operation "${operation}" is not known.`);
  return { ...summary, operation: operation as SnapshotSummary["operation"] };
}

/** A branch or tag. */
export function readSnapshotRef(shape: JsonShape, value: unknown, name: string): SnapshotRef {
  const json = shape.object(value, name);
  const type = shape.string(json["type"], `${name}.type`).toLowerCase();
  if (type !== "branch" && type !== "tag") throw shape.fail(`${name}.type must be branch or tag.`);
  const limits = ["min-snapshots-to-keep", "max-snapshot-age-ms", "max-ref-age-ms"].flatMap((key) =>
    json[key] === undefined || json[key] === null ? [] : [[key, shape.integer(json[key], `${name}.${key}`)] as const],
  );
  return { type, "snapshot-id": shape.long(json["snapshot-id"], `${name}.snapshot-id`), ...Object.fromEntries(limits) };
}
