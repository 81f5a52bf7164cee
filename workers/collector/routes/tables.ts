// GET /v1/tables: what there is to query.

import { parseTableName, tableNameToString } from "#core";
import { jsonResponse, mayUseNamespace, requireNamespace } from "#http";
import { listAllTables } from "#iceberg";
import { z } from "@hono/zod-openapi";
import type { RouteModule } from "../services.ts";
import { TableDescriptionSchema, describeTable } from "../table-description.ts";

const TableListSchema = z
  .object({
    tables: z.array(z.object({ name: z.string(), namespace: z.string(), table: z.string() })),
  })
  .openapi("TableList");

const ERRORS = ["storage_unavailable", "metadata_invalid"] as const;

/** `GET /v1/tables` and `GET /v1/tables/{namespace}/{table}`. */
export const tableRoutes: RouteModule = (app, { catalog }) => {
  app.route(
    {
      method: "get",
      path: "/v1/tables",
      operationId: "listTables",
      tag: "Tables",
      summary: "List all tables",
      scope: "query",
      replies: { 200: { description: "Every table of every namespace the token reaches.", schema: TableListSchema } },
      errors: ERRORS,
    },
    async (_input, c) => {
      const reachable = (await listAllTables(catalog.client)).filter((table) =>
        mayUseNamespace(c.get("principal"), table.namespace),
      );
      const tables = reachable.map((table) => ({
        name: tableNameToString(table),
        namespace: table.namespace.join("."),
        table: table.name,
      }));
      return jsonResponse({ tables });
    },
  );

  app.route(
    {
      method: "get",
      path: "/v1/tables/{namespace}/{table}",
      operationId: "getTable",
      tag: "Tables",
      summary: "Describe a table: columns, layout, snapshot, size",
      scope: "query",
      params: z.strictObject({ namespace: z.string().min(1).max(255), table: z.string().min(1).max(255) }),
      replies: { 200: { description: "The table as of its current snapshot.", schema: TableDescriptionSchema } },
      errors: ["table_not_found", "namespace_not_found", ...ERRORS],
    },
    async ({ params }, c) => {
      const table = parseTableName(`${params.namespace}.${params.table}`);
      requireNamespace(c.get("principal"), table.namespace);
      return jsonResponse(describeTable(await catalog.client.loadTable(table)));
    },
  );
};
