// Statements that change rows of a real lake: files, snapshots, conflicts, caches.

import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake, type Row } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long", "required"],
    ["grp", "string"],
    ["v", "double"],
  ]);
  for (const start of [0, 10, 20]) await lake.append("t", rows(start, 10));
});

function rows(start: number, count: number): Row[] {
  return Array.from({ length: count }, (_, i) => ({ id: start + i, grp: i % 2 === 0 ? "a" : "b", v: (start + i) / 2 }));
}

async function ids(sql = "SELECT id FROM t ORDER BY id"): Promise<readonly unknown[]> {
  const { body, problem } = await lake.query(sql, { cache: "bypass" });
  if (body === undefined) throw new Error(JSON.stringify(problem));
  return body.rows.map(({ id }) => id);
}

async function change(sql: string, params: readonly unknown[] = []): Promise<Record<string, unknown>> {
  const { ok, body, problem } = await lake.change(sql, params);
  if (!ok || body === undefined) throw new Error(JSON.stringify(problem));
  return body;
}

async function upgradeToVectors(): Promise<void> {
  const table = await lake.catalog.loadTable("default.t");
  expect((await table.upgradeFormatVersion(3).commit()).outcome).toBe("committed");
  const upgraded = await lake.catalog.loadTable("default.t");
  const update = upgraded.updateProperties();
  for (const operation of ["delete", "update", "merge"]) update.set(`write.${operation}.mode`, "merge-on-read");
  expect((await update.commit()).outcome).toBe("committed");
}

