// The catalog Worker: Iceberg's REST protocol over R2 and the Catalog Durable Object, or over another catalog. The
// front door has already authenticated what arrives here.

import { WorkerEntrypoint } from "cloudflare:workers";
import { sleep, systemClock, systemRandom, type TableIdentifier } from "#core";
import {
  createByteCache,
  createCatalogHandler,
  createCatalogMemory,
  createCommitTurns,
  createFileIO,
  type S3Access,
} from "#iceberg";
import { createR2Store } from "#storage";
import { createConsoleSink, errorToLogFields, logEvent } from "#telemetry";
import { foreignCatalog } from "./foreign.ts";

export { Catalog } from "./catalog-object.ts";

/** Metadata files kept between requests, as bytes and, once parsed, as objects of several times their size. */
const CACHE_BYTES = 8 * 1024 * 1024;
const PARSED_BYTES = 12 * 1024 * 1024;
const cache = createByteCache(CACHE_BYTES);
const memory = createCatalogMemory(PARSED_BYTES);
const turns = createCommitTurns({ clock: systemClock, sleep });
const log = createConsoleSink();

/** The bucket over S3, when the deployment says where that is. */
function s3Access(env: CatalogEnv): S3Access | undefined {
  const { S3_ENDPOINT: endpoint, S3_ACCESS_KEY_ID: accessKeyId, S3_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!endpoint || !accessKeyId || !secretAccessKey) return undefined;
  return { endpoint: endpoint.replace(/\/+$/, ""), region: env.S3_REGION, accessKeyId, secretAccessKey };
}

/** For our own Workers: whether tables have moved, by one call whatever their number. */
export class TablePointers extends WorkerEntrypoint<CatalogEnv> {
  /** Nothing is served over HTTP. */
  override fetch(): Response {
    return new Response(null, { status: 404 });
  }

  /**
   * Where the tables' current metadata is, undefined for those that are not there. Undefined altogether where another
   * catalog is in place of ours: only loading a table tells that of it.
   */
  async current(tables: readonly TableIdentifier[]): Promise<readonly (string | undefined)[] | undefined> {
    if (foreignCatalog(this.env) !== undefined) return undefined;
    return this.env.CATALOG.getByName("catalog").tableLocations(tables);
  }
}

export default {
  fetch(request, env) {
    const foreign = foreignCatalog(env);
    if (foreign !== undefined) return foreign(request);
    const handle = createCatalogHandler({
      // A stub has the object's methods, each returning a promise: the interface, across a Worker border.
      pointers: env.CATALOG.getByName("catalog"),
      io: createFileIO(createR2Store(env.LAKE), env.LAKE_BUCKET, cache),
      clock: systemClock,
      random: systemRandom,
      sleep,
      warehouse: `s3://${env.LAKE_BUCKET}`,
      s3: s3Access(env),
      memory,
      turns,
      reportError: (error) =>
        logEvent(log, { event: "internal_error", level: "error", operation: "catalog", ...errorToLogFields(error) }),
    });
    return handle(request);
  },
} satisfies ExportedHandler<CatalogEnv>;
