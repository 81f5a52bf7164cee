// Types of format version 3: variants of Spark and Firn, nanoseconds of PyIceberg, DuckDB and Firn, shapes of DuckDB and
// Firn. Each reads what the other wrote, also after Firn has compacted and sorted it.

import { parseJson, stringifyJson } from "#core";
import type { Answer, Engine, EngineName, Value } from "../engines.ts";
import { difference, engineIfAny, readAll, sortedRows } from "../scenario.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";

const NAMESPACE = "interop_types";

const WIDE_DECIMAL = "12345678901234567890.0123456789";

/** JSON that survives in a variant, by row. */
const DOCUMENTS = [
  `{"a": 1, "b": [true, null, {"c": "x"}], "d": 1.5}`,
  `{"a": -9223372036854775808, "z": "héllo ✓ 🐧", "b": []}`,
  `[1, 2, 300, 70000, 5000000000]`,
  `"a text that is longer than sixty-four bytes, and so has another form than the short ones"`,
  `{"a": "another type than before", "nested": {"a": {"b": {"c": [[], {}]}}}}`,
  WIDE_DECIMAL,
  `null`,
] as const;

function textOf(value: Value | undefined): string {
  return typeof value === "string" ? value : "null";
}

/** Rows of a variant as JSON values, whatever the spelling of the text and the order of its keys. */
function asJson({ rows }: Answer): string[] {
  return rows.map(([id, text]) => stringifyJson([id, keysSorted(parseJson(textOf(text)))])).toSorted();
}

function keysSorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(keysSorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, keysSorted(member)]));
}

async function variantsAgree(context: InteropContext, spark: Engine, table: string, what: string): Promise<void> {
  const firn = await context.engines.get("firn");
  const theirs = asJson(await spark.sql(`SELECT CAST(id AS STRING), to_json(v) FROM ${table}`));
  const ours = asJson(await firn.sql(`SELECT id::text, v::text FROM ${table}`));
  context.check(`${what}: variants of ${table} in Firn and Spark`, ours, theirs);
  const inside = asJson(await spark.sql(`SELECT CAST(id AS STRING), to_json(get(l, 1)) FROM ${table}`));
  const ownInside = asJson(await firn.sql(`SELECT id::text, l[2]::text FROM ${table}`));
  context.check(`${what}: variants in lists of ${table}`, ownInside, inside);
}

/** Spark's variants, whole or shredded, before and after Firn moves them. */
async function sparkVariants(context: InteropContext, spark: Engine, isShredded: boolean): Promise<void> {
  const table = `${NAMESPACE}.${isShredded ? "shredded_variants" : "variants"}`;
  // Iceberg 1.11 cannot shred decimals of more than 18 digits: it writes the number's own bytes where 16 have to be.
  const documents = DOCUMENTS.filter((text) => !isShredded || text !== WIDE_DECIMAL);
  const rows = documents.map((text, id) => `SELECT ${id}, parse_json('${text}'), array(NULL, parse_json('${text}'))`);
  await spark.sql(
    `CREATE TABLE ${table} (id INT, v VARIANT, l ARRAY<VARIANT>) USING iceberg
       TBLPROPERTIES ('format-version'='3', 'write.parquet.shred-variants'='${isShredded}')`,
  );
  await spark.sql(`INSERT INTO ${table} SELECT /*+ COALESCE(1) */ * FROM (${rows.join(" UNION ALL ")})`);
  // Objects of one form, whose fields become columns; some have other types or more of them.
  await spark.sql(
    `INSERT INTO ${table} SELECT /*+ COALESCE(1) */ CAST(id AS INT), parse_json(concat('{"n": ', id, ', "s": "x', id % 3,
       '", "o": {"d": ', id / 4, ', "b": true}, "a": [', id, ', "y"]', if(id % 5 = 0, ', "more": null, "n2": "z"', ''), '}')),
       array(parse_json('{"k": 1}'), parse_json(if(id % 2 = 0, concat('{"k": ', id, '}'), '"k"'))) FROM range(300, 360)`,
  );
  if (isShredded) {
    const bounded = `SELECT count(*) > 0 FROM ${table}.files WHERE map_contains_key(lower_bounds, 2)`;
    context.check("Spark shredded variants", (await spark.sql(bounded)).rows, [[true]]);
  }
  await spark.sql(`INSERT INTO ${table} SELECT 100, NULL, NULL UNION ALL SELECT 101, parse_json('{"a": 5}'), array()`);
  await variantsAgree(context, spark, table, "as Spark wrote them");
  await context.client.runJob("/admin/compact", { table, aggressive: true });
  await variantsAgree(context, spark, table, "after a compaction");
  await context.client.runJob("/admin/rewrite", { table, sort: ["id"] });
  await variantsAgree(context, spark, table, "after a sort");
  const firn = await context.engines.get("firn");
  await firn.call("change", { sql: `UPDATE ${table} SET v = '{"new": [1, 2.50]}' WHERE id = 1` });
  await firn.call("change", { sql: `INSERT INTO ${table} (id, v) VALUES (200, '"by Firn"')` });
  await firn.call("change", { sql: `DELETE FROM ${table} WHERE id = 0` });
  await variantsAgree(context, spark, table, "after changes of Firn");
}

