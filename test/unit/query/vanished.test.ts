// Tables that are dropped, and snapshots that expire, while a statement reads them.

import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type Answered, type QueryLake } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await createTable();
});

async function createTable(): Promise<void> {
  await lake.createTable("t", [
    ["id", "long"],
    ["grp", "string"],
  ]);
  for (const start of [0, 10, 20]) {
    await lake.append(
      "t",
      Array.from({ length: 10 }, (_, i) => ({ id: start + i, grp: "a" })),
    );
  }
}

async function deleteFiles(kind: string): Promise<void> {
  const { objects } = await lake.store.list("");
  await lake.store.delete(objects.map(({ key }) => key).filter((key) => key.endsWith(kind)));
}

/** Does something once, right before the first read of an object of a kind. */
function beforeRead(kind: string, disturb: () => Promise<void>): void {
  const { store } = lake;
  const get = store.get.bind(store);
  const getRange = store.getRange.bind(store);
  let isDone = false;
  const once = async (key: string): Promise<void> => {
    if (isDone || !key.endsWith(kind)) return;
    isDone = true;
    await disturb();
  };
  store.get = async (key) => {
    await once(key);
    return get(key);
  };
  store.getRange = async (key, offset, length) => {
    await once(key);
    return getRange(key, offset, length);
  };
}

async function drop(): Promise<void> {
  await lake.catalog.dropTable("default.t", { purge: true });
  for (const kind of [".parquet", ".avro", ".json"]) await deleteFiles(kind);
}

async function replace(): Promise<void> {
  await drop();
  await createTable();
}

/** Every row goes, and so do the snapshots that had them. */
async function expire(): Promise<void> {
  const table = await lake.catalog.loadTable("default.t");
  await table.newOverwrite().overwriteByRowFilter([]).commit();
  lake.clock.ms += 1000;
  const emptied = await lake.catalog.loadTable("default.t");
  await emptied.expireSnapshots().expireOlderThan(lake.clock.ms).retainLast(1).commit();
}

const READS = [
  "SELECT sum(id) AS x FROM t",
  "SELECT id FROM t ORDER BY id LIMIT 3",
  "SELECT a.id FROM t a JOIN t b USING (id)",
  "SELECT sum(id) AS n FROM t WHERE grp = 'a'",
  "SELECT id FROM t FOR SYSTEM_VERSION AS OF 'main'",
];
const CHANGES = [
  "UPDATE t SET grp = 'b' WHERE id > 5",
  "DELETE FROM t WHERE id % 3 = 1",
  "INSERT INTO t SELECT id + 100, grp FROM t",
  "MERGE INTO t USING (VALUES (1), (77)) s(id) ON t.id = s.id WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'n')",
];

const run = (sql: string): Promise<Answered> => lake.query(sql, { cache: "bypass" }, undefined, { mayWrite: true });

describe("I222 a table dropped while it is read is told, and no row is returned", () => {
  test.for([...READS, ...CHANGES])("dropped: %s", async (sql, { expect }) => {
    beforeRead(".parquet", drop);
    const { problem } = await run(sql);
    expect(problem).toMatchObject({ code: "table_not_found", status: 404, table: "default.t" });
    expect(problem?.detail).toMatch(/dropped while it was read/);
  });

  test.for([...READS, ...CHANGES])("dropped before its manifests are read: %s", async (sql, { expect }) => {
    beforeRead(".avro", drop);
    const { problem } = await lake.query(sql, { cache: "bypass" }, lake.newIsolate(), { mayWrite: true });
    expect(problem).toMatchObject({ code: "table_not_found", status: 404 });
  });

  test.for([...READS, ...CHANGES])("dropped and created anew: %s", async (sql, { expect }) => {
    beforeRead(".parquet", replace);
    const { problem } = await run(sql);
    expect(problem).toMatchObject({ code: "table_not_found", status: 404 });
    expect(problem?.detail).toMatch(/created anew/);
    const { body } = await lake.query("SELECT count(*) AS n, sum(id) AS s FROM t");
    expect(body?.rows).toEqual([{ n: 30, s: 435 }]);
  });
});

describe("I222 a change never lands in another table of the same name", () => {
  test.for(CHANGES)("%s", async (sql, { expect }) => {
    // The files are read, and the table is replaced before the commit.
    const { store } = lake;
    const put = store.put.bind(store);
    store.put = async (key, ...rest) => {
      if (key.endsWith(".avro")) {
        store.put = put;
        await replace();
      }
      return put(key, ...rest);
    };
    const { problem } = await run(sql);
    expect(problem).toMatchObject({ code: "table_not_found", table: "default.t" });
    const { body } = await lake.query("SELECT count(*) AS n, sum(id) AS s FROM t");
    expect(body?.rows).toEqual([{ n: 30, s: 435 }]);
  });
});

describe("I222 a change of a table that is dropped before its commit is refused", () => {
  test.for(CHANGES)("%s", async (sql, { expect }) => {
    const { store } = lake;
    const put = store.put.bind(store);
    store.put = async (key, ...rest) => {
      if (key.endsWith(".avro")) {
        store.put = put;
        await drop();
      }
      return put(key, ...rest);
    };
    expect((await run(sql)).problem).toMatchObject({ code: "table_not_found", status: 404 });
  });
});

describe("I222 a snapshot that expires while it is read is told, and no row is returned", () => {
  test.for([...READS, ...CHANGES])("%s", async (sql, { expect }) => {
    beforeRead(".parquet", expire);
    const { problem } = await run(sql);
    expect(problem).toMatchObject({ code: "snapshot_expired", status: 409, table: "default.t" });
    // Sent again, the statement meets the table as it is now.
    const { problem: again } = await run(sql);
    expect(again).toBeUndefined();
  });

  test("a file that is missing although its snapshot is there stays an error of the table", async () => {
    await deleteFiles(".parquet");
    for (const sql of ["SELECT sum(id) AS x FROM t", "DELETE FROM t WHERE id = 3"]) {
      expect((await run(sql)).problem).toMatchObject({ code: "data_invalid", status: 422 });
    }
  });
});

test("I222 metadata tables of a dropped table are told as well", async () => {
  beforeRead(".avro", drop);
  const { problem } = await lake.query("SELECT * FROM t.files", {}, lake.newIsolate());
  expect(problem).toMatchObject({ code: "table_not_found", status: 404 });
});
