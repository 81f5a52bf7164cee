// Generated from wrangler.toml by `npm run types`; checked by `npm run check`.

interface CatalogEnv {
	LAKE: R2Bucket;
	CATALOG_URI: string;
	CATALOG_WAREHOUSE: string;
	LAKE_BUCKET: string;
	S3_ENDPOINT: string;
	S3_REGION: string;
	S3_ACCESS_KEY_ID: string;
	S3_SECRET_ACCESS_KEY: string;
	CATALOG: DurableObjectNamespace<import("../catalog/index.ts").Catalog>;
}
