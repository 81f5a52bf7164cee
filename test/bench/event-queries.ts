// Processor time of the twenty event queries in this process, over the files that `npm run bench -- query` wrote: what is
// left of a request without HTTP, workerd and storage. For profiles: node --cpu-prof test/bench/event-queries.ts "one user".
// Usage: node test/bench/event-queries.ts [part of a query's name] [runs]     BENCH_FILES names the files' folder

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataFileFromParquet } from "#iceberg";
import { EVENTS_TABLE } from "#ingest";
import { readParquetMetadata } from "#parquet";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { median } from "../../scripts/lib/statistics.ts";
import { createQueryLake } from "../support/query-lake.ts";
import { EVENT_QUERIES } from "./query.ts";

const FILES = process.env["BENCH_FILES"] ?? join(ROOT, ".cache", "bench-query", "files");
const FIRST_DAY = 19_723; // 2024-01-01 in days since 1970-01-01
const [, , only = "", runs = "5"] = process.argv;

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
for (const [name, sql] of Object.entries(EVENT_QUERIES)) {
  if (!name.includes(only)) continue;
  const times: number[] = [];
  let bytesScanned = 0;
  for (let run = 0; run <= Number(runs); run++) {
    const before = process.cpuUsage();
    const answered = await lake.query(sql, { cache: "bypass" }, isolate);
    const { user, system } = process.cpuUsage(before);
    if (!answered.ok) throw new Error(`${name}: ${JSON.stringify(answered.problem)}`);
    bytesScanned = answered.stats.bytes_scanned;
    if (run > 0) times.push((user + system) / 1000);
  }
  console.log(`${name.padEnd(24)} ${median(times).toFixed(1).padStart(8)} ms ${(bytesScanned / 1e6).toFixed(2)} MB`);
}
