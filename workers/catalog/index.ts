// The catalog Worker: Iceberg's REST protocol over R2 and the Catalog Durable Object, or over another catalog. The
// front door has already authenticated what arrives here.

import { sleep, systemClock, systemRandom } from "#core";
import { createByteCache, createCatalogHandler, createFileIO } from "#iceberg";
import { createR2Store } from "#storage";
import { createConsoleSink, errorToLogFields, logEvent } from "#telemetry";
import { foreignCatalog } from "./foreign.ts";

export { Catalog } from "./catalog-object.ts";

/** Metadata files kept between requests; parsed ones take several times their bytes. */
const CACHE_BYTES = 8 * 1024 * 1024;
const cache = createByteCache(CACHE_BYTES);
const log = createConsoleSink();

/** Storage settings for engines that load a table, by the names PyIceberg, Spark and DuckDB know. */
function tableConfig(env: CatalogEnv): Record<string, string> {
  if (!env.S3_ENDPOINT || !env.S3_ACCESS_KEY_ID || !env.S3_SECRET_ACCESS_KEY) return {};
  return {
    "s3.endpoint": env.S3_ENDPOINT,
    "s3.access-key-id": env.S3_ACCESS_KEY_ID,
    "s3.secret-access-key": env.S3_SECRET_ACCESS_KEY,
    "s3.region": env.S3_REGION,
    "client.region": env.S3_REGION,
    "s3.path-style-access": "true",
    // Java's S3FileIO frames uploads in signed chunks unless told otherwise; the local endpoint stores the frames too.
    "s3.chunked-encoding-enabled": "false",
  };
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
      tableConfig: tableConfig(env),
      reportError: (error) =>
        logEvent(log, { event: "internal_error", level: "error", operation: "catalog", ...errorToLogFields(error) }),
    });
    return handle(request);
  },
} satisfies ExportedHandler<CatalogEnv>;
