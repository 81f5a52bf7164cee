// The optimizer's view of the other Workers: SQL through the query Worker, tables through the catalog, jobs through
// the compactor.

import {
  LakeError,
  fromRpcResult,
  parseJson,
  problemToError,
  stringifyJson,
  systemClock,
  systemRandom,
  tableNameToString,
  type RpcResult,
} from "#core";
import {
  createByteCache,
  expireSnapshots,
  listAllTables,
  liveDataFiles,
  type CatalogClient,
  type Table,
} from "#iceberg";
import {
  alertToView,
  createOptimizerState,
  type Alert,
  type JobView,
  type OptimizerDeps,
  type RunSql,
  type TableFiles,
} from "#optimizer";
import { deleteLeftovers, type QueryContext, type QueryReply, type QueryRequest } from "#query";
import { createR2Store } from "#storage";
import { createConsoleSink, errorToLogFields, logEvent, type LogSink } from "#telemetry";
import { openCatalog, openFiles } from "../lake.ts";
import { createD1State } from "./d1-state.ts";

/**
 * The RPC methods used of other Workers. The platform's mapped types turn members of type `unknown` into `never`, so
 * the surfaces are written down here; `startHarness` tests call the real ones.
 */
interface CompactorRpc {
  startCompact(body: unknown): Promise<RpcResult<JobView>>;
  getJob(id: string): Promise<RpcResult<JobView>>;
}

interface QueryRpc {
  execute(request: QueryRequest, context: QueryContext): Promise<QueryReply>;
}

/** Who the optimizer's own queries are logged as by the query Worker. */
const USER_ID = "firn-optimizer";
const WEBHOOK_TIMEOUT_MS = 5000;
/** Manifests are immutable and the same from one cron run to the next: kept between runs, up to this size. */
const MANIFEST_BYTES = 16 * 1024 * 1024;
const manifests = createByteCache(MANIFEST_BYTES);

/** Everything a run needs, over this Worker's bindings. */
export function createOptimizerDeps(env: OptimizerEnv): OptimizerDeps {
  const catalog = openCatalog(env, openFiles(env, manifests));
  const compactor = env.COMPACTOR as unknown as CompactorRpc;
  const webhookUrl = env.ALERT_WEBHOOK_URL;
  const log = createConsoleSink();
  return {
    state: createOptimizerState(createD1State(env.STATE)),
    runSql: createRunSql(env),
    listTables: () => listTables(catalog, log),
    startCompaction: async (table, { minFileSize, targetFileSize }) =>
      fromRpcResult(await compactor.startCompact({ table, aggressive: true, minFileSize, targetFileSize })),
    async expireSnapshots(table, proposal) {
      const report = await expireSnapshots(await catalog.loadTable(table), proposal);
      return report.snapshots;
    },
    deleteLeftovers: (nowMs) => deleteLeftovers(createR2Store(env.LAKE), nowMs),
    async getJob(id) {
      const result = await compactor.getJob(id);
      if (!result.ok && result.problem.code === "job_not_found") return undefined;
      return fromRpcResult(result);
    },
    notify: webhookUrl === "" ? undefined : (alert) => postAlert(webhookUrl, alert),
    clock: systemClock,
    random: systemRandom,
    log,
  };
}

/** Firn's own SQL engine; the result cache is bypassed because freshness is the point. */
function createRunSql(env: OptimizerEnv): RunSql {
  return async (sql, params) => {
    const reply = await (env.QUERY as unknown as QueryRpc).execute(
      { sql, params: [...params], cache: "bypass", format: "json" },
      { queryId: systemRandom.uuid(), userId: USER_ID },
    );
    // Before the first query there is no log to read: no samples, not a failure.
    if (!reply.ok && reply.problem.code === "undefined_table") return [];
    if (!reply.ok) throw problemToError(reply.problem, "The optimizer's query failed.");
    const body = parseJson(await new Response(reply.body).text()) as {
      readonly rows: readonly Record<string, unknown>[];
    };
    return body.rows;
  };
}

/** Every table that has a snapshot, with its live files. One that cannot be read keeps none of the others from it. */
async function* listTables(catalog: CatalogClient, log: LogSink): AsyncIterable<TableFiles> {
  for (const identifier of await listAllTables(catalog)) {
    try {
      const table = await catalog.loadTable(identifier);
      if (table.currentSnapshot() !== undefined) yield await describeTable(table);
    } catch (error) {
      // Dropped since it was listed, or of a kind we do not maintain, such as one with delete files.
      const fields = { operation: "optimizer_table", table: tableNameToString(identifier), ...errorToLogFields(error) };
      logEvent(log, { event: "internal_error", level: "warn", ...fields });
    }
  }
}

async function describeTable(table: Table): Promise<TableFiles> {
  const files = await liveDataFiles(table);
  return {
    table: tableNameToString(table.identifier),
    history: {
      snapshotTimesMs: table.metadata.snapshots.map((snapshot) => snapshot["timestamp-ms"]),
      properties: table.metadata.properties,
    },
    files: files.map(({ dataFile }) => ({
      partitionKey: stringifyJson([dataFile.specId, dataFile.partition]),
      sizeBytes: dataFile.fileSizeBytes,
    })),
  };
}

async function postAlert(url: string, alert: Alert): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(alertToView(alert)),
    signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
  });
  if (!response.ok) throw new LakeError("upstream_unavailable", `The alert webhook answered ${response.status}.`);
}
