// Statements that change rows, on tables of every mode, with a fault at each write of an object and each request to the
// catalog: before it takes effect, after it did, once and from then on. The table reads as before or as after; what is
// told is true; what was written in vain is gone once orphan removal ran.

import { beforeAll, describe, expect, test } from "vitest";
import { LakeError } from "#core";
import { initSqlParser } from "#sql";
import { reachableKeys } from "../support/fault-lake.ts";
import { storedKeys } from "../support/iceberg-lake.ts";
import { createQueryLake, type QueryLake } from "../support/query-lake.ts";

beforeAll(() => initSqlParser());

interface Mode {
  readonly name: string;
  readonly version: 2 | 3;
  readonly writes: "copy-on-write" | "merge-on-read";
}

const MODES: readonly Mode[] = [
  { name: "copy-on-write, version 2", version: 2, writes: "copy-on-write" },
  { name: "merge-on-read, version 2", version: 2, writes: "merge-on-read" },
  { name: "merge-on-read, version 3", version: 3, writes: "merge-on-read" },
];

const STATEMENTS: readonly string[] = [
  "UPDATE t SET v = -1 WHERE id IN (3, 12)",
  "DELETE FROM t WHERE id % 4 = 1",
  "INSERT INTO t SELECT id + 100, v FROM t WHERE id < 5",
  `MERGE INTO t USING (VALUES (2, 7.5), (77, 1.5)) s(id, v) ON t.id = s.id
     WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)`,
];

async function prepared({ version, writes }: Mode): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long", "required"],
    ["v", "double"],
  ]);
  const modes = ["delete", "update", "merge"].map((kind) => [`write.${kind}.mode`, writes]);
  await lake.update("t", [
    { action: "upgrade-format-version", "format-version": version },
    { action: "set-properties", updates: Object.fromEntries(modes) },
  ]);
  for (const start of [0, 10]) {
    await lake.append(
      "t",
      Array.from({ length: 10 }, (_, i) => ({ id: start + i, v: start + i })),
    );
  }
  // So that vectors and position deletes are there to be replaced.
  expect((await lake.change("DELETE FROM t WHERE id = 4")).ok).toBe(true);
  return lake;
}

async function values(lake: QueryLake): Promise<string> {
  const { body } = await lake.query("SELECT id, v FROM t ORDER BY id", { cache: "bypass" }, lake.newIsolate());
  return JSON.stringify(body?.rows);
}

type Moment = "before" | "after";
type Extent = "once" | "from then on";
type Side = "store" | "catalog";

interface Faulty {
  readonly ok: boolean;
  /** Whether the fault came to pass. */
  readonly failed: boolean;
}

/** Runs the statement with the operation of that number failing on one side. */
async function runWithFault(
  lake: QueryLake,
  sql: string,
  fault: { readonly side: Side; readonly at: number; readonly moment: Moment; readonly extent: Extent },
): Promise<Faulty> {
  const { store, network } = lake;
  const originals = { put: store.put.bind(store), delete: store.delete.bind(store), send: network.send };
  let done = 0;
  let isDead = false;
  const attempt = async <T>(isCounted: boolean, error: Error, run: () => Promise<T>): Promise<T> => {
    if (isDead) throw error;
    if (!isCounted) return run();
    const number = done++;
    if (number !== fault.at) return run();
    isDead = fault.extent === "from then on";
    if (fault.moment === "after") await run();
    throw error;
  };
  const injected = new LakeError("storage_unavailable", "injected");
  if (fault.side === "store") {
    store.put = (...args) => attempt(true, injected, () => originals.put(...args));
    store.delete = (...args) => attempt(true, injected, () => originals.delete(...args));
  } else {
    network.send = (request) =>
      attempt(request.method === "POST", new TypeError("the connection was lost"), () => originals.send(request));
  }
  try {
    const { ok } = await lake.query(sql, { cache: "bypass" }, undefined, { mayWrite: true });
    return { ok, failed: done > fault.at };
  } finally {
    store.put = originals.put;
    store.delete = originals.delete;
    network.send = originals.send;
  }
}

/** Orphan removal, once files are old enough, leaves exactly what the table's metadata names. */
async function expectNoGarbage(lake: QueryLake): Promise<void> {
  lake.clock.ms += 10 * 86_400_000;
  const table = await lake.catalog.loadTable("default.t");
  await table.removeOrphanFiles().execute();
  const reachable = await reachableKeys(lake.store, table);
  const stored = await storedKeys(lake.store, "default/t/");
  expect(stored.filter((key) => !reachable.has(key))).toEqual([]);
  expect([...reachable].filter((key) => !stored.includes(key))).toEqual([]);
}

const FAULTS = (["store", "catalog"] as const).flatMap((side) =>
  (["before", "after"] as const).flatMap((moment) =>
    (["once", "from then on"] as const).map((extent) => ({ side, moment, extent })),
  ),
);

/** The rows before and after the statement where nothing fails. */
async function cleanRun(mode: Mode, sql: string): Promise<{ readonly before: string; readonly after: string }> {
  const lake = await prepared(mode);
  const before = await values(lake);
  expect((await lake.change(sql)).ok).toBe(true);
  const after = await values(lake);
  expect(after).not.toBe(before);
  return { before, after };
}

describe.each(MODES)("I197 $name", (mode) => {
  describe.each(STATEMENTS)("%s", (sql) => {
    let clean = { before: "", after: "" };
    beforeAll(async () => {
      clean = await cleanRun(mode, sql);
    });

    test.each(FAULTS)("fails $moment each operation of the $side, $extent", async (fault) => {
      const { before, after } = clean;
      for (let at = 0; ; at++) {
        const lake = await prepared(mode);
        const { ok, failed } = await runWithFault(lake, sql, { ...fault, at });
        const seen = await values(lake);
        expect([before, after]).toContain(seen);
        // A statement that was said to be done is done; one that failed may be either, as its problem says.
        expect(ok && seen !== after).toBe(false);
        await expectNoGarbage(lake);
        expect(await values(lake)).toBe(seen);
        if (!failed) break;
      }
    });
  });
});
