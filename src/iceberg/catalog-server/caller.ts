// Who a request is made for. The front door authenticates and says so in a header; Firn's own Workers send none and
// may do everything. The catalog has no public route, so nobody else can set the header.

import { LakeError, type TableIdentifier } from "#core";
import { createJsonShape } from "../json-shape.ts";
import type { Namespace } from "./pointer-store.ts";

/** Carries a {@link CatalogCaller} as percent-encoded JSON. */
export const CALLER_HEADER = "x-firn-caller";

/** What the token behind a request may reach. */
export interface CatalogCaller {
  readonly name: string;
  readonly access: "read" | "write";
  /** Namespaces it reaches with all below them, levels joined by dots; absent: all. */
  readonly namespaces?: readonly string[];
}

const OURSELVES: CatalogCaller = { name: "firn", access: "write" };
const shape = createJsonShape("internal", "The caller's header");

/** The header's value for a caller. */
export function encodeCaller(caller: CatalogCaller): string {
  const { name, access, namespaces } = caller;
  return encodeURIComponent(JSON.stringify({ name, access, ...(namespaces === undefined ? {} : { namespaces }) }));
}

/** The caller of a request. Errors: `internal` for a header that the front door did not write. */
export function readCaller(headers: Headers): CatalogCaller {
  const text = headers.get(CALLER_HEADER);
  if (text === null) return OURSELVES;
  const json = shape.object(JSON.parse(decodeURIComponent(text)), "value");
  const access = shape.string(json["access"], "access");
  return {
    name: shape.string(json["name"], "name"),
    access: access === "write" ? "write" : "read",
    ...(json["namespaces"] === undefined ? {} : { namespaces: shape.strings(json["namespaces"], "namespaces") }),
  };
}

/** Whether the request is Firn's own: no front door is before it. */
export function isOurselves(caller: CatalogCaller): boolean {
  return caller === OURSELVES;
}

/** Whether the caller may have the credentials of the whole bucket. */
export function isUnlimited(caller: CatalogCaller): boolean {
  return caller.access === "write" && caller.namespaces === undefined;
}

/** Whether the caller reaches what is in the namespace. */
export function reachesNamespace({ namespaces }: CatalogCaller, namespace: Namespace): boolean {
  if (namespaces === undefined) return true;
  const name = namespace.join(".");
  return namespaces.some((allowed) => name === allowed || name.startsWith(`${allowed}.`));
}

/** Whether the caller may see that the namespace is there: it reaches it, or something below it. */
export function seesNamespace(caller: CatalogCaller, namespace: Namespace): boolean {
  const name = namespace.join(".");
  return reachesNamespace(caller, namespace) || caller.namespaces?.some((item) => item.startsWith(`${name}.`)) === true;
}

/** Errors: `forbidden` unless the caller may read what is in the namespace. */
export function requireRead(caller: CatalogCaller, namespace: Namespace): void {
  if (reachesNamespace(caller, namespace)) return;
  const name = namespace.join(".");
  throw new LakeError(
    "forbidden",
    `The token "${caller.name}" does not reach the namespace ${name}; nothing was done.`,
  );
}

/** Errors: `forbidden` unless the caller may change what is in the namespace. */
export function requireWrite(caller: CatalogCaller, namespace: Namespace): void {
  requireRead(caller, namespace);
  if (caller.access === "write") return;
  throw new LakeError("forbidden", `The token "${caller.name}" reads the catalog only; nothing was done.`);
}

/** Errors: as {@link requireWrite}, for each table's namespace. */
export function requireWriteTo(caller: CatalogCaller, tables: readonly TableIdentifier[]): void {
  for (const { namespace } of tables) requireWrite(caller, namespace);
}
