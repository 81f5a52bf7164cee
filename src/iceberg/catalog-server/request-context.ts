// One request as the catalog's endpoints see it.

import type { CatalogCaller } from "./caller.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import type { Receipt } from "./pointer-store.ts";

/** What an endpoint gets beside the parameters of its path. */
export interface RequestContext {
  readonly deps: CatalogServerDeps;
  readonly caller: CatalogCaller;
  readonly query: URLSearchParams;
  readonly headers: Headers;
  /** The parsed body; undefined when there is none. */
  readonly body: unknown;
  /** Set when the request carries an Idempotency-Key. */
  readonly receipt: Receipt | undefined;
}
