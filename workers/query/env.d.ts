// Generated from wrangler.toml by `npm run types`; checked by `npm run check`.

interface QueryEnv {
	RESULT_CACHE: KVNamespace;
	LAKE: R2Bucket;
	LAKE_BUCKET: string;
	INGEST_SHARDS: string;
	INGEST_SHARD: DurableObjectNamespace<import("../collector/index.ts").IngestShard>;
	CATALOG: Service<typeof import("../catalog/index.ts").default>;
	TABLE_POINTERS: Service<typeof import("../catalog/index.ts").TablePointers>;
}
