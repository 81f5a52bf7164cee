// The 22 queries of TPC-H in workerd, beside native DuckDB on one thread over the same files, which Firn wrote. Result
// cache off, metadata warm. Firn's time is the whole HTTP request; DuckDB's is the call. BENCH_SF sets the scale.

import { readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { dataFileFromParquet, type CatalogClient, type DataFile } from "#iceberg";
import { readParquetMetadata } from "#parquet";
import { createFirnClient, FirnHttpError, type FirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "../../scripts/lib/local-firn.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { createLocalS3Store } from "../support/s3-store.ts";
import { connectDuckDB, duckdbRows } from "./duckdb.ts";
import { connectCatalog } from "./events-table.ts";
import { interleave, timeMs, type BenchCase } from "./measure.ts";
import { prepareTpch, type TpchTable } from "./tpch-tables.ts";

const SCALE = process.env["BENCH_SF"] ?? "1";
const ROUNDS = Number(process.env["BENCH_ROUNDS"] ?? 3);
/** Numbers of the queries to run, separated by commas; all when empty. */
const ONLY = (process.env["BENCH_QUERIES"] ?? "").split(",").filter((text) => text !== "");
const DIRECTORY = join(ROOT, ".cache", "bench-tpch");
const BUCKET = "firn-lake";
const MEGABYTE = 1024 * 1024;
const LIMITS = { timeMs: 120_000 };

async function loadTable(firn: LocalFirn, catalog: CatalogClient, { name, schema, paths }: TpchTable): Promise<void> {
  const store = createLocalS3Store(firn.url, BUCKET);
  const table = await catalog.createTable({ identifier: { namespace: ["default"], name }, schema });
  const files: DataFile[] = [];
  for (const path of paths) {
    const bytes = new Uint8Array(readFileSync(path));
    const key = `bench/tpch/${basename(path)}`;
    await store.put(key, bytes);
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      Promise.resolve(bytes.subarray(offset, offset + length));
    files.push(
      dataFileFromParquet({
        metadata: await readParquetMetadata({ sizeBytes: bytes.length, read }),
        location: `s3://${BUCKET}/${key}`,
        fileSizeBytes: bytes.length,
        schema: table.schema(),
        spec: table.spec(),
        partition: [],
      }),
    );
  }
  const outcome = await table.newAppend().addFiles(files).commit();
  if (outcome.outcome !== "committed") throw new Error(`append to ${name}: ${outcome.outcome}`);
}

/** Digits that both engines agree on: DuckDB's avg() of decimals is a double, Firn's is exact. */
const DIGITS = 10;

function normalize(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const number = text === "" ? Number.NaN : Number(text);
  return Number.isNaN(number) ? text : number.toPrecision(DIGITS);
}

function lines(rows: readonly (readonly unknown[])[]): string {
  return rows
    .map((row) => row.map(normalize).join("|"))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join("\n");
}

function readBytes(reply: Readonly<Record<string, unknown>>): number {
  const { stats } = (reply["profile"] ?? {}) as { readonly stats?: { readonly bytes_scanned?: number } };
  return stats?.bytes_scanned ?? Number.NaN;
}

function failureOf(error: unknown): string {
  if (!(error instanceof FirnHttpError)) throw error;
  return `${String(error.problem["code"])}: ${String(error.problem["detail"])}`;
}

/** Measures every query. One that fails is named and left out; throws when an answer differs from DuckDB's. */
export async function run(): Promise<readonly BenchCase[]> {
  console.log(`TPC-H at scale ${SCALE}`);
  const { tables, queries } = await prepareTpch(SCALE);
  rmSync(DIRECTORY, { recursive: true, force: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  try {
    const catalog = connectCatalog(firn);
    const duckdb = await connectDuckDB();
    await catalog.createNamespace(["default"], {}, { ifNotExists: true });
    for (const table of tables) {
      await loadTable(firn, catalog, table);
      const paths = table.paths.map((path) => `'${path}'`).join(", ");
      await duckdb.run(`CREATE VIEW ${table.name} AS SELECT * FROM read_parquet([${paths}])`);
    }
    const client: FirnClient = createFirnClient(firn.url, firn.tokens);
    const cases: BenchCase[] = [];
    for (const { number, sql } of queries) {
      if (ONLY.length > 0 && !ONLY.includes(String(number))) continue;
      const name = `query ${number}`;
      const options = { cache: "bypass", limits: LIMITS };
      let bytes: number;
      try {
        const reply = await client.query(sql, { ...options, profile: true });
        bytes = readBytes(reply);
        const got = lines(reply.rows.map((row) => Object.values(row)));
        const expected = lines(await duckdbRows(duckdb, sql));
        if (got !== expected) {
          throw new Error(`${name}: answers differ\n firn   ${got.slice(0, 400)}\n duckdb ${expected.slice(0, 400)}`);
        }
      } catch (error) {
        console.log(`  ${name} fails: ${failureOf(error)}`);
        continue;
      }
      const figures = await interleave(
        {
          firn: () => timeMs(() => client.query(sql, options)),
          duckdb: () => timeMs(() => duckdb.runAndReadAll(sql)),
        },
        ROUNDS,
      );
      const { firn: own = Number.NaN, duckdb: peer = Number.NaN } = figures;
      cases.push({ name, unit: "ms", firn: own, peers: { duckdb: peer } });
      console.log(
        `  ${name}: firn ${own.toFixed(0)} ms, duckdb ${peer.toFixed(0)} ms, ratio ${(own / peer).toFixed(2)}, ${(bytes / MEGABYTE).toFixed(1)} MB read`,
      );
    }
    console.log(`${queries.length - cases.length} queries left out`);
    return cases;
  } finally {
    await firn.stop();
  }
}
