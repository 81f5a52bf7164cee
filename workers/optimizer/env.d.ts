// Generated from wrangler.toml by `npm run types`; checked by `npm run check`.

interface OptimizerEnv {
	LAKE: R2Bucket;
	STATE: D1Database;
	LAKE_BUCKET: string;
	ALERT_WEBHOOK_URL: string;
	CATALOG: Service<typeof import("../catalog/index.ts").default>;
	QUERY: Service<typeof import("../query/index.ts").default>;
	COMPACTOR: Service<typeof import("../compactor/index.ts").default>;
}
