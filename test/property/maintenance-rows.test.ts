import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { LayoutRequest } from "#maintenance";
import {
  createMaintenanceLake,
  outcomeCode,
  runTestJob,
  testTableDefinition,
  type TestRow,
} from "../support/maintenance-lake.ts";

const TABLE = { namespace: ["default"], name: "events" };

const row: fc.Arbitrary<TestRow> = fc.record({
  id: fc.maxSafeInteger(),
  kind: fc.option(fc.oneof(fc.constantFrom("a", "b"), fc.string({ unit: "binary" }))),
  at: fc.integer({ min: -3 * 86_400_000_000, max: 3 * 86_400_000_000 }),
  score: fc.option(fc.double({ noNaN: true })),
});

const sortColumn = fc.record({
  column: fc.constantFrom("id", "kind", "at", "score"),
  direction: fc.constantFrom("asc" as const, "desc" as const),
  nullOrder: fc.constantFrom("nulls-first" as const, "nulls-last" as const),
});

const request: fc.Arbitrary<LayoutRequest> = fc.oneof(
  fc
    .record({
      aggressive: fc.boolean(),
      minInputFiles: fc.integer({ min: 1, max: 6 }),
      target: fc.constantFrom(700, 5000, 1e8),
    })
    .map(({ target, ...options }) => ({
      kind: "compact" as const,
      table: TABLE,
      targetFileSizeBytes: target,
      ...options,
    })),
  fc
    .record({
      sort: fc.uniqueArray(sortColumn, { minLength: 1, maxLength: 3, selector: ({ column }) => column }),
      target: fc.constantFrom(700, 5000, 1e8),
    })
    .map(({ sort, target }) => ({ kind: "rewrite" as const, table: TABLE, sort, targetFileSizeBytes: target })),
);

test("I70 any layout job on any table keeps the multiset of rows", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(row, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 6 }),
      request,
      fc.boolean(),
      fc.boolean(),
      async (appends, layout, partitioned, respec) => {
        const lake = await createMaintenanceLake(testTableDefinition(partitioned));
        for (const [index, rows] of appends.entries()) {
          if (respec && index === 1) {
            const spec = (await lake.loadTable()).updateSpec();
            await (partitioned ? spec.removeField("at_day") : spec.addField("at", "day")).commit();
          }
          await lake.append(rows);
        }
        const before = await lake.rows();
        const { outcome } = await runTestJob(lake, layout, { sortLimits: { runBytes: 2000, fanIn: 2 } });
        expect(outcomeCode(outcome)).toBe("succeeded");
        expect(await lake.rows()).toEqual(before);
        expect((await lake.strayKeys()).filter((key) => !key.includes("/in-"))).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
}, 60_000);
