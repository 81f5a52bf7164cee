// A client that leaves: its query stops reading, and nobody else's ends with it.

import { expect, test } from "vitest";
import { executeQuery, type QueryReply } from "#query";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

async function createLake(files: number): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("events", [["id", "long"]]);
  for (let file = 0; file < files; file++) {
    await lake.append(
      "events",
      Array.from({ length: 2000 }, (_, i) => ({ id: file * 2000 + i })),
    );
  }
  return lake;
}

const SQL = "SELECT sum(id) AS total FROM events WHERE id % 2 = 0";

/** What the queries that are left logged. */
const lines: string[] = [];
const CONTEXT = { queryId: "00000000-0000-7000-8000-000000000001", userId: "u" };

/** Asks, and leaves when the sixth read of data begins, after `before` is done. */
async function askAndLeave(
  lake: QueryLake,
  before: () => Promise<void> = () => Promise.resolve(),
): Promise<QueryReply> {
  const gone = new AbortController();
  const deps = lake.deps();
  const { store } = deps;
  let begun = 0;
  async function beforeRead(key: string): Promise<void> {
    if (!key.endsWith(".parquet")) return;
    begun += 1;
    if (begun !== 6) return;
    await before();
    gone.abort();
  }
  const watched: typeof store = {
    ...store,
    async getRange(...args) {
      await beforeRead(args[0]);
      return store.getRange(...args);
    },
    async get(...args) {
      await beforeRead(args[0]);
      return store.get(...args);
    },
  };
  const log = { write: (_level: string, line: string) => void lines.push(line) };
  return executeQuery({ ...deps, log, store: watched, gone: gone.signal }, { sql: SQL }, CONTEXT);
}

test("I252 a query whose client left stops reading", async () => {
  const lake = await createLake(40);
  lake.dataReads.length = 0;
  const reply = await askAndLeave(lake);
  expect(reply).toMatchObject({ ok: false, problem: { code: "query_cancelled" } });
  expect(new Set(lake.dataReads).size).toBeLessThan(25);
  expect(lines.at(-1)).toContain(`"event":"query_stopped","level":"info","query_id":"${CONTEXT.queryId}"`);
});

test("a client that left before its turn has nothing done for it", async () => {
  const lake = await createLake(1);
  const gone = AbortSignal.abort();
  const reply = await executeQuery({ ...lake.deps(), gone }, { sql: SQL }, CONTEXT);
  expect(reply).toMatchObject({ ok: false, problem: { code: "query_cancelled" } });
});

test("I252 those who wait for the same answer get it", async () => {
  const lake = await createLake(10);
  let staying: ReturnType<QueryLake["query"]> | undefined;
  const left = await askAndLeave(lake, async () => {
    staying = lake.query(SQL);
    // Time to plan and to find that the same answer is under way.
    await new Promise((resolve) => setTimeout(resolve, 200));
  });
  expect(left).toMatchObject({ ok: false, problem: { code: "query_cancelled" } });
  expect((await staying)?.body?.rows).toEqual([{ total: 99_990_000 }]);
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

test.each([
  [
    "makes rows",
    "SELECT count(*) FROM generate_series(1, 30000) a(x), generate_series(1, 300000) b(y) WHERE x * y % 7 = 3",
  ],
  [
    "makes none",
    "SELECT count(*) FROM generate_series(1, 30000) a(x), generate_series(1, 300000) b(y) WHERE x + y < 0",
  ],
  [
    "finds partners",
    "SELECT 1 FROM generate_series(1, 30000) a(x) WHERE EXISTS (SELECT FROM generate_series(1, 300000) b(y) WHERE x + y < 0)",
  ],
  [
    "repeats itself",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 100000000) SELECT max(n) FROM r",
  ],
  ["counts", "SELECT sum(n) FROM generate_series(1, 1000000000) s(n)"],
])("I402 a query that reads nothing and %s lets others go on, and stops when its client leaves", async (_what, sql) => {
  const lake = await createQueryLake();
  const gone = new AbortController();
  const reply = executeQuery({ ...lake.deps(), sleep, gone: gone.signal }, { sql }, CONTEXT);
  let others = 0;
  const timer = setInterval(() => (++others === 3 ? gone.abort() : undefined), 10);
  expect(await reply).toMatchObject({ ok: false, problem: { code: "query_cancelled" } });
  clearInterval(timer);
  expect(others).toBeGreaterThanOrEqual(3);
});
