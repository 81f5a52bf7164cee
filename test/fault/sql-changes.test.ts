// A statement that changes rows, cut off at every write: the table reads as before or after, never between, and what
// was written in vain is gone.

import { beforeAll, expect, test } from "vitest";
import { LakeError } from "#core";
import { initSqlParser } from "#sql";
import { createQueryLake, type QueryLake } from "../support/query-lake.ts";

beforeAll(() => initSqlParser());

const SQL = "UPDATE t SET v = -1 WHERE id IN (3, 12)";

async function prepared(): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long", "required"],
    ["v", "double"],
  ]);
  for (const start of [0, 10]) {
    await lake.append(
      "t",
      Array.from({ length: 10 }, (_, i) => ({ id: start + i, v: start + i })),
    );
  }
  return lake;
}

async function values(lake: QueryLake): Promise<string> {
  const { body } = await lake.query("SELECT id, v FROM t ORDER BY id", { cache: "bypass" });
  return JSON.stringify(body?.rows);
}

async function parquetFiles(lake: QueryLake): Promise<readonly string[]> {
  const { objects } = await lake.store.list("");
  return objects.map(({ key }) => key).filter((key) => key.endsWith(".parquet"));
}

/** Runs the statement with write number `at` failing, before or after it is applied; undefined: counts the writes. */
async function runWithFault(
  lake: QueryLake,
  at: number | undefined,
  isApplied: boolean,
): Promise<{ writes: number; ok: boolean }> {
  const { store } = lake;
  const originals = { put: store.put.bind(store) };
  let writes = 0;
  store.put = async (...args) => {
    const number = writes++;
    if (number !== at) return originals.put(...args);
    if (isApplied) await originals.put(...args);
    throw new LakeError("storage_unavailable", "injected");
  };
  try {
    const { ok } = await lake.change(SQL);
    return { writes, ok };
  } finally {
    store.put = originals.put;
  }
}

test("I154 L150 an UPDATE cut off at any write is done or not done", { timeout: 60_000 }, async () => {
  const clean = await prepared();
  const before = await values(clean);
  const { writes, ok } = await runWithFault(clean, undefined, false);
  const after = await values(clean);
  expect(ok).toBe(true);
  expect(after).not.toBe(before);
  expect(writes).toBeGreaterThan(3);
  for (let at = 0; at < writes; at++) {
    for (const isApplied of [false, true]) {
      const lake = await prepared();
      const files = await parquetFiles(lake);
      const outcome = await runWithFault(lake, at, isApplied);
      const seen = await values(lake);
      expect([before, after]).toContain(seen);
      expect(outcome.ok && seen !== after).toBe(false);
      // A write that was applied and answered with an error may stay; every other file of a failed statement is gone.
      const left = (await parquetFiles(lake)).filter((key) => !files.includes(key));
      const most = seen === after ? writes : Number(isApplied);
      expect(left.length).toBeLessThanOrEqual(most);
    }
  }
});
