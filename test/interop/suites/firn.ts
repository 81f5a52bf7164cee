// Firn writes, by ingest and by SQL; every engine reads. On v3 tables Firn's deletion vectors and Spark's alternate on
// the same data files, and rows keep their lineage through rewrites.

import type { Answer, Engine, EngineName, Value } from "../engines.ts";
import { engineIfAny, expectRows, readAll, sortedRows, vectorsOf } from "../scenario.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";

const NAMESPACE = "interop_firn";
/** The table whose rows are deleted by vectors. */
const VECTORS = `${NAMESPACE}.vectors`;
const ENGINES: readonly EngineName[] = ["pyiceberg", "duckdb", "spark", "trino"];

interface Column {
  readonly name: string;
  readonly type: string;
}

const COLUMNS: readonly Column[] = [
  { name: "event_id", type: "string" },
  { name: "b", type: "boolean" },
  { name: "i", type: "int" },
  { name: "l", type: "long" },
  { name: "f", type: "float" },
  { name: "d", type: "double" },
  { name: "dec9", type: "decimal(9,2)" },
  { name: "dec18", type: "decimal(18,6)" },
  { name: "dec38", type: "decimal(38,10)" },
  { name: "dt", type: "date" },
  { name: "tz", type: "timestamptz" },
  { name: "ntz", type: "timestamp" },
  { name: "s", type: "string" },
  { name: "u", type: "uuid" },
  { name: "fx", type: "fixed[5]" },
  { name: "bin", type: "binary" },
];

/** Spark has no type for time of day: it gets a table of its own. */
const TIME_COLUMNS: readonly Column[] = [
  { name: "event_id", type: "string" },
  { name: "tm", type: "time" },
];

const ROWS: readonly Readonly<Record<string, unknown>>[] = [
  {
    event_id: "plain",
    b: true,
    i: 1,
    l: "2",
    f: 1.5,
    d: 2.5,
    dec9: "1.23",
    dec18: "4.567890",
    dec38: "12345678901234567890.0123456789",
    dt: "2024-02-29",
    tz: "2024-02-29T12:34:56.789012Z",
    ntz: "2024-02-29T12:34:56.789012",
    s: "héllo ✓ 🐧",
    u: "f79c3e09-677c-4bbd-a479-3f349cb785e7",
    fx: btoa("\u0000\u00ffabc"),
    bin: btoa("\u0000\u0001\u00ff"),
  },
  {
    event_id: "least",
    b: false,
    i: -2147483648,
    l: "-9223372036854775808",
    f: -3.4028234663852886e38,
    d: -1.7976931348623157e308,
    dec9: "-9999999.99",
    dec18: "-999999999999.999999",
    dec38: "-9999999999999999999999999999.9999999999",
    dt: "1900-01-01",
    tz: "1900-01-01T00:00:00Z",
    ntz: "1900-01-01T00:00:00",
    s: "",
    u: "00000000-0000-0000-0000-000000000000",
    fx: btoa("\u0000\u0000\u0000\u0000\u0000"),
    bin: "",
  },
  {
    event_id: "greatest",
    b: true,
    i: 2147483647,
    l: "9223372036854775807",
    f: 3.4028234663852886e38,
    d: 1.7976931348623157e308,
    dec9: "9999999.99",
    dec18: "999999999999.999999",
    dec38: "9999999999999999999999999999.9999999999",
    dt: "2199-12-31",
    tz: "2199-12-31T23:59:59.999999Z",
    ntz: "2199-12-31T23:59:59.999999",
    s: "long text ".repeat(20),
    u: "ffffffff-ffff-ffff-ffff-ffffffffffff",
    fx: btoa("\u00ff\u00ff\u00ff\u00ff\u00ff"),
    bin: btoa("\u00ab".repeat(40)),
  },
  { event_id: "nulls" },
];

const TIME_ROWS = [{ event_id: "a", tm: "00:00:00" }, { event_id: "b", tm: "23:59:59.999999" }, { event_id: "c" }];

async function createTable(
  context: InteropContext,
  name: string,
  columns: readonly Column[],
  options: { readonly partitions?: readonly unknown[]; readonly properties?: Readonly<Record<string, string>> } = {},
): Promise<void> {
  await context.client.request("POST", `/catalog/v1/namespaces/${NAMESPACE}/tables`, "CATALOG_TOKEN", {
    name,
    schema: {
      type: "struct",
      "schema-id": 0,
      fields: columns.map((column, at) => ({ id: at + 1, required: false, ...column })),
    },
    ...(options.partitions === undefined ? {} : { "partition-spec": { "spec-id": 0, fields: options.partitions } }),
    properties: options.properties ?? {},
  });
}

/** The engines that can be had here, but those named. */
async function readers(context: InteropContext, without: readonly EngineName[] = []): Promise<Engine[]> {
  const found: Engine[] = [];
  for (const name of ENGINES) {
    if (without.includes(name)) continue;
    const engine = await engineIfAny(context, name);
    if (engine !== undefined) found.push(engine);
  }
  return found;
}

