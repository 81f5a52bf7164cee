// POST /admin/tables/{table}/…: changes of a table's partition spec, sort order and properties. Each is one atomic
// commit; data files stay as they are.

import { LakeError, parseTableName, unreachable } from "#core";
import { TableNameSchema, jsonResponse, type HttpContext } from "#http";
import type { PendingCommit, Table } from "#iceberg";
import { isWatermarkProperty } from "#ingest";
import { logEvent } from "#telemetry";
import { z } from "@hono/zod-openapi";
import type { RouteModule } from "../services.ts";
import { TableDescriptionSchema, describeTable } from "../table-description.ts";

const MAX_BODY_BYTES = 64 * 1024;

const NameSchema = z.string().min(1).max(255);
const ParamsSchema = z.strictObject({ table: TableNameSchema });

const SpecChangeSchema = z
  .strictObject({
    add: z
      .array(
        z.strictObject({
          column: NameSchema,
          transform: NameSchema.default("identity").openapi({ example: "day" }),
          name: NameSchema.optional().openapi({ description: "Default: column and transform, as timestamp_day." }),
        }),
      )
      .max(32)
      .default([]),
    remove: z.array(NameSchema).max(32).default([]).openapi({ description: "Names of partition fields." }),
  })
  .refine(({ add, remove }) => add.length + remove.length > 0, "Name a field to add or to remove.")
  .openapi("PartitionSpecChange");

const SortOrderChangeSchema = z
  .strictObject({
    sort: z
      .array(
        z.union([
          NameSchema,
          z.strictObject({
            column: NameSchema,
            direction: z.enum(["asc", "desc"]).default("asc"),
            nullOrder: z.enum(["nulls-first", "nulls-last"]).optional(),
          }),
        ]),
      )
      .max(16)
      .openapi({ description: "Sort keys, the first counts most; none means unsorted." }),
  })
  .openapi("SortOrderChange");

const PropertiesChangeSchema = z
  .strictObject({
    set: z.record(NameSchema, z.union([z.string().max(4096), z.boolean(), z.number()])).default({}),
    remove: z.array(NameSchema).max(256).default([]),
  })
  .refine(({ set, remove }) => Object.keys(set).length + remove.length > 0, "Name a property to set or to remove.")
  .openapi("PropertiesChange", {
    example: { set: { "write.parquet.bloom-filter-enabled.column.user_id": "true" }, remove: [] },
  });

function refuseWatermarks(names: readonly string[]): void {
  const name = names.find(isWatermarkProperty);
  if (name === undefined) return;
  throw new LakeError("invalid_option", `${name} belongs to ingest; the table was not changed.`, {
    details: { option: name },
  });
}

/** Whether the table is already partitioned so, by a field that is not about to be removed. */
function hasField(
  table: Table,
  wanted: { readonly column: string; readonly transform: string; readonly name?: string | undefined },
  removed: readonly string[],
): boolean {
  const source = table.schema().fields.find(({ name }) => name === wanted.column);
  return table
    .spec()
    .fields.some(
      (field) =>
        field["source-id"] === source?.id &&
        field.transform === wanted.transform &&
        field.name === (wanted.name ?? field.name) &&
        !removed.includes(field.name),
    );
}

/** `POST /admin/tables/{table}/{spec,sort-order,properties}`. */
export const tableChangeRoutes: RouteModule = (app, { catalog, log }) => {
  const change = async (
    name: string,
    what: string,
    c: HttpContext,
    prepare: (table: Table) => PendingCommit | undefined,
  ): Promise<Response> => {
    const table = await catalog.client.loadTable(parseTableName(name));
    const pending = prepare(table);
    if (pending === undefined) return jsonResponse(describeTable(table));
    const result = await pending.commit();
    c.set("operation", { event: "table_commit", table: name, change: what, outcome: result.outcome });
    switch (result.outcome) {
      case "committed":
        return jsonResponse(describeTable(result.table));
      case "conflict":
        throw new LakeError("commit_conflict", `${result.reason} The table was not changed.`);
      case "unknown":
        logEvent(log, { event: "internal_error", level: "error", table: name, cause: String(result.error) });
        throw new LakeError("commit_state_unknown", "The catalog did not say whether the change is in.");
      default:
        return unreachable(result);
    }
  };

  const common = {
    method: "post",
    tag: "Administration",
    scope: "admin",
    params: ParamsSchema,
    replies: { 200: { description: "The table after the change.", schema: TableDescriptionSchema } },
    errors: [
      "table_not_found",
      "namespace_not_found",
      "undefined_column",
      "invalid_option",
      "commit_conflict",
      "commit_state_unknown",
      "storage_unavailable",
    ],
  } as const;

  app.route(
    {
      ...common,
      path: "/admin/tables/{table}/spec",
      operationId: "changePartitionSpec",
      summary: "Change how future files are partitioned",
      description:
        "Adding a field that the table already has changes nothing, so that a runbook can be followed twice.",
      body: { schema: SpecChangeSchema, maxBytes: MAX_BODY_BYTES },
    },
    ({ params, body }, c) =>
      change(params.table, "spec", c, (table) => {
        const missing = body.add.filter((field) => !hasField(table, field, body.remove));
        if (missing.length + body.remove.length === 0) return undefined;
        let update = table.updateSpec();
        for (const name of body.remove) update = update.removeField(name);
        for (const field of missing) update = update.addField(field.column, field.transform, field.name);
        return update;
      }),
  );

  app.route(
    {
      ...common,
      path: "/admin/tables/{table}/sort-order",
      operationId: "changeSortOrder",
      summary: "Change how rows of future files are sorted",
      body: { schema: SortOrderChangeSchema, maxBytes: MAX_BODY_BYTES },
    },
    ({ params, body }, c) =>
      change(params.table, "sort-order", c, (table) => {
        let order = table.replaceSortOrder();
        for (const key of body.sort) {
          const { column, direction, nullOrder } =
            typeof key === "string" ? { column: key, direction: "asc" as const, nullOrder: undefined } : key;
          order = direction === "asc" ? order.asc(column, nullOrder) : order.desc(column, nullOrder);
        }
        return order;
      }),
  );

  app.route(
    {
      ...common,
      path: "/admin/tables/{table}/properties",
      operationId: "changeProperties",
      summary: "Set and remove table properties",
      body: { schema: PropertiesChangeSchema, maxBytes: MAX_BODY_BYTES },
    },
    ({ params, body }, c) => {
      refuseWatermarks([...Object.keys(body.set), ...body.remove]);
      return change(params.table, "properties", c, (table) => {
        let update = table.updateProperties();
        for (const [key, value] of Object.entries(body.set)) update = update.set(key, String(value));
        for (const key of body.remove) update = update.remove(key);
        return update;
      });
    },
  );
};
