// A real table in memory: our catalog over a memory store, real Parquet files, and layout jobs run step by step.

import { sleep, systemClock, systemRandom, type Clock } from "#core";
import { scalarAt, vectorFromScalars, type Batch, type Scalar } from "#columnar";
import {
  createCatalogClient,
  createCatalogHandler,
  createFileIO,
  createMemoryPointerStore,
  dataFileFromParquet,
  createFileProjection,
  loadRowDeletes,
  newDataFileLocation,
  openStored,
  schemaToParquetFields,
  splitByPartition,
  type CatalogClient,
  type CreateTableDefinition,
  type DataFile,
  type ProjectedColumn,
  type ScanFile,
  type Table,
} from "#iceberg";
import {
  STEP_ATTEMPTS,
  createJobSteps,
  recordCleanUp,
  runLayoutJob,
  runUpkeepJob,
  type JobCounters,
  type JobOutcome,
  type JobReporter,
  type JobSteps,
  type LayoutJobDeps,
  type LayoutRequest,
  type UpkeepRequest,
  type StepEngine,
} from "#maintenance";
import { gatherBatch } from "#columnar";
import { encodeParquet, readParquetMetadata, scanParquet, type RangeReader } from "#parquet";
import { createMemoryStore, locationToKey, type ObjectStore } from "#storage";
import { createMemorySink, type LogEvent } from "#telemetry";
import { loadParquetWasm } from "./parquet-wasm.ts";

export const BUCKET = "lake";
const DAY_MICROS = 86_400_000_000;

/** Columns of the test table: enough types to catch what a rewrite could break. */
export type TestRow = {
  readonly id: number;
  readonly kind: string | null;
  readonly at: number;
  readonly score: number | null;
};

/** The test table, partitioned by day unless asked otherwise. */
export function testTableDefinition(partitioned = true): CreateTableDefinition {
  return {
    identifier: { namespace: ["default"], name: "events" },
    schema: {
      type: "struct",
      fields: [
        { id: 1, name: "id", required: true, type: "long" },
        { id: 2, name: "kind", required: false, type: "string" },
        { id: 3, name: "at", required: true, type: "timestamptz" },
        { id: 4, name: "score", required: false, type: "double" },
      ],
    },
    ...(partitioned ? { partitionSpec: { fields: [{ "source-id": 3, name: "at_day", transform: "day" }] } } : {}),
    properties: { "firn.ingest.watermark.0": "41" },
  };
}

/** A lake with one table. */
export interface MaintenanceLake {
  readonly store: ObjectStore;
  readonly catalog: CatalogClient;
  loadTable(): Promise<Table>;
  /** Commits one file for each partition among the rows, in one append. */
  append(rows: readonly TestRow[]): Promise<void>;
  /** Writes the files of an append, and leaves its commit for later. */
  stage(rows: readonly TestRow[]): Promise<{ commit(): Promise<void> }>;
  /** Live rows as sorted strings: a multiset that compares. The table's columns by default. */
  rows(columns?: readonly ProjectedColumn[]): Promise<string[]>;
  files(): Promise<readonly DataFile[]>;
  /** The live files with their deletes. */
  scanFiles(): Promise<readonly ScanFile[]>;
  /** Keys of all stored objects that are neither metadata nor files of the current snapshot. */
  strayKeys(): Promise<string[]>;
}

/** Fetches through the catalog's handler; a test may wrap it to lose requests or answers. */
export type CatalogFetch = (request: Request) => Promise<Response>;

/**
 * Creates the lake. `jobStore` and `jobFetch` wrap what the lake's own bookkeeping does not go through, so that
 * injected faults hit jobs and not the test's own reads.
 */
