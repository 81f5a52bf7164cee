// INFORMATION_SCHEMA, SHOW and DESCRIBE over a real catalog: what the caller reaches, no more.

import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.catalog.createNamespace(["sales"]);
  await lake.catalog.createNamespace(["sales", "eu"]);
  for (const sql of [
    "CREATE TABLE t (id bigint NOT NULL, name text, price numeric(10, 2), at timestamptz, tags text[])",
    "CREATE TABLE sales.orders (id int)",
    "CREATE TABLE sales.eu.orders (id int)",
    "CREATE VIEW sales.v (n) AS SELECT id FROM t",
  ]) {
    const { problem } = await lake.change(sql);
    if (problem !== undefined) throw new Error(`${sql}: ${problem.detail}`);
  }
});

async function rows(sql: string, namespaces?: readonly string[]): Promise<readonly Record<string, unknown>[]> {
  const caller = namespaces === undefined ? {} : { namespaces };
  const { body, problem } = await lake.query(sql, {}, undefined, caller);
  if (body === undefined) throw new Error(`${sql}: ${JSON.stringify(problem)}`);
  return body.rows;
}

const NAMES =
  "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema <> 'information_schema' ORDER BY 1, 2";

describe("I227 INFORMATION_SCHEMA tells what the caller reaches", () => {
  test("tables", async () => {
    expect(await rows(NAMES)).toEqual([
      { table_schema: "default", table_name: "t", table_type: "BASE TABLE" },
      { table_schema: "sales", table_name: "orders", table_type: "BASE TABLE" },
      { table_schema: "sales", table_name: "v", table_type: "VIEW" },
      { table_schema: "sales.eu", table_name: "orders", table_type: "BASE TABLE" },
    ]);
    expect(await rows(NAMES, ["sales.eu"])).toEqual([
      { table_schema: "sales.eu", table_name: "orders", table_type: "BASE TABLE" },
    ]);
  });

  test("columns, of views too", async () => {
    const select =
      "SELECT column_name, ordinal_position AS at, is_nullable, data_type, numeric_precision AS p, numeric_scale AS s FROM firn.information_schema.columns";
    expect(await rows(`${select} WHERE table_name = 't' ORDER BY 2`)).toEqual([
      { column_name: "id", at: 1, is_nullable: "NO", data_type: "bigint", p: 64, s: 0 },
      { column_name: "name", at: 2, is_nullable: "YES", data_type: "text", p: null, s: null },
      { column_name: "price", at: 3, is_nullable: "YES", data_type: "numeric(10,2)", p: 10, s: 2 },
      { column_name: "at", at: 4, is_nullable: "YES", data_type: "timestamp with time zone", p: null, s: null },
      { column_name: "tags", at: 5, is_nullable: "YES", data_type: "text[]", p: null, s: null },
    ]);
    expect(await rows(`${select} WHERE table_schema = 'sales' AND table_name IN ('v') ORDER BY 2`)).toEqual([
      { column_name: "n", at: 1, is_nullable: "YES", data_type: "bigint", p: 64, s: 0 },
    ]);
  });

  test("a condition on names loads only those tables", async () => {
    lake.calls.catalog = 0;
    await rows("SELECT column_name FROM information_schema.columns");
    const all = lake.calls.catalog;
    lake.calls.catalog = 0;
    await rows(
      "SELECT column_name FROM information_schema.columns WHERE table_schema = 'default' AND table_name = 't'",
    );
    expect(lake.calls.catalog).toBe(all - 3);
  });

  test("schemata and views", async () => {
    expect(
      (await rows("SELECT schema_name AS s FROM information_schema.schemata", ["sales"])).map(({ s }) => s),
    ).toEqual(["information_schema", "sales", "sales.eu"]);
    expect(await rows("SELECT table_name, view_definition FROM information_schema.views")).toEqual([
      { table_name: "v", view_definition: "SELECT id FROM t" },
    ]);
  });

  test("it is never answered from the time before", async () => {
    expect(await rows("SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'sales'")).toEqual([
      { n: 2 },
    ]);
    await lake.change("DROP TABLE sales.orders");
    expect(await rows("SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'sales'")).toEqual([
      { n: 1 },
    ]);
  });

  test("a caller never gets the list that another one reached", async () => {
    for (const sql of [
      "SHOW TABLES",
      "SELECT table_name FROM information_schema.tables",
      "SHOW TABLES FROM sales.eu",
    ]) {
      const ask = async (namespaces: readonly string[] | undefined): Promise<unknown> => {
        const caller = namespaces === undefined ? {} : { namespaces };
        const { body } = await lake.query(sql, { maxAge: 300 }, undefined, caller);
        await lake.settle();
        return body?.row_count;
      };
      const all = await ask(undefined);
      const few = await ask(["default"]);
      expect(few).toBeLessThan(Number(all));
      expect(await ask(undefined)).toBe(all);
    }
  });

  test("what is no part of it does not exist, and it cannot be changed", async () => {
    expect((await lake.query("SELECT * FROM information_schema.nope")).problem?.code).toBe("undefined_table");
    expect((await lake.change("DELETE FROM information_schema.tables")).problem?.code).toBe("sql_unsupported");
  });
});

