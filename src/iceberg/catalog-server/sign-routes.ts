// Signs single storage requests for clients that do not have the bucket's keys. What is signed lies in the folders of
// the one table, and for tokens that read only reads. Source: Iceberg REST OpenAPI, RemoteSignRequest.

import { LakeError, sha256Hex, stringToUtf8, type TableIdentifier } from "#core";
import { AwsV4Signer } from "aws4fetch";
import { createJsonShape, type JsonObject } from "../json-shape.ts";
import { requireWrite, type CatalogCaller } from "./caller.ts";
import type { CatalogServerDeps, S3Access } from "./catalog-deps.ts";
import {
  NAMESPACE_LOCATION,
  checkReach,
  defaultNamespaceLocation,
  tableFolders,
  withoutTrailingSlash,
} from "./locations.ts";
import { noSuchEntry, noSuchNamespace } from "./names.ts";
import type { RequestContext } from "./request-context.ts";
import { readStored } from "./stored-metadata.ts";

const shape = createJsonShape("invalid_request", "The request");

/** Query parameters a signed request may have, by method, on an object; others name its ACL, tags and so on. */
const OBJECT_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  GET: ["x-id", "partNumber", "versionId"],
  HEAD: ["x-id", "partNumber", "versionId"],
  PUT: ["x-id", "partNumber", "uploadId"],
  POST: ["x-id", "uploads", "uploadId"],
  DELETE: ["x-id", "uploadId", "versionId"],
};

/** And on the bucket, where only listing and deleting are signed. */
const LIST_PARAMETERS = new Set([
  "x-id",
  "list-type",
  "prefix",
  "delimiter",
  "max-keys",
  "continuation-token",
  "start-after",
  "encoding-type",
  "fetch-owner",
  "marker",
]);
const BODY_DIGEST = "x-amz-content-sha256";
const READS = new Set(["GET", "HEAD"]);

/** One storage request, taken apart. */
interface StorageRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: ReadonlyMap<string, string>;
  /** Location of every object it touches; a prefix for a listing. */
  readonly locations: readonly string[];
}

/** POST /v1/namespaces/{namespace}/tables/{table}/sign */
export async function signRequest(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const { deps, caller } = context;
  const { s3 } = deps;
  if (s3 === undefined)
    throw new LakeError("unsupported_operation", "The catalog has no storage endpoint to sign for.");
  const request = await readRequest(deps, s3, shape.object(context.body, "body"));
  const isRead = READS.has(request.method);
  if (!isRead) requireWrite(caller, table.namespace);
  const folders = await signableFolders(deps, caller, table, isRead);
  const outside = request.locations.find((location) => !folders.some((folder) => location.startsWith(`${folder}/`)));
  if (outside !== undefined) {
    const name = [...table.namespace, table.name].join(".");
    throw new LakeError("forbidden", `${outside} is not among the files of ${name}; nothing was signed.`);
  }
  const signed = await new AwsV4Signer({
    method: request.method,
    url: request.url.href,
    headers: signableHeaders(request.headers),
    accessKeyId: s3.accessKeyId,
    secretAccessKey: s3.secretAccessKey,
    service: "s3",
    region: s3.region,
  }).sign();
  const headers = Object.fromEntries([...signed.headers].map(([name, value]) => [name, [value]]));
  return new Response(JSON.stringify({ uri: signed.url.href, headers }), {
    headers: {
      "content-type": "application/json",
      // Java's client keeps answers that say so for 30 seconds, by method and address alone: right for reads.
      "cache-control": isRead ? "private" : "no-store",
    },
  });
}

/** Headers that are signed: the others are free to change on the way. */
function signableHeaders(headers: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.startsWith("x-amz-") || name === "content-md5"));
}

/** The folders of a table, of former locations too; of one about to be made by a commit, those it may get. */
async function signableFolders(
  deps: CatalogServerDeps,
  caller: CatalogCaller,
  table: TableIdentifier,
  isRead: boolean,
): Promise<readonly string[]> {
  const entry = await deps.pointers.findEntry(table);
  if (entry?.kind === "table") {
    const { metadata } = await readStored(deps, entry.metadataLocation);
    const former = metadata.snapshots.map((snapshot) => snapshot["manifest-list"].replace(/\/metadata\/[^/]*$/, ""));
    return [...new Set([...tableFolders(metadata), ...former])];
  }
  const properties = await deps.pointers.namespaceProperties(table.namespace);
  if (properties === undefined) throw noSuchNamespace(table.namespace);
  const parent = properties[NAMESPACE_LOCATION] ?? defaultNamespaceLocation(deps, table.namespace);
  const staged = await deps.pointers.stagedLocations(table, deps.clock.nowMs());
  const folder = `${withoutTrailingSlash(parent)}/${table.name}`;
  const free: string[] = [];
  for (const location of new Set([folder, ...staged])) {
    const isFree = (await deps.pointers.tableAtLocation(location)) === undefined;
    if (isFree && (location === folder || isReached(deps, caller, location))) free.push(location);
  }
  if (entry !== undefined || (isRead && free.length === 0)) throw noSuchEntry("table", table);
  return free;
}

/** Whoever stages a table reaches its location; who else has a token for its namespace may not. */
function isReached(deps: CatalogServerDeps, caller: CatalogCaller, location: string): boolean {
  try {
    checkReach(deps, caller, location);
    return true;
  } catch (error) {
    if (error instanceof LakeError && error.code === "forbidden") return false;
    throw error;
  }
}

