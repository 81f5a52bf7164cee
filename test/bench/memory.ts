// Operators over ten times as many bytes as their budget: what they hold at most, with rows put aside on local disk.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "#core";
import { BATCH_ROWS, vectorFromScalars, type Batch, type ColumnSchema } from "#columnar";
import { emptyScanStatistics, initSqlParser, prepareQuery, type SpillStore, type TableSource } from "#sql";
import type { BenchCase } from "./measure.ts";

const MEGABYTE = 1024 * 1024;
const BUDGET_BYTES = Number(process.env["BENCH_BUDGET_MB"] ?? 16) * MEGABYTE;
const TIMES_BUDGET = 10;
/** A number, and a text of about 30 bytes with its place. */
const ROW_BYTES = 42;
const ROWS = Math.ceil((BUDGET_BYTES * TIMES_BUDGET) / ROW_BYTES);
const SAMPLE_EVERY_BATCHES = 8;

const COLUMNS: readonly ColumnSchema[] = [
  { name: "id", type: { kind: "int64" }, nullable: false },
  { name: "name", type: { kind: "string" }, nullable: false },
];

/** Each has one row, or as many as its input, which are counted as they come. */
const QUERIES: Readonly<Record<string, string>> = {
  sort: "SELECT name, id FROM numbers ORDER BY name",
  aggregate: "SELECT name, count(*) AS n, min(id) AS first FROM numbers GROUP BY name",
  distinct: "SELECT DISTINCT name FROM numbers",
  join: "SELECT a.id FROM numbers AS a JOIN numbers AS b ON a.name = b.name",
};

function* makeBatches(): Generator<Batch> {
  for (let start = 0; start < ROWS; start += BATCH_ROWS) {
    const rowCount = Math.min(BATCH_ROWS, ROWS - start);
    const ids = Array.from({ length: rowCount }, (_, i) => Math.imul(start + i, 0x9e37_79b1) >>> 0);
    const names = ids.map((id) => `the-name-of-number-${String(id).padStart(10, "0")}`);
    yield {
      rowCount,
      columns: [vectorFromScalars({ kind: "int64" }, ids), vectorFromScalars({ kind: "string" }, names)],
    };
  }
}

const TABLE: TableSource = {
  name: "default.numbers",
  columns: COLUMNS,
  estimatedRows: ROWS,
  planScan: ({ columns }) =>
    Promise.resolve({
      identity: "numbers",
      statistics: emptyScanStatistics("default.numbers"),
      async *open() {
        for (const batch of makeBatches()) {
          const wanted = columns.flatMap((index) => batch.columns[index] ?? []);
          yield await Promise.resolve({ rowCount: batch.rowCount, columns: wanted });
        }
      },
    }),
};

function diskStore(directory: string): SpillStore {
  const pathOf = (piece: number): string => join(directory, String(piece));
  return {
    put: (piece, bytes) => Promise.resolve(writeFileSync(pathOf(piece), bytes)),
    get: (piece) => Promise.resolve(new Uint8Array(readFileSync(pathOf(piece)))),
    delete: (pieces) => Promise.resolve(pieces.forEach((piece) => rmSync(pathOf(piece), { force: true }))),
  };
}

function usedBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Peak of heap and buffers beyond what was held before, sampled while rows come out; `--expose-gc` leaves garbage out. */
export async function run(): Promise<readonly BenchCase[]> {
  await initSqlParser();
  const cases: BenchCase[] = [];
  for (const [name, sql] of Object.entries(QUERIES)) {
    const directory = mkdtempSync(join(tmpdir(), "firn-spill-"));
    try {
      const query = await prepareQuery(sql, {
        catalog: { findTable: () => Promise.resolve(TABLE), tableNames: () => Promise.resolve(["numbers"]) },
        params: [],
        clock: systemClock,
      });
      globalThis.gc?.();
      const before = usedBytes();
      let peak = 0;
      let rowCount = 0;
      let batches = 0;
      const start = performance.now();
      for await (const batch of query.execute({
        signal: new AbortController().signal,
        memoryLimitBytes: BUDGET_BYTES,
        clock: systemClock,
        spill: diskStore(directory),
      })) {
        rowCount += batch.rowCount;
        batches += 1;
        if (batches % SAMPLE_EVERY_BATCHES !== 0) continue;
        globalThis.gc?.();
        peak = Math.max(peak, usedBytes() - before);
      }
      if (rowCount !== ROWS) throw new Error(`${name}: ${rowCount} rows of ${ROWS}`);
      const seconds = (performance.now() - start) / 1000;
      const accounted = query.memoryPeakBytes();
      console.log(
        `  ${name}: ${ROWS} rows in ${seconds.toFixed(1)} s, accounted ${(accounted / MEGABYTE).toFixed(0)} MB, held ${(peak / MEGABYTE).toFixed(0)} MB`,
      );
      cases.push({
        name,
        unit: "MB",
        firn: Math.max(peak, accounted) / MEGABYTE,
        peers: { budget: BUDGET_BYTES / MEGABYTE },
      });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return cases;
}