async function dataFiles(): Promise<readonly string[]> {
  const { body } = await lake.query("SELECT file_path FROM t.data_files ORDER BY 1", { cache: "bypass" });
  return (body?.rows ?? []).map(({ file_path }) => String(file_path));
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe("I154 a change is one snapshot and says what it did", () => {
  test("DELETE rewrites only the file with a match", async () => {
    const before = await dataFiles();
    const body = await change("DELETE FROM t WHERE id = 15");
    expect(body).toMatchObject({
      query_id: "q",
      operation: "delete",
      table: "default.t",
      rows_inserted: 0,
      rows_updated: 0,
      rows_deleted: 1,
      files_added: 1,
      files_removed: 1,
      attempts: 1,
    });
    expect(await ids()).toEqual(upTo(30).filter((id) => id !== 15));
    const after = await dataFiles();
    expect(before.filter((path) => after.includes(path))).toHaveLength(2);
    const { body: snapshots } = await lake.query("SELECT snapshot_id, operation, summary FROM t.snapshots");
    const last = snapshots?.rows.at(-1);
    expect(last).toMatchObject({ operation: "overwrite", summary: { "firn.query-id": "q" } });
    expect(String(last?.["snapshot_id"])).toBe(body["snapshot_id"]);
  });

  test("files that match whole go without being read", async () => {
    lake.dataReads.length = 0;
    const body = await change("DELETE FROM t WHERE id >= 10 AND id < 20");
    expect(body).toMatchObject({ rows_deleted: 10, files_added: 0, files_removed: 1 });
    expect(lake.dataReads).toEqual([]);
    expect(await ids()).toEqual(upTo(30).filter((id) => id < 10 || id >= 20));
  });

  test("a whole table is emptied without reading it", async () => {
    lake.dataReads.length = 0;
    expect(await change("TRUNCATE t")).toMatchObject({ rows_deleted: 30, files_added: 0, files_removed: 3 });
    expect(lake.dataReads).toEqual([]);
    expect(await ids()).toEqual([]);
  });

  test("nothing found is nothing committed", async () => {
    const before = (await lake.catalog.loadTable("default.t")).currentSnapshot()?.["snapshot-id"];
    expect(await change("DELETE FROM t WHERE id = 99")).toMatchObject({ rows_deleted: 0, snapshot_id: null });
    expect((await lake.catalog.loadTable("default.t")).currentSnapshot()?.["snapshot-id"]).toBe(before);
  });

  test("UPDATE, INSERT and MERGE", async () => {
    expect(await change("UPDATE t SET v = v + 1 WHERE id IN (3, 25)")).toMatchObject({
      rows_updated: 2,
      files_added: 2,
    });
    expect(await change("INSERT INTO t (id, grp) VALUES ($1, $2), (101, NULL)", [100, "x"])).toMatchObject({
      rows_inserted: 2,
      files_added: 1,
      files_removed: 0,
    });
    const merged = await change(
      "MERGE INTO t USING (VALUES (3, 'm'), (200, 'n')) s(id, grp) ON t.id = s.id " +
        "WHEN MATCHED THEN UPDATE SET grp = s.grp WHEN NOT MATCHED THEN INSERT (id, grp) VALUES (s.id, s.grp)",
    );
    expect(merged).toMatchObject({ rows_inserted: 1, rows_updated: 1, files_added: 2, files_removed: 1 });
    const { body } = await lake.query("SELECT id, grp, v FROM t WHERE id IN (3, 25, 100, 101, 200) ORDER BY id");
    expect(body?.rows).toEqual([
      { id: 3, grp: "m", v: 2.5 },
      { id: 25, grp: "b", v: 13.5 },
      { id: 100, grp: "x", v: null },
      { id: 101, grp: null, v: null },
      { id: 200, grp: "n", v: null },
    ]);
  });

  test("I220 rows of a file without a match change with those that have one", async () => {
    const merged = await change(
      "MERGE INTO t USING (VALUES (5), (7)) s(id) ON t.id = s.id WHEN MATCHED THEN DELETE " +
        "WHEN NOT MATCHED BY SOURCE AND t.id IN (2, 6, 8) THEN UPDATE SET grp = 'x'",
    );
    expect(merged).toMatchObject({ rows_updated: 3, rows_deleted: 2 });
    expect(await ids("SELECT id FROM t WHERE grp = 'x' ORDER BY id")).toEqual([2, 6, 8]);
    expect(await ids()).toEqual(upTo(30).filter((id) => id !== 5 && id !== 7));
  });

  test("a required column takes no NULL, and nothing is left behind", async () => {
    const files = await storedFiles();
    const { problem } = await lake.change("UPDATE t SET id = nullif(id, 15)");
    expect(problem?.code).toBe("not_null_violation");
    expect(await storedFiles()).toEqual(files);
  });

  test("the row of the query log says what was done", async () => {
    const { stats } = await lake.change("DELETE FROM t WHERE id < 3");
    expect(stats).toMatchObject({
      operation: "delete",
      success: true,
      tables: ["default.t"],
      rows_deleted: 3,
      files_added: 1,
      files_removed: 1,
      predicates: [{ table: "default.t", column: "id", operator: "<" }],
    });
    expect(stats.snapshot_id).toMatch(/^\d+$/);
  });
});

async function storedFiles(): Promise<readonly string[]> {
  const { objects } = await lake.store.list("");
  return objects
    .map(({ key }) => key)
    .filter((key) => key.endsWith(".parquet"))
    .toSorted();
}

test("C150 only a token with the scope write changes rows", async () => {
  const { problem } = await lake.query("DELETE FROM t WHERE id = 1");
  expect(problem).toMatchObject({ code: "forbidden", status: 403, required_scope: "write" });
  expect(await ids()).toEqual(upTo(30));
});

test("C150 a token reaches its namespaces only, from the cache too", async () => {
  await lake.query("SELECT count(*) AS c FROM t", { maxAge: 60 });
  const limited = { namespaces: ["other"] };
  const read = await lake.query("SELECT count(*) AS c FROM t", { maxAge: 60 }, undefined, limited);
  expect(read.problem?.code).toBe("forbidden");
  const write = await lake.query("DELETE FROM default.t", {}, undefined, { ...limited, mayWrite: true });
  expect(write.problem?.code).toBe("forbidden");
  const cte = await lake.query("WITH x AS (SELECT 1 AS c) SELECT c FROM x", {}, undefined, limited);
  expect(cte.body?.rows).toEqual([{ c: 1 }]);
});

describe("I155 merge-on-read marks rows with deletion vectors", () => {
  beforeEach(upgradeToVectors);

  test("DELETE adds a vector and no data file; a second one merges", async () => {
    const before = await dataFiles();
    expect(await change("DELETE FROM t WHERE id = 15")).toMatchObject({
      rows_deleted: 1,
      files_added: 0,
      files_removed: 0,
      delete_files_added: 1,
    });
    expect(await change("DELETE FROM t WHERE id IN (16, 3)")).toMatchObject({ rows_deleted: 2, files_added: 0 });
    expect(await dataFiles()).toEqual(before);
    expect(await ids()).toEqual(upTo(30).filter((id) => ![3, 15, 16].includes(id)));
    const { body } = await lake.query("SELECT record_count FROM t.delete_files ORDER BY 1");
    expect(body?.rows.map(({ record_count }) => record_count)).toEqual([1, 2]);
  });

  test("UPDATE writes the new rows and keeps their ids", async () => {
    expect(await change("UPDATE t SET v = -1 WHERE id = 15")).toMatchObject({ rows_updated: 1, files_added: 1 });
    const { body } = await lake.query("SELECT id, v FROM t WHERE v < 0");
    expect(body?.rows).toEqual([{ id: 15, v: -1 }]);
    expect(await ids()).toEqual(upTo(30));
  });

  test("a file whose rows all go is removed", async () => {
    expect(await change("DELETE FROM t WHERE id + 0 BETWEEN 10 AND 19")).toMatchObject({
      rows_deleted: 10,
      files_removed: 1,
      delete_files_added: 0,
    });
    expect(await ids()).toEqual(upTo(30).filter((id) => id < 10 || id >= 20));
  });

  test("MERGE updates, deletes and inserts in one snapshot", async () => {
    const merged = await change(
      "MERGE INTO t USING (VALUES (1, 'd'), (12, 'u'), (99, 'i')) s(id, op) ON t.id = s.id " +
        "WHEN MATCHED AND s.op = 'd' THEN DELETE WHEN MATCHED THEN UPDATE SET grp = s.op " +
        "WHEN NOT MATCHED THEN INSERT (id, grp) VALUES (s.id, s.op)",
    );
    expect(merged).toMatchObject({ rows_inserted: 1, rows_updated: 1, rows_deleted: 1 });
    expect(await ids()).toEqual([...upTo(30).filter((id) => id !== 1), 99]);
    expect(await ids("SELECT id FROM t WHERE grp IN ('u', 'i') ORDER BY id")).toEqual([12, 99]);
  });
});

/** Runs a statement; an append is committed after it planned and before it commits. */
async function racing(sql: string, append: () => Promise<void>): Promise<Record<string, unknown>> {
  const { store } = lake;
  const put = store.put.bind(store);
  store.put = async (key, ...rest) => {
    if (key.includes("/metadata/") && key.endsWith(".avro")) {
      store.put = put;
      await append();
    }
    return put(key, ...rest);
  };
  try {
    return await change(sql);
  } finally {
    store.put = put;
  }
}

describe("L150 a lost race is run again on the table as it then is", () => {
  test("rows added meanwhile that match are deleted too", async () => {
    const body = await racing("DELETE FROM t WHERE grp = 'a'", () => lake.append("t", rows(40, 4)));
    expect(body).toMatchObject({ rows_deleted: 17, attempts: 2 });
    expect(await ids("SELECT id FROM t WHERE grp = 'a'")).toEqual([]);
    const live = await dataFiles();
    const stored = await storedFiles();
    // Three originals and one of the race are history; every live file is new, and nothing else was left.
    expect(stored).toHaveLength(live.length + 4);
  });

  test("rows added meanwhile that cannot match are no conflict", async () => {
    const body = await racing("DELETE FROM t WHERE id = 15", () => lake.append("t", rows(40, 4)));
    expect(body).toMatchObject({ rows_deleted: 1, attempts: 1 });
    expect(await ids()).toEqual([...upTo(30).filter((id) => id !== 15), 40, 41, 42, 43]);
  });
});

describe("I156 acknowledged rows are covered", () => {
  test("a DELETE flushes what was ingested before it", async () => {
    lake.ingest("t", rows(50, 6), 0);
    lake.ingest("t", rows(60, 6), 1);
    expect(await change("DELETE FROM t WHERE id IN (2, 51, 62)")).toMatchObject({ rows_deleted: 3 });
    expect(lake.calls.flushes).toBe(1);
    const expected = [...upTo(30), ...upTo(6).map((i) => 50 + i), ...upTo(6).map((i) => 60 + i)];
    expect(await ids()).toEqual(expected.filter((id) => ![2, 51, 62].includes(id)));
    const { properties } = (await lake.catalog.loadTable("default.t")).metadata;
    expect(properties["firn.ingest.watermark.0"]).toBe("6");
  });
});

async function keys(): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of lake.kv.list("result/")) found.push(key);
  return found;
}

