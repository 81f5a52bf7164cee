// CREATE, ALTER and DROP of tables and views through SQL, against the real catalog handler.

import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

let lake: QueryLake;

beforeAll(() => initSqlParser());

beforeEach(async () => {
  lake = await createQueryLake();
  await lake.catalog.createNamespace(["sales"]);
});

async function run(sql: string): Promise<Record<string, unknown>> {
  const { body, problem } = await lake.change(sql);
  if (body === undefined) throw new Error(`${sql}: ${JSON.stringify(problem)}`);
  return body;
}

async function rows(sql: string): Promise<readonly unknown[]> {
  const { body, problem } = await lake.query(sql, { cache: "bypass" });
  if (body === undefined) throw new Error(`${sql}: ${JSON.stringify(problem)}`);
  return body.rows;
}

const load = (name: string): ReturnType<QueryLake["catalog"]["loadTable"]> => lake.catalog.loadTable(name);

describe("I225 CREATE TABLE", () => {
  test("with types of format version 3, which then is the table's", async () => {
    await run(
      "CREATE TABLE sales.newest (a timestamp_ns, b timestamptz_ns, c timestamp(9), d timestamp(9) with time zone, " +
        "e variant, f geometry, g geography, h variant[])",
    );
    const table = await load("sales.newest");
    expect(table.metadata["format-version"]).toBe(3);
    expect(table.schema().fields.map(({ type }) => type)).toEqual([
      "timestamp_ns",
      "timestamptz_ns",
      "timestamp_ns",
      "timestamptz_ns",
      "variant",
      "geometry",
      "geography",
      { type: "list", "element-id": 9, "element-required": false, element: "variant" },
    ]);
    await run(
      "INSERT INTO sales.newest (a, e, f, h) VALUES ('2024-01-01', '{\"k\": 1}', '\\x01', ARRAY['1', 'null']::jsonb[])",
    );
    expect(await rows("SELECT a, e, f, h FROM sales.newest")).toEqual([
      { a: "2024-01-01T00:00:00.000000", e: { k: 1 }, f: "\\x01", h: [1, null] },
    ]);
    await run("ALTER TABLE sales.newest ADD COLUMN late variant");
    expect((await load("sales.newest")).schema().fields.at(-1)?.type).toBe("variant");
    const refused = await lake.change("CREATE TABLE sales.old (v variant) WITH (format_version = 2)");
    expect(refused.problem?.status).toBe(400);
    expect((await lake.change("CREATE TABLE sales.odd (v timestamp(7))")).problem?.code).toBe("sql_unsupported");
  });

  test("with types, NOT NULL, partitioning, sort order, format version and properties", async () => {
    const body = await run(
      "CREATE TABLE sales.orders (id bigint NOT NULL, small smallint, n int, r real, f double precision, p numeric(10, 2), " +
        "b boolean, s text, u uuid, y bytea, d date, t time, ts timestamptz NOT NULL, plain timestamp, j jsonb, tags text[]) " +
        "WITH (partitioning = ARRAY['day(ts)', 'bucket(id, 16)', 'truncate(4, s)', 'b'], sorted_by = ARRAY['ts DESC', 'id'], " +
        "format_version = 3, \"write.delete.mode\" = 'merge-on-read')",
    );
    expect(body).toMatchObject({ operation: "create table", table: "sales.orders", outcome: "created" });
    const table = await load("sales.orders");
    expect(table.metadata["format-version"]).toBe(3);
    expect(table.metadata.properties).toMatchObject({ "write.delete.mode": "merge-on-read" });
    expect(table.schema().fields.map(({ name, type, required }) => [name, type, required])).toEqual([
      ["id", "long", true],
      ["small", "int", false],
      ["n", "int", false],
      ["r", "float", false],
      ["f", "double", false],
      ["p", "decimal(10, 2)", false],
      ["b", "boolean", false],
      ["s", "string", false],
      ["u", "uuid", false],
      ["y", "binary", false],
      ["d", "date", false],
      ["t", "time", false],
      ["ts", "timestamptz", true],
      ["plain", "timestamp", false],
      ["j", "string", false],
      ["tags", { type: "list", "element-id": 17, "element-required": false, element: "string" }, false],
    ]);
    expect(table.spec().fields.map(({ name, transform }) => [name, transform])).toEqual([
      ["ts_day", "day"],
      ["id_bucket", "bucket[16]"],
      ["s_trunc", "truncate[4]"],
      ["b", "identity"],
    ]);
    expect(table.sortOrder().fields).toMatchObject([
      { direction: "desc", "null-order": "nulls-first", "source-id": 13 },
      { direction: "asc", "null-order": "nulls-last", "source-id": 1 },
    ]);
    await run("INSERT INTO sales.orders (id, ts, s, p, tags) VALUES (1, '2024-01-15', 'abcdef', 1.5, ARRAY['x', 'y'])");
    expect(await rows("SELECT id, s, p, tags FROM sales.orders")).toEqual([
      { id: 1, s: "abcdef", p: 1.5, tags: ["x", "y"] },
    ]);
  });

  test("the row of the query log says what was done", async () => {
    const { stats } = await lake.change("CREATE TABLE logged AS SELECT 5 AS five");
    expect(stats).toMatchObject({
      operation: "create table as",
      success: true,
      tables: ["default.logged"],
      query_pattern: "CREATE TABLE logged AS SELECT 5 AS five",
      rows_inserted: 1,
    });
  });

  test("IF NOT EXISTS leaves what is there", async () => {
    await run("CREATE TABLE t (id int)");
    expect(await run("CREATE TABLE IF NOT EXISTS t (other text)")).toMatchObject({ outcome: "unchanged" });
    expect((await load("default.t")).schema().fields.map(({ name }) => name)).toEqual(["id"]);
    expect((await lake.change("CREATE TABLE t (id int)")).problem?.code).toBe("already_exists");
  });

  test("AS takes names, types and rows of a query", async () => {
    await run(
      "CREATE TABLE a AS SELECT i AS id, 'x' || i AS name, i::smallint AS small FROM generate_series(1, 5) g(i)",
    );
    const body = await run(
      "CREATE TABLE b (k, total) WITH (partitioning = ARRAY['k']) AS SELECT id % 2, sum(id)::numeric(12, 0) FROM a GROUP BY 1",
    );
    expect(body).toMatchObject({ operation: "create table as", outcome: "created", rows_inserted: 2 });
    expect(body["snapshot_id"]).toMatch(/^\d+$/);
    expect(await rows("SELECT * FROM b ORDER BY k")).toEqual([
      { k: 0, total: 6 },
      { k: 1, total: 9 },
    ]);
    expect(await run("CREATE TABLE c AS SELECT * FROM a WITH NO DATA")).toMatchObject({ rows_inserted: 0 });
    expect(await rows("SELECT * FROM c")).toEqual([]);
    expect((await load("default.c")).schema().fields.map(({ type }) => type)).toEqual(["int", "string", "int"]);
  });

  test("AS whose rows cannot be computed leaves no table", async () => {
    await run("CREATE TABLE a AS SELECT 0 AS zero");
    expect((await lake.change("CREATE TABLE b AS SELECT 1 / zero AS x FROM a")).problem?.code).toBe("division_by_zero");
    expect(await lake.catalog.tableExists("default.b")).toBe(false);
  });
});

