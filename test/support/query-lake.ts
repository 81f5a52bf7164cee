// A whole lake in one process: object store, catalog server, tables of real Parquet files, an ingest log in memory,
// and queries over them. Rows are also kept as plain objects, the naive reference for answers.

import { errorToProblem, parseJson, utf8ToString, type ProblemDetails } from "#core";
import { batchToArrowIpc, gatherBatch, vectorFromScalars, type Batch, type ColumnSchema, type Scalar } from "#columnar";
import { createMemoryKeyValueStore, type KeyValueStore } from "#cache";
import {
  createCatalogClient,
  createCatalogHandler,
  createFileIO,
  createMemoryPointerStore,
  dataFileFromParquet,
  liveDataFiles,
  newDataFileLocation,
  schemaToColumns,
  schemaToParquetFields,
  splitByPartition,
  type CatalogClient,
  type DataFile,
  type FileIO,
  type IcebergSchema,
  type PartitionSpecRequest,
  type Table,
} from "#iceberg";
import { encodeParquet, readParquetMetadata } from "#parquet";
import {
  answerKnown,
  bodyToBytes,
  createIsolateState,
  createResultBlobs,
  executeQuery,
  type FreshSource,
  type InputProbe,
  type IsolateState,
  type QueryContext,
  type QueryDeps,
  type QueryReply,
  type QueryRequest,
  type QueryStats,
} from "#query";
import { initSqlParser } from "#sql";
import { createMemoryStore, locationToKey, type ObjectStore } from "#storage";
import { createMemorySink } from "#telemetry";
import { createTestRandom, type TestClock } from "./ingest-world.ts";
import { loadParquetWasm } from "./parquet-wasm.ts";

const BUCKET = "lake";

/** A row as a plain object; absent columns are null. */
export type Row = Readonly<Record<string, Scalar>>;

/** A column of a test table. */
export type ColumnDefinition = readonly [name: string, type: string, required?: "required"];

/** An answered query. */
export interface Answered {
  readonly ok: boolean;
  /** The JSON body; undefined for failures and other formats. */
  readonly body:
    | (Record<string, unknown> & { readonly rows: readonly Record<string, unknown>[]; readonly row_count: number })
    | undefined;
  readonly bytes: Uint8Array;
  readonly problem: ProblemDetails | undefined;
  readonly stats: QueryStats;
}

/** The lake. */
export interface QueryLake {
  readonly clock: TestClock;
  readonly store: ObjectStore;
  readonly catalog: CatalogClient;
  readonly kv: KeyValueStore;
  /** Calls of the ingest log, catalog requests, and reads of data files since the last reset. */
  readonly calls: { fresh: number; catalog: number; flushes: number };
  /** Keys of data files read, in order; cleared by the test. */
  readonly dataReads: string[];
  createTable(name: string, columns: readonly ColumnDefinition[], spec?: PartitionSpecRequest): Promise<Table>;
  /** Appends rows as one file a partition. */
  append(name: string, rows: readonly Row[], options?: { readonly rowGroupRows?: number }): Promise<void>;
  /** Appends batches in schema order as one file; `rows` does not know them. */
  appendBatches(name: string, batches: readonly Batch[]): Promise<void>;
  /** Sends metadata updates as another engine would. */
  update(name: string, updates: readonly Record<string, unknown>[]): Promise<void>;
  /** Rewrites all files of the table into one a partition. */
  compact(name: string): Promise<void>;
  /** Acknowledges rows without writing a file. */
  ingest(name: string, rows: readonly Row[], shard?: number): void;
  /** Moves a shard's acknowledged rows into the table, with their watermark. */
  flush(name: string, shard?: number): Promise<void>;
  /** Drops a table with its acknowledged rows. */
  drop(name: string): Promise<void>;
  /** Every row a query must see. */
  rows(name: string): readonly Row[];
  /** Takes requests to the catalog; a test may put another in its place. */
  readonly network: { send: (request: Request) => Promise<Response> };
  /** Called before the ingest log is read; lets a test interleave a flush. */
  beforeFreshRead: () => Promise<void>;
  newIsolate(sharedMemoryBytes?: number): IsolateState;
  query(
    sql: string,
    request?: Partial<QueryRequest>,
    isolate?: IsolateState,
    caller?: Partial<QueryContext>,
  ): Promise<Answered>;
  /** Answers a question if its answer is known; undefined: it has to be run. */
  known(
    sql: string,
    request?: Partial<QueryRequest>,
    isolate?: IsolateState,
    caller?: Partial<QueryContext>,
  ): Promise<Answered | undefined>;
  /** Runs a statement as a caller who may write. */
  change(sql: string, params?: readonly unknown[]): Promise<Answered>;
  /** Dependencies of one query. */
  deps(isolate?: IsolateState): QueryDeps;
  /** Waits for deferred cache writes. */
  settle(): Promise<void>;
}