/** What Spark says of types that JSON does not have. */
async function typedVariants(context: InteropContext, spark: Engine): Promise<void> {
  const table = `${NAMESPACE}.typed_variants`;
  await spark.sql(`CREATE TABLE ${table} (id INT, v VARIANT) USING iceberg TBLPROPERTIES ('format-version'='3')`);
  await spark.sql(
    `INSERT INTO ${table} SELECT 1, to_variant_object(named_struct('d', DATE'2024-02-29', 'z', TIMESTAMP'2024-02-29 12:34:56.789',
       'n', TIMESTAMP_NTZ'2024-02-29 12:34:56', 'f', 1.5F, 'g', 0.1D, 'x', X'00ff', 'm', 1.10BD, 'i', CAST(7 AS TINYINT)))`,
  );
  const firn = await context.engines.get("firn");
  const { rows } = await firn.sql(`SELECT v::text FROM ${table}`);
  context.check("typed variants of Spark", keysSorted(parseJson(textOf(rows[0]?.[0]))), {
    d: "2024-02-29",
    f: 1.5,
    g: 0.1,
    i: 7,
    m: 1.1,
    n: "2024-02-29T12:34:56",
    x: "AP8=",
    z: "2024-02-29T12:34:56.789+00:00",
  });
}

interface Field {
  readonly name: string;
  readonly type: unknown;
}

async function createTable(context: InteropContext, name: string, fields: readonly Field[]): Promise<string> {
  await context.client.request("POST", `/catalog/v1/namespaces/${NAMESPACE}/tables`, "CATALOG_TOKEN", {
    name,
    schema: {
      type: "struct",
      "schema-id": 0,
      fields: fields.map((field, at) => ({ id: at + 1, required: false, ...field })),
    },
    properties: { "format-version": "3" },
  });
  return `${NAMESPACE}.${name}`;
}

/** Rows of nanoseconds as every engine shows them; `before` is what they were, if they had to stay. */
async function nanosecondsAgree(
  context: InteropContext,
  engine: Engine,
  table: string,
  what: string,
  expected: Answer,
): Promise<void> {
  try {
    const differing = difference(await readAll(engine, table), expected);
    if (differing === "") context.pass(what);
    else context.fail(`${what}: ${engine.name} reads ${table}`, differing);
  } catch (error) {
    context.fail(`${what}: ${engine.name} reads ${table}`, error);
  }
}

/** Nanoseconds by ingest and SQL; `zoned` is the type of their second column. */
async function ownNanoseconds(
  context: InteropContext,
  name: string,
  zoned: string,
  readers: readonly EngineName[],
): Promise<void> {
  const table = await createTable(context, name, [
    { name: "event_id", type: "string" },
    { name: "t", type: "timestamp_ns" },
    { name: "z", type: zoned },
    { name: "s", type: { type: "struct", fields: [{ id: 10, name: "at", required: false, type: "timestamp_ns" }] } },
  ]);
  const zone = zoned === "timestamptz_ns" ? "Z" : "";
  const events = [
    { event_id: "a", t: "2024-02-29T12:34:56.123456789", z: `2024-02-29T12:34:56.000000001${zone}` },
    { event_id: "b", t: "1969-12-31T23:59:59.999999999" },
    { event_id: "c" },
  ];
  const reply = await context.client.ingest(events, { table });
  context.check("events with nanoseconds", reply.accepted, events.length);
  await context.client.flush(table);
  const firn = await context.engines.get("firn");
  await firn.call("change", {
    sql: `INSERT INTO ${table} (event_id, t) VALUES ('d', '2024-01-01 00:00:00.000001')`,
  });
  const expected: Answer = {
    columns: ["event_id", "t", "z", "s"],
    rows: [
      ["a", "ns:1709210096123456789", "ns:1709210096000000001", null],
      ["b", "ns:-1", null, null],
      ["c", null, null, null],
      ["d", "ns:1704067200000001000", null, null],
    ],
  };
  for (const name of readers) {
    const engine = await engineIfAny(context, name);
    if (engine === undefined) continue;
    await nanosecondsAgree(context, engine, table, "nanoseconds of Firn", expected);
  }
  await context.client.runJob("/admin/rewrite", { table, sort: ["t", "z"] });
  for (const name of readers) {
    const engine = await engineIfAny(context, name);
    if (engine !== undefined) await nanosecondsAgree(context, engine, table, "nanoseconds sorted by Firn", expected);
  }
}

