// Another catalog in the place of ours, when CATALOG_URI names one.

import { systemClock } from "#core";
import {
  createForeignCatalog,
  forUnlimitedCallers,
  foreignCatalogAddress,
  type ForeignCatalogSettings,
} from "#iceberg";
import { createConsoleSink, errorToLogFields, logEvent } from "#telemetry";

type Handler = (request: Request) => Promise<Response>;

/** One for an isolate: it keeps the other catalog's configuration and our access token. */
let opened: { readonly env: object; readonly handle: Handler | undefined } | undefined;

/** What answers instead of our own catalog, or undefined when none is set. Malformed settings answer every request. */
export function foreignCatalog(env: CatalogEnv & ForeignCatalogSettings): Handler | undefined {
  if (opened?.env !== env) opened = { env, handle: openForeign(env) };
  return opened.handle;
}

function openForeign(env: ForeignCatalogSettings): Handler | undefined {
  try {
    const address = foreignCatalogAddress(env);
    if (address === undefined) return undefined;
    return forUnlimitedCallers(
      createForeignCatalog({ ...address, fetch: (input, init) => fetch(input, init), clock: systemClock }),
    );
  } catch (error) {
    // Serving our own catalog instead would show other tables than the ones meant.
    logEvent(createConsoleSink(), { event: "internal_error", level: "error", ...errorToLogFields(error) });
    const message = error instanceof Error ? error.message : String(error);
    const body = { error: { message, type: "InternalServerError", code: 500 } };
    return () => Promise.resolve(Response.json(body, { status: 500 }));
  }
}
