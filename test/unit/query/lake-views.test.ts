// Views of the catalog in queries: as other engines store them, with the caller's reach, and never stale.

import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.catalog.createNamespace(["sales"]);
  await lake.createTable("t", [
    ["id", "long"],
    ["grp", "string"],
  ]);
  await lake.append("t", [
    { id: 1, grp: "a" },
    { id: 2, grp: "b" },
  ]);
});

const definition = (name: string, dialect: string, sql: string, columns: readonly string[]) => ({
  identifier: { namespace: name.split(".").slice(0, -1), name: name.split(".").at(-1) ?? "" },
  schema: {
    type: "struct" as const,
    fields: columns.map((column, i) => ({ id: i + 1, name: column, type: "long", required: false })),
  },
  representations: [{ type: "sql", dialect, sql }],
  defaultNamespace: name.split(".").slice(0, -1),
});

async function create(...args: Parameters<typeof definition>): Promise<void> {
  await lake.catalog.views.createView(definition(...args));
}

async function askAs(namespaces: readonly string[]): Promise<unknown> {
  const { body, problem } = await lake.query("SELECT count(*) AS n FROM sales.v", { maxAge: 60 }, undefined, {
    namespaces,
  });
  return problem?.code ?? body?.rows;
}

describe("I223 views that other engines stored", () => {
  test.for([
    ["default.v", "spark", "SELECT `id` FROM `t` WHERE grp = 'a'"],
    ["default.v", "trino", "SELECT id FROM default.t WHERE \"grp\" = 'a'"],
    ["sales.v", "spark", "SELECT id FROM default.t WHERE grp = 'a'"],
  ] as const)("%s in %s", async ([name, dialect, sql], { expect }) => {
    await create(name, dialect, sql, ["number"]);
    const { body, problem } = await lake.query(`SELECT number FROM ${name}`);
    expect(problem).toBeUndefined();
    expect(body?.rows).toEqual([{ number: 1 }]);
  });

  test("a name without a namespace is one of the view's namespace, nowhere else", async () => {
    await create("sales.v", "spark", "SELECT id FROM t", ["id"]);
    const { problem } = await lake.query("SELECT * FROM sales.v");
    expect(problem).toMatchObject({ code: "undefined_table" });
    expect(problem?.detail).toMatch(/In view sales.v: Table "t" does not exist/);
  });

  test("a new version is a new answer, also of a query that is cached", async () => {
    await create("default.v", "firn", "SELECT id FROM t WHERE grp = 'a'", ["id"]);
    const ask = async (): Promise<unknown> => (await lake.query("SELECT * FROM v")).body?.rows;
    expect(await ask()).toEqual([{ id: 1 }]);
    expect(await ask()).toEqual([{ id: 1 }]);
    const { views } = lake.catalog;
    const view = await views.loadView({ namespace: ["default"], name: "v" });
    await views.replaceView(
      view as NonNullable<typeof view>,
      definition("default.v", "firn", "SELECT id FROM t WHERE grp = 'b'", ["id"]),
    );
    expect(await ask()).toEqual([{ id: 2 }]);
    await views.dropView({ namespace: ["default"], name: "v" });
    expect((await lake.query("SELECT * FROM v")).problem?.code).toBe("undefined_table");
  });

  test("the caller has to reach the view and what it reads, in the cache too", async () => {
    await create("sales.v", "firn", "SELECT id FROM default.t", ["id"]);
    expect(await askAs(["sales", "default"])).toEqual([{ n: 2 }]);
    expect(await askAs(["sales"])).toBe("forbidden");
    expect(await askAs(["default"])).toBe("forbidden");
  });

  test("a misspelt name is told the view's", async () => {
    await create("default.totals", "firn", "SELECT id FROM t", ["id"]);
    expect((await lake.query("SELECT * FROM totalz")).problem).toMatchObject({
      code: "undefined_table",
      nearest: "totals",
    });
  });

  test("a change may read views, and change none", async () => {
    await create("default.v", "firn", "SELECT id FROM t WHERE grp = 'a'", ["id"]);
    const merged = await lake.change(
      "MERGE INTO t USING v ON t.id = v.id WHEN MATCHED THEN UPDATE SET grp = 'z' WHEN NOT MATCHED BY SOURCE THEN DELETE",
    );
    expect(merged.body).toMatchObject({ rows_updated: 1, rows_deleted: 1 });
    expect((await lake.query("SELECT * FROM t")).body?.rows).toEqual([{ id: 1, grp: "z" }]);
    expect((await lake.change("INSERT INTO v VALUES (3)")).problem).toMatchObject({
      code: "sql_unsupported",
      start: 12,
    });
  });

  test("a view is read with the rows that were not flushed yet", async () => {
    await create("default.v", "firn", "SELECT id FROM t", ["id"]);
    lake.ingest("t", [{ id: 9, grp: "c" }]);
    expect((await lake.query("SELECT max(id) AS m FROM v")).body?.rows).toEqual([{ m: 9 }]);
  });
});