export async function createMaintenanceLake(
  definition: CreateTableDefinition = testTableDefinition(),
  clock: Clock = systemClock,
): Promise<MaintenanceLake & { readonly handler: CatalogFetch }> {
  loadParquetWasm();
  const store = createMemoryStore(clock);
  const handler = createCatalogHandler({
    pointers: createMemoryPointerStore(),
    io: createFileIO(store, BUCKET),
    clock,
    random: systemRandom,
    sleep,
    warehouse: `s3://${BUCKET}`,
  });
  const catalog = createLakeCatalog(store, handler, clock);
  await catalog.createNamespace(["default"], {}, { ifNotExists: true });
  await catalog.createTable(definition);
  const loadTable = (): Promise<Table> => catalog.loadTable(definition.identifier);

  async function scanFiles(): Promise<readonly ScanFile[]> {
    return (await (await loadTable()).planScan()).files;
  }

  async function files(): Promise<readonly DataFile[]> {
    return (await scanFiles()).map(({ dataFile }) => dataFile);
  }

  async function stage(rows: readonly TestRow[]): Promise<{ commit(): Promise<void> }> {
    const table = await loadTable();
    const added: DataFile[] = [];
    for (const { partition, path, rows: indices } of splitByPartition(batchOf(rows), table.schema(), table.spec())) {
      const fields = schemaToParquetFields(table.schema());
      const { bytes, metadata } = encodeParquet(fields, [gatherBatch(batchOf(rows), indices)]);
      const location = newDataFileLocation(table.metadata, `in-${systemRandom.uuid()}.parquet`, path);
      await store.put(locationToKey(location, BUCKET), bytes);
      added.push(
        dataFileFromParquet({
          metadata,
          location,
          fileSizeBytes: bytes.length,
          schema: table.schema(),
          spec: table.spec(),
          partition,
        }),
      );
    }
    return {
      async commit() {
        const outcome = await table.newAppend().addFiles(added).commit();
        if (outcome.outcome !== "committed") throw new Error(`the append ended as ${outcome.outcome}`);
      },
    };
  }

  return {
    store,
    catalog,
    handler,
    loadTable,
    files,
    stage,
    append: async (rows) => (await stage(rows)).commit(),
    scanFiles,
    async rows(columns) {
      const table = await loadTable();
      const rows: string[] = [];
      for (const file of await scanFiles()) {
        for await (const batch of scanFile(store, table, file, columns)) {
          for (let row = 0; row < batch.rowCount; row++) {
            rows.push(JSON.stringify(batch.columns.map((column) => scalarToJson(scalarAt(column, row)))));
          }
        }
      }
      return rows.toSorted();
    },
    async strayKeys() {
      const live = new Set((await files()).map(({ filePath }) => locationToKey(filePath, BUCKET)));
      const { objects } = await store.list("");
      return objects.map(({ key }) => key).filter((key) => !key.includes("/metadata/") && !live.has(key));
    },
  };
}

/** A catalog client over a handler and a store. */
export function createLakeCatalog(
  store: ObjectStore,
  handler: CatalogFetch,
  clock: Clock = systemClock,
): CatalogClient {
  return createCatalogClient({
    uri: "http://catalog",
    fetch: (input, init) => handler(new Request(input, init)),
    io: createFileIO(store, BUCKET),
    clock,
    random: systemRandom,
    sleep: () => Promise.resolve(),
  });
}

/** Live rows of one file, in the table's column order by default. */
export function scanFile(
  store: ObjectStore,
  table: Table,
  file: ScanFile,
  columns: readonly ProjectedColumn[] = schemaToParquetFields(table.schema()),
  bucket = BUCKET,
): AsyncIterable<Batch> {
  const open = (location: string, sizeBytes: number): RangeReader => openStored({ store, bucket }, location, sizeBytes);
  async function* scan(): AsyncGenerator<Batch> {
    const { metadata } = table;
    const deletes = await loadRowDeletes({ open }, metadata, file);
    const reader = open(file.dataFile.filePath, file.dataFile.fileSizeBytes);
    const parquet = await readParquetMetadata(reader);
    const projection = createFileProjection({ metadata, file, parquet, columns, deletes });
    for await (const scanned of scanParquet(reader, parquet, { columns: projection.scanColumns })) {
      yield projection.project(scanned).batch;
    }
  }
  return scan();
}

/** `count` rows over `days` days with repeated, null and unusual values; different for each seed. */
export function testRows(count: number, seed = 0, days = 1): TestRow[] {
  return Array.from({ length: count }, (_, i) => {
    const mixed = (i * 7919 + seed * 104_729) % 1_000_003;
    return {
      id: seed * 1_000_000 + i,
      kind: mixed % 11 === 0 ? null : `kind-${mixed % 7}`,
      at: (mixed % days) * DAY_MICROS + ((mixed * 86_243) % DAY_MICROS),
      score: mixed % 5 === 0 ? null : mixed / 8,
    };
  });
}

/** The rows as a batch in the test table's column order. */
export function batchOf(rows: readonly TestRow[]): Batch {
  return {
    rowCount: rows.length,
    columns: [
      vectorFromScalars(
        { kind: "int64" },
        rows.map(({ id }) => id),
      ),
      vectorFromScalars(
        { kind: "string" },
        rows.map(({ kind }) => kind),
      ),
      vectorFromScalars(
        { kind: "timestamp", utc: true },
        rows.map(({ at }) => at),
      ),
      vectorFromScalars(
        { kind: "float64" },
        rows.map(({ score }) => score),
      ),
    ],
  };
}

