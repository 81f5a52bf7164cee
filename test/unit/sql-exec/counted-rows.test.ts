// I312: aggregating a dictionary-coded column by counting its codes gives what aggregating its rows gives.

import * as fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { packedVector, vectorFromScalars, type Batch, type FlatVector, type Scalar, type Vector } from "#columnar";
import { emptyScanStatistics, initSqlParser, type TableSource } from "#sql";
import { memoryCatalog } from "../../support/memory-table.ts";
import { runSql } from "../../support/sql-run.ts";
import { toTextBlock } from "../../support/text-blocks.ts";

beforeAll(async () => {
  await initSqlParser();
});

const VALUES = ["", "a", "ab", "b", "7", "é", "a"];
const TEXT = { kind: "string" } as const;

const QUERIES = [
  "SELECT x, count(*), count(x) FROM t GROUP BY 1",
  "SELECT count(*), count(x), count(*) FILTER (WHERE x = 'a'), count(*) FILTER (WHERE x IS NULL) FROM t",
  "SELECT upper(x) AS u, count(*), min(x), max(x), count(DISTINCT x), count(DISTINCT length(x)) FROM t GROUP BY 1",
  "SELECT length(x) AS n, count(*) FILTER (WHERE x LIKE 'a%'), bool_or(x = 'b'), bool_and(x > 'a') FROM t GROUP BY 1",
  "SELECT x, count(*) FROM t GROUP BY GROUPING SETS ((x), ())",
  "SELECT x, count(*) FROM t WHERE x <> 'ab' GROUP BY x HAVING count(*) > 1",
  "SELECT count(nullif(x, 'a')), count(*) FILTER (WHERE coalesce(x, 'b') = 'b') FROM t",
  "SELECT x, string_agg(x, ','), count(*), sum(length(x)) FROM t GROUP BY 1",
  "SELECT count(random() >= 0) FROM t",
];

/** Codes of one batch; null is NULL. */
const codes = fc.array(fc.option(fc.nat(VALUES.length - 1), { freq: 6 }), { minLength: 50, maxLength: 120 });

function packed(list: readonly (number | null)[], dictionary: FlatVector): Vector {
  const decoded = Int32Array.from(list, (code) => code ?? 0);
  const validity = list.includes(null) ? Uint8Array.from(list, (code) => (code === null ? 0 : 1)) : undefined;
  const count = (counts: Int32Array): void => {
    for (const code of list) if (code !== null) counts[code] = (counts[code] as number) + 1;
  };
  const packedCodes = { decode: (out: Int32Array): void => out.set(decoded), count, pick: () => undefined };
  return packedVector(TEXT, list.length, packedCodes, dictionary, validity);
}

/** A table that gives its batches as they are, so that packed codes stay packed. */
function tableOf(batches: readonly Batch[]): TableSource {
  return {
    name: "t",
    columns: [{ name: "x", type: TEXT, nullable: true }],
    planScan: () =>
      Promise.resolve({
        identity: "t",
        statistics: emptyScanStatistics("t"),
        async *open() {
          for (const batch of batches) yield await Promise.resolve(batch);
        },
      }),
  };
}

test.each(QUERIES)("I312 %s", async (sql) => {
  await fc.assert(
    fc.asyncProperty(fc.array(codes, { minLength: 1, maxLength: 3 }), async (batches) => {
      const dictionary = toTextBlock(vectorFromScalars(TEXT, VALUES));
      const rowsOf = async (vectorOf: (list: readonly (number | null)[]) => Vector): Promise<readonly string[]> => {
        const made = batches.map((list): Batch => ({ rowCount: list.length, columns: [vectorOf(list)] }));
        const { rows } = await runSql(memoryCatalog([tableOf(made)]), sql);
        return rows.map((row) => JSON.stringify(row)).toSorted();
      };
      const plain = (list: readonly (number | null)[]): Vector => {
        const values: Scalar[] = list.map((code) => (code === null ? null : (VALUES[code] ?? null)));
        return vectorFromScalars(TEXT, values);
      };
      expect(await rowsOf((list) => packed(list, dictionary))).toEqual(await rowsOf(plain));
    }),
    { numRuns: 25 },
  );
});