async function everyoneSees(
  context: InteropContext,
  table: string,
  what: string,
  engines: readonly Engine[],
  expected: Answer,
): Promise<void> {
  for (const engine of engines) {
    const held = await expectRows(context, engine, table, what, expected);
    if (engine.name !== "firn") context.prove(engine.name, "reads what Firn wrote", held);
    if (table === VECTORS) context.prove(engine.name, "reads deletion vectors", held);
  }
}

async function everyoneReads(
  context: InteropContext,
  table: string,
  what: string,
  engines: readonly Engine[],
): Promise<Answer> {
  const expected = await readAll(await context.engines.get("firn"), table);
  await everyoneSees(context, table, what, engines, expected);
  return expected;
}

async function layoutJobs(
  context: InteropContext,
  table: string,
  sort: readonly string[],
  engines: readonly Engine[],
): Promise<void> {
  const firn = await context.engines.get("firn");
  const before = await readAll(firn, table);
  for (const [what, path, body] of [
    ["compaction", "/admin/compact", { aggressive: true, minFileSize: "50MB" }],
    ["sort", "/admin/rewrite", { sort, targetFileSize: "64MB" }],
  ] as const) {
    await context.client.runJob(path, { table, ...body });
    await everyoneSees(context, table, `after ${what}`, [firn, ...engines], before);
  }
}

/** Every type through ingest; partitions by every transform. */
async function ingested(context: InteropContext): Promise<void> {
  const { client } = context;
  const transforms = [
    [3, "bucket[4]"],
    [4, "truncate[10]"],
    [8, "bucket[5]"],
    [10, "month"],
    [11, "hour"],
    [12, "year"],
    [13, "truncate[3]"],
    [14, "bucket[8]"],
    [2, "identity"],
    [16, "bucket[3]"],
  ] as const;
  const partitions = transforms.map(([source, transform], at) => ({
    "source-id": source,
    "field-id": 1000 + at,
    name: `p${source}`,
    transform,
  }));
  for (const [name, fields] of [
    ["types", undefined],
    ["types_partitioned", partitions],
  ] as const) {
    const table = `${NAMESPACE}.${name}`;
    await createTable(context, name, COLUMNS, fields === undefined ? {} : { partitions: fields });
    for (const row of ROWS) {
      const reply = await client.ingest([row], { table });
      context.check(`${table}: ${String(row["event_id"])} is taken`, reply.accepted, 1);
      await client.flush(table);
    }
    const engines = await readers(context);
    const seen = await everyoneReads(context, table, "ingested", engines);
    context.check(`${table}: rows`, seen.rows.length, ROWS.length);
    await layoutJobs(context, table, ["l"], engines);
  }
  const table = `${NAMESPACE}.times`;
  await createTable(context, "times", TIME_COLUMNS);
  await client.ingest(TIME_ROWS, { table });
  await client.flush(table);
  await everyoneReads(context, table, "times", await readers(context, ["spark"]));
  await expectRefusal(context, "spark", table, /time/i);
}

