// Queries whose shards are asked while their table is loaded, with rows acknowledged, flushed and the table replaced at
// every point in between: what was acknowledged before a query is in its answer, once.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { askAhead, createFreshMemory, executeQuery } from "#query";
import { parseJson, utf8ToString } from "#core";
import { createQueryLake, type QueryLake } from "../support/query-lake.ts";

type Step = "ingest" | "flush" | "both" | "replace" | "none";

const STEPS: readonly Step[] = ["ingest", "flush", "flush", "both", "replace", "none", "none", "none", "none"];

const COLUMNS = [["id", "string", "required"]] as const;

async function runScenario(steps: readonly Step[], queries: readonly ("use" | "bypass")[]): Promise<void> {
  const lake = await createQueryLake();
  await lake.createTable("events", COLUMNS);
  const memory = createFreshMemory(2);
  const isolate = lake.newIsolate();
  const pending = [...steps];
  let made = 0;
  let acting = false;
  const replaced = new Set<number>();
  let asking = 0;

  async function act(): Promise<void> {
    const step = pending.shift() ?? "none";
    if (step === "none" || acting) return;
    acting = true;
    if (step === "replace") {
      replaced.add(asking);
      await lake.drop("events");
      await lake.createTable("events", COLUMNS);
    }
    if (step === "ingest" || step === "both") lake.ingest("events", [{ id: `${made++}` }], made % 2);
    if (step === "flush" || step === "both") for (const shard of [0, 1]) await lake.flush("events", shard);
    acting = false;
  }

  const { send } = lake.network;
  lake.network.send = async (request) => {
    await act();
    const response = await send(request);
    await act();
    return response;
  };
  lake.beforeFreshRead = act;

  for (const cache of queries) {
    asking += 1;
    for (const shard of [0, 1]) lake.ingest("events", [{ id: `${made++}` }], shard);
    const before = lake.rows("events").length;
    const reply = await ask(
      lake,
      { ...lake.deps(isolate), fresh: askAhead(lake.deps().fresh ?? fail(), memory) },
      cache,
    );
    const after = lake.rows("events").length;
    if (replaced.has(asking)) continue;
    if (!reply.ok) throw new Error(JSON.stringify(reply.problem));
    const { rows } = parseJson(utf8ToString(reply.body as Uint8Array)) as { rows: { n: number; ids: number }[] };
    const [row] = rows;
    expect(row?.ids).toBe(row?.n);
    expect(row?.n).toBeGreaterThanOrEqual(before);
    expect(row?.n).toBeLessThanOrEqual(after);
  }
}

function ask(_lake: QueryLake, deps: Parameters<typeof executeQuery>[0], cache: "use" | "bypass") {
  const sql = "SELECT count(*) AS n, count(DISTINCT id) AS ids FROM events";
  return executeQuery(deps, { sql, cache }, { queryId: "q", userId: "u" });
}

function fail(): never {
  throw new Error("the lake has no ingest log");
}

test("I341 every acknowledged row is in the answer once, whatever happens while shards are asked ahead", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom<Step>(...STEPS), { minLength: 10, maxLength: 60 }),
      fc.array(fc.constantFrom<"use" | "bypass">("use", "bypass"), { minLength: 3, maxLength: 6 }),
      runScenario,
    ),
    { numRuns: 60 },
  );
}, 60_000);
