// View endpoints of the catalog.

import { LakeError, type TableIdentifier } from "#core";
import { createJsonShape } from "../json-shape.ts";
import { readSchema } from "../schema-json.ts";
import {
  applyViewUpdates,
  checkViewRequirements,
  createView as createMetadata,
  parseViewCommitRequest,
  type ViewUpdate,
} from "../view-updates.ts";
import { decodeViewMetadata, encodeViewMetadata, readViewVersion, type ViewMetadata } from "../view-metadata.ts";
import { requireWriteTo } from "./caller.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import { jsonResponse } from "./catalog-errors.ts";
import { DoneBeforeError } from "./done-before.ts";
import {
  NAMESPACE_LOCATION,
  checkLocation,
  checkReach,
  defaultNamespaceLocation,
  withoutTrailingSlash,
} from "./locations.ts";
import { checkName, nameTaken, noSuchEntry, noSuchNamespace, readIdentifier, renameTaken } from "./names.ts";
import { listPage, readPage } from "./pages.ts";
import { entryText, type Namespace, type SwapOutcome } from "./pointer-store.ts";
import type { RequestContext } from "./request-context.ts";
import { deleteQuietly, nextMetadataLocation, readMetadataBytes, writeOrRemove } from "./stored-metadata.ts";

const shape = createJsonShape("invalid_request", "The request");

const METADATA_PATH = "write.metadata.path";
const GC_ENABLED = "gc.enabled";
/** Attempts to swap a pointer that others move. */
const COMMIT_ATTEMPTS = 6;
/** Upper bound of the first wait between attempts; doubles each time. */
const COMMIT_BASE_DELAY_MS = 10;

interface StoredView {
  readonly location: string;
  readonly metadata: ViewMetadata;
}

/** GET /v1/namespaces/{namespace}/views */
export async function listViews({ deps, query }: RequestContext, namespace: Namespace): Promise<Response> {
  const listed = await listPage(
    readPage(query),
    (name: string) => name,
    (page) => deps.pointers.listEntries("view", namespace, page),
  );
  if (listed === undefined) throw noSuchNamespace(namespace);
  const { items, ...rest } = listed;
  return jsonResponse({ identifiers: items.map((name) => ({ namespace, name })), ...rest });
}

/** POST /v1/namespaces/{namespace}/views */
export async function createView(context: RequestContext, namespace: Namespace): Promise<Response> {
  const { deps } = context;
  const json = shape.object(context.body, "body");
  const name = shape.string(json["name"], "name");
  checkName(name, "A view's name");
  const view = { namespace, name };
  const properties = optionalStrings(json["properties"], "properties");
  const updates: ViewUpdate[] = [
    { action: "set-properties", updates: properties },
    { action: "add-schema", schema: readSchema(shape, json["schema"], "schema") },
    {
      action: "add-view-version",
      // The schema of a create is the request's, whatever number the version gives it.
      "view-version": { ...readViewVersion(shape, json["view-version"], "view-version"), "schema-id": -1 },
    },
    { action: "set-current-view-version", "view-version-id": -1 },
  ];
  const namespaceProperties = await deps.pointers.namespaceProperties(namespace);
  if (namespaceProperties === undefined) throw noSuchNamespace(namespace);
  const taken = await deps.pointers.findEntry(view);
  if (taken !== undefined) throw nameTaken("view", taken.kind, view);
  const requested = json["location"];
  const folder = namespaceProperties[NAMESPACE_LOCATION] ?? defaultNamespaceLocation(deps, namespace);
  const location = withoutTrailingSlash(
    requested === undefined || requested === null
      ? `${withoutTrailingSlash(folder)}/${name}`
      : shape.string(requested, "location"),
  );
  const metadata = createMetadata({ uuid: deps.random.uuid(), location }, updates, deps.clock.nowMs());
  checkFolders(context, undefined, metadata);
  const stored = await writeView(deps, metadata, undefined);
  await addPointer(context, view, stored.location, () => deleteQuietly(deps, [stored.location]));
  return viewResponse(stored);
}

async function addPointer(
  { deps, receipt }: RequestContext,
  view: TableIdentifier,
  location: string,
  undo: () => Promise<void>,
): Promise<void> {
  const outcome = await swap(deps, view, undefined, location, receipt);
  if (outcome.outcome === "swapped") return;
  await undo();
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  if (outcome.outcome === "exists") throw nameTaken("view", outcome.kind, view);
  throw noSuchNamespace(view.namespace);
}

/** Swaps a view's pointer; a call that threw is settled by reading the pointer. Errors: `commit_state_unknown`. */
async function swap(
  deps: CatalogServerDeps,
  view: TableIdentifier,
  expected: string | undefined,
  next: string,
  receipt: RequestContext["receipt"],
): Promise<SwapOutcome> {
  try {
    return await deps.pointers.swapPointers("view", [{ table: view, expected, next, location: undefined }], receipt);
  } catch (cause) {
    const entry = await deps.pointers.findEntry(view).catch(() => undefined);
    if (entry?.metadataLocation === next) return { outcome: "swapped" };
    throw new LakeError("commit_state_unknown", "The catalog could not tell whether the commit is in.", { cause });
  }
}

function optionalStrings(value: unknown, name: string): Record<string, string> {
  return value === undefined || value === null ? {} : shape.stringMap(value, name);
}

/** Errors: `invalid_request` or `forbidden` for folders a view may not have. */
function checkFolders({ deps, caller }: RequestContext, base: ViewMetadata | undefined, next: ViewMetadata): void {
  if (next.location !== base?.location) {
    checkLocation(deps, next.location);
    checkReach(deps, caller, next.location);
  }
  const folder = metadataFolder(next);
  if (base !== undefined && folder === metadataFolder(base)) return;
  checkLocation(deps, folder);
  checkReach(deps, caller, folder);
}

