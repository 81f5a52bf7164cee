// Spark writes, Firn reads; Firn rewrites, Spark reads.

import type { Claim } from "../claims.ts";
import type { EngineName } from "../engines.ts";
import { runScenario, type Scenario, type Step } from "../scenario.ts";
import type { InteropSuite } from "../suite.ts";

const READERS: readonly EngineName[] = ["trino", "duckdb", "pyiceberg"];

const TYPES = `b BOOLEAN, i INT, l BIGINT, f FLOAT, d DOUBLE, dec9 DECIMAL(9,2), dec18 DECIMAL(18,6),
  dec38 DECIMAL(38,10), dt DATE, tz TIMESTAMP, ntz TIMESTAMP_NTZ, s STRING, bin BINARY,
  st STRUCT<a: INT, b: STRING>, li ARRAY<INT>, m MAP<STRING, BIGINT>,
  deep ARRAY<STRUCT<k: STRING, v: MAP<INT, ARRAY<DOUBLE>>>>`;

const TYPES_ROWS = [
  `SELECT true, 1, 2L, 1.5F, 2.5D, 1.23BD, 4.567890BD, 12345678901234567890.0123456789BD, DATE'2024-02-29',
     TIMESTAMP'2024-02-29 12:34:56.789012', TIMESTAMP_NTZ'2024-02-29 12:34:56.789012', 'héllo ✓ 🐧', X'00ff10',
     named_struct('a', 1, 'b', 'x'), array(1, NULL, 3), map('k', 1L, 'ß', NULL),
     array(named_struct('k', 'z', 'v', map(1, array(1.5D, NULL), 2, array())))`,
  `SELECT false, -2147483648, -9223372036854775808L, float('NaN'), double('NaN'), -9999999.99BD,
     -999999999999.999999BD, -9999999999999999999999999999.9999999999BD, DATE'0001-01-01',
     TIMESTAMP'0001-01-01 00:00:00', TIMESTAMP_NTZ'0001-01-01 00:00:00', '', X'',
     named_struct('a', NULL, 'b', NULL), array(), map(), array()`,
  `SELECT true, 2147483647, 9223372036854775807L, float('Infinity'), double('-Infinity'), 9999999.99BD,
     999999999999.999999BD, 9999999999999999999999999999.9999999999BD, DATE'9999-12-31',
     TIMESTAMP'2199-12-31 23:59:59.999999', TIMESTAMP_NTZ'2199-12-31 23:59:59.999999', repeat('long text ', 50),
     unhex(repeat('ab', 40)), named_struct('a', 7, 'b', ''), array(NULL), map('', 0L), array()`,
  `SELECT NULL, NULL, NULL, -0.0F, -0.0D, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, array()`,
];

const types: Scenario = {
  table: "interop_spark.types",
  sort: ["l"],
  readers: READERS,
  proves: ["all types it has"],
  steps: [
    { what: "create", sql: [`CREATE TABLE {t} (${TYPES}) USING iceberg`] },
    ...TYPES_ROWS.map((row, at): Step => ({ what: `insert ${at + 1}`, sql: [`INSERT INTO {t} ${row}`] })),
  ],
};

const nestedNulls: Scenario = {
  table: "interop_spark.nested_nulls",
  sort: ["id"],
  // PyIceberg 0.12 reads a null list of structs as an empty list.
  readers: ["trino", "duckdb"],
  proves: ["all types it has"],
  steps: [
    {
      what: "nulls at every level",
      sql: [
        "CREATE TABLE {t} (id INT, deep ARRAY<STRUCT<k: STRING, v: MAP<INT, ARRAY<DOUBLE>>>>) USING iceberg",
        `INSERT INTO {t} SELECT 1, NULL UNION ALL SELECT 2, array() UNION ALL SELECT 3, array(NULL)
           UNION ALL SELECT 4, array(named_struct('k', NULL, 'v', NULL))
           UNION ALL SELECT 5, array(named_struct('k', 'a', 'v', map()), NULL, named_struct('k', 'b', 'v', map(1, NULL, 2, array(), 3, array(NULL, 0.5D))))`,
        "INSERT INTO {t} SELECT id, NULL FROM range(10, 15)",
      ],
    },
  ],
};

const extremes: Scenario = {
  table: "interop_spark.extremes",
  refusal: "numeric_out_of_range",
  sort: ["id"],
  readers: READERS,
  proves: [],
  steps: [
    {
      what: "timestamps at the ends of the calendar",
      sql: [
        "CREATE TABLE {t} (id INT, tz TIMESTAMP, ntz TIMESTAMP_NTZ) USING iceberg",
        `INSERT INTO {t} VALUES (1, TIMESTAMP'9999-12-31 23:59:59.999999', TIMESTAMP_NTZ'9999-12-31 23:59:59.999999'),
           (2, TIMESTAMP'0001-01-01 00:00:00.000001', TIMESTAMP_NTZ'0001-01-01 00:00:00.000001'),
           (3, TIMESTAMP'1969-12-31 23:59:59.999999', TIMESTAMP_NTZ'1969-12-31 23:59:59.999999')`,
        "INSERT INTO {t} VALUES (4, NULL, NULL)",
      ],
    },
  ],
};

