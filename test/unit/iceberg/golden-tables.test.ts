// Tables that other engines committed (test/golden/iceberg/*/ORIGIN.md), answered by Firn's SQL as the engines read them.

import { describe, expect, test } from "vitest";
import { goldenNames, openGolden, sortedRows } from "../../support/golden-answers.ts";

const names = goldenNames();

describe("tables committed by other engines", () => {
  test.each(names)("%s reads as its engine reads it", async (name) => {
    const lake = await openGolden(name);
    expect(sortedRows(await lake.answer("SELECT * FROM golden"))).toEqual(sortedRows(lake.expected.rows));
    // Counting reads no column: deletes must be applied without one.
    expect(await lake.answer("SELECT count(*) FROM golden")).toEqual([[String(lake.expected.rows.length)]]);
  });

  test("there are tables of four engines", () => {
    const engines = new Set(names.map((name) => name.split("-")[0]));
    expect(engines).toEqual(new Set(["duckdb", "pyiceberg", "spark", "trino"]));
  });
});
