// What queries of one isolate remember of a table's metadata, and how it is shown.

import { expect, test } from "vitest";
import { queryCacheStatistics } from "#query";
import { createQueryLake } from "../../support/query-lake.ts";

test("I185 EXPLAIN and the cache's statistics count metadata found in memory", async () => {
  const lake = await createQueryLake();
  await lake.createTable("t", [["id", "long"]]);
  await lake.append("t", [{ id: 1 }]);
  await lake.append("t", [{ id: 2 }]);
  const isolate = lake.newIsolate();
  const explained = async (): Promise<string> =>
    JSON.stringify((await lake.query("EXPLAIN SELECT * FROM t WHERE id > 0", {}, isolate)).body?.rows);
  expect(await explained()).toContain("Metadata: 3 files, 0 of them in memory");
  expect(await explained()).toContain("Metadata: 3 files, 3 of them in memory");
  const { manifests } = queryCacheStatistics(isolate);
  expect(manifests.misses).toBe(3);
  expect(manifests.hits).toBeGreaterThanOrEqual(3);
  expect(manifests.bytes).toBeGreaterThan(0);
  expect(manifests.bytes).toBeLessThanOrEqual(manifests.max_bytes);
});
