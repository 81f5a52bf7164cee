// Trino writes, Firn reads; Firn rewrites, Trino reads.

import type { EngineName } from "../engines.ts";
import { runScenario, type Scenario, type Step } from "../scenario.ts";
import type { InteropSuite } from "../suite.ts";

const READERS: readonly EngineName[] = ["spark", "duckdb", "pyiceberg"];

const TYPES = `b BOOLEAN, i INTEGER, l BIGINT, f REAL, d DOUBLE, dec9 DECIMAL(9,2), dec18 DECIMAL(18,6), dec38 DECIMAL(38,10),
  dt DATE, tm TIME(6), tz TIMESTAMP(6) WITH TIME ZONE, ntz TIMESTAMP(6), s VARCHAR, u UUID, bin VARBINARY,
  st ROW(a INTEGER, b VARCHAR), li ARRAY(INTEGER), m MAP(VARCHAR, BIGINT),
  deep ARRAY(ROW(k VARCHAR, v MAP(INTEGER, ARRAY(DOUBLE))))`;

const TYPES_ROWS = [
  `true, 1, 2, REAL '1.5', 2.5E0, 1.23, 4.567890, DECIMAL '12345678901234567890.0123456789', DATE '2024-02-29',
     TIME '23:59:59.999999', TIMESTAMP '2024-02-29 12:34:56.789012 UTC', TIMESTAMP '2024-02-29 12:34:56.789012', 'héllo ✓ 🐧',
     UUID 'f79c3e09-677c-4bbd-a479-3f349cb785e7', X'00ff10', ROW(1, 'x'), ARRAY[1, NULL, 3],
     MAP(ARRAY['k', 'ß'], ARRAY[1, NULL]), ARRAY[ROW('z', MAP(ARRAY[1, 2], ARRAY[ARRAY[1.5E0, NULL], ARRAY[]]))]`,
  `false, -2147483648, -9223372036854775808, REAL 'NaN', nan(), -9999999.99, -999999999999.999999,
     DECIMAL '-9999999999999999999999999999.9999999999', DATE '0001-01-01', TIME '00:00:00', TIMESTAMP '0001-01-01 00:00:00 UTC',
     TIMESTAMP '0001-01-01 00:00:00', '', UUID '00000000-0000-0000-0000-000000000000', X'', ROW(NULL, NULL), ARRAY[], MAP(), ARRAY[]`,
  `true, 2147483647, 9223372036854775807, REAL 'Infinity', -infinity(), 9999999.99, 999999999999.999999,
     DECIMAL '9999999999999999999999999999.9999999999', DATE '9999-12-31', TIME '12:00:00.000001',
     TIMESTAMP '2199-12-31 23:59:59.999999 UTC', TIMESTAMP '2199-12-31 23:59:59.999999', 'long text',
     UUID 'ffffffff-ffff-ffff-ffff-ffffffffffff', X'abababababababababababababababababababab', ROW(7, ''), ARRAY[NULL],
     MAP(ARRAY[''], ARRAY[0]), ARRAY[]`,
  `NULL, NULL, NULL, REAL '-0.0', -0.0E0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ARRAY[]`,
];

const types: Scenario = {
  table: "interop_trino.types",
  sort: ["l"],
  // Spark has no type for time of day.
  readers: ["duckdb", "pyiceberg"],
  proves: ["all types it has"],
  steps: [
    { what: "create", sql: [`CREATE TABLE {t} (${TYPES})`] },
    ...TYPES_ROWS.map((row, at): Step => ({ what: `insert ${at + 1}`, sql: [`INSERT INTO {t} VALUES (${row})`] })),
  ],
};

