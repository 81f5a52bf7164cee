// How engines reach a table's files: by the bucket's credentials, or, for tokens that may not have those, by asking the
// catalog to sign each request. Source: Iceberg REST OpenAPI, LoadTableResult.

import type { TableIdentifier } from "#core";
import { isUnlimited, type CatalogCaller } from "./caller.ts";
import type { CatalogServerDeps, S3Access } from "./catalog-deps.ts";

/** What a client may ask for in X-Iceberg-Access-Delegation. */
const REMOTE_SIGNING = "remote-signing";
const VENDED_CREDENTIALS = "vended-credentials";

/** Whether a request is answered with signing: the caller must not have the keys, or asks for signing alone. */
export function signsRemotely(caller: CatalogCaller, delegation: string | null): boolean {
  const wanted = (delegation ?? "").split(",").map((item) => item.trim());
  return !isUnlimited(caller) || (wanted.includes(REMOTE_SIGNING) && !wanted.includes(VENDED_CREDENTIALS));
}

/** Settings for engines that load a table, by the names PyIceberg, Java and DuckDB know; none without an endpoint. */
export function storageConfig(
  deps: Pick<CatalogServerDeps, "s3">,
  caller: CatalogCaller,
  table: TableIdentifier,
  delegation: string | null,
): Record<string, string> {
  const { s3 } = deps;
  if (s3 === undefined) return {};
  if (!signsRemotely(caller, delegation)) return { ...connectionConfig(s3), ...credentialConfig(s3) };
  const endpoint = signPath(table);
  return {
    ...connectionConfig(s3),
    "s3.remote-signing-enabled": "true",
    "signer.endpoint": endpoint,
    "s3.signer": "S3V4RestSigner",
    "s3.signer.endpoint": endpoint,
    // PyIceberg signs remotely through this implementation only.
    "py-io-impl": "pyiceberg.io.fsspec.FsspecFileIO",
  };
}

function connectionConfig(s3: S3Access): Record<string, string> {
  return {
    "s3.endpoint": s3.endpoint,
    "s3.region": s3.region,
    "client.region": s3.region,
    "s3.path-style-access": "true",
    // Java's S3FileIO frames uploads in signed chunks unless told otherwise; the local endpoint stores the frames too.
    "s3.chunked-encoding-enabled": "false",
  };
}

function credentialConfig(s3: S3Access): Record<string, string> {
  return { "s3.access-key-id": s3.accessKeyId, "s3.secret-access-key": s3.secretAccessKey };
}

/** Credentials with the prefix they are for; none for callers that sign remotely. */
export function storageCredentials(
  deps: Pick<CatalogServerDeps, "s3" | "warehouse">,
  caller: CatalogCaller,
): readonly { readonly prefix: string; readonly config: Readonly<Record<string, string>> }[] {
  if (deps.s3 === undefined || !isUnlimited(caller)) return [];
  return [{ prefix: `${deps.warehouse}/`, config: { ...connectionConfig(deps.s3), ...credentialConfig(deps.s3) } }];
}

function signPath({ namespace, name }: TableIdentifier): string {
  return `v1/namespaces/${encodeURIComponent(namespace.join("\u001F"))}/tables/${encodeURIComponent(name)}/sign`;
}
