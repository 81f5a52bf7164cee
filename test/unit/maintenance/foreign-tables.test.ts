// Layout jobs over tables that other engines committed (test/golden/iceberg): every row stays as its engine reads it.

import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { rowAt } from "#columnar";
import { sleep, systemClock } from "#core";
import { LAST_UPDATED_FIELD_ID, ROW_ID_FIELD_ID, type ScanFile, type Table } from "#iceberg";
import { runLayoutJob, type JobOutcome, type JobReporter, type LayoutRequest } from "#maintenance";
import { locationToKey } from "#storage";
import { createMemorySink } from "#telemetry";
import { goldenNames, openGolden, sortedRows, type GoldenLake } from "../../support/golden-answers.ts";
import { createMemorySteps, scanFile } from "../../support/maintenance-lake.ts";
import { withDuckDb } from "../../support/parquet-files.ts";

const TABLE = { namespace: ["default"], name: "golden" };
const REPORTER: JobReporter = {
  start: () => Promise.resolve(),
  progress: () => Promise.resolve({ cancelRequested: false }),
  finish: () => Promise.resolve(),
  markCommitted: () => Promise.resolve(),
};

/** What each table is sorted and ordered by: scalars of many types, members of structs, renamed and promoted columns. */
const COLUMNS: Readonly<Record<string, readonly [string, string]>> = {
  "duckdb-v2": ["bytes", "id"],
  "pyiceberg-types": ["dec38", "tz"],
  "spark-v1": ["s", "at"],
  "spark-v2-merge-on-read": ["place.yy", "id"],
  "spark-v3-vectors": ["s", "id"],
  "trino-v2": ["r.b", "u"],
};

function requestsFor(name: string): readonly (readonly [string, LayoutRequest])[] {
  const [first = "id", second = "id"] = COLUMNS[name] ?? [];
  const sort = [
    { column: first, direction: "desc", nullOrder: "nulls-first" },
    { column: second, direction: "asc", nullOrder: "nulls-last" },
  ] as const;
  return [
    ["compaction", { kind: "compact", table: TABLE, aggressive: true }],
    ["sort", { kind: "rewrite", table: TABLE, sort }],
    ["Z-order", { kind: "rewrite", table: TABLE, zorder: [first, second] }],
  ];
}

async function runJob(
  { catalog, store, bucket }: GoldenLake,
  request: LayoutRequest,
  id = "job-1",
): Promise<JobOutcome> {
  const deps = { catalog, store, bucket, clock: systemClock, sleep, reporter: REPORTER, log: createMemorySink() };
  return runLayoutJob(deps, { id, request }, createMemorySteps());
}

async function scanFiles(lake: GoldenLake): Promise<{ readonly table: Table; readonly files: readonly ScanFile[] }> {
  const table = await lake.catalog.loadTable(TABLE);
  return { table, files: (await table.planScan()).files };
}

/** Runs DuckDB's SQL over stored files; `FILES` stands for their list. */
async function duckDb(lake: GoldenLake, files: readonly ScanFile[], sql: string): Promise<unknown[][]> {
  const directory = await mkdtemp(join(tmpdir(), "firn-layout-"));
  try {
    const paths = await Promise.all(
      files.map(async ({ dataFile }, index) => {
        const path = join(directory, `${index}.parquet`);
        writeFileSync(path, (await lake.store.get(locationToKey(dataFile.filePath, lake.bucket))) ?? new Uint8Array());
        return `'${path}'`;
      }),
    );
    return await withDuckDb((duckdb) => duckdb.query(sql.replaceAll("FILES", `[${paths.join(", ")}]`)));
  } finally {
    await rm(directory, { recursive: true });
  }
}

const CASES = goldenNames().flatMap((name) => requestsFor(name).map(([job, request]) => [name, job, request] as const));

