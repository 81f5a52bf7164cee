import { expect, test } from "vitest";
import { askAhead, createFreshMemory, executeQuery, type QueryDeps } from "#query";
import { parseJson, utf8ToString } from "#core";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

async function createLake(): Promise<{ lake: QueryLake; order: string[]; ask: () => Promise<number> }> {
  const lake = await createQueryLake();
  await lake.createTable("events", [["id", "string"]]);
  lake.ingest("events", [{ id: "a" }]);
  const order: string[] = [];
  const { send } = lake.network;
  lake.network.send = async (request) => {
    if (new URL(request.url).pathname.endsWith("/events")) order.push("catalog");
    const response = await send(request);
    if (new URL(request.url).pathname.endsWith("/events")) order.push("loaded");
    return response;
  };
  lake.beforeFreshRead = () => {
    order.push("shard");
    return Promise.resolve();
  };
  const memory = createFreshMemory(4);
  const { fresh } = lake.deps();
  if (fresh === undefined) throw new Error("the lake has no ingest log");
  const ask = async (): Promise<number> => {
    order.length = 0;
    const deps: QueryDeps = { ...lake.deps(), fresh: askAhead(fresh, memory) };
    const request = { sql: "SELECT count(*) AS n FROM events", cache: "bypass" as const };
    const reply = await executeQuery(deps, request, { queryId: "q", userId: "u" });
    if (!reply.ok) throw new Error(JSON.stringify(reply.problem));
    return (parseJson(utf8ToString(reply.body as Uint8Array)) as { rows: { n: number }[] }).rows[0]?.n ?? -1;
  };
  return { lake, order, ask };
}

test("I341 shards are asked while the table is loaded once their watermarks are known, and no more often", async () => {
  const { lake, order, ask } = await createLake();
  expect(await ask()).toBe(1);
  expect(order).toEqual(["catalog", "loaded", "shard", "shard"]);
  lake.ingest("events", [{ id: "b" }], 1);
  expect(await ask()).toBe(2);
  expect(order).toEqual(["shard", "shard", "catalog", "loaded"]);
});

test("I341 what was asked with an older watermark is asked again", async () => {
  const { lake, order, ask } = await createLake();
  await ask();
  await lake.flush("events", 0);
  lake.ingest("events", [{ id: "b" }]);
  expect(await ask()).toBe(2);
  expect(order).toEqual(["shard", "shard", "catalog", "loaded", "shard"]);
  expect(await ask()).toBe(2);
  expect(order).toEqual(["shard", "shard", "catalog", "loaded"]);
});

test("I341 rows of a table that was dropped are not those of the next one of its name", async () => {
  const { lake, ask } = await createLake();
  await ask();
  const { send } = lake.network;
  lake.network.send = async (request) => {
    lake.network.send = send;
    await lake.drop("events");
    await lake.createTable("events", [["id", "string"]]);
    return send(request);
  };
  expect(await ask()).toBe(0);
});

test("I341 a shard that cannot be reached ahead fails the query that needs it, and no other", async () => {
  const { lake, ask } = await createLake();
  await ask();
  const { beforeFreshRead } = lake;
  lake.beforeFreshRead = () => Promise.reject(new Error("gone"));
  await expect(ask()).rejects.toThrow(/internal/);
  lake.beforeFreshRead = beforeFreshRead;
  await lake.drop("events");
  await expect(ask()).rejects.toThrow(/undefined_table/);
});
