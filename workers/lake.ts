// The lake as all Workers reach it: its files in the bucket, its tables through the catalog Worker. That Worker serves
// Firn's own catalog or passes requests on to another one; nobody else needs to know which.

import { LakeError, sleep, systemClock, systemRandom } from "#core";
import {
  COMMITS_PER_MINUTE_OVERRIDE,
  createCatalogClient,
  createFileIO,
  type ByteCache,
  type CatalogClient,
  type CatalogClientOptions,
  type FileIO,
} from "#iceberg";
import { createR2Store } from "#storage";

/** The bindings that make the lake. */
export interface LakeBindings {
  readonly LAKE: R2Bucket;
  readonly LAKE_BUCKET: string;
  readonly CATALOG: { fetch(request: Request): Promise<Response> };
}

/** The service binding has no network address; only the path matters. */
const CATALOG_URI = "http://catalog.internal";

/** The lake's metadata files. */
export function openFiles(env: Pick<LakeBindings, "LAKE" | "LAKE_BUCKET">, cache?: ByteCache): FileIO {
  return createFileIO(createR2Store(env.LAKE), env.LAKE_BUCKET, cache);
}

/** A client of the catalog. Cost: no request until a method is called. */
export function openCatalog(
  env: LakeBindings,
  io: FileIO = openFiles(env),
  options: Pick<CatalogClientOptions, "tables" | "snapshots" | "locate"> = {},
): CatalogClient {
  return createCatalogClient({
    ...options,
    uri: CATALOG_URI,
    fetch: (input, init) => env.CATALOG.fetch(new Request(input, init)),
    io,
    bucket: env.LAKE_BUCKET,
    clock: systemClock,
    random: systemRandom,
    sleep,
  });
}

/** Commits a minute that the catalog takes for one table; undefined: unlimited. Errors: `upstream_unavailable`. */
export async function readCommitsPerMinute(env: Pick<LakeBindings, "CATALOG">): Promise<number | undefined> {
  const response = await env.CATALOG.fetch(new Request(`${CATALOG_URI}/v1/config`));
  if (!response.ok) {
    throw new LakeError("upstream_unavailable", `The catalog answered ${response.status} to GET /v1/config.`);
  }
  const { overrides } = await response.json<{ readonly overrides?: Readonly<Record<string, string>> }>();
  const limit = Number(overrides?.[COMMITS_PER_MINUTE_OVERRIDE]);
  return limit > 0 ? limit : undefined;
}
