import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createCommitBudget } from "../../src/ingest/commit-budget.ts";

test("I172 no minute has more commits than ingest's share of the limit", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.integer({ min: 0, max: 90_000 }), { minLength: 1, maxLength: 200 }),
      (perMinute, pauses) => {
        let nowMs = 1_000_000;
        const budget = createCommitBudget(perMinute, { nowMs: () => nowMs });
        const sent: number[] = [];
        for (const pause of pauses) {
          nowMs += pause;
          nowMs += budget.waitMs();
          expect(budget.waitMs()).toBe(0);
          budget.take();
          sent.push(nowMs);
        }
        const share = Math.max(1, Math.floor(perMinute * 0.75));
        for (const from of sent) {
          expect(sent.filter((at) => at >= from && at < from + 60_000).length).toBeLessThanOrEqual(share);
        }
      },
    ),
  );
});

test("without a limit nothing waits", () => {
  const budget = createCommitBudget(undefined, { nowMs: () => 0 });
  for (let i = 0; i < 100; i++) budget.take();
  expect(budget.waitMs()).toBe(0);
});

test("I172 a table that was quiet may commit a few times at once, then at an even pace", () => {
  let nowMs = 0;
  const budget = createCommitBudget(20, { nowMs: () => nowMs });
  const waits: number[] = [];
  for (let i = 0; i < 6; i++) {
    waits.push(budget.waitMs());
    nowMs += budget.waitMs();
    budget.take();
  }
  expect(waits).toEqual([0, 0, 0, 5000, 5000, 5000]);
});