describe("I205 what other engines wrote", () => {
  test.each(CASES)("%s, %s: the rows are its engine's; deletes and old specs are gone", async (name, _job, request) => {
    const lake = await openGolden(name);
    expect(await runJob(lake, request)).toMatchObject({ state: "succeeded" });
    expect(sortedRows(await lake.answer("SELECT * FROM golden"))).toEqual(sortedRows(lake.expected.rows));
    const { table, files } = await scanFiles(lake);
    expect(files.flatMap(({ deletes }) => deletes)).toEqual([]);
    expect(new Set(files.map(({ dataFile }) => dataFile.specId))).toEqual(new Set([table.metadata["default-spec-id"]]));
    expect(table.metadata["format-version"]).toBe(
      (await openGolden(name).then(scanFiles)).table.metadata["format-version"],
    );
    const [[count]] = (await duckDb(lake, files, "SELECT count(*)::int FROM read_parquet(FILES)")) as [[number]];
    expect(count).toBe(lake.expected.rows.length);
  });

  test.each([
    ["spark-v1", "id::varchar, s"],
    ["spark-v2-merge-on-read", "id::varchar, region, note"],
    ["spark-v3-vectors", "id::varchar, s"],
    ["trino-v2", "id::varchar, d::varchar"],
    ["duckdb-v2", "id::varchar"],
  ])("DuckDB reads from the sorted files of %s what Firn answers", async (name, columns) => {
    const lake = await openGolden(name);
    const [, [, sort]] = requestsFor(name) as [unknown, [string, LayoutRequest]];
    await runJob(lake, sort);
    const { files } = await scanFiles(lake);
    const theirs = await duckDb(lake, files, `SELECT ${columns} FROM read_parquet(FILES)`);
    const ours = await (await openGolden(name)).answer(`SELECT ${columns} FROM golden`);
    expect(sortedRows(theirs)).toEqual(sortedRows(ours));
    expect(theirs).toHaveLength(lake.expected.rows.length);
  });

  test("DuckDB finds every value of every type unchanged, nested ones too", async () => {
    const lake = await openGolden("pyiceberg-types");
    const before = (await scanFiles(lake)).files;
    const sorts = requestsFor("pyiceberg-types");
    for (const [index, [, request]] of sorts.entries()) {
      expect(await runJob(lake, request, `job-${index}`)).toMatchObject({ state: "succeeded" });
    }
    const after = (await scanFiles(lake)).files;
    expect(after.map(({ dataFile }) => dataFile.filePath)).not.toEqual(before.map(({ dataFile }) => dataFile.filePath));
    const all = "SELECT * FROM read_parquet(FILES)";
    const [rowsBefore, rowsAfter] = await Promise.all([duckDb(lake, before, all), duckDb(lake, after, all)]);
    expect(sortedRows(rowsAfter)).toEqual(sortedRows(rowsBefore));
  });

  test("I134 rows of Spark's version 3 table keep their ids and the numbers of their last change", async () => {
    const before = await lineageOf(await openGolden("spark-v3-vectors"));
    expect(new Set(before.map((row) => (JSON.parse(row) as string[])[1])).size).toBe(before.length);
    expect(new Set(before.map((row) => (JSON.parse(row) as string[])[2])).size).toBeGreaterThan(1);
    for (const [, request] of requestsFor("spark-v3-vectors")) {
      const lake = await openGolden("spark-v3-vectors");
      await runJob(lake, request);
      expect(await lineageOf(lake)).toEqual(before);
    }
  });
});

/** Each row's id with its identity and the number of its last change. */
async function lineageOf(lake: GoldenLake): Promise<string[]> {
  const { table, files } = await scanFiles(lake);
  const type = { kind: "int64" } as const;
  const columns = [1, ROW_ID_FIELD_ID, LAST_UPDATED_FIELD_ID].map((fieldId) => ({ fieldId, type }));
  const rows: string[] = [];
  for (const file of files) {
    for await (const batch of scanFile(lake.store, table, file, columns, lake.bucket)) {
      for (let row = 0; row < batch.rowCount; row++) rows.push(JSON.stringify(rowAt(batch, row)));
    }
  }
  return rows.toSorted();
}
