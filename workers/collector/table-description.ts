// A table as the HTTP API shows it: what people ask first, with 64-bit ids as strings.

import { tableNameToString } from "#core";
import type { Table } from "#iceberg";
import { z } from "@hono/zod-openapi";

/** The shape of {@link describeTable}. */
export const TableDescriptionSchema = z
  .object({
    name: z.string(),
    uuid: z.string(),
    location: z.string(),
    metadata_location: z.string(),
    format_version: z.int(),
    columns: z.array(
      z.object({
        id: z.int(),
        name: z.string(),
        type: z.unknown().openapi({ description: "An Iceberg type: a name, or an object for nested types." }),
        required: z.boolean(),
      }),
    ),
    partition: z.array(z.object({ name: z.string(), column: z.string(), transform: z.string() })),
    sort_order: z.array(
      z.object({
        column: z.string(),
        transform: z.string(),
        direction: z.enum(["asc", "desc"]),
        null_order: z.enum(["nulls-first", "nulls-last"]),
      }),
    ),
    snapshot: z
      .object({
        id: z.string(),
        parent_id: z.string().nullable(),
        timestamp: z.string(),
        operation: z.string(),
      })
      .nullable(),
    files: z.int().openapi({ description: "Live data files of the snapshot." }),
    bytes: z.int(),
    rows: z
      .int()
      .openapi({ description: "Rows of the snapshot; acknowledged rows may still be on their way into it." }),
    properties: z.record(z.string(), z.string()),
  })
  .openapi("Table");

/** Describes a table from its metadata alone. */
export function describeTable(table: Table): z.output<typeof TableDescriptionSchema> {
  const { metadata } = table;
  const fields = table.schema().fields;
  const columnName = (sourceId: number): string =>
    fields.find(({ id }) => id === sourceId)?.name ?? `field ${sourceId}`;
  const snapshot = table.currentSnapshot();
  const total = (key: string): number => Number(snapshot?.summary[key] ?? 0);
  const parentId = snapshot?.["parent-snapshot-id"];
  return {
    name: tableNameToString(table.identifier),
    uuid: metadata["table-uuid"],
    location: metadata.location,
    metadata_location: table.metadataLocation,
    format_version: metadata["format-version"],
    columns: fields.map(({ id, name, type, required }) => ({ id, name, type, required })),
    partition: table.spec().fields.map((field) => ({
      name: field.name,
      column: columnName(field["source-id"]),
      transform: field.transform,
    })),
    sort_order: table.sortOrder().fields.map((field) => ({
      column: columnName(field["source-id"]),
      transform: field.transform,
      direction: field.direction,
      null_order: field["null-order"],
    })),
    snapshot:
      snapshot === undefined
        ? null
        : {
            id: String(snapshot["snapshot-id"]),
            parent_id: parentId === undefined ? null : String(parentId),
            timestamp: new Date(snapshot["timestamp-ms"]).toISOString(),
            operation: snapshot.summary.operation,
          },
    files: total("total-data-files"),
    bytes: total("total-files-size"),
    rows: total("total-records"),
    properties: { ...metadata.properties },
  };
}