interface ShardLog {
  rows: Row[];
  watermark: number;
  nextSequence: number;
}

const SHARDS = 2;
const FRESH_PAGE_ROWS = 6;

const sleep = (): Promise<void> => Promise.resolve();

/** Creates an empty lake; its objects lie in memory, or in the store given. */
export async function createQueryLake(objects?: ObjectStore): Promise<QueryLake> {
  loadParquetWasm();
  const clock: TestClock = {
    ms: Date.UTC(2024, 0, 15),
    nowMs() {
      return this.ms;
    },
  };
  const random = createTestRandom(5);
  const inner = objects ?? createMemoryStore(clock);
  const dataReads: string[] = [];
  const calls = { fresh: 0, catalog: 0, flushes: 0 };
  const store: ObjectStore = {
    ...inner,
    get(key) {
      if (key.endsWith(".parquet")) dataReads.push(key);
      return inner.get(key);
    },
    getRange(key, offset, length) {
      if (key.endsWith(".parquet")) dataReads.push(key);
      return inner.getRange(key, offset, length);
    },
  };
  const kv = createMemoryKeyValueStore(clock);
  const pointers = createMemoryPointerStore();
  const handler = createCatalogHandler({
    pointers,
    io: createFileIO(store, BUCKET),
    clock,
    random,
    sleep,
    warehouse: `s3://${BUCKET}`,
    reportError(error) {
      throw error;
    },
  });
  const network = { send: handler };
  const createCatalog = (io: FileIO): CatalogClient =>
    createCatalogClient({
      uri: "http://catalog.test",
      fetch: (input, init) => {
        calls.catalog += 1;
        return network.send(new Request(input, init));
      },
      io,
      clock,
      random,
      sleep,
    });
  const catalog = createCatalog(createFileIO(store, BUCKET));
  for (const namespace of ["default", "system"]) await catalog.createNamespace([namespace]);

  const rowsInTable = new Map<string, Row[]>();
  const logs = new Map<string, ShardLog[]>();
  const deferred: Promise<void>[] = [];
  let fileNumber = 0;

  const logsOf = (name: string): ShardLog[] => {
    const existing = logs.get(name);
    if (existing !== undefined) return existing;
    const created = Array.from({ length: SHARDS }, () => ({ rows: [], watermark: 0, nextSequence: 1 }));
    logs.set(name, created);
    return created;
  };

  async function storeFile(
    table: Table,
    bytes: Uint8Array,
    path: string,
    partition: DataFile["partition"],
  ): Promise<DataFile> {
    fileNumber += 1;
    const location = newDataFileLocation(table.metadata, `${fileNumber}.parquet`, path);
    await store.put(locationToKey(location, BUCKET), bytes);
    const metadata = await readParquetMetadata({
      sizeBytes: bytes.length,
      read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    });
    const fileSizeBytes = bytes.length;
    return dataFileFromParquet({
      metadata,
      location,
      fileSizeBytes,
      schema: table.schema(),
      spec: table.spec(),
      partition,
    });
  }

  async function writeFiles(table: Table, rows: readonly Row[], rowGroupRows: number): Promise<DataFile[]> {
    const schema = table.schema();
    const batch = rowsToBatch(rows, schemaToColumns(schema));
    const files: DataFile[] = [];
    for (const part of splitByPartition(batch, schema, table.spec())) {
      const { bytes } = encodeParquet(schemaToParquetFields(schema), [gatherBatch(batch, part.rows)], { rowGroupRows });
      files.push(await storeFile(table, bytes, part.path, part.partition));
    }
    return files;
  }

  const fresh: FreshSource = {
    async flush(identifier) {
      calls.flushes += 1;
      for (const shard of logsOf(identifier.name).keys()) await lake.flush(identifier.name, shard);
    },
    shards: (identifier, metadata) =>
      logsOf(identifier.name).map((log, shardIndex) => ({
        shardIndex,
        watermark: Number(metadata.properties[`firn.ingest.watermark.${shardIndex}`] ?? 0),
        async readFresh({ afterSequence }) {
          calls.fresh += 1;
          await lake.beforeFreshRead();
          const schema = metadata.schemas.find((item) => item["schema-id"] === metadata["current-schema-id"]);
          const columns = schemaToColumns(schema as IcebergSchema);
          const from = Math.max(afterSequence, log.watermark);
          const rows = log.rows.slice(from - log.watermark, from - log.watermark + FRESH_PAGE_ROWS);
          const batch = rowsToBatch(rows, columns);
          return {
            firstRetainedSequence: log.watermark + 1,
            lastSequence: from + rows.length,
            rowCount: rows.length,
            schemaId: metadata["current-schema-id"],
            ipc: batchToArrowIpc(columns, [batch]),
            hasMore: from + rows.length < log.watermark + log.rows.length,
          };
        },
      })),
  };

  const probe: InputProbe = {
    async tableLocations(tables) {
      calls.catalog += 1;
      const entries = await Promise.all(tables.map((table) => pointers.findEntry(table)));
      return entries.map((entry) => (entry?.kind === "table" ? entry.metadataLocation : undefined));
    },
    async shardExtent(identifier, { tableUuid, shardIndex, afterSequence }) {
      const table = await catalog.loadTable(identifier);
      if (table.metadata["table-uuid"] !== tableUuid) throw new Error("asked of another table's shard");
      const shard = fresh.shards(identifier, table.metadata)[shardIndex];
      if (shard === undefined) throw new Error(`there is no shard ${shardIndex}`);
      return shard.readFresh({ afterSequence });
    },
  };
  const newIsolate = (sharedMemoryBytes?: number): IsolateState =>
    createIsolateState(clock, { kv, blobs: createResultBlobs(inner) }, sharedMemoryBytes);
  const isolate = newIsolate();

  const lake: QueryLake = {
    clock,
    store,
    catalog,
    network,
    kv,
    calls,
    dataReads,
    beforeFreshRead: () => Promise.resolve(),
    createTable: (name, columns, spec) =>
      catalog.createTable({
        identifier: { namespace: ["default"], name },
        schema: {
          type: "struct",
          fields: columns.map(([column, type, required], index) => ({
            id: index + 1,
            name: column,
            type,
            required: required === "required",
          })),
        },
        ...(spec === undefined ? {} : { partitionSpec: spec }),
      }),
    async append(name, rows, options = {}) {
      const table = await catalog.loadTable(`default.${name}`);
      const files = await writeFiles(table, rows, options.rowGroupRows ?? 1_000_000);
      requireCommitted(await table.newAppend().addFiles(files).commit());
      rowsInTable.set(name, [...(rowsInTable.get(name) ?? []), ...rows]);
    },
    async appendBatches(name, batches) {
      const table = await catalog.loadTable(`default.${name}`);
      const schema = table.schema();
      const { bytes } = encodeParquet(schemaToParquetFields(schema), batches, { rowGroupRows: 50_000 });
      const file = await storeFile(table, bytes, "", []);
      requireCommitted(await table.newAppend().addFiles([file]).commit());
    },
    async update(name, updates) {
      const response = await handler(
        new Request(`http://catalog.test/v1/namespaces/default/tables/${name}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ requirements: [], updates }),
        }),
      );
      if (response.status !== 200) throw new Error(`the update was refused: ${await response.text()}`);
    },
    async compact(name) {
      const table = await catalog.loadTable(`default.${name}`);
      const live = await liveDataFiles(table);
      if (live.length === 0) return;
      const files = await writeFiles(table, rowsInTable.get(name) ?? [], 1_000_000);
      const rewrite = table.newRewrite().deleteFiles(live.map(({ dataFile }) => dataFile));
      requireCommitted(await rewrite.addFiles(files).commit());
    },
    ingest(name, rows, shard = 0) {
      const log = logsOf(name)[shard] as ShardLog;
      log.rows.push(...rows);
      log.nextSequence += rows.length;
    },
    async flush(name, shard = 0) {
      const log = logsOf(name)[shard] as ShardLog;
      const { rows } = log;
      if (rows.length === 0) return;
      const table = await catalog.loadTable(`default.${name}`);
      const files = await writeFiles(table, rows, 1_000_000);
      const watermark = log.nextSequence - 1;
      const append = table.newAppend().addFiles(files);
      requireCommitted(await append.setProperty(`firn.ingest.watermark.${shard}`, String(watermark)).commit());
      rowsInTable.set(name, [...(rowsInTable.get(name) ?? []), ...rows]);
      log.rows = [];
      log.watermark = watermark;
    },
    async drop(name) {
      await catalog.dropTable(`default.${name}`);
      rowsInTable.delete(name);
      logs.delete(name);
    },
    rows: (name) => [...(rowsInTable.get(name) ?? []), ...logsOf(name).flatMap((log) => log.rows)],
    newIsolate,
    deps: (state = isolate) => ({
      ...state,
      clock,
      random,
      sleep,
      store,
      bucket: BUCKET,
      createCatalog,
      fresh,
      probe,
      initParser: () => initSqlParser(),
      initParquetWriter: loadParquetWasm,
      log: createMemorySink(),
      defer: (work) => void deferred.push(work),
    }),
    change: (sql, params = []) => lake.query(sql, { params }, undefined, { mayWrite: true }),
    async query(sql, request = {}, state = isolate, caller = {}) {
      const context = { queryId: "q", userId: "u", ...caller };
      return answered(await executeQuery(lake.deps(state), { sql, ...request }, context));
    },
    async known(sql, request = {}, state = isolate, caller = {}) {
      const context = { queryId: "q", userId: "u", ...caller };
      const reply = await answerKnown(lake.deps(state), { sql, ...request }, context);
      return reply && answered(reply);
    },
    async settle() {
      await Promise.all(deferred.splice(0));
    },
  };
  return lake;
}

/** A reply with all of its body. */
async function answered(reply: QueryReply): Promise<Answered> {
  let { stats } = reply;
  const broken: { problem?: ProblemDetails } = {};
  const bytes = reply.ok
    ? await bodyToBytes(reply.body).catch((error: unknown) => {
        broken.problem = errorToProblem(error);
        return new Uint8Array(0);
      })
    : new Uint8Array(0);
  if (reply.ok) stats = (await reply.finished?.())?.stats ?? stats;
  if (broken.problem !== undefined) return { ok: false, bytes, body: undefined, problem: broken.problem, stats };
  const isJson = reply.ok && reply.contentType === "application/json";
  return {
    ok: reply.ok,
    bytes,
    body: isJson ? (parseJson(utf8ToString(bytes)) as Answered["body"]) : undefined,
    problem: reply.ok ? undefined : reply.problem,
    stats,
  };
}

function requireCommitted({ outcome }: { readonly outcome: string }): void {
  if (outcome !== "committed") throw new Error(`the commit ended as ${outcome}`);
}

function rowsToBatch(rows: readonly Row[], columns: readonly ColumnSchema[]): Batch {
  return {
    rowCount: rows.length,
    columns: columns.map(({ name, type }) =>
      vectorFromScalars(
        type,
        rows.map((row) => row[name] ?? null),
      ),
    ),
  };
}
