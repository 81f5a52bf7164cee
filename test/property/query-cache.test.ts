import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createQueryLake, type Row } from "../support/query-lake.ts";

const DAY_MICROS = 86_400_000_000;
const DAY_0 = Date.UTC(2024, 0, 1) * 1000;

const row = fc.record({
  id: fc.integer({ min: 0, max: 50 }),
  at: fc.integer({ min: 0, max: 3 }).map((day) => DAY_0 + day * DAY_MICROS + 5),
  kind: fc.option(fc.constantFrom("a", "b"), { nil: null }),
});

const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("append" as const), rows: fc.array(row, { minLength: 1, maxLength: 4 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("ingest" as const),
      rows: fc.array(row, { minLength: 1, maxLength: 3 }),
      shard: fc.nat({ max: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("flush" as const), shard: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("compact" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("invalidate" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("query" as const),
      which: fc.nat({ max: 2 }),
      isolate: fc.nat({ max: 1 }),
      flushMidway: fc.boolean(),
    }),
  },
);

interface Question {
  readonly sql: string;
  readonly answer: (rows: readonly Row[]) => unknown;
}

const number = (value: unknown): number => value as number;

const QUESTIONS: Question[] = [
  {
    sql: "SELECT count(id) AS n, sum(id) AS total FROM events WHERE at < '2024-01-02'",
    answer(rows) {
      const seen = rows.filter((each) => number(each["at"]) < DAY_0 + DAY_MICROS);
      const total = seen.reduce((sum, each) => sum + number(each["id"]), 0);
      return [{ n: seen.length, total: seen.length === 0 ? null : total }];
    },
  },
  {
    sql: "SELECT kind, count(*) AS n FROM events WHERE id >= 25 GROUP BY kind ORDER BY kind",
    answer(rows) {
      const seen = rows.filter((each) => number(each["id"]) >= 25);
      const kinds = ["a", "b", null].map((kind) => ({ kind, n: seen.filter((each) => each["kind"] === kind).length }));
      return kinds.filter(({ n }) => n > 0);
    },
  },
  {
    sql: "SELECT id FROM events WHERE kind = 'a' ORDER BY id",
    answer: (rows) =>
      rows
        .filter((each) => each["kind"] === "a")
        .map((each) => ({ id: number(each["id"]) }))
        .toSorted((a, b) => a.id - b.id),
  },
];

test("I62 I250 I342 I401 a cached answer always equals the fresh one, through appends, flushes, compactions and isolates", async () => {
  let hits = 0;
  let partials = 0;
  let asked = 0;
  let atOnce = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const lake = await createQueryLake();
      await lake.createTable(
        "events",
        [
          ["id", "long"],
          ["at", "timestamptz"],
          ["kind", "string"],
        ],
        { fields: [{ "source-id": 2, transform: "day", name: "at_day" }] },
      );
      const answers: { sql: string; problem: unknown; got: unknown; wanted: unknown }[] = [];
      const isolates = [lake.newIsolate(), lake.newIsolate()].map((each) => ({ ...each, partialMinBytes: 0 }));
      for (const each of steps) {
        lake.clock.ms += 1000;
        if (each.do === "append") await lake.append("events", each.rows);
        else if (each.do === "ingest") lake.ingest("events", each.rows, each.shard);
        else if (each.do === "flush") await lake.flush("events", each.shard);
        else if (each.do === "compact") await lake.compact("events");
        else if (each.do === "invalidate") await isolates[0]?.cache.invalidate({ all: true });
        else {
          if (each.flushMidway) {
            lake.beforeFreshRead = async () => {
              lake.beforeFreshRead = () => Promise.resolve();
              await lake.flush("events", 0);
            };
          }
          const { sql, answer } = QUESTIONS[each.which] as Question;
          const known = await lake.known(sql, {}, isolates[each.isolate]);
          const { body, stats, problem } = await lake.query(sql, {}, isolates[each.isolate]);
          await lake.settle();
          answers.push({ sql, problem, got: body?.rows, wanted: answer(lake.rows("events")) });
          for (const early of [known, await lake.known(sql, {}, isolates[each.isolate])]) {
            if (early === undefined) continue;
            const { problem: why } = early;
            answers.push({ sql, problem: why, got: early.body?.rows, wanted: answer(lake.rows("events")) });
            atOnce += 1;
          }
          asked += 1;
          if (stats.cache === "memory" || stats.cache === "kv") hits += 1;
          if (stats.cache === "partial") partials += 1;
        }
      }
      expect(answers).toEqual(answers.map(({ sql, wanted }) => ({ sql, problem: undefined, got: wanted, wanted })));
    }),
    { numRuns: 25, seed: 11 },
  );
  // The property would hold trivially without hits.
  expect(asked).toBeGreaterThan(60);
  expect(hits).toBeGreaterThan(10);
  expect(atOnce).toBeGreaterThan(10);
  expect(partials).toBeGreaterThan(5);
});
