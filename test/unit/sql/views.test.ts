// Views in FROM: found in their own namespace, bound in their own surroundings, with the caller's reach.

import { beforeAll, describe, expect, test } from "vitest";
import { LakeError } from "#core";
import { initSqlParser, prepareQuery, type TableCatalog, type ViewSource } from "#sql";
import { fixedClock, runSql } from "../../support/sql-run.ts";
import { column, memoryTable } from "../../support/memory-table.ts";

beforeAll(() => initSqlParser());

const COLUMNS = [column("id", { kind: "int32" }), column("name", { kind: "string" })];
const table = (name: string, rows: readonly number[]): ReturnType<typeof memoryTable> =>
  memoryTable(
    name,
    COLUMNS,
    rows.map((id) => ({ id, name: `${name} ${id}` })),
  );
const TABLES = [table("default.t", [1, 2, 3]), table("sales.t", [10, 20]), table("sales.u", [20, 30])];

function view(name: string, sql: string, columnNames: readonly string[], more: Partial<ViewSource> = {}): ViewSource {
  return {
    name,
    representations: [{ dialect: "firn", sql }],
    columnNames,
    namespace: name.split(".").slice(0, -1),
    catalog: undefined,
    identity: `${name} 1`,
    ...more,
  };
}

const VIEWS = [
  view("sales.big", "SELECT id, name FROM t WHERE id > 10", ["id", "label"]),
  view("sales.both", "SELECT b.id FROM big b JOIN u USING (id)", ["id"]),
  view("sales.cte", "WITH cte AS (SELECT 7 AS x) SELECT x FROM cte", ["x"]),
  view("sales.loop", "SELECT * FROM loop2", ["id"]),
  view("sales.loop2", "SELECT * FROM sales.loop", ["id"]),
  view("sales.gone", "SELECT * FROM missing", ["id"]),
  view("sales.wrong", "SELECT id + name AS x FROM t", ["x"]),
  view("sales.narrow", "SELECT * FROM t", ["name"]),
  view("sales.changed", "SELECT * FROM t", ["name", "total", "id"]),
  view("sales.parameter", "SELECT id FROM t WHERE id = $1", ["id"]),
  view("sales.spark", "", ["My Id"], {
    representations: [
      { dialect: "hive", sql: "SELECT nonsense" },
      { dialect: "spark", sql: "SELECT `id` AS `my id` FROM `spark_catalog`.sales.`t` WHERE name <> '`'" },
    ],
    catalog: "spark_catalog",
  }),
  view("sales.foreign", "", ["id"], { representations: [{ dialect: "hive", sql: "SELECT 1" }] }),
  view("sales.broken", "", ["id"], { representations: [{ dialect: "trino", sql: "SELEKT 1" }] }),
  view("sales.volatile", "SELECT random() AS r", ["r"]),
  view("default.secret", "SELECT * FROM hidden.t", ["id", "name"]),
];

const catalog: TableCatalog = {
  findTable(path) {
    const name = path.length === 1 ? `default.${path[0]}` : path.join(".");
    if (path[0] === "hidden") throw new LakeError("forbidden", "The token does not reach the namespace hidden.");
    return Promise.resolve(TABLES.find((item) => item.name === name));
  },
  findView(path) {
    const name = path.length === 1 ? `default.${path[0]}` : path.join(".");
    return Promise.resolve(VIEWS.find((item) => item.name === name));
  },
  tableNames: () => Promise.resolve([...TABLES, ...VIEWS].map(({ name }) => name)),
};

const rows = async (sql: string): Promise<readonly unknown[]> => (await runSql(catalog, sql)).rows;

async function problem(sql: string): Promise<LakeError> {
  try {
    await runSql(catalog, sql);
  } catch (error) {
    if (error instanceof LakeError) return error;
    throw error;
  }
  throw new Error(`${sql} is answered`);
}