/** Appends, overwrites, row-level changes, schema and partition changes on one table. */
function changes(
  table: string,
  properties: string,
  proves: readonly Claim[],
  readers: readonly EngineName[] = READERS,
): Scenario {
  return {
    table,
    sort: ["id"],
    readers,
    proves,
    steps: [
      {
        what: "create partitioned",
        sql: [
          `CREATE TABLE {t} (id BIGINT, region STRING, amount DECIMAL(10,2), at TIMESTAMP) USING iceberg
             PARTITIONED BY (region, days(at)) TBLPROPERTIES (${properties})`,
        ],
      },
      {
        what: "append",
        proves: "append",
        sql: [
          `INSERT INTO {t} SELECT id, concat('r', id % 3), CAST(id / 7 AS DECIMAL(10,2)),
             TIMESTAMP'2024-01-01 00:00:00' + make_dt_interval(id % 5, id % 24) FROM range(200)`,
          `INSERT INTO {t} SELECT id, NULL, NULL, TIMESTAMP'2024-01-03 00:00:00' FROM range(200, 220)`,
        ],
      },
      {
        what: "delete of a partition",
        proves: "delete",
        sql: ["DELETE FROM {t} WHERE region = 'r2' AND at < TIMESTAMP'2024-01-02'"],
      },
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
          `MERGE INTO {t} t USING (SELECT id, id % 2 = 0 AS gone FROM range(150, 250)) s ON t.id = s.id
             WHEN MATCHED AND s.gone THEN DELETE
             WHEN MATCHED THEN UPDATE SET t.amount = -1
             WHEN NOT MATCHED THEN INSERT (id, region, amount, at) VALUES (s.id, 'merged', 0, TIMESTAMP'2024-02-01')`,
        ],
      },
      {
        what: "second delete of rows in the same files",
        proves: "delete",
        sql: ["DELETE FROM {t} WHERE id % 10 = 5", "DELETE FROM {t} WHERE id % 10 = 6"],
      },
      {
        what: "overwrite of partitions",
        proves: "overwrite",
        sql: [`INSERT OVERWRITE {t} SELECT id, 'r1', 5.55, TIMESTAMP'2024-01-02 03:00:00' FROM range(1000, 1010)`],
      },
      {
        what: "schema change",
        proves: "change columns",
        sql: [
          "ALTER TABLE {t} ADD COLUMN note STRING AFTER id",
          "ALTER TABLE {t} RENAME COLUMN amount TO total",
          "ALTER TABLE {t} ALTER COLUMN total TYPE DECIMAL(20,2)",
          "ALTER TABLE {t} ADD COLUMN place STRUCT<x: INT, y: FLOAT>",
          "ALTER TABLE {t} ALTER COLUMN region FIRST",
        ],
      },
      {
        what: "append after schema change",
        proves: "change columns",
        sql: [
          `INSERT INTO {t} (region, id, note, total, at, place) SELECT 'late', id, 'n', 123456789012.34, TIMESTAMP'2024-03-01', named_struct('x', 1, 'y', 0.5F)
             FROM range(2000, 2010)`,
        ],
      },
      {
        what: "nested schema change",
        proves: "change columns",
        sql: [
          "ALTER TABLE {t} ADD COLUMN place.z STRING",
          "ALTER TABLE {t} ALTER COLUMN place.x TYPE BIGINT",
          "ALTER TABLE {t} ALTER COLUMN place.y TYPE DOUBLE",
          "ALTER TABLE {t} RENAME COLUMN place.y TO yy",
          `INSERT INTO {t} SELECT 'late', id, 'n', 1, TIMESTAMP'2024-03-02', named_struct('x', 9000000000L, 'yy', 0.1D, 'z', 'zz')
             FROM range(2010, 2015)`,
        ],
      },
      {
        what: "partition change",
        proves: "change partitions",
        sql: [
          "ALTER TABLE {t} DROP PARTITION FIELD days(at)",
          "ALTER TABLE {t} ADD PARTITION FIELD bucket(4, id)",
          "ALTER TABLE {t} ADD PARTITION FIELD truncate(2, region)",
          `INSERT INTO {t} (region, id, note, total, at, place) SELECT 'after', id, NULL, 1, NULL, NULL FROM range(3000, 3020)`,
        ],
      },
      { what: "delete across specs", proves: "change partitions", sql: ["DELETE FROM {t} WHERE id % 7 = 0"] },
      { what: "dropped column", proves: "change columns", sql: ["ALTER TABLE {t} DROP COLUMN note"] },
    ],
  };
}

const V2_MOR = `'format-version'='2', 'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'`;

/** Spark 4.0 with Iceberg's own runtime. */
export const sparkSuite: InteropSuite = {
  name: "spark",
  needs: ["python", "java"],
  limitSeconds: 900,
  async run(context) {
    const spark = await context.engines.get("spark");
    await spark.sql("CREATE NAMESPACE IF NOT EXISTS interop_spark");
    for (const scenario of [
      types,
      nestedNulls,
      extremes,
      changes("interop_spark.copy_on_write", "'format-version'='2'", ["format version 2"]),
      changes("interop_spark.merge_on_read", V2_MOR, ["format version 2"]),
      changes("interop_spark.v1", "'format-version'='1'", ["format version 1"]),
      // Trino 476 cannot read deletion vectors.
      changes(
        "interop_spark.v3",
        V2_MOR.replace("'format-version'='2'", "'format-version'='3'"),
        ["format version 3", "writes deletion vectors"],
        ["duckdb", "pyiceberg"],
      ),
    ]) {
      await runScenario(context, spark, scenario);
    }
  },
};