function metadataFolder({ location, properties }: ViewMetadata): string {
  return withoutTrailingSlash(properties[METADATA_PATH] ?? `${location}/metadata`);
}

async function writeView(
  deps: CatalogServerDeps,
  metadata: ViewMetadata,
  previous: string | undefined,
): Promise<StoredView> {
  const location = nextMetadataLocation(deps, metadataFolder(metadata), previous);
  await writeOrRemove(deps, location, encodeViewMetadata(metadata));
  return { location, metadata };
}

function viewResponse({ location, metadata }: StoredView): Response {
  return jsonResponse({ "metadata-location": location, metadata, config: {} });
}

async function viewPointer(deps: CatalogServerDeps, view: TableIdentifier): Promise<string> {
  const entry = await deps.pointers.findEntry(view);
  if (entry?.kind !== "view") throw noSuchEntry("view", view);
  return entry.metadataLocation;
}

async function readView(deps: CatalogServerDeps, location: string): Promise<StoredView> {
  return { location, metadata: decodeViewMetadata(await readMetadataBytes(deps, location)) };
}

/** GET /v1/namespaces/{namespace}/views/{view} */
export async function loadView({ deps }: RequestContext, view: TableIdentifier): Promise<Response> {
  return viewResponse(await readView(deps, await viewPointer(deps, view)));
}

/** The reply to a change that was made before: the view as it was then, or as it is where that file is gone. */
export async function repeatView(context: RequestContext, view: TableIdentifier, made: string): Promise<Response> {
  try {
    return viewResponse(await readView(context.deps, made));
  } catch (error) {
    if (!(error instanceof LakeError) || error.code !== "not_found") throw error;
    return loadView(context, view);
  }
}

/** HEAD /v1/namespaces/{namespace}/views/{view} */
export async function headView({ deps }: RequestContext, view: TableIdentifier): Promise<Response> {
  await viewPointer(deps, view);
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/views/{view} */
export async function updateView(context: RequestContext, view: TableIdentifier): Promise<Response> {
  const { deps, body, receipt } = context;
  const request = parseViewCommitRequest(body);
  for (let attempt = 1; ; attempt++) {
    const base = await readView(deps, await viewPointer(deps, view));
    checkViewRequirements(base.metadata, request.requirements);
    if (request.updates.length === 0) return viewResponse(base);
    const metadata = applyViewUpdates(base.metadata, request.updates, deps.clock.nowMs());
    checkFolders(context, base.metadata, metadata);
    const next = await writeView(deps, metadata, base.location);
    const outcome = await swap(deps, view, base.location, next.location, receipt);
    if (outcome.outcome === "swapped") return viewResponse(next);
    await deleteQuietly(deps, [next.location]);
    if (outcome.outcome === "done_before") throw new DoneBeforeError();
    if (outcome.outcome === "missing") throw noSuchEntry("view", view);
    if (attempt >= COMMIT_ATTEMPTS) {
      throw new LakeError("commit_conflict", `Other commits kept moving ${entryText(view)}; nothing was committed.`);
    }
    await deps.sleep(deps.random.nextUnit() * COMMIT_BASE_DELAY_MS * 2 ** (attempt - 1));
  }
}

/** DELETE /v1/namespaces/{namespace}/views/{view}; the metadata file goes too unless gc.enabled is false. */
export async function dropView({ deps, receipt }: RequestContext, view: TableIdentifier): Promise<Response> {
  const outcome = await deps.pointers.dropEntry("view", view, receipt);
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  if (outcome.outcome === "missing") throw noSuchEntry("view", view);
  try {
    const { metadata, location } = await readView(deps, outcome.metadataLocation);
    if (metadata.properties[GC_ENABLED] !== "false") await deps.io.delete([location]);
  } catch (error) {
    deps.reportError?.(error);
  }
  return new Response(null, { status: 204 });
}

/** POST /v1/views/rename */
export async function renameView({ deps, body, caller, receipt }: RequestContext): Promise<Response> {
  const json = shape.object(body, "body");
  const source = readIdentifier(json["source"], "source");
  const destination = readIdentifier(json["destination"], "destination");
  requireWriteTo(caller, [source, destination]);
  const outcome = await deps.pointers.renameEntry("view", source, destination, receipt);
  if (outcome.outcome === "done_before") throw new DoneBeforeError();
  if (outcome.outcome === "missing") throw noSuchEntry("view", source);
  if (outcome.outcome === "no_namespace") throw noSuchNamespace(destination.namespace);
  if (outcome.outcome === "exists") throw renameTaken(source, destination, outcome.kind);
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/register-view */
export async function registerView(context: RequestContext, namespace: Namespace): Promise<Response> {
  const { deps, caller } = context;
  const json = shape.object(context.body, "body");
  const name = shape.string(json["name"], "name");
  checkName(name, "A view's name");
  const location = shape.string(json["metadata-location"], "metadata-location");
  checkLocation(deps, location);
  checkReach(deps, caller, location);
  const view = { namespace, name };
  if ((await deps.pointers.namespaceProperties(namespace)) === undefined) throw noSuchNamespace(namespace);
  const taken = await deps.pointers.findEntry(view);
  if (taken !== undefined) throw nameTaken("view", taken.kind, view);
  const stored = await readRegistered(deps, location);
  checkFolders(context, undefined, stored.metadata);
  await addPointer(context, view, location, async () => {});
  return viewResponse(stored);
}

async function readRegistered(deps: CatalogServerDeps, location: string): Promise<StoredView> {
  try {
    return await readView(deps, location);
  } catch (cause) {
    if (cause instanceof LakeError && cause.status < 500) throw shape.fail(cause.message);
    throw cause;
  }
}