describe("I225 ALTER TABLE and DROP TABLE", () => {
  beforeEach(async () => {
    await run("CREATE TABLE t (id int NOT NULL, name text, old text, r real, p numeric(6, 2))");
    await run("INSERT INTO t VALUES (1, 'a', 'o', 1.5, 2.25)");
  });

  test("columns are added, dropped, renamed and widened, in one commit a statement", async () => {
    const before = (await load("default.t")).metadata["metadata-log"].length;
    await run(
      "ALTER TABLE t ADD COLUMN extra bigint, DROP COLUMN old, ALTER COLUMN id TYPE bigint, ALTER r TYPE double precision, " +
        "ALTER p TYPE numeric(12, 2), ALTER COLUMN id DROP NOT NULL, SET (\"write.update.mode\" = 'copy-on-write')",
    );
    expect((await load("default.t")).metadata["metadata-log"].length).toBe(before + 1);
    expect(await run("ALTER TABLE t RENAME COLUMN name TO label")).toMatchObject({ outcome: "altered" });
    await run("INSERT INTO t (label, extra) VALUES ('b', 9000000000)");
    expect(await rows("SELECT * FROM t ORDER BY label")).toEqual([
      { id: 1, label: "a", r: 1.5, p: 2.25, extra: null },
      { id: null, label: "b", r: null, p: null, extra: 9_000_000_000 },
    ]);
    expect((await load("default.t")).metadata.properties).toMatchObject({ "write.update.mode": "copy-on-write" });
    await run('ALTER TABLE t RESET ("write.update.mode")');
    expect((await load("default.t")).metadata.properties).not.toHaveProperty("write.update.mode");
  });

  test("IF EXISTS and IF NOT EXISTS find nothing to do", async () => {
    for (const sql of [
      "ALTER TABLE t ADD COLUMN IF NOT EXISTS name text",
      "ALTER TABLE t DROP COLUMN IF EXISTS nope",
      "ALTER TABLE IF EXISTS none ADD COLUMN x int",
      "DROP TABLE IF EXISTS none",
      "DROP VIEW IF EXISTS none",
    ]) {
      expect(await run(sql)).toMatchObject({ outcome: "unchanged" });
    }
  });

  test("DROP TABLE drops the table, its files, and its answers", async () => {
    await lake.query("SELECT * FROM t", { maxAge: 300 });
    await lake.settle();
    expect(await run("DROP TABLE t")).toMatchObject({ operation: "drop table", outcome: "dropped" });
    await lake.settle();
    expect((await lake.query("SELECT * FROM t", { maxAge: 300 })).problem?.code).toBe("undefined_table");
    const { objects } = await lake.store.list("");
    expect(objects.filter(({ key }) => key.endsWith(".parquet"))).toEqual([]);
  });
});