describe("C151 no cache serves a row that a statement removed", () => {
  test("neither exact nor loose answers outlive the DELETE, and their bytes go", async () => {
    const sql = "SELECT id FROM t WHERE id < 3 ORDER BY id";
    await lake.query(sql, { maxAge: 300 });
    await lake.settle();
    expect((await keys()).length).toBeGreaterThan(0);
    await change("DELETE FROM t WHERE id = 1");
    await lake.settle();
    const { body, stats } = await lake.query(sql, { maxAge: 300 });
    expect(body?.rows.map(({ id }) => id)).toEqual([0, 2]);
    expect(stats.cache).toBe("miss");
    await lake.settle();
  });

  test("another isolate drops what it holds when it sees the mark", async () => {
    const other = lake.newIsolate();
    await lake.query("SELECT id FROM t WHERE id < 3", { maxAge: 300 }, other);
    await lake.settle();
    await change("DELETE FROM t WHERE id = 1");
    await lake.settle();
    expect(await keys()).toEqual([]);
    lake.clock.ms += 31_000;
    await lake.query("SELECT 1 AS x", { maxAge: 300 }, other);
    // The exact and the loose entry of the last query are all there is.
    expect(other.cache.statistics().memory.entries).toBe(2);
    expect(other.footers.statistics().entries).toBe(0);
  });
});