/** Nanoseconds of DuckDB stay what they are. */
async function duckdbNanoseconds(context: InteropContext, engine: Engine): Promise<void> {
  const table = await createTable(context, "duckdb_nanos", [
    { name: "id", type: "int" },
    { name: "t", type: "timestamp_ns" },
  ]);
  await engine.sql(
    `INSERT INTO firn.${table} VALUES (1, TIMESTAMP_NS '2024-02-29 12:34:56.123456789'),
       (2, TIMESTAMP_NS '1969-12-31 23:59:59.999999999'), (3, NULL)`,
  );
  await engine.sql(`INSERT INTO firn.${table} VALUES (4, TIMESTAMP_NS '2024-03-01 00:00:00.000000001')`);
  const before = await readAll(engine, table);
  context.check(`${table} has nanoseconds`, JSON.stringify(before.rows).includes("789"), true);
  const firn = await context.engines.get("firn");
  const seen = await firn.sql(`SELECT * FROM ${table}`);
  const cut = sortedRows(before).map((row) => row.map((value) => cutNanoseconds(value)));
  context.check(`${table}: Firn sees the microseconds of ${engine.name}`, sortedRows(seen), cut);
  for (const [path, body] of [
    ["/admin/compact", { table, aggressive: true }],
    ["/admin/rewrite", { table, sort: ["t"] }],
  ] as const) {
    await context.client.runJob(path, body);
    await nanosecondsAgree(context, engine, table, `nanoseconds after ${path}`, before);
  }
}

/** A value with nanoseconds as SQL shows it, rounded down. */
function cutNanoseconds(value: Value): Value {
  if (typeof value !== "string" || !value.startsWith("ns:")) return value;
  const nanos = BigInt(value.slice("ns:".length));
  return `ts:${(nanos - (((nanos % 1000n) + 1000n) % 1000n)) / 1000n}`;
}

/** What Firn wrote of the other types. */
async function shapesAndVariants(context: InteropContext, engine: Engine): Promise<void> {
  const variants = await createTable(context, "firn_variants", [
    { name: "id", type: "int" },
    { name: "v", type: "variant" },
  ]);
  const firn = await context.engines.get("firn");
  const values = DOCUMENTS.map((text, id) => `(${id}, '${text}')`);
  await firn.call("change", { sql: `INSERT INTO ${variants} (id, v) VALUES ${values.join(", ")}` });
  try {
    const theirs = asJson(await engine.sql(`SELECT id::VARCHAR, v::JSON::VARCHAR FROM firn.${variants}`));
    context.check(
      "DuckDB reads Firn's variants",
      theirs,
      asJson(await firn.sql(`SELECT id::text, v::text FROM ${variants}`)),
    );
  } catch (error) {
    context.fail("DuckDB reads Firn's variants", error);
  }
  try {
    await engine.sql(`INSERT INTO firn.${variants} VALUES (50, '{"by": ["DuckDB", 1]}'::JSON::VARIANT)`);
    const { rows } = await firn.sql(`SELECT v::text FROM ${variants} WHERE id = 50`);
    context.check("Firn reads DuckDB's variants", rows, [['{"by": ["DuckDB", 1]}']]);
  } catch (error) {
    context.fail("Firn reads DuckDB's variants", error);
  }
  const shapes = await createTable(context, "firn_shapes", [
    { name: "id", type: "int" },
    { name: "g", type: "geometry" },
  ]);
  const point = "0101000000000000000000f03f0000000000000040";
  await firn.call("change", { sql: `INSERT INTO ${shapes} (id, g) VALUES (1, '\\x${point}'), (2, NULL)` });
  try {
    const { rows } = await engine.sql(`SELECT id, hex(ST_AsWKB(g)) FROM firn.${shapes} ORDER BY id`);
    context.check("DuckDB reads Firn's shapes", rows, [
      ["1", point.toUpperCase()],
      ["2", null],
    ]);
  } catch (error) {
    context.fail("DuckDB reads Firn's shapes", error);
  }
  try {
    await engine.sql(`INSERT INTO firn.${shapes} VALUES (3, 'POINT(1 2)'::GEOMETRY)`);
    const { rows } = await firn.sql(`SELECT encode(g, 'hex') FROM ${shapes} WHERE id = 3`);
    context.check("Firn reads DuckDB's shapes", rows, [[point]]);
  } catch (error) {
    context.fail("Firn reads DuckDB's shapes", error);
  }
}

/** Types of format version 3. */
export const typesSuite: InteropSuite = {
  name: "types",
  needs: ["python"],
  limitSeconds: 300,
  async run(context) {
    await context.client.request("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", { namespace: [NAMESPACE] });
    await ownNanoseconds(context, "firn_nanos", "timestamp_ns", ["pyiceberg", "duckdb"]);
    // DuckDB has no nanoseconds with a time zone.
    await ownNanoseconds(context, "firn_nanos_tz", "timestamptz_ns", ["pyiceberg"]);
    const duckdb = await context.engines.get("duckdb");
    await duckdbNanoseconds(context, duckdb);
    await shapesAndVariants(context, duckdb);
    const spark = await engineIfAny(context, "spark");
    if (spark === undefined) return;
    await sparkVariants(context, spark, false);
    await sparkVariants(context, spark, true);
    await typedVariants(context, spark);
  },
};