describe("I226 CREATE VIEW and DROP VIEW", () => {
  beforeEach(async () => {
    await run("CREATE TABLE t AS SELECT i AS id, i % 2 AS odd FROM generate_series(1, 4) g(i)");
  });

  test("a view is stored with its text, and read", async () => {
    expect(
      await run("CREATE VIEW sales.v (n, rest) AS\n  SELECT id, odd FROM default.t -- all\n  WHERE odd = 1;"),
    ).toMatchObject({
      operation: "create view",
      table: "sales.v",
      outcome: "created",
    });
    expect(await rows("SELECT n FROM sales.v ORDER BY n")).toEqual([{ n: 1 }, { n: 3 }]);
    const view = await lake.catalog.views.loadView({ namespace: ["sales"], name: "v" });
    expect(view?.metadata.versions[0]?.representations).toEqual([
      { type: "sql", dialect: "firn", sql: "SELECT id, odd FROM default.t -- all\n  WHERE odd = 1" },
    ]);
    expect(view?.metadata.schemas[0]?.fields.map(({ name, type }) => [name, type])).toEqual([
      ["n", "int"],
      ["rest", "int"],
    ]);
    expect((await lake.change("CREATE VIEW sales.v AS SELECT 1 AS x")).problem?.code).toBe("already_exists");
    expect((await lake.change("CREATE TABLE sales.v (x int)")).problem?.code).toBe("already_exists");
    expect((await lake.change("CREATE VIEW t AS SELECT 1 AS x")).problem?.code).toBe("already_exists");
  });

  test("OR REPLACE gives it another version, and no older answer is served", async () => {
    await run("CREATE VIEW v AS SELECT id FROM t WHERE id < 3");
    expect((await lake.query("SELECT count(*) AS n FROM v", { maxAge: 300 })).body?.rows).toEqual([{ n: 2 }]);
    await lake.settle();
    expect(await run("CREATE OR REPLACE VIEW v AS SELECT id, odd FROM t")).toMatchObject({ outcome: "replaced" });
    await lake.settle();
    expect((await lake.query("SELECT count(*) AS n FROM v", { maxAge: 300 })).body?.rows).toEqual([{ n: 4 }]);
    expect(await run("DROP VIEW v")).toMatchObject({ outcome: "dropped" });
    await lake.settle();
    expect((await lake.query("SELECT count(*) AS n FROM v", { maxAge: 300 })).problem?.code).toBe("undefined_table");
  });

  test("views of views, with time travel and unqualified names", async () => {
    await run("CREATE VIEW a AS SELECT id FROM t FOR SYSTEM_VERSION AS OF 'main' WHERE id > 1");
    await run("CREATE OR REPLACE VIEW sales.b AS WITH x AS (SELECT max(id) AS m FROM a) SELECT m FROM x");
    expect(await rows("SELECT m FROM sales.b")).toEqual([{ m: 4 }]);
    expect((await lake.change("CREATE OR REPLACE VIEW a AS SELECT m AS id FROM sales.b")).problem).toMatchObject({
      code: "sql_unsupported",
    });
  });
});