/** An exception of docs/interop.md: the engine refuses the table, and says why. */
async function expectRefusal(context: InteropContext, name: EngineName, table: string, why: RegExp): Promise<void> {
  const engine = await engineIfAny(context, name);
  if (engine === undefined) return;
  const message = await readAll(engine, table).then(
    () => "an answer",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  context.check(`${name} refuses ${table}`, why.test(message) ? String(why) : message, String(why));
}

const CHANGES = [
  [
    "insert",
    "INSERT INTO {t} SELECT g, 'r' || (g % 3), g / 4.0, timestamptz '2024-01-01' + g * interval '1 hour' FROM generate_series(0, 199) AS g",
  ],
  ["insert values", "INSERT INTO {t} (id, region) VALUES (200, NULL), (201, 'ü')"],
  ["update", "UPDATE {t} SET amount = amount + 1000, region = 'moved' WHERE id % 10 = 4"],
  ["delete", "DELETE FROM {t} WHERE id % 10 = 3"],
  [
    "merge",
    `MERGE INTO {t} AS t USING (SELECT g AS id FROM generate_series(150, 249) AS g) AS s ON t.id = s.id
       WHEN MATCHED AND s.id % 2 = 0 THEN DELETE
       WHEN MATCHED THEN UPDATE SET amount = -1
       WHEN NOT MATCHED THEN INSERT (id, region, amount) VALUES (s.id, 'merged', 0)`,
  ],
  ["second delete in the same files", "DELETE FROM {t} WHERE id % 10 = 5"],
] as const;

const CHANGE_COLUMNS: readonly Column[] = [
  { name: "id", type: "long" },
  { name: "region", type: "string" },
  { name: "amount", type: "decimal(12,2)" },
  { name: "seen", type: "timestamptz" },
];

/** Row-level SQL; after each statement every engine sees what Firn answers. */
async function changedBySql(
  context: InteropContext,
  name: string,
  properties: Readonly<Record<string, string>>,
  without: readonly EngineName[],
): Promise<void> {
  const table = `${NAMESPACE}.${name}`;
  const firn = await context.engines.get("firn");
  await createTable(context, name, CHANGE_COLUMNS, {
    properties,
    partitions: [{ "source-id": 2, "field-id": 1000, name: "region", transform: "identity" }],
  });
  const engines = await readers(context, without);
  for (const [what, statement] of CHANGES) {
    try {
      await firn.call("change", { sql: statement.replaceAll("{t}", table) });
    } catch (error) {
      context.fail(`${table}: ${what}`, error);
      continue;
    }
    await everyoneReads(context, table, `after ${what}`, engines);
  }
  if (table === VECTORS) {
    context.check(`${table}: holds deletion vectors`, (await vectorsOf(context, table)) > 0, true);
    await expectRefusal(context, "trino", table, /PUFFIN/);
  }
  await layoutJobs(context, table, ["id"], engines);
}

const LINEAGE = "SELECT id, _row_id, _last_updated_sequence_number FROM {t}";

function idAndRowId(row: readonly Value[]): string {
  return JSON.stringify(row.slice(0, 2));
}

/** Spark and Firn delete from the same files of a v3 table in turn; lineage as Spark reads it outlives rewrites. */
async function lineage(context: InteropContext): Promise<void> {
  const spark = await engineIfAny(context, "spark");
  if (spark === undefined) return;
  const firn = await context.engines.get("firn");
  const table = `${NAMESPACE}.lineage`;
  await spark.sql(
    `CREATE TABLE ${table} (id BIGINT, v STRING) USING iceberg TBLPROPERTIES ('format-version'='3',
       'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read')`,
  );
  const rows = async (): Promise<readonly (readonly Value[])[]> =>
    sortedRows(await spark.sql(LINEAGE.replace("{t}", table)));
  await spark.sql(`INSERT INTO ${table} SELECT id, 'a' FROM range(0, 50)`);
  await spark.sql(`INSERT INTO ${table} SELECT id, 'b' FROM range(50, 100)`);
  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["Spark deletes", () => spark.sql(`DELETE FROM ${table} WHERE id % 10 = 1`)],
    ["Firn deletes", () => firn.call("change", { sql: `DELETE FROM ${table} WHERE id % 10 = 2` })],
    ["Spark deletes again", () => spark.sql(`DELETE FROM ${table} WHERE id % 10 = 3`)],
    ["Firn updates", () => firn.call("change", { sql: `UPDATE ${table} SET v = 'firn' WHERE id % 10 = 4` })],
    ["Spark updates", () => spark.sql(`UPDATE ${table} SET v = 'spark' WHERE id % 10 = 5`)],
  ];
  for (const [what, take] of steps) {
    const before = await rows();
    try {
      await take();
    } catch (error) {
      context.fail(`${table}: ${what}`, error);
      continue;
    }
    await everyoneReads(context, table, what, [spark]);
    const first = new Set(before.map(idAndRowId));
    const strangers = (await rows()).map(idAndRowId).filter((row) => !first.has(row));
    context.check(`${table}: ${what}: rows with another _row_id`, strangers, []);
  }
  const before = await rows();
  for (const [path, body] of [
    ["/admin/compact", { aggressive: true, minFileSize: "50MB" }],
    ["/admin/rewrite", { sort: ["v", "id"], targetFileSize: "64MB" }],
  ] as const) {
    await context.client.runJob(path, { table, ...body });
    context.check(`${table}: lineage after ${path}`, await rows(), before);
  }
}

/** What Firn writes. */
export const firnSuite: InteropSuite = {
  name: "firn",
  needs: ["python"],
  limitSeconds: 720,
  async run(context) {
    await context.client.request("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", { namespace: [NAMESPACE] });
    const merge = {
      "write.delete.mode": "merge-on-read",
      "write.update.mode": "merge-on-read",
      "write.merge.mode": "merge-on-read",
    };
    const parts: readonly (readonly [string, () => Promise<void>])[] = [
      ["ingest", () => ingested(context)],
      ["SQL on v2", () => changedBySql(context, "changes", { "format-version": "2" }, [])],
      ["SQL on v3", () => changedBySql(context, "changes_v3", { "format-version": "3" }, [])],
      // Trino 476 cannot read deletion vectors.
      [
        "SQL on v3 with deletion vectors",
        () => changedBySql(context, "vectors", { "format-version": "3", ...merge }, ["trino"]),
      ],
      ["lineage", () => lineage(context)],
    ];
    for (const [what, run] of parts) {
      try {
        await run();
        context.note(what);
      } catch (error) {
        context.fail(what, error);
      }
    }
  },
};
