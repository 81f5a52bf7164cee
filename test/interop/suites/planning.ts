// Spark and PyIceberg leave scan planning to the catalog: they must read what Firn answers, rows deleted by vectors and
// by position deletes left out, and must have asked the catalog.

import { readFileSync } from "node:fs";
import type { Answer, Engine } from "../engines.ts";
import { difference, engineIfAny, sortedRows } from "../scenario.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";

const NAMESPACE = "interop_planning";
const DAYS = 8;
const ROWS_A_DAY = 40;

interface PlannedTable {
  readonly name: string;
  readonly version: "2" | "3";
  readonly filters: readonly Filter[];
  /** PyIceberg 0.12 refuses plans of files with such values. */
  readonly hasNullPartitions: boolean;
  /** Fields of the partition spec by the ids of COLUMNS. */
  readonly partitions: readonly (readonly [sourceId: number, name: string, transform: string])[];
}

const COLUMNS = {
  id: "long",
  region: "string",
  amount: "decimal(10,2)",
  score: "double",
  at: "timestamptz",
  day: "date",
};

/** A filter in SQL and in PyIceberg's own words. */
interface Filter {
  readonly sql: string;
  readonly pyiceberg: string;
}

const FILTERS: readonly Filter[] = [
  { sql: "id IS NOT NULL", pyiceberg: "id is not null" },
  { sql: "id = 205", pyiceberg: "id = 205" },
  { sql: "id IN (3, 77, 301, 9999)", pyiceberg: "id in (3, 77, 301, 9999)" },
  { sql: "id >= 100 AND id < 140", pyiceberg: "id >= 100 and id < 140" },
  { sql: "id < 20 OR id > 300", pyiceberg: "id < 20 or id > 300" },
  { sql: "NOT (id >= 30 AND region = 'north')", pyiceberg: "not (id >= 30 and region = 'north')" },
  { sql: "region = 'south'", pyiceberg: "region = 'south'" },
  { sql: "region <> 'south'", pyiceberg: "region != 'south' and region is not null" },
  { sql: "region LIKE 'no%'", pyiceberg: "region like 'no%'" },
  { sql: "region IS NULL", pyiceberg: "region is null" },
  { sql: "amount >= 11.50 AND amount < 13", pyiceberg: "amount >= 11.50 and amount < 13.00" },
  { sql: "score > 0.5 AND score <= 2.25", pyiceberg: "score > 0.5 and score <= 2.25" },
  {
    sql: "at >= TIMESTAMP '2024-01-03 00:00:00+00:00' AND at < TIMESTAMP '2024-01-05 12:00:00+00:00'",
    pyiceberg: "at >= '2024-01-03T00:00:00+00:00' and at < '2024-01-05T12:00:00+00:00'",
  },
  { sql: "day = DATE '2024-01-07'", pyiceberg: "day = '2024-01-07'" },
  { sql: "id = 5 AND region = 'nowhere'", pyiceberg: "id = 5 and region = 'nowhere'" },
];

const TABLES: readonly PlannedTable[] = [
  { name: "days", version: "3", partitions: [[5, "at_day", "day"]], filters: FILTERS, hasNullPartitions: false },
  {
    name: "buckets",
    version: "2",
    partitions: [
      [1, "id_bucket", "bucket[4]"],
      [5, "at_month", "month"],
    ],
    filters: FILTERS.filter((_, at) => at % 2 === 0),
    hasNullPartitions: false,
  },
  {
    name: "regions",
    version: "2",
    partitions: [[2, "region_start", "truncate[2]"]],
    filters: FILTERS.filter(({ sql }) => sql.includes("region")),
    hasNullPartitions: true,
  },
];

async function createTable({ client }: InteropContext, { name, version, partitions }: PlannedTable): Promise<void> {
  await client.request("POST", `/catalog/v1/namespaces/${NAMESPACE}/tables`, "CATALOG_TOKEN", {
    name,
    schema: {
      type: "struct",
      "schema-id": 0,
      fields: Object.entries(COLUMNS).map(([column, type], at) => ({
        id: at + 1,
        name: column,
        type,
        required: false,
      })),
    },
    "partition-spec": {
      "spec-id": 0,
      fields: partitions.map(([sourceId, field, transform], at) => ({
        "source-id": sourceId,
        "field-id": 1000 + at,
        name: field,
        transform,
      })),
    },
    properties: { "format-version": version, "write.delete.mode": "merge-on-read" },
  });
}

function insertSql(table: string, day: number): string {
  const date = `2024-01-${String(day + 1).padStart(2, "0")}`;
  const rows = Array.from({ length: ROWS_A_DAY }, (_, n) => {
    const id = day * ROWS_A_DAY + n;
    const region = n % 8 === 7 ? "NULL" : `'${["north", "south", "nook"][n % 3] ?? ""}'`;
    const hour = String(n % 24).padStart(2, "0");
    return `(${id}, ${region}, ${(id / 8).toFixed(2)}, ${id / 64}, TIMESTAMPTZ '${date} ${hour}:00:00+00', DATE '${date}')`;
  });
  return `INSERT INTO ${table} VALUES ${rows.join(", ")}`;
}

