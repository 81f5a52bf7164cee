// Answers of a lake with and without rewrites of the plan, what the scans did for them, and what EXPLAIN says.

import { createByteLru } from "#cache";
import { scalarAt, type Scalar } from "#columnar";
import { createFileIO } from "#iceberg";
import { initSqlParser, prepareQuery, scalarToText, type ScanStatistics } from "#sql";
import { createDataReader } from "../../src/query/data-reader.ts";
import { createLakeCatalog } from "../../src/query/lake-catalog.ts";
import type { QueryLake } from "./query-lake.ts";

/** An answer and how it was made. */
export interface PlanAnswer {
  /** Rows of texts; NULL is null. */
  readonly rows: readonly (readonly (string | null)[])[];
  readonly scans: readonly ScanStatistics[];
  /** The lines of EXPLAIN ANALYZE. */
  readonly explain: readonly string[];
}

/** Answers a query over a lake's tables without caches of answers. */
export async function answerOf(
  lake: QueryLake,
  sql: string,
  {
    optimize = true,
    memoryLimitBytes = 64e6,
  }: { readonly optimize?: boolean; readonly memoryLimitBytes?: number } = {},
): Promise<PlanAnswer> {
  await initSqlParser();
  const deps = lake.deps();
  const io = createFileIO(deps.store, deps.bucket);
  const { signal } = new AbortController();
  const reader = createDataReader({
    store: deps.store,
    bucket: deps.bucket,
    footers: createByteLru(1e7),
    maxScannedBytes: 1e9,
    signal,
  });
  const catalog = createLakeCatalog({
    catalog: deps.createCatalog(io, "refs"),
    history: () => deps.createCatalog(io, "all"),
    io,
    reader,
    onRead: () => {},
    fresh: deps.fresh,
    retry: deps,
  });
  const prepared = await prepareQuery(sql, { catalog, params: [], clock: lake.clock, optimize });
  const planned = await prepared.planScans();
  const rows: (string | null)[][] = [];
  for await (const batch of prepared.execute({ signal, memoryLimitBytes, clock: lake.clock, profile: true })) {
    for (let row = 0; row < batch.rowCount; row++) {
      rows.push(batch.columns.map((column) => textOf(scalarAt(column, row), column.type)));
    }
  }
  return { rows, scans: planned.statistics, explain: prepared.explain().text };
}

function textOf(value: Scalar, type: Parameters<typeof scalarToText>[1]): string | null {
  return value === null ? null : scalarToText(value, type);
}

/** Rows whose order says nothing, in one that does. */
export function unordered(rows: PlanAnswer["rows"]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}