describe("I223 a view in FROM is its query", () => {
  test.for([
    ["SELECT * FROM sales.big", [["20", "sales.t 20"]]],
    ["SELECT v.label FROM sales.big AS v WHERE v.id = 20", [["sales.t 20"]]],
    ["SELECT a FROM sales.big AS v(a, b)", [["20"]]],
    ["SELECT count(*) FROM t, sales.big", [["3"]]],
    ["SELECT * FROM sales.both", [["20"]]],
    ["SELECT * FROM sales.cte", [["7"]]],
    ["WITH t AS (SELECT 5 AS id, 'x' AS name) SELECT big.id, t.id FROM sales.big, t", [["20", "5"]]],
    ["SELECT id FROM t WHERE id + 17 IN (SELECT id FROM sales.big)", [["3"]]],
    ["SELECT id, (SELECT max(label) FROM sales.big b WHERE b.id > t.id) FROM t WHERE id = 1", [["1", "sales.t 20"]]],
    ['SELECT "My Id" FROM sales.spark', [["10"], ["20"]]],
    ["SELECT name FROM sales.narrow ORDER BY 1", [["sales.t 10"], ["sales.t 20"]]],
    ["SELECT a.id FROM sales.big a JOIN sales.big b ON a.id = b.id", [["20"]]],
  ] as const)("%s", async ([sql, expected], { expect }) => {
    expect(await rows(sql)).toEqual(expected);
  });

  test("its name among the statement's own CTEs is the CTE's, even where the view is no good", async () => {
    const catalogOfDefault: TableCatalog = {
      ...catalog,
      findView: (path) => Promise.resolve(VIEWS.find(({ name }) => name === `sales.${path.join(".")}`)),
    };
    const { rows: found } = await runSql(catalogOfDefault, "WITH loop AS (SELECT 1 AS a) SELECT * FROM loop");
    expect(found).toEqual([["1"]]);
  });

  test("EXPLAIN names it, its tables are the statement's, and its version is in the cache key", async () => {
    const prepare = (): ReturnType<typeof prepareQuery> =>
      prepareQuery("SELECT * FROM sales.both", { catalog, params: [], clock: fixedClock });
    const prepared = await prepare();
    expect(prepared.explain().text).toContain("Rewrite: view: sales.both => SELECT b.id FROM big b JOIN u USING (id)");
    expect([...prepared.tables].toSorted()).toEqual(["sales.big", "sales.both", "sales.t", "sales.u"]);
    const [first] = VIEWS;
    const other: TableCatalog = {
      ...catalog,
      async findView(path) {
        const found = await catalog.findView?.(path);
        return found?.name === first?.name ? { ...(found as ViewSource), identity: "another version" } : found;
      },
    };
    const changed = await prepareQuery("SELECT * FROM sales.both", { catalog: other, params: [], clock: fixedClock });
    expect((await prepare()).cacheText).toBe(prepared.cacheText);
    expect(changed.cacheText).not.toBe(prepared.cacheText);
  });

  test("a volatile view makes the query volatile", async () => {
    const prepared = await prepareQuery("SELECT * FROM sales.volatile", { catalog, params: [], clock: fixedClock });
    expect(prepared.isDeterministic).toBe(false);
  });
});

describe("I223 what is wrong with a view is told where it stands in the statement", () => {
  test.for([
    ["SELECT * FROM sales.loop", "sql_unsupported", /reads itself: sales.loop reads sales.loop2 reads sales.loop/],
    ["SELECT * FROM sales.gone", "undefined_table", /In view sales.gone: Table "missing" does not exist/],
    ["SELECT * FROM sales.wrong", "undefined_function", /In view sales.wrong:/],
    ["SELECT * FROM sales.changed", "undefined_column", /3 columns, its query now gives 2: "total"/],
    ["SELECT * FROM sales.parameter", "invalid_parameter", /In view sales.parameter:/],
    ["SELECT * FROM sales.foreign", "sql_unsupported", /its dialects are hive/],
    ["SELECT * FROM sales.broken", "sql_unsupported", /trino text is not understood: Syntax error/],
    ["SELECT * FROM secret", "forbidden", /does not reach the namespace hidden/],
    ["SELECT * FROM sales.big FOR VERSION AS OF 3", "sql_unsupported", /sales.big is a view: it has no versions/],
    ["DELETE FROM sales.big", "sql_unsupported", /not supported|sales.big is a view/],
  ] as const)("%s", async ([sql, code, message], { expect }) => {
    const error = await problem(sql);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  test("with the position of its name", async () => {
    const { details } = await problem("SELECT * FROM t, sales.wrong");
    expect(details).toMatchObject({ start: 17, end: 28, view: "sales.wrong" });
  });
});
