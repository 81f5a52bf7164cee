import { expect, test } from "vitest";
import type { IsolateState, QueryContext, QueryRequest } from "#query";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

interface Asking {
  readonly lake: QueryLake;
  readonly isolate: IsolateState;
  /** Rows of the answer, and whether a plan was made for it. */
  readonly ask: (
    sql: string,
    request?: Partial<QueryRequest>,
    caller?: Partial<QueryContext>,
  ) => Promise<{
    readonly rows: unknown;
    readonly planned: boolean;
    readonly cache: string;
    readonly problem: unknown;
  }>;
}

async function createAsking(): Promise<Asking> {
  const lake = await createQueryLake();
  await lake.createTable("events", [
    ["id", "string"],
    ["n", "int"],
  ]);
  await lake.append("events", [{ id: "a", n: 1 }]);
  lake.ingest("events", [{ id: "b", n: 2 }], 1);
  let planned = false;
  const state = lake.newIsolate();
  const { flights } = state;
  const isolate: IsolateState = {
    ...state,
    flights: {
      ...flights,
      depart(...args) {
        planned = true;
        return flights.depart(...args);
      },
    },
  };
  return {
    lake,
    isolate,
    async ask(sql, request, caller) {
      planned = false;
      const { body, stats, problem } = await lake.query(sql, request, isolate, caller);
      await lake.settle();
      return { rows: body?.rows, planned, cache: stats.cache, problem };
    },
  };
}

const COUNT = "SELECT count(*) AS n FROM events";

test("I342 the same question over the same table is answered without a plan, by one call of each kind", async () => {
  const { lake, ask } = await createAsking();
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 2 }], planned: true, cache: "miss" });
  lake.calls.fresh = 0;
  lake.calls.catalog = 0;
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 2 }], planned: false, cache: "memory" });
  expect(lake.calls).toMatchObject({ fresh: 2, catalog: 1 });
});

test("I342 rows acknowledged, flushed or appended since are in the answer, with no call made twice", async () => {
  const { lake, ask } = await createAsking();
  await ask(COUNT);
  lake.calls.fresh = 0;
  lake.calls.catalog = 0;
  lake.ingest("events", [{ id: "c", n: 3 }]);
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 3 }], planned: true });
  expect(lake.calls).toMatchObject({ fresh: 2, catalog: 1 });
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 3 }], planned: false });
  await lake.flush("events", 0);
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 3 }], planned: true });
  await lake.append("events", [{ id: "d", n: 4 }]);
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 4 }], planned: true });
});

test("I342 a table created under a name that was looked for first is the one that is read", async () => {
  const { lake, ask } = await createAsking();
  await lake.catalog.createTable({
    identifier: { namespace: ["system"], name: "t" },
    schema: { type: "struct", fields: [{ id: 1, name: "a", type: "int", required: false }] },
  });
  const sql = "SELECT count(*) AS n FROM t";
  expect((await ask(sql)).rows).toEqual([{ n: 0 }]);
  expect(await ask(sql)).toMatchObject({ rows: [{ n: 0 }], planned: false });
  await lake.createTable("t", [["b", "int"]]);
  await lake.append("t", [{ b: 1 }]);
  expect(await ask(sql)).toMatchObject({ rows: [{ n: 1 }], planned: true });
});

test("I342 another caller, other parameters, another format and a profile have plans of their own", async () => {
  const { lake, ask } = await createAsking();
  const sql = "SELECT id FROM events WHERE n = $1";
  await ask(sql, { params: [1] });
  expect(await ask(sql, { params: [1] })).toMatchObject({ rows: [{ id: "a" }], planned: false });
  expect(await ask(sql, { params: [2] })).toMatchObject({ rows: [{ id: "b" }], planned: true });
  expect(await ask(sql, { params: [1], format: "csv" })).toMatchObject({ planned: true });
  expect(await ask(sql, { params: [1], profile: true })).toMatchObject({ rows: [{ id: "a" }], planned: true });
  expect(await ask(sql, { params: [1] }, { namespaces: ["web"] })).toMatchObject({
    problem: { code: "forbidden" },
    planned: false,
  });
  await lake.drop("events");
  expect(await ask(sql, { params: [1] })).toMatchObject({ problem: { code: "undefined_table" } });
});

test("I342 an answer that was invalidated is computed anew", async () => {
  const { isolate, ask } = await createAsking();
  await ask(COUNT);
  await isolate.cache.invalidate({ all: true });
  expect(await ask(COUNT)).toMatchObject({ rows: [{ n: 2 }], planned: true, cache: "miss" });
});

test.each([
  "SELECT 'today'::date AS d",
  "SELECT date 'yesterday' AS d",
  "SELECT 'now'::timestamptz AS d",
  "SELECT timestamp 'tomorrow' AS d",
  "SELECT current_date AS d",
  "SELECT localtimestamp AS d",
  "SELECT age(timestamp '2020-01-01') AS d",
  "SELECT cast('to' || 'day' AS date) AS d",
  "SELECT count(*) AS d FROM events WHERE timestamp '2024-01-15' > 'now'::timestamp",
  "SELECT count(*) AS n FROM events.snapshots",
  "SELECT count(*) AS n FROM events FOR SYSTEM_TIME AS OF now() - interval '1 second'",
  "SELECT count(*) AS n FROM information_schema.tables",
  "SHOW TABLES",
])("I342 what depends on more than its tables is right a day and a table later: %s", async (sql) => {
  const { lake, ask } = await createAsking();
  lake.clock.ms += 2000;
  for (let day = 0; day < 2; day++) {
    const answer = await ask(sql);
    const computed = await ask(sql, { cache: "bypass" });
    expect(computed.problem).toBeUndefined();
    expect(answer.rows).toEqual(computed.rows);
    lake.clock.ms += 86_400_000;
    await lake.append("events", [{ id: "late", n: 9 }]);
    await lake.createTable(`more_${day}`, [["a", "int"]]);
  }
});
