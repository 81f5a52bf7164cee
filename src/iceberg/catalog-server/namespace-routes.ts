// Namespace endpoints of the catalog.

import { LakeError } from "#core";
import { createJsonShape } from "../json-shape.ts";
import { requireWrite, seesNamespace } from "./caller.ts";
import { jsonResponse } from "./catalog-errors.ts";
import { DoneBeforeError } from "./done-before.ts";
import { NAMESPACE_LOCATION, checkLocation, checkReach, defaultNamespaceLocation } from "./locations.ts";
import { checkLevels, namespaceText, noSuchNamespace, parseNamespace } from "./names.ts";
import { listPage, readPage } from "./pages.ts";
import type { Namespace } from "./pointer-store.ts";
import type { RequestContext } from "./request-context.ts";

const shape = createJsonShape("invalid_request", "The request");

/** GET /v1/namespaces */
export async function listNamespaces({ deps, query, caller }: RequestContext): Promise<Response> {
  const parentText = query.get("parent");
  const parent = parentText === null || parentText === "" ? [] : parseNamespace(parentText);
  const listed = await listPage(
    readPage(query),
    (namespace: Namespace) => namespace.at(-1) ?? "",
    (page) => deps.pointers.listNamespaces(parent, page),
  );
  if (listed === undefined) throw noSuchNamespace(parent);
  const { items, ...rest } = listed;
  return jsonResponse({ namespaces: items.filter((namespace) => seesNamespace(caller, namespace)), ...rest });
}

/** A namespace's properties with the location its tables get when it names none. */
function described(
  deps: RequestContext["deps"],
  namespace: Namespace,
  properties: Readonly<Record<string, string>>,
): Response {
  const location = defaultNamespaceLocation(deps, namespace);
  return jsonResponse({ namespace, properties: { [NAMESPACE_LOCATION]: location, ...properties } });
}

/** POST /v1/namespaces */
export async function createNamespace({ deps, body, caller, receipt }: RequestContext): Promise<Response> {
  const json = shape.object(body, "body");
  const namespace = shape.strings(json["namespace"], "namespace");
  checkLevels(namespace);
  requireWrite(caller, namespace);
  const properties = optionalStrings(json["properties"], "properties");
  checkNamespaceLocation(deps, caller, properties);
  const outcome = await deps.pointers.createNamespace(namespace, properties, receipt);
  if (outcome === "done_before") throw new DoneBeforeError();
  if (outcome === "exists") {
    throw new LakeError("already_exists", `Namespace already exists: ${namespaceText(namespace)}`);
  }
  if (outcome === "no_parent") throw noSuchNamespace(namespace.slice(0, -1));
  return described(deps, namespace, properties);
}

/** Errors: `invalid_request` or `forbidden` for a location in which its tables could not be made. */
function checkNamespaceLocation(
  deps: RequestContext["deps"],
  caller: RequestContext["caller"],
  properties: Readonly<Record<string, string>>,
): void {
  const location = properties[NAMESPACE_LOCATION]?.replace(/\/+$/, "");
  if (location === undefined) return;
  checkLocation(deps, location);
  checkReach(deps, caller, location);
}

function optionalStrings(value: unknown, name: string): Record<string, string> {
  return value === undefined || value === null ? {} : shape.stringMap(value, name);
}

/** GET /v1/namespaces/{namespace} */
export async function loadNamespace({ deps }: RequestContext, namespace: Namespace): Promise<Response> {
  const properties = await deps.pointers.namespaceProperties(namespace);
  if (properties === undefined) throw noSuchNamespace(namespace);
  return described(deps, namespace, properties);
}

/** HEAD /v1/namespaces/{namespace} */
export async function headNamespace({ deps }: RequestContext, namespace: Namespace): Promise<Response> {
  if ((await deps.pointers.namespaceProperties(namespace)) === undefined) throw noSuchNamespace(namespace);
  return new Response(null, { status: 204 });
}

/** DELETE /v1/namespaces/{namespace} */
export async function dropNamespace({ deps, receipt }: RequestContext, namespace: Namespace): Promise<Response> {
  const outcome = await deps.pointers.dropNamespace(namespace, receipt);
  if (outcome === "done_before") throw new DoneBeforeError();
  if (outcome === "missing") throw noSuchNamespace(namespace);
  if (outcome === "not_empty") {
    throw new LakeError("namespace_not_empty", `Namespace ${namespaceText(namespace)} is not empty.`);
  }
  return new Response(null, { status: 204 });
}

/** What a request to change properties asks for. Errors: `invalid_request`, `event_invalid` for both at once. */
function readChanges(body: unknown): {
  readonly updates: Readonly<Record<string, string>>;
  readonly removals: readonly string[];
} {
  const json = shape.object(body, "body");
  const updates = optionalStrings(json["updates"], "updates");
  const removals = [
    ...new Set(
      json["removals"] === undefined || json["removals"] === null ? [] : shape.strings(json["removals"], "removals"),
    ),
  ];
  const both = removals.find((key) => Object.hasOwn(updates, key));
  if (both !== undefined) {
    throw new LakeError("event_invalid", `A request cannot set and remove the property ${both} at once.`);
  }
  return { updates, removals };
}

/** POST /v1/namespaces/{namespace}/properties */
export async function updateNamespace(context: RequestContext, namespace: Namespace): Promise<Response> {
  const { deps, caller, body, receipt } = context;
  const { updates, removals } = readChanges(body);
  checkNamespaceLocation(deps, caller, updates);
  const change = await deps.pointers.updateNamespace(namespace, updates, removals, receipt);
  if (change === "done_before") throw new DoneBeforeError();
  if (change === undefined) throw noSuchNamespace(namespace);
  return jsonResponse(change);
}

/** The reply to a namespace that was created before, whatever became of it. */
export async function repeatNamespaceCreate({ deps, body }: RequestContext): Promise<Response> {
  const json = shape.object(body, "body");
  return described(
    deps,
    shape.strings(json["namespace"], "namespace"),
    optionalStrings(json["properties"], "properties"),
  );
}

/** The reply to a change of properties that was made before: the one that was given then. */
export async function repeatNamespaceUpdate(change: string): Promise<Response> {
  return new Response(change, { headers: { "content-type": "application/json" } });
}
