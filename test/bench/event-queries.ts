// Processor time of the twenty event queries in this process, over the files that `npm run bench -- query` wrote: what is
// left of a request without HTTP, workerd and storage, beside DuckDB on one thread in the same process. The least of the runs
// counts. For profiles: node --cpu-prof test/bench/event-queries.ts "one user" 5 alone.
// Usage: node test/bench/event-queries.ts [part of a query's name] [runs] [alone]     BENCH_FILES names the files' folder

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataFileFromParquet } from "#iceberg";
import { EVENTS_TABLE } from "#ingest";
import { readParquetMetadata } from "#parquet";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { createQueryLake } from "../support/query-lake.ts";
import { connectDuckDB } from "./duckdb.ts";
import { EVENT_QUERIES } from "./query.ts";

const FILES = process.env["BENCH_FILES"] ?? join(ROOT, ".cache", "bench-query", "files");
const FIRST_DAY = 19_723; // 2024-01-01 in days since 1970-01-01
const [, , only = "", runs = "5", alone] = process.argv;

const lake = await createQueryLake();
const table = await lake.catalog.createTable({
  ...EVENTS_TABLE,
  identifier: { namespace: ["default"], name: "events" },
});
const files = await Promise.all(
  readdirSync(FILES).map(async (name, index) => {
    const bytes = new Uint8Array(readFileSync(join(FILES, name)));
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      Promise.resolve(bytes.subarray(offset, offset + length));
    await lake.store.put(`bench/${name}`, bytes);
    return dataFileFromParquet({
      metadata: await readParquetMetadata({ sizeBytes: bytes.length, read }),
      location: `s3://lake/bench/${name}`,
      fileSizeBytes: bytes.length,
      schema: table.schema(),
      spec: table.spec(),
      partition: [FIRST_DAY + index],
    });
  }),
);
await table.newAppend().addFiles(files).commit();
const isolate = lake.newIsolate();
const duckdb = alone === undefined ? await connectDuckDB() : undefined;
await duckdb?.run(`CREATE VIEW events AS SELECT * FROM read_parquet('${FILES}/*.parquet')`);

/** Milliseconds of processor time. */
async function processorMs(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const ratios: number[] = [];
for (const [name, sql] of Object.entries(EVENT_QUERIES)) {
  if (!name.includes(only)) continue;
  let firn = Number.POSITIVE_INFINITY;
  let peer = Number.POSITIVE_INFINITY;
  let bytesScanned = 0;
  const ask = async (): Promise<void> => {
    const answered = await lake.query(sql, { cache: "bypass" }, isolate);
    if (!answered.ok) throw new Error(`${name}: ${JSON.stringify(answered.problem)}`);
    bytesScanned = answered.stats.bytes_scanned;
  };
  for (let run = 0; run <= Number(runs); run++) {
    firn = Math.min(firn, await processorMs(ask));
    if (duckdb !== undefined) peer = Math.min(peer, await processorMs(() => duckdb.runAndReadAll(sql)));
  }
  ratios.push(firn / peer);
  const beside = duckdb === undefined ? "" : ` duckdb ${peer.toFixed(1).padStart(7)} ms ${(firn / peer).toFixed(2)}`;
  console.log(`${name.padEnd(22)} ${firn.toFixed(1).padStart(7)} ms${beside}   ${(bytesScanned / 1e6).toFixed(2)} MB`);
}
if (duckdb !== undefined) {
  const mean = Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  console.log(`geometric mean ${mean.toFixed(2)}`);
}
