// Tables partitioned by a field inside a struct.

import { expect, test } from "vitest";
import { createQueryLake } from "../../support/query-lake.ts";

test("I187 rows go to the partition of their nested value, and are found there", async () => {
  const lake = await createQueryLake();
  await lake.catalog.createTable({
    identifier: { namespace: ["default"], name: "t" },
    schema: {
      type: "struct",
      fields: [
        { id: 1, name: "id", required: true, type: "long" },
        {
          id: 2,
          name: "place",
          required: false,
          type: { type: "struct", fields: [{ id: 3, name: "city", required: false, type: "string" }] },
        },
      ],
    },
    partitionSpec: {
      fields: [
        { "source-id": 3, name: "city", transform: "identity" },
        { "source-id": 3, name: "initial", transform: "truncate[1]" },
      ],
    },
  });
  await lake.append("t", [
    { id: 1, place: { city: "Bern" } },
    { id: 2, place: { city: "Basel" } },
    { id: 3, place: { city: "Bern" } },
    { id: 4, place: { city: null } },
    { id: 5, place: null },
  ]);
  const rows = async (sql: string): Promise<unknown> => {
    const answer = await lake.query(sql);
    expect(answer.problem).toBeUndefined();
    return answer.body?.rows;
  };
  expect(await rows("SELECT (partition).city, (partition).initial, record_count FROM t.partitions ORDER BY 1")).toEqual(
    [
      { city: "Basel", initial: "B", record_count: 1 },
      { city: "Bern", initial: "B", record_count: 2 },
      { city: null, initial: null, record_count: 2 },
    ],
  );
  expect(await rows("SELECT id FROM t WHERE (place).city = 'Bern' ORDER BY id")).toEqual([{ id: 1 }, { id: 3 }]);
  expect(await rows("SELECT id FROM t WHERE (place).city IS NULL ORDER BY id")).toEqual([{ id: 4 }, { id: 5 }]);
  await lake.compact("t");
  expect(await rows("SELECT id, (place).city FROM t ORDER BY id")).toEqual([
    { id: 1, city: "Bern" },
    { id: 2, city: "Basel" },
    { id: 3, city: "Bern" },
    { id: 4, city: null },
    { id: 5, city: null },
  ]);
});
