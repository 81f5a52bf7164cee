// Replies that hold a table. Metadata goes out as its file has it, unparsed: loading costs the same however many
// snapshots a table has.

import { concatBytes, stringifyJson, stringToUtf8, type TableIdentifier } from "#core";
import type { TableMetadata } from "../table-metadata.ts";
import { metadataToUtf8 } from "./metadata-text.ts";
import { signsRemotely, storageConfig } from "./storage-access.ts";
import { readMetadataBytes, readStored, type StoredMetadata } from "./stored-metadata.ts";
import type { CatalogServerDeps } from "./catalog-deps.ts";
import type { RequestContext } from "./request-context.ts";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** Which snapshots a reply holds. */
export type SnapshotMode = "all" | "refs";

/**
 * Identifies a reply: the file, whose name holds a random UUID and which never changes, the snapshots in it and the
 * kind of access to storage.
 */
export function tableEtag(context: RequestContext, location: string, snapshots: SnapshotMode): string {
  const file = location.slice(location.lastIndexOf("/") + 1).replace(/[^\w.-]/g, "_");
  const access = signsRemotely(context.caller, delegationOf(context)) ? "sign" : "keys";
  return `"${file}-${snapshots}-${access}"`;
}

/** Whether If-None-Match names the tag: weakly, in a list, or as anything at all. */
export function matchesEtag(ifNoneMatch: string | null, etag: string): boolean {
  if (ifNoneMatch === null) return false;
  return ifNoneMatch
    .split(",")
    .map((item) => item.trim().replace(/^W\//, ""))
    .some((item) => item === etag || item === "*");
}

/** The table in a metadata file, whatever else the caller is told of its storage. */
export async function loadedTable(
  context: RequestContext,
  table: TableIdentifier,
  location: string,
  snapshots: SnapshotMode,
): Promise<Response> {
  const json =
    snapshots === "all"
      ? withoutMark(await readMetadataBytes(context.deps, location))
      : await referencedJson(context.deps, location);
  return respond(context, table, location, json, snapshots);
}

async function referencedJson(deps: CatalogServerDeps, location: string): Promise<Uint8Array> {
  const known = deps.memory?.referencedJson(location);
  if (known !== undefined) return known;
  const { metadata } = await readStored(deps, location);
  const json = metadataToUtf8(withReferencedSnapshots(metadata));
  deps.memory?.keepReferencedJson(location, json);
  return json;
}

/** A table that was just written. */
export function writtenTable(context: RequestContext, table: TableIdentifier, stored: StoredMetadata): Response {
  return respond(context, table, stored.location, stored.json ?? metadataToUtf8(stored.metadata), "all");
}

/** A table that exists in this reply only, until its commit. */
export function stagedTable(context: RequestContext, table: TableIdentifier, metadata: TableMetadata): Response {
  return respond(context, table, undefined, metadataToUtf8(metadata), "all");
}

function respond(
  context: RequestContext,
  table: TableIdentifier,
  location: string | undefined,
  metadata: Uint8Array,
  snapshots: SnapshotMode,
): Response {
  const config = storageConfig(context.deps, context.caller, table, delegationOf(context));
  const head = location === undefined ? "{" : `{"metadata-location":${stringifyJson(location)},`;
  const body = concatBytes([
    stringToUtf8(`${head}"metadata":`),
    metadata,
    stringToUtf8(`,"config":${stringifyJson(config)}}`),
  ]);
  return new Response(body, {
    headers: {
      "content-type": "application/json",
      ...(location === undefined ? {} : { etag: tableEtag(context, location, snapshots) }),
    },
  });
}

function delegationOf({ headers }: RequestContext): string | null {
  return headers.get("x-iceberg-access-delegation");
}

function withoutMark(bytes: Uint8Array): Uint8Array {
  return BYTE_ORDER_MARK.every((byte, index) => bytes[index] === byte) ? bytes.subarray(3) : bytes;
}

function withReferencedSnapshots(metadata: TableMetadata): TableMetadata {
  const referenced = new Set(Object.values(metadata.refs).map((ref) => ref["snapshot-id"]));
  return { ...metadata, snapshots: metadata.snapshots.filter((snapshot) => referenced.has(snapshot["snapshot-id"])) };
}
