import { expect, test } from "vitest";
import { LakeError, type TableIdentifier } from "#core";
import type { Table } from "#iceberg";
import { createSchemaCache } from "../../../workers/collector/schema-cache.ts";

function fixture() {
  let nowMs = 0;
  let loads = 0;
  let isGone = false;
  const load = createSchemaCache(
    () => {
      loads++;
      if (isGone) return Promise.reject(new LakeError("table_not_found", "gone"));
      return Promise.resolve({
        metadata: { "table-uuid": `uuid-${loads}` },
        schema: () => ({ type: "struct", "schema-id": 0, fields: [] }),
      } as unknown as Table);
    },
    { nowMs: () => nowMs },
  );
  const uuidOf = async (name: string, options?: { readonly fresh?: boolean }): Promise<string> => {
    const table: TableIdentifier = { namespace: ["default"], name };
    return (await load(table, options)).tableUuid;
  };
  return { uuidOf, loads: () => loads, pass: (ms: number) => void (nowMs += ms), drop: () => void (isGone = true) };
}

test("a table is loaded once in five seconds, and again after, or at once when asked", async () => {
  const { uuidOf, pass, loads } = fixture();
  expect(await uuidOf("a")).toBe("uuid-1");
  pass(4999);
  expect(await uuidOf("a")).toBe("uuid-1");
  expect(await uuidOf("a", { fresh: true })).toBe("uuid-2");
  pass(5000);
  expect(await uuidOf("a")).toBe("uuid-3");
  expect(loads()).toBe(3);
});

test("an unknown table is asked for every time: it may be created any moment", async () => {
  const { uuidOf, drop, loads } = fixture();
  drop();
  await expect(uuidOf("a")).rejects.toMatchObject({ code: "table_not_found" });
  await expect(uuidOf("a")).rejects.toMatchObject({ code: "table_not_found" });
  expect(loads()).toBe(2);
});

test("the number of tables kept is bounded", async () => {
  const { uuidOf, loads } = fixture();
  for (let i = 0; i < 300; i++) await uuidOf(`t${i}`);
  await uuidOf("t299");
  expect(loads()).toBe(300);
  await uuidOf("t0");
  expect(loads()).toBe(301);
});
