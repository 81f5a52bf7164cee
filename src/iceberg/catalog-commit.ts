// Sending commits: one table through its own endpoint, several through transactions/commit. Source: Iceberg REST OpenAPI,
// updateTable and commitTransaction.

import { LakeError, parseJson, type TableIdentifier } from "#core";
import { IcebergError, type CommitTableRequest, type IcebergRestCatalog } from "iceberg-js";
import { toExactJson } from "./catalog-transport.ts";
import type { CommitAttempt, CommitChange } from "./commit-loop.ts";
import type { Table } from "./table.ts";

/** How commits reach the catalog. */
export interface CatalogCommitDeps {
  readonly rest: IcebergRestCatalog;
  readonly uri: string;
  readonly fetch: typeof fetch;
  readonly token?: string;
  readonly warehouse?: string;
  readonly load: (table: TableIdentifier) => Promise<Table>;
  readonly toTable: (
    table: TableIdentifier,
    reply: { readonly metadata: unknown; readonly "metadata-location"?: string },
  ) => Table;
}

const TRANSACTION_ENDPOINT = "POST /v1/{prefix}/transactions/commit";

/** Sends a commit. Errors: IcebergError, and `unsupported_operation` for a catalog without transactions. */
export async function commitChanges(
  deps: CatalogCommitDeps,
  changes: readonly CommitChange[],
): Promise<readonly Table[]> {
  const [only] = changes;
  if (only !== undefined && changes.length === 1) {
    const { namespace, name } = only.table;
    const body = toExactJson(commitBody(only.attempt)) as CommitTableRequest;
    const reply = await deps.rest.commitTable({ namespace: [...namespace], name }, body);
    return [deps.toTable(only.table, reply)];
  }
  await postTransaction(deps, changes);
  return Promise.all(changes.map(({ table }) => deps.load(table)));
}

/** The library types ids as number; raw JSON numbers keep them exact on the wire. */
function commitBody({ requirements, updates }: CommitAttempt): object {
  return { requirements, updates };
}

async function postTransaction(deps: CatalogCommitDeps, changes: readonly CommitChange[]): Promise<void> {
  const config = await deps.rest.loadConfig();
  if (config.endpoints !== undefined && !config.endpoints.includes(TRANSACTION_ENDPOINT)) {
    throw new LakeError("unsupported_operation", "The catalog cannot commit several tables together.");
  }
  const prefix = config.overrides["prefix"] ?? config.defaults["prefix"];
  const path = `v1/${prefix === undefined || prefix === "" ? "" : `${encodeURIComponent(prefix)}/`}transactions/commit`;
  const body = {
    "table-changes": changes.map(({ table, attempt }) => ({
      identifier: { namespace: table.namespace, name: table.name },
      ...commitBody(attempt),
    })),
  };
  const response = await deps.fetch(`${deps.uri.replace(/\/+$/, "")}/${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(deps.token === undefined ? {} : { authorization: `Bearer ${deps.token}` }),
    },
    body: JSON.stringify(toExactJson(body)),
  });
  if (response.ok) return;
  throw await responseError(response);
}

/** The error of a failed reply as iceberg-js would throw it. */
async function responseError(response: Response): Promise<IcebergError> {
  const text = await response.text();
  let error: { readonly message?: unknown; readonly type?: unknown } = {};
  try {
    error = (parseJson(text) as { readonly error?: typeof error }).error ?? {};
  } catch {
    // A gateway's page is no reason: the status tells enough.
  }
  const { message, type } = error;
  return new IcebergError(typeof message === "string" ? message : `The catalog answered ${response.status}.`, {
    status: response.status,
    ...(typeof type === "string" ? { icebergType: type } : {}),
  });
}
