// Layout rewrites as jobs through the front door, beside DuckDB's COPY on one thread over the same files.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { connectDuckDB } from "./duckdb.ts";
import { connectCatalog, createBenchTable, writeEventFiles } from "./events-table.ts";
import { interleave, timeMs, type BenchCase } from "./measure.ts";

const SHAPE = { rows: Number(process.env["BENCH_ROWS"] ?? 1_000_000), days: 2, filesPerDay: 20, users: 50_000 };
const DIRECTORY = join(ROOT, ".cache", "bench-compact");

/** Measures bin-pack and sort; a job's time is from the request to the committed snapshot. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  try {
    const catalog = connectCatalog(firn);
    console.log(`writing ${SHAPE.rows.toLocaleString("en-US")} events in ${SHAPE.days * SHAPE.filesPerDay} files…`);
    const table = await writeEventFiles(firn, catalog, SHAPE, join(DIRECTORY, "files"));
    const duckdb = await connectDuckDB();
    const source = `read_parquet([${table.localPaths.map((path) => `'${path}'`).join(", ")}])`;
    const target = join(DIRECTORY, "duckdb.parquet");
    const client = createFirnClient(firn.url, firn.tokens);
    let tables = 0;
    const job = async (path: "/admin/compact" | "/admin/rewrite", body: Record<string, unknown>): Promise<number> => {
      const name = `bench_${tables++}`;
      await createBenchTable(catalog, name, table.files);
      return timeMs(() => client.runJob(path, { table: name, ...body }));
    };
    const copy = (query: string): Promise<number> =>
      timeMs(() => duckdb.run(`COPY (${query}) TO '${target}' (FORMAT parquet, COMPRESSION zstd)`));
    const rewrites = {
      "bin-pack": {
        firn: () => job("/admin/compact", { aggressive: true, minFileSize: "50MB", targetFileSize: "128MB" }),
        duckdb: () => copy(`SELECT * FROM ${source}`),
      },
      sort: {
        firn: () => job("/admin/rewrite", { sort: ["user_id", "timestamp"], targetFileSize: "128MB" }),
        duckdb: () => copy(`SELECT * FROM ${source} ORDER BY user_id, timestamp`),
      },
    };
    const cases: BenchCase[] = [];
    for (const [name, contenders] of Object.entries(rewrites)) {
      const ms = await interleave(contenders);
      for (const [unit, amount] of [
        ["rows/s", SHAPE.rows],
        ["MB/s", table.bytes / 1e6],
      ] as const) {
        const rate = (contender: string): number => amount / ((ms[contender] ?? Number.NaN) / 1000);
        cases.push({ name, unit, firn: rate("firn"), peers: { duckdb: rate("duckdb") } });
      }
    }
    return cases;
  } finally {
    await firn.stop();
  }
}
