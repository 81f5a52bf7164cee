// Generated from wrangler.toml by `npm run types`; checked by `npm run check`.

interface CompactorEnv {
	LAKE: R2Bucket;
	LAKE_BUCKET: string;
	JOB_LEDGER: DurableObjectNamespace<import("../compactor/index.ts").JobLedger>;
	CATALOG: Service<typeof import("../catalog/index.ts").default>;
	MAINTENANCE: Workflow<Parameters<import("../compactor/index.ts").MaintenanceWorkflow['run']>[0]['payload']>;
}
