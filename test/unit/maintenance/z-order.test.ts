// Rewrites along the Z-curve: what box queries skip, and that rows stay what they were.

import { beforeAll, describe, expect, test } from "vitest";
import { scalarAt } from "#columnar";
import { required } from "#core";
import type { IcebergPredicate } from "#iceberg";
import { parseRewriteOptions, type RewriteRequest } from "#maintenance";
import {
  createMaintenanceLake,
  outcomeCode,
  runTestJob,
  scanFile,
  testRows,
  testTableDefinition,
  type MaintenanceLake,
  type TestRow,
} from "../../support/maintenance-lake.ts";

const TABLE = { namespace: ["default"], name: "events" };
const TARGET = 64 * 1024;
const ZORDER: RewriteRequest = { kind: "rewrite", table: TABLE, zorder: ["kind", "at"], targetFileSizeBytes: TARGET };
const ROWS = 40_000;
const USERS = 500;
const DAY_MICROS = 86_400_000_000;

function userName(user: number): string {
  return `user-${String(user).padStart(4, "0")}`;
}

/** Scatters numbers over 32 bits. */
function scatter(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x45d9f3b);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}

/** Users and times that have nothing to do with each other, as in any log; scores are noise that fills files. */
function visits(seed: number): TestRow[] {
  return Array.from({ length: ROWS / 4 }, (_, i) => {
    const id = seed * ROWS + i;
    const user = scatter(id) % USERS;
    return {
      id,
      kind: user === 0 ? null : userName(user),
      at: Math.floor((scatter(id + 1e6) / 2 ** 32) * DAY_MICROS),
      score: scatter(id + 2e6) / 7,
    };
  });
}

async function createVisits(definition = testTableDefinition(false)): Promise<MaintenanceLake> {
  const lake = await createMaintenanceLake(definition);
  for (let seed = 0; seed < 4; seed++) await lake.append(visits(seed));
  return lake;
}

/** Files that a query for some users during some hours has to read. */
async function filesForBox(lake: MaintenanceLake, users: readonly [number, number], hours: readonly [number, number]) {
  const predicates: IcebergPredicate[] = [
    { fieldId: 2, operator: ">=", values: [userName(users[0])] },
    { fieldId: 2, operator: "<", values: [userName(users[1])] },
    { fieldId: 3, operator: ">=", values: [(hours[0] * DAY_MICROS) / 24] },
    { fieldId: 3, operator: "<", values: [(hours[1] * DAY_MICROS) / 24] },
  ];
  return (await (await lake.loadTable()).planScan({ predicates })).files.length;
}

describe("I204 box queries", () => {
  let linear: MaintenanceLake;
  let curve: MaintenanceLake;

  beforeAll(async () => {
    linear = await createVisits();
    curve = await createVisits();
    const sort = ["kind", "at"].map((column) => ({ column, direction: "asc", nullOrder: "nulls-first" }) as const);
    await runTestJob(linear, { kind: "rewrite", table: TABLE, sort, targetFileSizeBytes: TARGET });
    await runTestJob(curve, ZORDER);
  });

  test("read fewer files of a table on the curve than of a sorted one, whichever column is the narrow one", async () => {
    const total = (await curve.files()).length;
    expect(total).toBeGreaterThanOrEqual(8);
    expect(Math.abs((await linear.files()).length - total)).toBeLessThanOrEqual(1);
    const boxes = [
      [
        [0, 500],
        [6, 8],
      ],
      [
        [100, 350],
        [3, 9],
      ],
      [
        [200, 450],
        [20, 24],
      ],
    ] as const;
    const counts = { linear: 0, curve: 0 };
    for (const [users, hours] of boxes) {
      counts.linear += await filesForBox(linear, users, hours);
      counts.curve += await filesForBox(curve, users, hours);
    }
    expect(counts.curve).toBeLessThan(counts.linear * 0.75);
    // And the column that comes first in a linear sort is not lost.
    expect(await filesForBox(curve, [10, 20], [0, 24])).toBeLessThan(total * 0.6);
  });

  test("the snapshot names the columns; no file claims a sort order", async () => {
    const table = await curve.loadTable();
    expect(table.currentSnapshot()?.summary).toMatchObject({ "firn.maintenance.z-order": "kind,at" });
    expect((await curve.files()).map(({ sortOrderId }) => sortOrderId ?? 0)).toEqual(
      (await curve.files()).map(() => 0),
    );
    const sorted = await linear.loadTable();
    expect(sorted.currentSnapshot()?.summary).not.toHaveProperty("firn.maintenance.z-order");
  });

  test("every row is there, once", async () => {
    expect(await curve.rows()).toEqual(await linear.rows());
  });
});

/** Users and times in the order of the files and of the rows in them. */
async function sequence(lake: MaintenanceLake): Promise<string[]> {
  const table = await lake.loadTable();
  const values: string[] = [];
  for (const file of await lake.scanFiles()) {
    for await (const { rowCount, columns } of scanFile(lake.store, table, file)) {
      const [, kind, at] = columns;
      for (let row = 0; row < rowCount; row++) {
        values.push(JSON.stringify([kind, at].map((column) => scalarAt(required(column, "column"), row))));
      }
    }
  }
  return values;
}

test("a table larger than the sort's memory is ordered alike, and no run stays behind", async () => {
  const whole = await createVisits();
  const spilled = await createVisits();
  await runTestJob(whole, ZORDER);
  const { outcome } = await runTestJob(spilled, ZORDER, { sortLimits: { runBytes: 200_000, fanIn: 3 } });
  expect(outcomeCode(outcome)).toBe("succeeded");
  expect(await sequence(spilled)).toEqual(await sequence(whole));
  expect(await spilled.rows()).toEqual(await whole.rows());
  expect((await spilled.strayKeys()).filter((key) => key.includes("/tmp/"))).toEqual([]);
});

test("each partition has a curve of its own", async () => {
  const lake = await createMaintenanceLake();
  for (let seed = 0; seed < 3; seed++) await lake.append(testRows(300, seed, 2));
  const before = await lake.rows();
  const { outcome } = await runTestJob(lake, { ...ZORDER, zorder: ["id", "score"] });
  expect(outcome).toMatchObject({ state: "succeeded", result: { groups: 2, files_after: 2, rows: 900 } });
  expect(await lake.rows()).toEqual(before);
});

test.each([
  [["kindd", "at"], { code: "invalid_option", option: "zorder", nearest: "kind" }],
  [["kind", "nested"], { code: "invalid_option", option: "zorder" }],
])("a job over %j fails before it reads", async (zorder, problem) => {
  const lake = await createMaintenanceLake();
  await lake.append(testRows(10));
  expect((await runTestJob(lake, { ...ZORDER, zorder })).outcome).toMatchObject({ state: "failed", problem });
});

test("requests name two to eight different columns, and no sort beside them", () => {
  expect(parseRewriteOptions({ zorder: ["user_id", "timestamp"] })).toEqual({
    kind: "rewrite",
    table: TABLE,
    zorder: ["user_id", "timestamp"],
  });
  for (const body of [
    { zorder: "user_id" },
    { zorder: [] },
    { zorder: ["a"] },
    { zorder: ["a", 2] },
    { zorder: ["a", ""] },
    { zorder: ["a", "b", "a"] },
    { zorder: ["a", "b", "c", "d", "e", "f", "g", "h", "i"] },
    { zorder: ["a", "b"], sort: ["a"] },
  ]) {
    expect(() => parseRewriteOptions(body)).toThrow(
      expect.objectContaining({ code: "invalid_option", details: expect.objectContaining({ option: "zorder" }) }),
    );
  }
});
