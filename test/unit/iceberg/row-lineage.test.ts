// Row ids across appends, rewrites, merges, upgrades and lost races, by the specification's rules. The property holds
// for any history: no two live rows have one id, and a file keeps its ids for ever.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { liveDataFiles, type Table } from "#iceberg";
import { createIcebergLake, eventsFile } from "../../support/iceberg-lake.ts";
import { committed, createEvents, entriesOf, manifestsOf } from "../../support/iceberg-files.ts";

const DAY = 19_700;

async function rowIds(table: Table): Promise<Map<string, readonly [first: bigint | undefined, rows: number]>> {
  const live = await liveDataFiles(table);
  return new Map(
    live.map(({ dataFile }) => [
      dataFile.filePath.split("/").at(-1) ?? "",
      [dataFile.firstRowId, dataFile.recordCount] as const,
    ]),
  );
}

describe("I122 row lineage", () => {
  test("appends assign ids from the table's next-row-id, in the snapshot, its list and the table", async () => {
    const lake = await createIcebergLake();
    const table = await createEvents(lake, 3);
    const one = await committed(
      table
        .newAppend()
        .addFiles([eventsFile("a.parquet", DAY, { rows: 10 }), eventsFile("b.parquet", DAY, { rows: 5 })])
        .commit(),
    );
    expect(one.currentSnapshot()).toMatchObject({ "first-row-id": 0n, "added-rows": 15n });
    expect(one.metadata["next-row-id"]).toBe(15n);
    const two = await committed(
      one
        .newAppend()
        .addFile(eventsFile("c.parquet", DAY, { rows: 7 }))
        .commit(),
    );
    expect(two.currentSnapshot()).toMatchObject({ "first-row-id": 15n, "added-rows": 7n });
    expect(two.metadata["next-row-id"]).toBe(22n);
    expect(await rowIds(two)).toEqual(
      new Map([
        ["c.parquet", [15n, 7]],
        ["a.parquet", [0n, 10]],
        ["b.parquet", [10n, 5]],
      ]),
    );
    expect((await manifestsOf(lake.store, two.currentSnapshot())).map(({ firstRowId }) => firstRowId)).toEqual([
      15n,
      0n,
    ]);
  });

  test("a removal and a merge write the ids of what stays, and take no new ones", async () => {
    const lake = await createIcebergLake();
    let table = await createEvents(lake, 3, { "commit.manifest.min-count-to-merge": "2" });
    for (const [index, name] of ["a", "b", "c", "d"].entries()) {
      table = await committed(
        table
          .newAppend()
          .addFile(eventsFile(`${name}.parquet`, DAY + index, { rows: 10 + index }))
          .commit(),
      );
    }
    expect(table.metadata["next-row-id"]).toBe(46n);
    const after = await committed(
      table
        .newDelete()
        .deleteFile(eventsFile("b.parquet", DAY + 1))
        .commit(),
    );
    expect(after.currentSnapshot()).toMatchObject({ "first-row-id": 46n, "added-rows": 0n });
    expect(after.metadata["next-row-id"]).toBe(46n);
    expect(await rowIds(after)).toEqual(
      new Map([
        ["d.parquet", [33n, 13]],
        ["c.parquet", [21n, 12]],
        ["a.parquet", [0n, 10]],
      ]),
    );
    const gone = (await entriesOf(lake.store, after)).find(({ entry }) => entry.status === 2)?.entry.dataFile;
    expect(gone).toMatchObject({ content: 0, firstRowId: 10n });
  });

  test("the first commit after an upgrade gives every file its ids", async () => {
    const lake = await createIcebergLake();
    let table = await createEvents(lake, 2);
    for (const name of ["a", "b"]) {
      table = await committed(
        table
          .newAppend()
          .addFile(eventsFile(`${name}.parquet`, DAY))
          .commit(),
      );
    }
    table = await committed(table.upgradeFormatVersion(3).commit());
    expect(table.metadata["next-row-id"]).toBe(0n);
    expect([...(await rowIds(table)).values()].map(([first]) => first)).toEqual([undefined, undefined]);
    table = await committed(table.newAppend().addFile(eventsFile("c.parquet", DAY)).commit());
    const ids = await rowIds(table);
    expect(table.metadata["next-row-id"]).toBe(30n);
    expect(table.currentSnapshot()).toMatchObject({ "first-row-id": 0n, "added-rows": 30n });
    expect(new Set([...ids.values()].map(([first]) => first))).toEqual(new Set([0n, 10n, 20n]));
    const kept = await committed(table.newAppend().addFile(eventsFile("d.parquet", DAY)).commit());
    for (const [name, value] of ids) expect((await rowIds(kept)).get(name)).toEqual(value);
  });

  test("a lost race takes the ids the table has next then", async () => {
    const lake = await createIcebergLake();
    const table = await createEvents(lake, 3);
    const other = await lake.newClient().loadTable("default.events");
    await committed(
      other
        .newAppend()
        .addFile(eventsFile("theirs.parquet", DAY, { rows: 100 }))
        .commit(),
    );
    const after = await committed(
      table
        .newAppend()
        .addFile(eventsFile("mine.parquet", DAY, { rows: 3 }))
        .commit(),
    );
    expect(after.currentSnapshot()).toMatchObject({ "first-row-id": 100n, "added-rows": 3n });
    expect((await rowIds(after)).get("mine.parquet")).toEqual([100n, 3]);
  });

  test("whatever the history, live rows have distinct ids below next-row-id, and files keep theirs", async () => {
    const step = fc.oneof(
      {
        weight: 4,
        arbitrary: fc.record({ kind: fc.constant("append" as const), rows: fc.integer({ min: 1, max: 9 }) }),
      },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), at: fc.nat(20) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant("rewrite" as const), at: fc.nat(20) }) },
      { weight: 1, arbitrary: fc.constant({ kind: "manifests" as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: "branch" as const }) },
      { weight: 1, arbitrary: fc.constant({ kind: "upgrade" as const }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), fc.nat(1000), async (steps, seed) => {
        const lake = await createIcebergLake({ seed: seed + 1 });
        let table = await createEvents(lake, 2, { "commit.manifest.min-count-to-merge": "3" });
        const known = new Map<string, bigint>();
        for (const [index, change] of steps.entries()) {
          const live = (await liveDataFiles(table)).map(({ dataFile }) => dataFile);
          const picked = "at" in change ? live[change.at % Math.max(1, live.length)] : undefined;
          const fresh = (rows: number) => eventsFile(`${index}.parquet`, DAY + (index % 3), { rows });
          if (change.kind === "append") table = await committed(table.newAppend().addFile(fresh(change.rows)).commit());
          if (change.kind === "delete" && picked !== undefined) {
            table = await committed(table.newDelete().deleteFile(picked).commit());
          }
          if (change.kind === "rewrite" && picked !== undefined) {
            table = await committed(
              table
                .newRewrite()
                .deleteFiles([picked])
                .addFiles([fresh(picked.recordCount)])
                .commit(),
            );
          }
          if (change.kind === "manifests") table = await committed(table.rewriteManifests().commit());
          if (change.kind === "branch") {
            table = await committed(table.newAppend().addFile(fresh(4)).toBranch("audit").commit());
          }
          if (change.kind === "upgrade") table = await committed(table.upgradeFormatVersion(3).commit());
          if (table.metadata["format-version"] < 3) continue;
          const next = table.metadata["next-row-id"] ?? 0n;
          const ranges = [...(await rowIds(table))].filter(([, [first]]) => first !== undefined);
          const ids = ranges.flatMap(([, [first, rows]]) =>
            Array.from({ length: rows }, (_, row) => (first ?? 0n) + BigInt(row)),
          );
          expect(new Set(ids).size).toBe(ids.length);
          expect(ids.every((id) => id < next)).toBe(true);
          for (const [name, [first]] of ranges) {
            if (first === undefined) continue;
            expect(known.get(name) ?? first).toBe(first);
            known.set(name, first);
          }
        }
      }),
      { numRuns: 30, seed: 122 },
    );
  });
});