const changes: Scenario = {
  table: "interop_trino.changes",
  sort: ["id"],
  readers: READERS,
  proves: ["format version 2"],
  steps: [
    {
      what: "create partitioned",
      sql: [
        `CREATE TABLE {t} (id BIGINT, region VARCHAR, amount DECIMAL(10,2), at TIMESTAMP(6) WITH TIME ZONE)
           WITH (partitioning = ARRAY['region', 'day(at)'], sorted_by = ARRAY['id'])`,
      ],
    },
    {
      what: "append",
      proves: "append",
      sql: [
        `INSERT INTO {t} SELECT id, 'r' || CAST(id % 3 AS VARCHAR), CAST(id / 7.0 AS DECIMAL(10,2)),
           TIMESTAMP '2024-01-01 00:00:00 UTC' + (id % 5) * INTERVAL '1' DAY + (id % 24) * INTERVAL '1' HOUR
           FROM UNNEST(sequence(0, 199)) AS t(id)`,
        `INSERT INTO {t} SELECT id, NULL, NULL, TIMESTAMP '2024-01-03 00:00:00 UTC' FROM UNNEST(sequence(200, 219)) AS t(id)`,
      ],
    },
    { what: "delete of a partition", proves: "delete", sql: ["DELETE FROM {t} WHERE region = 'r2'"] },
    { what: "delete of rows", proves: "delete", sql: ["DELETE FROM {t} WHERE id % 10 = 3"] },
    {
      what: "update",
      proves: "update",
      sql: ["UPDATE {t} SET amount = amount + 1000, region = 'moved' WHERE id % 10 = 4"],
    },
    {
      what: "merge",
      proves: "merge",
      sql: [
        `MERGE INTO {t} t USING (SELECT id FROM UNNEST(sequence(150, 249)) AS u(id)) s ON t.id = s.id
           WHEN MATCHED AND s.id % 2 = 0 THEN DELETE
           WHEN MATCHED THEN UPDATE SET amount = -1
           WHEN NOT MATCHED THEN INSERT (id, region, amount, at) VALUES (s.id, 'merged', 0, TIMESTAMP '2024-02-01 00:00:00 UTC')`,
      ],
    },
    { what: "second delete of rows in the same files", proves: "delete", sql: ["DELETE FROM {t} WHERE id % 10 = 5"] },
    {
      what: "schema change",
      proves: "change columns",
      sql: [
        "ALTER TABLE {t} ADD COLUMN note VARCHAR",
        "ALTER TABLE {t} RENAME COLUMN amount TO total",
        "ALTER TABLE {t} ALTER COLUMN total SET DATA TYPE DECIMAL(20,2)",
        "ALTER TABLE {t} ADD COLUMN place ROW(x INTEGER, y REAL)",
        `INSERT INTO {t} SELECT id, 'late', 123456789012.34, TIMESTAMP '2024-03-01 00:00:00 UTC', 'n', ROW(1, REAL '0.5')
           FROM UNNEST(sequence(2000, 2009)) AS t(id)`,
      ],
    },
    {
      what: "nested schema change",
      proves: "change columns",
      sql: [
        "ALTER TABLE {t} ADD COLUMN place.z VARCHAR",
        "ALTER TABLE {t} ALTER COLUMN place.x SET DATA TYPE BIGINT",
        "ALTER TABLE {t} RENAME COLUMN place.y TO yy",
        `INSERT INTO {t} SELECT id, 'late', 1, TIMESTAMP '2024-03-02 00:00:00 UTC', 'n', ROW(9000000000, REAL '0.1', 'zz')
           FROM UNNEST(sequence(2010, 2014)) AS t(id)`,
      ],
    },
    {
      what: "partition change",
      proves: "change partitions",
      sql: [
        "ALTER TABLE {t} SET PROPERTIES partitioning = ARRAY['bucket(id, 4)', 'truncate(region, 2)', 'month(at)']",
        `INSERT INTO {t} SELECT id, 'after', 1, TIMESTAMP '2024-04-01 00:00:00 UTC', NULL, NULL FROM UNNEST(sequence(3000, 3019)) AS t(id)`,
      ],
    },
    { what: "delete across specs", proves: "change partitions", sql: ["DELETE FROM {t} WHERE id % 7 = 0"] },
    { what: "dropped column", proves: "change columns", sql: ["ALTER TABLE {t} DROP COLUMN note"] },
    { what: "its own optimize", sql: ["ALTER TABLE {t} EXECUTE optimize"] },
  ],
};

/** Trino 476 with its Iceberg connector. */
export const trinoSuite: InteropSuite = {
  name: "trino",
  needs: ["python"],
  limitSeconds: 600,
  async run(context) {
    const trino = await context.engines.get("trino");
    await trino.sql("CREATE SCHEMA IF NOT EXISTS interop_trino");
    for (const scenario of [types, changes]) await runScenario(context, trino, scenario);
  },
};
