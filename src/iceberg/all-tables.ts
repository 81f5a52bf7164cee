// Every table of a catalog, in one list.

import { LakeError, type TableIdentifier } from "#core";
import type { CatalogClient } from "./table.ts";

/** Tables of all namespaces. A namespace that is dropped while they are listed has none. Cost: one request each. */
export async function listAllTables(
  client: Pick<CatalogClient, "listNamespaces" | "listTables">,
): Promise<readonly TableIdentifier[]> {
  const namespaces = await client.listNamespaces();
  const lists = await Promise.all(
    namespaces.map(async (namespace) => {
      try {
        return await client.listTables(namespace);
      } catch (error) {
        if (isAbsentNamespace(error)) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}

/** Whether a namespace was not there when it was asked for. */
export function isAbsentNamespace(error: unknown): boolean {
  return error instanceof LakeError && error.code === "namespace_not_found";
}
