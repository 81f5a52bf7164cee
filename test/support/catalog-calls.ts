// Calls a catalog's handler as a REST client does.

import { parseJson, stringifyJson } from "#core";
import type { IcebergLake } from "./iceberg-lake.ts";

/** What came back. */
export interface CatalogReply {
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly headers: Headers;
}

/** Sends a request below /v1; `body` is JSON or text as it is. */
export async function callCatalog(
  lake: Pick<IcebergLake, "handler">,
  method: string,
  path: string,
  body?: unknown,
  headers: HeadersInit = {},
): Promise<CatalogReply> {
  const text = typeof body === "string" ? body : stringifyJson(body);
  const response = await lake.handler(
    new Request(`http://catalog.test/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: text }) }),
  );
  const reply = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: reply === "" ? {} : (parseJson(reply) as CatalogReply["body"]),
  };
}
