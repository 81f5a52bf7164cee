// A big events table for the benchmarks: written as Parquet on this side, committed through the REST catalog like any
// foreign writer would, and kept on local disk too, so that DuckDB reads the very same bytes.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep, systemClock, systemRandom } from "#core";
import { vectorFromScalars, type Batch, type FlatVector } from "#columnar";
import {
  createCatalogClient,
  createFileIO,
  dataFileFromParquet,
  schemaToParquetFields,
  type CatalogClient,
  type DataFile,
  type Table,
} from "#iceberg";
import { EVENTS_TABLE } from "#ingest";
import { encodeParquet } from "#parquet";
import { createLocalS3Store } from "../support/s3-store.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";
import type { LocalFirn } from "../../scripts/lib/local-firn.ts";

const BUCKET = "firn-lake";
const DAY_MICROS = 86_400_000_000;
const FIRST_DAY = 19_723; // 2024-01-01 in days since 1970-01-01
const EVENT_TYPES = [
  "page_view",
  "click",
  "scroll",
  "search",
  "add_to_cart",
  "checkout",
  "purchase",
  "login",
  "logout",
  "error",
];

/** Shape of the generated data. */
export interface EventsShape {
  readonly rows: number;
  readonly days: number;
  readonly filesPerDay: number;
  readonly users: number;
}

/** A written table and the same files on local disk. */
export interface BenchTable {
  readonly files: readonly DataFile[];
  readonly localPaths: readonly string[];
  readonly bytes: number;
}

/** The catalog of a local Firn, reached over HTTP with the catalog token. */
export function connectCatalog(firn: LocalFirn): CatalogClient {
  return createCatalogClient({
    uri: `${firn.url}/catalog`,
    token: firn.tokens.CATALOG_TOKEN,
    fetch,
    io: createFileIO(createLocalS3Store(firn.url, BUCKET), BUCKET),
    clock: systemClock,
    random: systemRandom,
    sleep,
  });
}

/** A small, fast, seeded generator (mulberry32): the same data in every run. */
function createGenerator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function strings(values: readonly string[]): FlatVector {
  return vectorFromScalars({ kind: "string" }, values);
}

function makeBatch(shape: EventsShape, day: number, part: number, rows: number): Batch {
  const random = createGenerator(day * 1000 + part);
  const timestamps = new Float64Array(rows);
  const ids: string[] = [];
  const types: string[] = [];
  const users: string[] = [];
  const sessions: string[] = [];
  const properties: string[] = [];
  const partMicros = DAY_MICROS / shape.filesPerDay;
  for (let i = 0; i < rows; i++) {
    timestamps[i] = (FIRST_DAY + day) * DAY_MICROS + part * partMicros + Math.floor((i / rows) * partMicros);
    // Squaring makes some users much busier than others, as real ones are.
    const user = Math.floor(random() ** 2 * shape.users);
    ids.push(`e-${day}-${part}-${i}`);
    types.push(EVENT_TYPES[Math.floor(random() ** 1.5 * EVENT_TYPES.length)] ?? "error");
    users.push(`user-${user}`);
    sessions.push(`s-${user}-${day}`);
    properties.push(
      `{"amount":${Math.floor(random() * 10_000) / 100},"country":"${["DE", "US", "FR", "JP"][Math.floor(random() * 4)] ?? "US"}"}`,
    );
  }
  const time: FlatVector = {
    encoding: "flat",
    type: { kind: "timestamp", utc: true },
    length: rows,
    values: timestamps,
    validity: undefined,
  };
  return {
    rowCount: rows,
    columns: [strings(ids), strings(types), time, strings(users), strings(sessions), strings(properties), time],
  };
}

/**
 * Writes the data files once, to a local directory as well where one is named. They belong to no table until
 * {@link createBenchTable} appends them.
 */
export async function writeEventFiles(
  firn: LocalFirn,
  catalog: CatalogClient,
  shape: EventsShape,
  directory?: string,
): Promise<BenchTable> {
  loadParquetWasm();
  const { schema, spec } = await emptyTable(catalog, "bench_files").then((table) => ({
    schema: table.schema(),
    spec: table.spec(),
  }));
  const fields = schemaToParquetFields(schema);
  const store = createLocalS3Store(firn.url, BUCKET);
  if (directory !== undefined) mkdirSync(directory, { recursive: true });
  const rowsPerFile = Math.ceil(shape.rows / (shape.days * shape.filesPerDay));
  const files: DataFile[] = [];
  const localPaths: string[] = [];
  let bytes = 0;
  for (let day = 0; day < shape.days; day++) {
    for (let part = 0; part < shape.filesPerDay; part++) {
      const encoded = encodeParquet(fields, [makeBatch(shape, day, part, rowsPerFile)]);
      const key = `bench/data/${day}-${part}.parquet`;
      await store.put(key, encoded.bytes);
      if (directory !== undefined) {
        const localPath = join(directory, `${day}-${part}.parquet`);
        writeFileSync(localPath, encoded.bytes);
        localPaths.push(localPath);
      }
      bytes += encoded.bytes.length;
      files.push(
        dataFileFromParquet({
          metadata: encoded.metadata,
          location: `s3://${BUCKET}/${key}`,
          fileSizeBytes: encoded.bytes.length,
          schema,
          spec,
          partition: [FIRST_DAY + day],
        }),
      );
    }
  }
  return { files, localPaths, bytes };
}

async function emptyTable(catalog: CatalogClient, name: string): Promise<Table> {
  await catalog.createNamespace(["default"], {}, { ifNotExists: true });
  return catalog.createTable({ ...EVENTS_TABLE, identifier: { namespace: ["default"], name } }, { ifNotExists: true });
}

/** A new table over already written files. Several tables may share files: nothing here deletes any. */
export async function createBenchTable(
  catalog: CatalogClient,
  name: string,
  files: readonly DataFile[],
): Promise<void> {
  const table = await emptyTable(catalog, name);
  const outcome = await table.newAppend().addFiles(files).commit();
  if (outcome.outcome !== "committed") throw new Error(`append to ${name}: ${outcome.outcome}`);
}
