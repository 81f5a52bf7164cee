// DuckDB writes, Firn reads; Firn rewrites, DuckDB reads.

import type { Claim } from "../claims.ts";
import type { EngineName } from "../engines.ts";
import { runScenario, type Scenario, type Step } from "../scenario.ts";
import type { InteropSuite } from "../suite.ts";

const READERS: readonly EngineName[] = ["spark", "trino", "pyiceberg"];

const TYPES = `b BOOLEAN, i INTEGER, l BIGINT, f FLOAT, d DOUBLE, dec9 DECIMAL(9,2), dec18 DECIMAL(18,6), dec38 DECIMAL(38,10),
  dt DATE, tm TIME, tz TIMESTAMPTZ, ntz TIMESTAMP, s VARCHAR, u UUID, bin BLOB,
  st STRUCT(a INTEGER, b VARCHAR), li INTEGER[], m MAP(VARCHAR, BIGINT)`;

const TYPES_ROWS = [
  `true, 1, 2, 1.5, 2.5, 1.23, 4.567890, 12345678901234567890.0123456789, '2024-02-29', '23:59:59.999999',
     '2024-02-29 12:34:56.789012+00', '2024-02-29 12:34:56.789012', 'héllo ✓ 🐧', 'f79c3e09-677c-4bbd-a479-3f349cb785e7',
     '\\x00\\xff\\x10'::BLOB, {'a': 1, 'b': 'x'}, [1, NULL, 3], MAP {'k': 1, 'ß': NULL}`,
  `false, -2147483648, -9223372036854775808, 'NaN', 'NaN', -9999999.99, -999999999999.999999,
     -9999999999999999999999999999.9999999999, '0001-01-01', '00:00:00', '0001-01-01 00:00:00+00', '0001-01-01 00:00:00', '',
     '00000000-0000-0000-0000-000000000000', ''::BLOB, {'a': NULL, 'b': NULL}, [], MAP {}`,
  `true, 2147483647, 9223372036854775807, 'Infinity', '-Infinity', 9999999.99, 999999999999.999999,
     9999999999999999999999999999.9999999999, '9999-12-31', '12:00:00.000001', '2199-12-31 23:59:59.999999+00',
     '2199-12-31 23:59:59.999999', repeat('long text ', 50), 'ffffffff-ffff-ffff-ffff-ffffffffffff',
     '\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB\\xAB'::BLOB, {'a': 7, 'b': ''}, [NULL], MAP {'': 0}`,
  `NULL, NULL, NULL, '-0.0', '-0.0', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL`,
];

const types: Scenario = {
  table: "interop_duckdb.types",
  sort: ["l"],
  // Spark has no type for time of day.
  readers: ["trino", "pyiceberg"],
  proves: ["all types it has"],
  steps: [
    { what: "create", sql: [`CREATE TABLE {t} (${TYPES})`] },
    ...TYPES_ROWS.map((row, at): Step => ({ what: `insert ${at + 1}`, sql: [`INSERT INTO {t} VALUES (${row})`] })),
  ],
};

const APPENDS = [
  `INSERT INTO {t} SELECT id, 'r' || (id % 3), CAST(id / 7 AS DECIMAL(10,2)),
     TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_days((id % 5)::INT) + to_hours(id % 24) FROM range(200) t(id)`,
  `INSERT INTO {t} SELECT id, NULL, NULL, TIMESTAMPTZ '2024-01-03 00:00:00+00' FROM range(200, 220) t(id)`,
];

function changes(table: string, properties: string, proves: readonly Claim[]): Scenario {
  return {
    table,
    proves,
    sort: ["id"],
    readers: properties.includes("'3'") ? ["spark", "pyiceberg"] : READERS,
    steps: [
      {
        what: "create",
        sql: [`CREATE TABLE {t} (id BIGINT, region VARCHAR, amount DECIMAL(10,2), seen TIMESTAMPTZ) ${properties}`],
      },
      { what: "append", proves: "append", sql: APPENDS },
      { what: "delete of rows", proves: "delete", sql: ["DELETE FROM {t} WHERE id % 10 = 3"] },
      {
        what: "update",
        proves: "update",
        sql: ["UPDATE {t} SET amount = amount + 1000, region = 'moved' WHERE id % 10 = 4"],
      },
      {
        what: "merge",
        proves: "merge",
        // DuckDB 1.5 takes a single WHEN MATCHED action on Iceberg tables.
        sql: [
          `MERGE INTO {t} AS t USING (SELECT id FROM range(150, 250) r(id)) AS s ON t.id = s.id
             WHEN MATCHED THEN UPDATE SET amount = -1
             WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'merged', 0, TIMESTAMPTZ '2024-02-01 00:00:00+00')`,
        ],
      },
      { what: "second delete of rows in the same files", proves: "delete", sql: ["DELETE FROM {t} WHERE id % 10 = 5"] },
      {
        what: "schema change",
        proves: "change columns",
        sql: [
          "ALTER TABLE {t} ADD COLUMN note VARCHAR",
          "ALTER TABLE {t} RENAME COLUMN amount TO total",
          `INSERT INTO {t} SELECT id, 'late', 1, TIMESTAMPTZ '2024-03-01 00:00:00+00', 'n' FROM range(2000, 2010) t(id)`,
        ],
      },
      { what: "dropped column", proves: "change columns", sql: ["ALTER TABLE {t} DROP COLUMN note"] },
    ],
  };
}

/** DuckDB 1.5 with its Iceberg extension. */
export const duckdbSuite: InteropSuite = {
  name: "duckdb",
  needs: ["python"],
  limitSeconds: 480,
  async run(context) {
    const duckdb = await context.engines.get("duckdb");
    await duckdb.sql("CREATE SCHEMA IF NOT EXISTS firn.interop_duckdb");
    for (const scenario of [
      types,
      changes("interop_duckdb.v2", "", ["format version 2"]),
      changes("interop_duckdb.v3", "WITH ('format-version' = '3')", ["format version 3", "writes deletion vectors"]),
    ]) {
      await runScenario(context, duckdb, scenario);
    }
  },
};