function past(clause: string): string {
  return `SELECT id FROM t ${clause} ORDER BY id`;
}

describe("I157 tables are read as they were", () => {
  test("by snapshot id, time, tag and branch, with the schema of then", async () => {
    const table = await lake.catalog.loadTable("default.t");
    const first = table.metadata.snapshots[0];
    const times = table.metadata["snapshot-log"];
    await table.manageSnapshots().createTag("first", first?.["snapshot-id"]).commit();
    lake.clock.ms += 60_000;
    await change("DELETE FROM t WHERE id < 25");
    expect(await ids(past(`FOR SYSTEM_VERSION AS OF ${first?.["snapshot-id"]}`))).toEqual(upTo(10));
    expect(await ids(past("FOR SYSTEM_VERSION AS OF 'first'"))).toEqual(upTo(10));
    expect(await ids(past("VERSION AS OF 'main'"))).toEqual([25, 26, 27, 28, 29]);
    const at = new Date((times.at(-1)?.["timestamp-ms"] ?? 0) + 1).toISOString();
    expect(await ids(past(`FOR SYSTEM_TIME AS OF '${at}'`))).toEqual(upTo(30));
    expect(await ids(past("FOR SYSTEM_TIME AS OF now() - interval '30 seconds'"))).toEqual(upTo(30));
    expect(await ids()).toEqual([25, 26, 27, 28, 29]);
  });

  test("what is not there is told with what is", async () => {
    const table = await lake.catalog.loadTable("default.t");
    await table.manageSnapshots().createBranch("audit").commit();
    const ask = async (clause: string): Promise<unknown> => (await lake.query(`SELECT id FROM t ${clause}`)).problem;
    expect(await ask("FOR SYSTEM_VERSION AS OF 'audti'")).toMatchObject({
      code: "undefined_snapshot",
      nearest: "audit",
    });
    expect(await ask("FOR SYSTEM_VERSION AS OF 12345")).toMatchObject({ code: "undefined_snapshot" });
    expect(await ask("FOR SYSTEM_TIME AS OF '2001-01-01'")).toMatchObject({ code: "undefined_snapshot" });
  });

  test("unflushed rows are no part of the past", async () => {
    lake.ingest("t", rows(50, 2));
    expect((await ids("SELECT id FROM t VERSION AS OF 'main'")).length).toBe(30);
    expect((await ids()).length).toBe(32);
  });
});