function scalarToJson(value: Scalar): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

/** What a job reported. */
export interface RecordedJob {
  readonly outcome: JobOutcome;
  readonly log: readonly LogEvent[];
  readonly reports: readonly JobCounters[];
}

/** Thrown by {@link createMemorySteps} to stand for a run that died. */
export class Crash extends Error {}

/** How the memory engine behaves. */
export interface MemoryStepsOptions {
  /** Results by step name; pass the same map again to continue a run that crashed. */
  readonly journal?: Map<string, string>;
  /** Throws {@link Crash} after the named step's body ran and before its result is recorded. */
  readonly crashAfter?: string;
  beforeStep?(name: string): Promise<void> | void;
}

/** Runs steps as the workflow engine does, but without waiting. */
export function createMemorySteps(options: MemoryStepsOptions = {}): JobSteps {
  const journal = options.journal ?? new Map<string, string>();
  let dead = false;
  const engine: StepEngine = {
    async run(name, body) {
      // A run that died runs no further step, not even its clean-up.
      if (dead) throw new Crash(name);
      const known = journal.get(name);
      if (known !== undefined) return known;
      await options.beforeStep?.(name);
      for (let attempt = 1; ; attempt++) {
        try {
          const text = await body(attempt);
          if (options.crashAfter === name) throw new Crash(name);
          journal.set(name, text);
          return text;
        } catch (error) {
          dead = hasCrashed(error);
          if (dead || attempt >= STEP_ATTEMPTS) throw error;
        }
      }
    },
    sleep: () => Promise.resolve(),
  };
  return createJobSteps(engine, createMemorySink(), "job");
}

/** Whether the run died here; the code under test may have wrapped it. */
function hasCrashed(error: unknown): boolean {
  return error instanceof Crash || (error instanceof Error && hasCrashed(error.cause));
}

/** Runs a job over a lake; `overrides` replace parts of its surroundings. */
export async function runTestJob(
  lake: MaintenanceLake,
  request: LayoutRequest,
  overrides: Partial<LayoutJobDeps> & {
    readonly steps?: JobSteps;
    readonly cancelAfterReports?: number;
    readonly jobId?: string;
    readonly clock?: Clock;
  } = {},
): Promise<RecordedJob> {
  const { steps = createMemorySteps(), cancelAfterReports = Infinity, jobId = "job-1", ...deps } = overrides;
  const log = createMemorySink();
  const reports: JobCounters[] = [];
  const reporter: JobReporter = {
    start: () => Promise.resolve(),
    progress: (_id, counters) => {
      reports.push(counters);
      return Promise.resolve({ cancelRequested: reports.length > cancelAfterReports });
    },
    finish: () => Promise.resolve(),
    markCommitted: () => Promise.resolve(),
  };
  const outcome = await runLayoutJob(
    { catalog: lake.catalog, store: lake.store, bucket: BUCKET, clock: systemClock, sleep, reporter, log, ...deps },
    { id: jobId, request },
    steps,
  );
  return { outcome, log: log.events, reports };
}

/** Runs an upkeep job over a lake. */
export async function runTestUpkeep(
  lake: MaintenanceLake,
  request: UpkeepRequest,
  clock: Clock = systemClock,
): Promise<JobOutcome> {
  const reporter: JobReporter = {
    start: () => Promise.resolve(),
    progress: () => Promise.resolve({ cancelRequested: false }),
    finish: () => Promise.resolve(),
    markCommitted: () => Promise.resolve(),
  };
  const { catalog, store } = lake;
  const deps = { catalog, store, bucket: BUCKET, clock, sleep, reporter, log: createMemorySink() };
  return runUpkeepJob(deps, { id: "upkeep-1", request }, createMemorySteps());
}

/** What recovery does once a job's run is lost. */
export async function cleanUpTestJob(lake: MaintenanceLake, request: LayoutRequest, jobId = "job-1"): Promise<void> {
  const reporter: JobReporter = {
    start: () => Promise.resolve(),
    progress: () => Promise.resolve({ cancelRequested: false }),
    finish: () => Promise.resolve(),
    markCommitted: () => Promise.resolve(),
  };
  const { catalog, store } = lake;
  const deps = { catalog, store, bucket: BUCKET, clock: systemClock, sleep, reporter, log: createMemorySink() };
  await recordCleanUp(deps, { id: jobId, request }, createMemorySteps());
}

/** The code a job failed with, or its state. */
export function outcomeCode(outcome: JobOutcome): string {
  return outcome.state === "failed" ? outcome.problem.code : outcome.state;
}