describe("I225 I226 what is refused, before anything is changed", () => {
  test.for([
    ["CREATE TABLE x (id int PRIMARY KEY)", "sql_unsupported", /PRIMARY/],
    ["CREATE TABLE x (id int DEFAULT 3)", "sql_unsupported", /DEFAULT/],
    ["CREATE TABLE x (id int, UNIQUE (id))", "sql_unsupported", /constraint/],
    ["CREATE TABLE x (id int) PARTITION BY RANGE (id)", "sql_unsupported", /partitioning = ARRAY/],
    ["CREATE TEMP TABLE x (id int)", "sql_unsupported", /TEMPORARY/],
    ["CREATE TABLE x (id int, id text)", "ambiguous_column", /more than once/],
    ["CREATE TABLE x (id numeric)", "type_mismatch", /numeric\(38, 9\)/],
    ["CREATE TABLE x (i interval)", "type_mismatch", /intervals/],
    ["CREATE TABLE x (id nope)", "type_mismatch", /does not exist/],
    ["CREATE TABLE x (name varchar(5))", "sql_unsupported", /length/],
    ["CREATE TABLE x ()", "sql_unsupported", /without columns/],
    ["CREATE TABLE x (id int) WITH (partitioning = ARRAY['dya(id)'])", "invalid_option", /Did you mean "day"/],
    ["CREATE TABLE x (id int) WITH (partitioning = ARRAY['bucket(idd, 4)'])", "invalid_option", /Did you mean "id"/],
    ["CREATE TABLE x (id int) WITH (partitioning = ARRAY['day(id)'])", "invalid_request", /./],
    ["CREATE TABLE x (id int) WITH (partitionning = 'id')", "invalid_option", /Did you mean "partitioning"/],
    ["CREATE TABLE x (id int) WITH (format_version = 4)", "invalid_option", /2 or 3/],
    ["CREATE TABLE x (id int) WITH (format = 'ORC')", "invalid_option", /Parquet/],
    ["CREATE TABLE x (id int) WITH (\"firn.ingest.watermark.0\" = '5')", "invalid_option", /ingest alone/],
    ["CREATE TABLE none.x (id int)", "namespace_not_found", /./],
    ["CREATE TABLE system.x (id int)", "forbidden", /Firn's own/],
    ["CREATE TABLE x AS SELECT $1 AS a", "invalid_parameter", /./],
    ["CREATE TABLE x AS SELECT 1 AS a, 2 AS a", "ambiguous_column", /more than once/],
    ["CREATE TABLE x AS SELECT * FROM nope", "undefined_table", /nope/],
    ["CREATE VIEW x AS SELECT * FROM nope", "undefined_table", /nope/],
    ["CREATE VIEW x AS SELECT $1::int AS a", "invalid_parameter", /./],
    ["CREATE VIEW x (a, b) AS SELECT 1", "type_mismatch", /2 column names/],
    ["CREATE MATERIALIZED VIEW x AS SELECT 1 AS a", "sql_unsupported", /not supported/],
    ["DROP TABLE base CASCADE", "sql_unsupported", /CASCADE/],
    ["DROP TABLE base, other", "sql_unsupported", /several/],
    ["DROP TABLE none", "table_not_found", /./],
    ["DROP VIEW none", "view_not_found", /./],
    ["DROP TABLE system.query_logs", "forbidden", /Firn's own/],
    ["ALTER TABLE base ADD COLUMN x int NOT NULL", "invalid_option", /./],
    ["ALTER TABLE base ALTER COLUMN id TYPE text", "invalid_option", /./],
    ["ALTER TABLE base ALTER COLUMN id TYPE bigint USING id + 1", "sql_unsupported", /USING/],
    ["ALTER TABLE base DROP COLUMN nope", "undefined_column", /nope/],
    ["ALTER TABLE base RENAME COLUMN nope TO x", "undefined_column", /nope/],
    ["ALTER TABLE base ALTER COLUMN id SET NOT NULL", "sql_unsupported", /SET NOT NULL/],
    ["ALTER TABLE base SET (fillfactor = 3)", "invalid_option", /no table property/],
    ["ALTER TABLE base RENAME TO other", "sql_unsupported", /not supported/],
    ["CREATE INDEX i ON base (id)", "sql_unsupported", /not supported/],
  ] as const)("%s: %s", async ([sql, code, message], { expect }) => {
    await run("CREATE TABLE base (id int)");
    const { problem } = await lake.change(sql);
    expect(problem?.code).toBe(code);
    expect(problem?.detail).toMatch(message);
    expect(await lake.catalog.tableExists("default.x")).toBe(false);
    expect((await load("default.base")).schema().fields).toHaveLength(1);
  });

  test("C220 without the scope write nothing is defined, and no namespace is reached that the token does not", async () => {
    await run("CREATE TABLE base (id int)");
    for (const sql of [
      "CREATE TABLE x (id int)",
      "CREATE TABLE x AS SELECT 1 AS a",
      "CREATE VIEW v AS SELECT 1 AS a",
      "DROP TABLE base",
      "ALTER TABLE base ADD COLUMN x int",
      "DROP VIEW v",
    ]) {
      expect((await lake.query(sql)).problem).toMatchObject({ code: "forbidden", required_scope: "write" });
      const limited = await lake.query(sql, {}, undefined, { mayWrite: true, namespaces: ["sales"] });
      expect(limited.problem).toMatchObject({ code: "forbidden", namespace: "default" });
    }
    const reading = "CREATE TABLE sales.copy AS SELECT * FROM base";
    const limited = await lake.query(reading, {}, undefined, { mayWrite: true, namespaces: ["sales"] });
    expect(limited.problem?.code).toBe("forbidden");
    expect(await lake.catalog.listTables(["sales"])).toEqual([]);
    expect(await lake.catalog.listTables(["default"])).toHaveLength(1);
  });
});
