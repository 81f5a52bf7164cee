// Replies that hold a table. Metadata goes out as its file has it, unparsed: loading costs the same however many
// snapshots a table has.

import { LakeError, concatBytes, stringifyJson, stringToUtf8, type TableIdentifier } from "#core";
import { HISTORY_HEADER, NO_HISTORY } from "../history-header.ts";
import type { TableMetadata } from "../table-metadata.ts";
import { metadataToUtf8 } from "./metadata-text.ts";
import { signsRemotely, storageConfig } from "./storage-access.ts";
import { readMetadataBytes, readStored, type StoredMetadata } from "./stored-metadata.ts";
import type { CatalogServerDeps, ShortenedMode } from "./catalog-deps.ts";
import type { RequestContext } from "./request-context.ts";

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** How much of a table's history a reply holds. */
export type SnapshotMode = "all" | ShortenedMode;

/** The history that a load with `snapshots` gets. Errors: `invalid_request`. */
export function snapshotMode({ query, headers }: RequestContext): SnapshotMode {
  const asked = query.get("snapshots") ?? "all";
  if (asked === "all") return asked;
  if (asked !== "refs") throw new LakeError("invalid_request", `snapshots must be all or refs, not ${asked}.`);
  return headers.get(HISTORY_HEADER) === NO_HISTORY ? "heads" : "refs";
}

/**
 * Identifies a reply: the file, whose name holds a random UUID and which never changes, the snapshots in it and the
 * kind of access to storage.
 */
export function tableEtag(context: RequestContext, location: string, snapshots: SnapshotMode): string {
  const file = location.slice(location.lastIndexOf("/") + 1).replace(/[^\w.-]/g, "_");
  const { caller } = context;
  const signing = caller.access === "write" ? "sign" : "read";
  const access = signsRemotely(caller, delegationOf(context)) ? signing : "keys";
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
      : shortenedJson(context.deps, await readStored(context.deps, location), snapshots);
  return respond(context, table, location, json, snapshots);
}

function shortenedJson(
  deps: CatalogServerDeps,
  { location, metadata }: StoredMetadata,
  mode: ShortenedMode,
): Uint8Array {
  const known = deps.memory?.shortened(location, mode);
  if (known !== undefined) return known;
  const json = metadataToUtf8(withoutHistory(metadata, mode));
  deps.memory?.keepShortened(location, mode, json);
  return json;
}

/** A table that was just written; all of it unless the client needs no history. */
export function writtenTable(context: RequestContext, table: TableIdentifier, stored: StoredMetadata): Response {
  if (context.headers.get(HISTORY_HEADER) === NO_HISTORY) {
    return respond(context, table, stored.location, shortenedJson(context.deps, stored, "heads"), "heads");
  }
  return respond(context, table, stored.location, stored.json ?? metadataToUtf8(stored.metadata), "all");
}

/** A table that exists in this reply only, until its commit. */
export function stagedTable(context: RequestContext, table: TableIdentifier, metadata: TableMetadata): Response {
  return respond(context, table, undefined, metadataToUtf8(metadata), "all");
}

/**
 * For clients that may write. Iceberg's Java library up to 1.11 lets Parquet skip row groups by a planned task's residual
 * even where a copy-on-write needs every row of the file: rows that Spark deletes or updates through plans of a server take
 * others with them. What the table says goes before what the client is set to.
 */
const PLANS_ITSELF = { "scan-planning-mode": "client" };

/** Tells clients of the current protocol to sign at the endpoint it has for that, with nothing to add. */
const SIGNING = `,"remote-signing-config":{"properties":{},"headers":{}}`;

function respond(
  context: RequestContext,
  table: TableIdentifier,
  location: string | undefined,
  metadata: Uint8Array,
  snapshots: SnapshotMode,
): Response {
  const config = {
    ...storageConfig(context.deps, context.caller, table, delegationOf(context)),
    ...(context.caller.access === "write" ? PLANS_ITSELF : {}),
  };
  const isSigned = context.deps.s3 !== undefined && signsRemotely(context.caller, delegationOf(context));
  const head = location === undefined ? "{" : `{"metadata-location":${stringifyJson(location)},`;
  const body = concatBytes([
    stringToUtf8(`${head}"metadata":`),
    metadata,
    stringToUtf8(`,"config":${stringifyJson(config)}${isSigned ? SIGNING : ""}}`),
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

function withoutHistory(metadata: TableMetadata, mode: ShortenedMode): TableMetadata {
  const referenced = new Set(Object.values(metadata.refs).map((ref) => ref["snapshot-id"]));
  const isReferenced = (item: { readonly "snapshot-id": bigint }): boolean => referenced.has(item["snapshot-id"]);
  const snapshots = metadata.snapshots.filter(isReferenced);
  if (mode === "refs") return { ...metadata, snapshots };
  return { ...metadata, snapshots, "snapshot-log": metadata["snapshot-log"].filter(isReferenced) };
}