describe("I158 metadata tables answer in SQL", () => {
  const TABLES = [
    ["history", 3],
    ["snapshots", 3],
    ["refs", 1],
    ["metadata_log_entries", 4],
    ["files", 3],
    ["data_files", 3],
    ["delete_files", 0],
    ["all_data_files", 3],
    ["entries", 3],
    ["manifests", 3],
    ["partitions", 1],
  ] as const;

  test.for(TABLES)("t.%s has %i rows", async ([name, count], { expect }) => {
    for (const from of [`t.${name}`, `default.t.${name}`, `"t$${name}"`]) {
      const { body, problem } = await lake.query(`SELECT * FROM ${from}`);
      expect(problem).toBeUndefined();
      expect(body?.rows).toHaveLength(count);
    }
  });

  test("they can be joined, aggregated and asked of the past", async () => {
    const sql =
      "SELECT sum(record_count) AS n FROM t.files f JOIN t.snapshots s ON s.operation = 'append' AND f.content = 0";
    expect((await lake.query(sql)).body?.rows).toEqual([{ n: 90 }]);
    const { body } = await lake.query("SELECT snapshot_id FROM t.history ORDER BY made_current_at LIMIT 1");
    const first = String(body?.rows[0]?.["snapshot_id"]);
    const past = await lake.query(`SELECT count(*) AS n FROM t.files FOR SYSTEM_VERSION AS OF ${first}`);
    expect(past.body?.rows).toEqual([{ n: 1 }]);
  });

  test("they cannot be changed", async () => {
    expect((await lake.change("DELETE FROM t.snapshots")).problem?.code).toBe("sql_unsupported");
  });
});

test("I153 EXPLAIN of a change says how files are changed and which are skipped", async () => {
  const { body } = await lake.query("EXPLAIN DELETE FROM t WHERE id = 15");
  const text = (body?.rows ?? []).map((row) => row["QUERY PLAN"]).join("\n");
  expect(text).toMatch(
    /Delete on default.t[\s\S]*Mode: copy-on-write[\s\S]*Files: 1 of 3 to read[\s\S]*Skipped: 2 files/,
  );
  expect(await ids()).toEqual(upTo(30));
});

test("C151 after a DELETE, expiry leaves no file that held the rows, bounds in manifests included", async () => {
  const old = (await lake.store.list("")).objects.map(({ key }) => key).filter((key) => !key.endsWith(".json"));
  await change("DELETE FROM t WHERE id % 10 = 3");
  lake.clock.ms += 60_000;
  const table = await lake.catalog.loadTable("default.t", { snapshots: "all" });
  const report = await table.expireSnapshots().expireOlderThan(lake.clock.ms).retainLast(1).commit();
  expect(report.outcome.outcome).toBe("committed");
  const left = (await lake.store.list("")).objects.map(({ key }) => key);
  expect(left.filter((key) => old.includes(key))).toEqual([]);
  expect(await ids()).toEqual(upTo(30).filter((id) => id % 10 !== 3));
});