/** Plans, and tasks of plans, that the catalog has answered, from Firn's log. */
function countPlans({ firn }: InteropContext): number {
  const lines = readFileSync(firn.logPath, "utf8").split("\n");
  return lines.filter((line) => /"path":"[^"]*\/tables\/[^"]*\/plan"/.test(line) && line.includes('"status":200,'))
    .length;
}

async function compare(
  context: InteropContext,
  what: string,
  expected: Answer,
  read: () => Promise<Answer>,
): Promise<boolean> {
  const before = countPlans(context);
  try {
    const answer = await read();
    const differing = difference(
      { columns: answer.columns, rows: sortedRows(answer) },
      { columns: expected.columns, rows: sortedRows(expected) },
    );
    if (differing === "") context.pass(what);
    else context.fail(what, differing);
    return context.check(`${what}: planned by the catalog`, countPlans(context) > before, true) && differing === "";
  } catch (error) {
    context.fail(what, error);
    return false;
  }
}

async function fill(context: InteropContext, table: PlannedTable, duckdb: Engine): Promise<void> {
  const name = `${NAMESPACE}.${table.name}`;
  await createTable(context, table);
  const firn = await context.engines.get("firn");
  for (let day = 0; day < DAYS; day++) await firn.call("change", { sql: insertSql(name, day) });
  const remove = "WHERE id % 10 = 3";
  // Version 3: Firn's deletion vectors. Version 2: DuckDB's position deletes.
  if (table.version === "3") await firn.call("change", { sql: `DELETE FROM ${name} ${remove}` });
  else await duckdb.sql(`DELETE FROM firn.${name} ${remove}`);
}

const ROW_GROUPS = `'write.parquet.row-group-size-bytes'='20000', 'write.parquet.row-group-check-min-record-count'='100',
  'write.parquet.row-group-check-max-record-count'='200'`;

/** Copying changes of a file of many row groups keep its other rows, by a client that is set to plan in the catalog. */
async function copyOnWrite(context: InteropContext, spark: Engine): Promise<void> {
  const table = `${NAMESPACE}.copied`;
  await spark.sql(
    `CREATE TABLE firn.${table} (id BIGINT, s STRING) USING iceberg TBLPROPERTIES ('write.delete.mode'='copy-on-write', ${ROW_GROUPS})`,
  );
  const rows = "SELECT id, concat('some text that is long ', id) FROM range(0, 20000, 1, 1)";
  await spark.sql(`INSERT INTO firn.${table} ${rows}`);
  await spark.sql(`DELETE FROM writer.${table} WHERE id = 15000`);
  const { rows: counted } = await spark.sql(`SELECT count(*) FROM firn.${table}`);
  context.check("rows that a delete of one of 20,000 leaves", counted, [["19999"]]);
}

/** Planning on the server. */
export const planningSuite: InteropSuite = {
  name: "planning",
  needs: ["python"],
  limitSeconds: 300,
  async run(context) {
    await context.client.request("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", { namespace: [NAMESPACE] });
    const [firn, duckdb, pyiceberg] = await Promise.all([
      context.engines.get("firn"),
      context.engines.get("duckdb"),
      context.engines.get("pyiceberg"),
    ]);
    const spark = await engineIfAny(context, "spark");
    const held = { spark: true, pyiceberg: true };
    for (const table of TABLES) {
      await fill(context, table, duckdb);
      const name = `${NAMESPACE}.${table.name}`;
      for (const filter of table.filters) {
        const expected = await firn.sql(`SELECT * FROM ${name} WHERE ${filter.sql}`);
        const what = `${table.name} where ${filter.sql}`;
        if (spark !== undefined) {
          const sql = `SELECT * FROM planned.${name} WHERE ${filter.sql}`;
          held.spark = (await compare(context, `Spark ${what}`, expected, () => spark.sql(sql))) && held.spark;
        }
        if (table.hasNullPartitions) continue;
        const read = (): Promise<Answer> => pyiceberg.call("scan_planned", { table: name, filter: filter.pyiceberg });
        held.pyiceberg = (await compare(context, `PyIceberg ${what}`, expected, read)) && held.pyiceberg;
      }
    }
    if (spark !== undefined) {
      await copyOnWrite(context, spark);
      context.prove("spark", "plans in the catalog", held.spark);
    }
    context.prove("pyiceberg", "plans in the catalog", held.pyiceberg);
    context.note(`${TABLES.length} tables, ${countPlans(context)} plans by the catalog`);
  },
};
