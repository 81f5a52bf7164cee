// Groups whose counts metadata tells are those of the rows, whatever files hold.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createQueryLake } from "../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;

const row = fc.record({
  kind: fc.option(
    fc.constantFrom("a", "b", "a long text whose end no bound holds 1", "a long text whose end no bound holds 2"),
    {
      nil: null,
    },
  ),
  at: fc
    .tuple(fc.integer({ min: 0, max: 2 }), fc.constantFrom(0, 1, 3_600_000_000, DAY_MICROS - 1))
    .map(([day, micros]) => DAY_0 + day * DAY_MICROS + micros),
  n: fc.option(fc.integer({ min: 1, max: 2 }), { nil: null }),
});

const QUERIES = [
  "SELECT kind, count(*) AS c, count(n) AS n FROM t GROUP BY kind ORDER BY kind",
  "SELECT date_trunc('day', at) AS d, count(*) AS c FROM t GROUP BY 1 ORDER BY 1",
  "SELECT date_trunc('hour', at) AS h, kind, count(kind) AS c FROM t GROUP BY 1, 2 ORDER BY 1, 2",
  "SELECT at::date AS d, n, count(*) AS c FROM t WHERE at >= '2024-01-02' GROUP BY 1, 2 ORDER BY 1, 2",
  "SELECT date_trunc('month', at) AS m, count(*) AS c FROM t WHERE kind = 'a' GROUP BY 1 ORDER BY 1",
  "SELECT n, count(*) AS c FROM t GROUP BY n HAVING count(*) > 1 ORDER BY n",
  "SELECT max(c) AS most FROM (SELECT kind, date_trunc('day', at) AS d, count(*) AS c FROM t GROUP BY 1, 2) AS g",
];

test("I406 counts by keys that files lie whole in are those of a table without statistics", async () => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(row, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 }),
      fc.array(row, { maxLength: 3 }),
      fc.constantFrom<readonly ("day" | "kind")[]>([], ["day"], ["kind"], ["day", "kind"]),
      fc.boolean(),
      async (appends, fresh, partitions, deletes) => {
        const lake = await createQueryLake();
        const fields = {
          day: { "source-id": 2, transform: "day", name: "at_day" },
          kind: { "source-id": 1, transform: "identity", name: "kind" },
        };
        await lake.createTable(
          "t",
          [
            ["kind", "string"],
            ["at", "timestamptz"],
            ["n", "int"],
          ],
          { fields: partitions.map((name) => fields[name]) },
        );
        for (const rows of appends) await lake.append("t", rows);
        if (deletes) await lake.change("DELETE FROM t WHERE n = 2");
        lake.ingest("t", fresh);
        for (const sql of QUERIES) {
          const answer = await lake.query(sql, { cache: "bypass" });
          // A condition that no statistics know asks for every row.
          const wherever = sql.includes(" WHERE ")
            ? sql.replace(" WHERE ", " WHERE random() < 2 AND ")
            : sql.replace(/ FROM t /, " FROM t WHERE random() < 2 ");
          const computed = await lake.query(wherever, { cache: "bypass" });
          expect(answer.problem).toBeUndefined();
          expect({ sql, rows: answer.body?.rows }).toEqual({ sql, rows: computed.body?.rows });
          if (answer.stats.files_scanned < computed.stats.files_scanned) told += 1;
        }
      },
    ),
    { numRuns: 25, seed: 7 },
  );
  expect(told).toBeGreaterThan(60);
});
