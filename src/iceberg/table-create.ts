// The first metadata of a table from a create request: field ids are assigned afresh, as the REST catalog must.

import { LakeError } from "#core";
import { createJsonShape } from "./json-shape.ts";
import { createFromUpdates } from "./metadata-builder.ts";
import { readPartitionSpec, readSchema, readSortOrder } from "./schema-json.ts";
import { assignFreshIds, mappedId, type IcebergSchema } from "./schema.ts";
import { UNSORTED_ORDER, type SortOrder, type TableMetadata } from "./table-metadata.ts";
import type { PartitionSpecRequest, TableUpdate } from "./table-update.ts";

const shape = createJsonShape("invalid_request", "The request");

/** A create request as the REST catalog receives it. */
export interface CreateTableRequest {
  readonly name: string;
  readonly location: string | undefined;
  readonly schema: IcebergSchema;
  readonly spec: PartitionSpecRequest;
  readonly order: SortOrder;
  readonly properties: Readonly<Record<string, string>>;
  /** Whether the table is only prepared; a commit with assert-create makes it. */
  readonly isStaged: boolean;
}

/** Reads a create request's body. Errors: `invalid_request`. */
export function parseCreateTableRequest(body: unknown): CreateTableRequest {
  const json = shape.object(body, "body");
  const name = shape.string(json["name"], "name");
  if (name === "") throw shape.fail("name must not be empty.");
  return {
    name,
    location:
      json["location"] === undefined || json["location"] === null
        ? undefined
        : shape.string(json["location"], "location"),
    schema: readSchema(shape, json["schema"], "schema"),
    spec:
      json["partition-spec"] === undefined || json["partition-spec"] === null
        ? { fields: [] }
        : readPartitionSpec(shape, json["partition-spec"], "partition-spec"),
    order:
      json["write-order"] === undefined || json["write-order"] === null
        ? UNSORTED_ORDER
        : readSortOrder(shape, json["write-order"], "write-order"),
    properties:
      json["properties"] === undefined || json["properties"] === null
        ? {}
        : shape.stringMap(json["properties"], "properties"),
    isStaged:
      json["stage-create"] === undefined || json["stage-create"] === null
        ? false
        : shape.boolean(json["stage-create"], "stage-create"),
  };
}

const FORMAT_VERSION_PROPERTY = "format-version";
const DEFAULT_FORMAT_VERSION = 2;
const MIN_FORMAT_VERSION = 1;

/**
 * The table's first metadata. Field ids count from 1, partition field ids from 1000, whatever the request had.
 *
 * Errors: `invalid_request`.
 */
export function createTableMetadata(
  request: CreateTableRequest,
  start: { readonly tableUuid: string; readonly location: string },
  nowMs: number,
): TableMetadata {
  const { schema, idByOldId } = assignFreshIds(request.schema);
  const { [FORMAT_VERSION_PROPERTY]: version, ...properties } = request.properties;
  const formatVersion = Number(version ?? DEFAULT_FORMAT_VERSION);
  if (!Number.isInteger(formatVersion) || formatVersion < MIN_FORMAT_VERSION) {
    throw new LakeError("invalid_request", `Tables of format version ${version ?? ""} cannot be created.`);
  }
  const spec = {
    fields: request.spec.fields.map((field) => ({
      "source-id": mappedId(idByOldId, field["source-id"]),
      name: field.name,
      transform: field.transform,
    })),
  };
  const order = {
    ...request.order,
    fields: request.order.fields.map((field) => ({ ...field, "source-id": mappedId(idByOldId, field["source-id"]) })),
  };
  const updates: TableUpdate[] = [
    { action: "upgrade-format-version", "format-version": formatVersion },
    { action: "add-schema", schema },
    { action: "set-current-schema", "schema-id": -1 },
    { action: "add-spec", spec },
    { action: "set-default-spec", "spec-id": -1 },
    { action: "add-sort-order", "sort-order": order },
    { action: "set-default-sort-order", "sort-order-id": -1 },
    { action: "set-properties", updates: properties },
  ];
  return createFromUpdates({ ...start, location: start.location.replace(/\/+$/, "") }, updates, nowMs);
}
