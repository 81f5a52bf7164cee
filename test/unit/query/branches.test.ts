// Branches and tags by Spark's names: events.branch_audit reads and changes the branch, and nothing else.

import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long"],
    ["grp", "string"],
  ]);
  await lake.append("t", [
    { id: 1, grp: "a" },
    { id: 2, grp: "a" },
  ]);
  const table = await lake.catalog.loadTable("default.t");
  await table.manageSnapshots().createBranch("audit").createTag("june").commit();
  await lake.append("t", [{ id: 3, grp: "b" }]);
});

async function ids(from: string, namespaces?: readonly string[]): Promise<readonly unknown[]> {
  const caller = namespaces === undefined ? {} : { namespaces };
  const { body, problem } = await lake.query(
    `SELECT id FROM ${from} ORDER BY id`,
    { cache: "bypass" },
    undefined,
    caller,
  );
  if (body === undefined) throw new Error(JSON.stringify(problem));
  return body.rows.map(({ id }) => id);
}

async function change(sql: string): Promise<Record<string, unknown>> {
  const { body, problem } = await lake.change(sql);
  if (body === undefined) throw new Error(JSON.stringify(problem));
  return body;
}

describe("I224 a branch is read and changed by its name, and main is not", () => {
  test("reads", async () => {
    expect(await ids("t.branch_audit")).toEqual([1, 2]);
    expect(await ids("default.t.branch_audit b")).toEqual([1, 2]);
    expect(await ids("t.tag_june", ["default"])).toEqual([1, 2]);
    expect(await ids("t")).toEqual([1, 2, 3]);
    const { body } = await lake.query(
      "SELECT t.id FROM t LEFT JOIN t.branch_audit a ON a.id = t.id WHERE a.id IS NULL",
    );
    expect(body?.rows).toEqual([{ id: 3 }]);
  });

  test.for(["copy-on-write", "merge-on-read"])("changes, %s", async (mode, { expect }) => {
    if (mode === "merge-on-read") {
      await (await lake.catalog.loadTable("default.t")).upgradeFormatVersion(3).commit();
      const update = (await lake.catalog.loadTable("default.t")).updateProperties();
      for (const operation of ["delete", "update", "merge"]) update.set(`write.${operation}.mode`, mode);
      await update.commit();
    }
    lake.ingest("t", [{ id: 50, grp: "fresh" }]);
    const inserted = await change("INSERT INTO t.branch_audit VALUES (10, 'x'), (11, 'y')");
    expect(inserted).toMatchObject({ rows_inserted: 2, table: "default.t.branch_audit", attempts: 1 });
    expect(await change("UPDATE t.branch_audit SET grp = 'z' WHERE id = 1")).toMatchObject({ rows_updated: 1 });
    expect(await change("DELETE FROM default.t.branch_audit b WHERE b.id = 2")).toMatchObject({ rows_deleted: 1 });
    const merged = await change(
      "MERGE INTO t.branch_audit b USING t ON t.id = b.id WHEN MATCHED THEN UPDATE SET grp = t.grp || '!' " +
        "WHEN NOT MATCHED THEN INSERT VALUES (t.id + 100, t.grp)",
    );
    expect(merged).toMatchObject({ rows_updated: 1, rows_inserted: 3 });
    expect(await ids("t.branch_audit")).toEqual([1, 10, 11, 102, 103, 150]);
    expect(await ids("t")).toEqual([1, 2, 3, 50]);
    const { body } = await lake.query("SELECT grp FROM t.branch_audit WHERE id = 1");
    expect(body?.rows).toEqual([{ grp: "a!" }]);
    expect(await ids("t.tag_june")).toEqual([1, 2]);
  });

  test("TRUNCATE of a branch empties the branch", async () => {
    await change("TRUNCATE t.branch_audit");
    expect(await ids("t.branch_audit")).toEqual([]);
    expect(await ids("t")).toEqual([1, 2, 3]);
  });

  test.for([
    ["SELECT * FROM t.branch_audti", "undefined_snapshot", /no branch or tag "audti".*audit/],
    ["INSERT INTO t.branch_none VALUES (1, 'x')", "undefined_snapshot", /no branch or tag "none"/],
    ["SELECT * FROM t.branch_june", "undefined_snapshot", /no branch "june"/],
    ["DELETE FROM t.tag_june", "sql_unsupported", /cannot be changed/],
    ["SELECT * FROM t.branch_audit VERSION AS OF 1", "sql_unsupported", /has no versions/],
    ["SELECT * FROM none.branch_audit", "undefined_table", /does not exist/],
  ] as const)("%s is %s", async ([sql, code, message], { expect }) => {
    const { problem } = await lake.change(sql);
    expect(problem?.code).toBe(code);
    expect(problem?.detail).toMatch(message);
  });

  test("a token reaches branches of its namespaces only", async () => {
    const limited = { namespaces: ["other"], mayWrite: true };
    for (const sql of ["SELECT * FROM t.branch_audit", "DELETE FROM default.t.branch_audit"]) {
      expect((await lake.query(sql, {}, undefined, limited)).problem?.code).toBe("forbidden");
    }
  });
});
