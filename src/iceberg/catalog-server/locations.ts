// Where tables and views may keep their files: inside the warehouse, apart from each other.

import { LakeError, stringToUtf8, type TableIdentifier } from "#core";
import type { TableMetadata } from "../table-metadata.ts";
import type { CatalogCaller } from "./caller.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import type { Namespace } from "./pointer-store.ts";

/** Longest location, bytes: object keys end at 1,024 and also hold partitions and file names. */
const MAX_LOCATION_BYTES = 440;

/** Segments that other software reads as another folder. */
const BAD_SEGMENTS = new Set(["", ".", ".."]);

/** The namespace property under which its tables get their locations. */
export const NAMESPACE_LOCATION = "location";

/** Errors: `invalid_request` for a location no table may have. */
export function checkLocation(deps: Pick<CatalogServerDeps, "warehouse">, location: string): void {
  const { warehouse } = deps;
  if (!location.startsWith(`${warehouse}/`)) {
    throw new LakeError("invalid_request", `The location ${location} is outside the warehouse ${warehouse}.`);
  }
  const segments = location.slice(warehouse.length + 1).split("/");
  const hasControl = Array.from(location).some((char) => (char.codePointAt(0) as number) < 0x20);
  if (segments.some((segment) => BAD_SEGMENTS.has(segment)) || hasControl || !location.isWellFormed()) {
    throw new LakeError("invalid_request", `The location ${location} has empty segments or control characters.`);
  }
  const sizeBytes = stringToUtf8(location).length;
  if (sizeBytes > MAX_LOCATION_BYTES) {
    const message = `The location has ${sizeBytes} bytes; at most ${MAX_LOCATION_BYTES} leave room for file names.`;
    throw new LakeError("invalid_request", message);
  }
}

/** Properties that send a table's files to other folders, newest names first. */
const PATH_PROPERTIES = [
  "write.data.path",
  "write.metadata.path",
  "write.object-storage.path",
  "write.folder-storage.path",
] as const;

/** The folders a table's files may lie in: its location and where its properties send them. */
export function tableFolders(metadata: Pick<TableMetadata, "location" | "properties">): string[] {
  const paths = PATH_PROPERTIES.flatMap((name) => metadata.properties[name] ?? []);
  return [metadata.location, ...paths].map(withoutTrailingSlash);
}

/** A location as it is compared. */
export function withoutTrailingSlash(location: string): string {
  return location.replace(/\/+$/, "");
}

/**
 * Errors: `forbidden` when the caller is confined to namespaces and the folder is not of one of them: what lies there,
 * of tables dropped without purge for example, must not become readable through a new table.
 */
export function checkReach(
  { warehouse }: Pick<CatalogServerDeps, "warehouse">,
  caller: CatalogCaller,
  location: string,
): void {
  const folders = caller.namespaces?.map((namespace) => `${warehouse}/${namespace}`);
  if (folders === undefined) return;
  const isOurs = (folder: string): boolean =>
    location === folder || location.startsWith(`${folder}/`) || location.startsWith(`${folder}.`);
  if (folders.some(isOurs)) return;
  throw new LakeError("forbidden", `The token "${caller.name}" does not reach the location ${location}.`);
}

/**
 * Refuses folders and manifest lists outside the warehouse or the caller's reach, and folders that belong to another
 * table: what lies there would be deleted with this one.
 *
 * Cost: one call to the store for each path property that changed. Errors: `invalid_request`, `forbidden`.
 */
export async function checkTableFolders(
  deps: CatalogServerDeps,
  caller: CatalogCaller,
  base: TableMetadata | undefined,
  next: TableMetadata,
): Promise<void> {
  if (next.location !== base?.location) {
    checkLocation(deps, next.location);
    checkReach(deps, caller, next.location);
  }
  for (const name of PATH_PROPERTIES) {
    const path = next.properties[name];
    if (path === undefined || path === base?.properties[name]) continue;
    const folder = withoutTrailingSlash(path);
    checkLocation(deps, folder);
    if (isWithin(folder, next.location)) continue;
    checkReach(deps, caller, folder);
    const other = await deps.pointers.tableAtLocation(folder);
    if (other !== undefined) {
      throw new LakeError("invalid_request", `${name} ${path} lies with the files of ${other}.`);
    }
  }
  const known = new Set(base?.snapshots.map((snapshot) => snapshot["snapshot-id"]));
  const ours = base === undefined ? tableFolders(next) : [...tableFolders(base), ...tableFolders(next)];
  for (const snapshot of next.snapshots) {
    if (known.has(snapshot["snapshot-id"])) continue;
    const list = snapshot["manifest-list"];
    // Snapshots of format version 1 may list their manifests themselves.
    if (list === "") continue;
    if (!list.startsWith(`${deps.warehouse}/`)) {
      throw new LakeError("invalid_request", `The manifest list ${list} is outside the warehouse ${deps.warehouse}.`);
    }
    if (!ours.some((folder) => isWithin(list, folder))) checkReach(deps, caller, list);
  }
}

/** Whether a location is the folder or lies below it. */
export function isWithin(location: string, folder: string): boolean {
  return location === folder || location.startsWith(`${folder}/`);
}

/** The error of a location that another table has. */
export function locationTaken(location: string, by: string): LakeError {
  return new LakeError("invalid_request", `The location ${location} belongs to another table: ${by}.`);
}

/**
 * Where a namespace keeps its tables unless its properties say otherwise. Levels join with dots, which no name holds:
 * the folder of a namespace never lies within that of a table.
 */
export function defaultNamespaceLocation(deps: Pick<CatalogServerDeps, "warehouse">, namespace: Namespace): string {
  return `${deps.warehouse}/${namespace.join(".")}`;
}

/** A new table's or view's location. */
export async function chooseLocation(
  deps: CatalogServerDeps,
  name: TableIdentifier,
  namespaceProperties: Readonly<Record<string, string>>,
  requested: string | undefined,
): Promise<string> {
  if (requested !== undefined) {
    const location = withoutTrailingSlash(requested);
    checkLocation(deps, location);
    return location;
  }
  const folder = namespaceProperties[NAMESPACE_LOCATION] ?? defaultNamespaceLocation(deps, name.namespace);
  const location = `${withoutTrailingSlash(folder)}/${name.name}`;
  checkLocation(deps, location);
  // A renamed table keeps its location: a later table of its former name must not share its files.
  const isUsed = (await deps.pointers.tableAtLocation(location)) !== undefined;
  return isUsed ? `${location}-${deps.random.uuid().slice(0, 8)}` : location;
}