const T = [
  { column_name: "id", data_type: "bigint", is_nullable: "NO" },
  { column_name: "name", data_type: "text", is_nullable: "YES" },
  { column_name: "price", data_type: "numeric(10,2)", is_nullable: "YES" },
  { column_name: "at", data_type: "timestamp with time zone", is_nullable: "YES" },
  { column_name: "tags", data_type: "text[]", is_nullable: "YES" },
];

describe("I227 SHOW and DESCRIBE", () => {
  test.for([
    ["DESCRIBE t", T],
    ["describe table default.t;", T],
    ["-- which\nDESC t", T],
    ["SHOW COLUMNS FROM t", T],
    ["SHOW COLUMNS IN default.t", T],
    ["DESCRIBE sales.v", [{ column_name: "n", data_type: "bigint", is_nullable: "NO" }]],
    [
      "DESCRIBE SELECT id + 1 AS x, 'a' AS y FROM t",
      [
        { column_name: "x", data_type: "bigint", is_nullable: "YES" },
        { column_name: "y", data_type: "text", is_nullable: "NO" },
      ],
    ],
    ["SHOW TABLES", ["default.t", "sales.eu.orders", "sales.orders", "sales.v"].map((name) => ({ table_name: name }))],
    ["SHOW TABLES FROM sales", [{ table_name: "orders" }, { table_name: "v" }]],
    ["SHOW TABLES IN sales.eu LIKE 'ord%'", [{ table_name: "orders" }]],
    ["SHOW TABLES LIKE 't'", [{ table_name: "t" }]],
    ["SHOW VIEWS", [{ table_name: "v" }]],
    ["SHOW SCHEMAS LIKE 's%'", [{ schema_name: "sales" }, { schema_name: "sales.eu" }, { schema_name: "system" }]],
  ] as const)("%s", async ([sql, expected], { expect }) => {
    expect(await rows(sql)).toEqual(expected);
  });

  test("reads no data", async () => {
    await lake.append("t", [{ id: 1, name: "a" }]);
    lake.dataReads.length = 0;
    await rows("DESCRIBE t");
    expect(lake.dataReads).toEqual([]);
  });

  test.for([
    ["DESCRIBE nope", "undefined_table", 9],
    ["DESCRIBE SELECT nope FROM t", "undefined_column", 16],
    ["DESCRIBE t t t", "sql_syntax_error", 13],
    ["SHOW COLUMNS FROM other.t", "undefined_table", 18],
  ] as const)("%s is %s at its own place", async ([sql, code, start], { expect }) => {
    const { problem } = await lake.query(sql);
    expect(problem).toMatchObject({ code, start });
  });

  test.for([
    ["SHOW TABLES FROM", "sql_syntax_error"],
    ["SHOW nothing", "sql_unsupported"],
    ["SHOW TABLES LIKE t", "sql_syntax_error"],
  ] as const)("%s is %s", async ([sql, code], { expect }) => {
    expect((await lake.query(sql)).problem?.code).toBe(code);
  });
});
