// Namespace endpoints of the catalog.

import { LakeError, stringToUtf8 } from "#core";
import { createJsonShape } from "../json-shape.ts";
import { jsonResponse } from "./catalog-errors.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import type { Namespace } from "./pointer-store.ts";

const shape = createJsonShape("invalid_request", "The request");

/** Separates levels in paths and query parameters. */
const LEVEL_SEPARATOR = "\u001F";

/** Levels of a namespace in a path or parameter. Errors: `invalid_request`. */
export function parseNamespace(text: string): Namespace {
  const levels = text.split(LEVEL_SEPARATOR);
  checkLevels(levels);
  return levels;
}

/** Names that cannot be told apart from path parts are refused: locations are made of them. */
export function checkLevels(levels: readonly string[]): void {
  if (levels.length === 0) throw shape.fail("a namespace needs at least one level.");
  for (const level of levels) checkName(level, "A namespace's level");
}

/** Longest name, bytes of UTF-8: object keys are made of names and end at 1,024 bytes. */
const MAX_NAME_BYTES = 255;

/** Errors: `invalid_request` for names that could escape their folder or could not be addressed later. */
export function checkName(name: string, what: string): void {
  if (!name.isWellFormed()) throw shape.fail(`${what} must be well-formed Unicode.`);
  if (stringToUtf8(name).length > MAX_NAME_BYTES) throw shape.fail(`${what} must be at most ${MAX_NAME_BYTES} bytes.`);
  const hasControl = Array.from(name).some((char) => (char.codePointAt(0) as number) < 0x20);
  // Queries and ingest write tables as namespace.table: a dot within a name would name another table's rows.
  if (name === "" || name.includes(".") || name.includes("/") || hasControl) {
    throw shape.fail(`${what} must not be empty or hold dots, slashes or control characters.`);
  }
}

/** A namespace as messages show it. */
export function namespaceText(namespace: Namespace): string {
  return namespace.join(".");
}

/** The error of a namespace that is not there. */
export function noSuchNamespace(namespace: Namespace): LakeError {
  return new LakeError("namespace_not_found", `Namespace does not exist: ${namespaceText(namespace)}`);
}

/** GET /v1/namespaces */
export async function listNamespaces(deps: CatalogServerDeps, query: URLSearchParams): Promise<Response> {
  const parentText = query.get("parent");
  const parent = parentText === null || parentText === "" ? [] : parseNamespace(parentText);
  const namespaces = await deps.pointers.listNamespaces(parent);
  if (namespaces === undefined) throw noSuchNamespace(parent);
  return jsonResponse({ namespaces });
}

/** POST /v1/namespaces */
export async function createNamespace(deps: CatalogServerDeps, body: unknown): Promise<Response> {
  const json = shape.object(body, "body");
  const namespace = shape.strings(json["namespace"], "namespace");
  checkLevels(namespace);
  const properties = optionalStrings(json["properties"], "properties");
  const outcome = await deps.pointers.createNamespace(namespace, properties);
  if (outcome === "exists") {
    throw new LakeError("already_exists", `Namespace already exists: ${namespaceText(namespace)}`);
  }
  if (outcome === "no_parent") throw noSuchNamespace(namespace.slice(0, -1));
  return jsonResponse({ namespace, properties });
}

function optionalStrings(value: unknown, name: string): Record<string, string> {
  return value === undefined || value === null ? {} : shape.stringMap(value, name);
}

/** GET and HEAD /v1/namespaces/{namespace} */
export async function loadNamespace(deps: CatalogServerDeps, namespace: Namespace): Promise<Response> {
  const properties = await deps.pointers.namespaceProperties(namespace);
  if (properties === undefined) throw noSuchNamespace(namespace);
  return jsonResponse({ namespace, properties });
}

/** DELETE /v1/namespaces/{namespace} */
export async function dropNamespace(deps: CatalogServerDeps, namespace: Namespace): Promise<Response> {
  const outcome = await deps.pointers.dropNamespace(namespace);
  if (outcome === "missing") throw noSuchNamespace(namespace);
  if (outcome === "not_empty") {
    throw new LakeError("namespace_not_empty", `Namespace ${namespaceText(namespace)} is not empty.`);
  }
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/properties */
export async function updateNamespace(deps: CatalogServerDeps, namespace: Namespace, body: unknown): Promise<Response> {
  const json = shape.object(body, "body");
  const updates = optionalStrings(json["updates"], "updates");
  const removals =
    json["removals"] === undefined || json["removals"] === null ? [] : shape.strings(json["removals"], "removals");
  const both = removals.find((key) => Object.hasOwn(updates, key));
  if (both !== undefined) {
    throw new LakeError("event_invalid", `A request cannot set and remove the property ${both} at once.`);
  }
  const change = await deps.pointers.updateNamespace(namespace, updates, removals);
  if (change === undefined) throw noSuchNamespace(namespace);
  return jsonResponse(change);
}
