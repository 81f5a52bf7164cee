// Generated from wrangler.toml by `npm run types`; checked by `npm run check`.

interface CollectorEnv {
	LAKE: R2Bucket;
	LAKE_BUCKET: string;
	INGEST_SHARDS: string;
	INGEST_FLUSH_AGE_MS: string;
	INGEST_FLUSH_ROWS: string;
	INGEST_FLUSH_BYTES: string;
	INGEST_TOKEN: string;
	QUERY_TOKEN: string;
	CATALOG_TOKEN: string;
	ADMIN_TOKEN: string;
	INGEST_SHARD: DurableObjectNamespace<import("../collector/index.ts").IngestShard>;
	TABLE_COMMITTER: DurableObjectNamespace<import("../collector/index.ts").TableCommitter>;
	CATALOG: Service<typeof import("../catalog/index.ts").default>;
	QUERY: Service<typeof import("../query/index.ts").default>;
	COMPACTOR: Service<typeof import("../compactor/index.ts").default>;
	OPTIMIZER: Service<typeof import("../optimizer/index.ts").default>;
}