async function readRequest(deps: CatalogServerDeps, s3: S3Access, json: JsonObject): Promise<StorageRequest> {
  const method = shape.string(json["method"], "method").toUpperCase();
  if (!Object.hasOwn(OBJECT_PARAMETERS, method)) throw shape.fail(`method ${method} is not signed.`);
  const region = shape.string(json["region"], "region");
  if (region === "") throw shape.fail("region must not be empty.");
  const provider = json["provider"] ?? "s3";
  if (provider !== "s3") throw shape.fail("provider must be s3.");
  const headers = readHeaders(json["headers"]);
  const url = readUrl(shape.string(json["uri"], "uri"));
  const key = objectKey(deps, s3, url);
  const bucket = deps.warehouse;
  if (key !== "") {
    const allowed = OBJECT_PARAMETERS[method] ?? [];
    const extra = [...url.searchParams.keys()].find((name) => !allowed.includes(name));
    if (extra !== undefined) throw shape.fail(`a ${method} with the parameter ${extra} is not signed.`);
    return { method, url, headers, locations: [`${bucket}/${key}`, ...copySource(headers)] };
  }
  if (method === "POST" && url.searchParams.has("delete")) {
    const body = shape.string(json["body"], "body");
    // Signed with the request: the storage refuses any other body.
    const sealed = new Map([...headers, [BODY_DIGEST, await sha256Hex(stringToUtf8(body))]]);
    return { method, url, headers: sealed, locations: deletedKeys(body).map((name) => `${bucket}/${name}`) };
  }
  const prefix = url.searchParams.get("prefix");
  const extra = [...url.searchParams.keys()].find((name) => !LIST_PARAMETERS.has(name));
  if (method !== "GET" || prefix === null || extra !== undefined) {
    throw shape.fail("of requests to the bucket only listings of a prefix and deletes of keys are signed.");
  }
  return { method, url, headers, locations: [`${bucket}/${prefix}`] };
}

function readHeaders(value: unknown): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, values] of Object.entries(shape.object(value, "headers"))) {
    const text = shape.strings(values, `headers.${name}`).join(",");
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(name) || /[\0\r\n]/.test(text)) throw shape.fail(`header ${name} is malformed.`);
    headers.set(name.toLowerCase(), text);
  }
  return headers;
}

function readUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.username !== "" || url.password !== "") throw shape.fail("uri is not an address.");
  url.hash = "";
  return url;
}

/** The key an address names, "" for the bucket itself. Errors: `forbidden` for another host or bucket. */
function objectKey(deps: CatalogServerDeps, s3: S3Access, url: URL): string {
  const bucket = deps.warehouse.replace(/^s3:\/\//, "");
  const endpoint = new URL(s3.endpoint);
  const root = withoutTrailingSlash(endpoint.pathname);
  const isVirtual = url.host === `${bucket}.${endpoint.host}`;
  const folder = isVirtual ? root : `${root}/${bucket}`;
  const path = url.pathname;
  const isOurs = url.protocol === endpoint.protocol && (isVirtual || url.host === endpoint.host);
  if (!isOurs || !(path === folder || path.startsWith(`${folder}/`))) {
    throw new LakeError("forbidden", "The address is not in the catalog's bucket; nothing was signed.");
  }
  let key: string;
  try {
    key = decodeURIComponent(path.slice(folder.length + 1));
  } catch {
    throw shape.fail("uri is not valid percent encoding.");
  }
  checkKey(key);
  return key;
}

/** Errors: `invalid_request` for keys that other software might read as another key. */
function checkKey(key: string): void {
  if (key.split("/").some((segment) => segment === "." || segment === "..")) {
    throw shape.fail("a key must not hold . or .. as a segment.");
  }
}

function copySource(headers: ReadonlyMap<string, string>): string[] {
  const source = headers.get("x-amz-copy-source");
  if (source === undefined) return [];
  let path: string;
  try {
    path = decodeURIComponent(source.replace(/\?.*$/, ""));
  } catch {
    throw shape.fail("x-amz-copy-source is not valid percent encoding.");
  }
  checkKey(path);
  return [`s3://${path.replace(/^\//, "")}`];
}

const DELETED_KEY = /<Key>([^<]*)<\/Key>/g;
const XML_ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** The keys of a multi-object delete; its body must be all keys and nothing that could hide one. */
function deletedKeys(body: string): readonly string[] {
  if (/<!|<\?(?!xml)/.test(body)) throw shape.fail("body is not a plain list of keys.");
  const keys = [...body.matchAll(DELETED_KEY)].map(([, text]) => unescapeXml(text ?? ""));
  const opened = body.match(/<Key\b/g)?.length ?? 0;
  if (keys.length === 0 || opened !== keys.length) throw shape.fail("body names no keys.");
  for (const key of keys) checkKey(key);
  return keys;
}

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-f]+)|(\w+));/gi, (_all, decimal, hex, name) => {
    if (typeof decimal === "string") return String.fromCodePoint(Number(decimal));
    if (typeof hex === "string") return String.fromCodePoint(Number.parseInt(hex, 16));
    const known = XML_ENTITIES[String(name)];
    if (known === undefined) throw shape.fail("body holds an unknown entity.");
    return known;
  });
}
