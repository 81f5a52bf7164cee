// Branches, tags, rollback and cherry-picks, and retention by ref.

import { describe, expect, test } from "vitest";
import { expireSnapshots, type Table } from "#iceberg";
import { createIcebergLake, eventsFile, storedKeys, type IcebergLake } from "../../support/iceberg-lake.ts";
import { committed, createEvents, deletionVector, liveNames, positionDeletes } from "../../support/iceberg-files.ts";
import { locationToKey } from "#storage";

const DAY = 19_700;

/** A table with a clock that the test moves, and three appends an hour apart. */
async function start(
  version: 2 | 3 = 2,
): Promise<{ lake: IcebergLake; table: Table; ids: readonly bigint[]; clock: { nowMs(): number; ms: number } }> {
  const clock = {
    ms: 1_700_000_000_000,
    nowMs(): number {
      return this.ms;
    },
  };
  const lake = await createIcebergLake({ clock });
  let table = await createEvents(lake, version);
  const ids: bigint[] = [];
  for (const name of ["a", "b", "c"]) {
    clock.ms += 3_600_000;
    table = await committed(
      table
        .newAppend()
        .addFile(eventsFile(`${name}.parquet`, DAY))
        .commit(),
    );
    ids.push(table.metadata["current-snapshot-id"] ?? 0n);
  }
  return { lake, table, ids, clock };
}

async function names(lake: IcebergLake, table: Table, ref: string): Promise<string[]> {
  const id = table.metadata.refs[ref]?.["snapshot-id"];
  return liveNames(
    lake.store,
    table,
    table.metadata.snapshots.find((snapshot) => snapshot["snapshot-id"] === id),
  );
}

describe("I123 branches and tags", () => {
  test("a branch takes commits of its own, and main is fast-forwarded to it", async () => {
    const { lake, table } = await start();
    const branched = await committed(table.manageSnapshots().createBranch("audit").createTag("before").commit());
    const staged = await committed(
      branched.newAppend().addFile(eventsFile("d.parquet", DAY)).toBranch("audit").commit(),
    );
    expect(await names(lake, staged, "audit")).toEqual(["a.parquet", "b.parquet", "c.parquet", "d.parquet"]);
    expect(await names(lake, staged, "main")).toEqual(["a.parquet", "b.parquet", "c.parquet"]);
    const ahead = await committed(staged.manageSnapshots().fastForwardBranch("main", "audit").commit());
    expect(await names(lake, ahead, "main")).toEqual(["a.parquet", "b.parquet", "c.parquet", "d.parquet"]);
    expect(ahead.metadata.refs["before"]).toMatchObject({ type: "tag" });
    expect(await names(lake, ahead, "before")).toEqual(["a.parquet", "b.parquet", "c.parquet"]);
  });

  test("a commit to a branch that is not there starts it at main; to a tag it is refused", async () => {
    const { lake, table } = await start();
    const after = await committed(table.newAppend().addFile(eventsFile("d.parquet", DAY)).toBranch("fresh").commit());
    expect(await names(lake, after, "fresh")).toEqual(["a.parquet", "b.parquet", "c.parquet", "d.parquet"]);
    expect(after.metadata["current-snapshot-id"]).toBe(table.metadata["current-snapshot-id"]);
    const tagged = await committed(after.manageSnapshots().createTag("t").commit());
    await expect(tagged.newAppend().addFile(eventsFile("e.parquet", DAY)).toBranch("t").commit()).rejects.toMatchObject(
      { code: "invalid_option" },
    );
  });

  test("branches that have parted cannot be fast-forwarded", async () => {
    const { table } = await start();
    const staged = await committed(table.newAppend().addFile(eventsFile("d.parquet", DAY)).toBranch("audit").commit());
    const parted = await committed(staged.newAppend().addFile(eventsFile("e.parquet", DAY)).commit());
    expect(await parted.manageSnapshots().fastForwardBranch("main", "audit").commit()).toMatchObject({
      outcome: "conflict",
    });
    const forced = await committed(parted.manageSnapshots().replaceBranch("main", "audit").commit());
    expect(forced.metadata["current-snapshot-id"]).toBe(staged.metadata.refs["audit"]?.["snapshot-id"]);
  });

  test("rollback goes to ancestors only, by id or by time", async () => {
    const { lake, table, ids, clock } = await start();
    const back = await committed(
      table
        .manageSnapshots()
        .rollbackTo(ids[0] ?? 0n)
        .commit(),
    );
    expect(await names(lake, back, "main")).toEqual(["a.parquet"]);
    await expect(
      back
        .manageSnapshots()
        .rollbackTo(ids[2] ?? 0n)
        .commit(),
    ).rejects.toMatchObject({
      code: "invalid_option",
    });
    const set = await committed(
      back
        .manageSnapshots()
        .setCurrentSnapshot(ids[2] ?? 0n)
        .commit(),
    );
    const byTime = await committed(
      set
        .manageSnapshots()
        .rollbackToTime(clock.ms - 1)
        .commit(),
    );
    expect(byTime.metadata["current-snapshot-id"]).toBe(ids[1]);
    await expect(byTime.manageSnapshots().rollbackToTime(5).commit()).rejects.toMatchObject({ code: "not_found" });
    expect(byTime.metadata["snapshot-log"].map((entry) => entry["snapshot-id"])).toEqual([
      ...ids,
      ids[0],
      ids[2],
      ids[1],
    ]);
  });

  test("renames, removals and retention settings; main stays", async () => {
    const { table, ids } = await start();
    const made = await committed(
      table
        .manageSnapshots()
        .createBranch("audit", ids[1])
        .setMinSnapshotsToKeep("audit", 3)
        .setMaxSnapshotAgeMs("audit", 1000)
        .setMaxRefAgeMs("audit", 5000)
        .createTag("gone")
        .commit(),
    );
    expect(made.metadata.refs["audit"]).toEqual({
      type: "branch",
      "snapshot-id": ids[1],
      "min-snapshots-to-keep": 3,
      "max-snapshot-age-ms": 1000,
      "max-ref-age-ms": 5000,
    });
    const after = await committed(made.manageSnapshots().renameBranch("audit", "checked").removeTag("gone").commit());
    expect(Object.keys(after.metadata.refs).toSorted()).toEqual(["checked", "main"]);
    expect(after.metadata.refs["checked"]).toEqual(made.metadata.refs["audit"]);
    for (const [operation, code] of [
      [after.manageSnapshots().removeBranch("main"), "invalid_option"],
      [after.manageSnapshots().renameBranch("main", "x"), "invalid_option"],
      [after.manageSnapshots().removeTag("checked"), "invalid_option"],
      [after.manageSnapshots().removeBranch("nobody"), "not_found"],
      [after.manageSnapshots().createTag("checked"), "already_exists"],
      [after.manageSnapshots().createTag("x", 5n), "not_found"],
      [after.manageSnapshots().setMinSnapshotsToKeep("checked", 0), "invalid_option"],
    ] as const) {
      await expect(operation.commit()).rejects.toMatchObject({ code });
    }
  });

  test("two clients that create one branch: one wins, the other is told", async () => {
    const { lake, table } = await start();
    const other = await lake.newClient().loadTable("default.events");
    await committed(other.newAppend().addFile(eventsFile("x.parquet", DAY)).toBranch("audit").commit());
    await expect(table.manageSnapshots().createBranch("audit").commit()).rejects.toMatchObject({
      code: "already_exists",
    });
  });
});

describe("I123 cherry-picks", () => {
  test("a staged append is published after main went on, once", async () => {
    const { lake, table } = await start();
    const staged = await committed(
      table.newAppend().addFile(eventsFile("d.parquet", DAY)).set("wap.id", "w1").toBranch("audit").commit(),
    );
    const picked = staged.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;
    const parted = await committed(staged.newAppend().addFile(eventsFile("e.parquet", DAY)).commit());
    const after = await committed(parted.manageSnapshots().cherrypick(picked).commit());
    expect(await names(lake, after, "main")).toEqual(["a", "b", "c", "d", "e"].map((name) => `${name}.parquet`));
    expect(after.currentSnapshot()?.summary).toMatchObject({
      "source-snapshot-id": String(picked),
      "published-wap-id": "w1",
      "total-data-files": "5",
    });
    await expect(after.manageSnapshots().cherrypick(picked).commit()).rejects.toMatchObject({ code: "already_exists" });
  });

  test("one that follows main's head just moves main", async () => {
    const { table } = await start();
    const staged = await committed(table.newAppend().addFile(eventsFile("d.parquet", DAY)).toBranch("audit").commit());
    const picked = staged.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;
    const after = await committed(staged.manageSnapshots().cherrypick(picked).commit());
    expect(after.metadata["current-snapshot-id"]).toBe(picked);
    expect(after.metadata.snapshots).toHaveLength(4);
  });

  test("a delete cannot be picked onto another history, nor with other changes", async () => {
    const { table } = await start();
    const staged = await committed(
      table.newDelete().deleteFile(eventsFile("a.parquet", DAY)).toBranch("audit").commit(),
    );
    const picked = staged.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;
    const parted = await committed(staged.newAppend().addFile(eventsFile("e.parquet", DAY)).commit());
    await expect(parted.manageSnapshots().cherrypick(picked).commit()).rejects.toMatchObject({
      code: "unsupported_operation",
    });
    await expect(parted.manageSnapshots().cherrypick(picked).createBranch("b").commit()).rejects.toMatchObject({
      code: "invalid_option",
    });
  });

  test("a partition overwrite is picked unless its partitions changed", async () => {
    const { lake, table } = await start();
    const overwrite = table
      .newOverwrite()
      .deleteFiles(["a", "b", "c"].map((name) => eventsFile(`${name}.parquet`, DAY)))
      .addFile(eventsFile("all.parquet", DAY))
      .set("replace-partitions", "true")
      .toBranch("audit");
    const staged = await committed(overwrite.commit());
    const picked = staged.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;
    const elsewhere = await committed(
      staged
        .newAppend()
        .addFile(eventsFile("e.parquet", DAY + 1))
        .commit(),
    );
    const after = await committed(elsewhere.manageSnapshots().cherrypick(picked).commit());
    expect(await names(lake, after, "main")).toEqual(["all.parquet", "e.parquet"]);
    const again = await start();
    const stagedAgain = await committed(
      again.table
        .newOverwrite()
        .deleteFile(eventsFile("a.parquet", DAY))
        .addFile(eventsFile("all.parquet", DAY))
        .set("replace-partitions", "true")
        .toBranch("audit")
        .commit(),
    );
    const touched = await committed(stagedAgain.newAppend().addFile(eventsFile("e.parquet", DAY)).commit());
    const id = touched.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;
    expect(await touched.manageSnapshots().cherrypick(id).commit()).toMatchObject({ outcome: "conflict" });
  });
});

describe("I124 expiry by retention", () => {
  test("each branch keeps by its own settings, old refs go, tags hold their snapshot", async () => {
    const { table, ids, clock } = await start();
    const made = await committed(
      table
        .manageSnapshots()
        .createBranch("long", ids[2])
        .setMinSnapshotsToKeep("long", 2)
        .createTag("old", ids[0])
        .setMaxRefAgeMs("old", 1000)
        .commit(),
    );
    clock.ms += 10 * 86_400_000;
    const report = await made.expireSnapshots().commit();
    expect(report).toMatchObject({ snapshots: 1, refs: 1, outcome: { outcome: "committed" } });
    const after = await made.refresh();
    expect(after.metadata.snapshots.map((snapshot) => snapshot["snapshot-id"])).toEqual([ids[1], ids[2]]);
    expect(Object.keys(after.metadata.refs).toSorted()).toEqual(["long", "main"]);
  });

  test("the table's properties are the defaults, a named snapshot goes at once, a ref's never", async () => {
    const { table, ids, clock } = await start();
    const set = await committed(
      table
        .updateProperties()
        .set("history.expire.max-snapshot-age-ms", "1000")
        .set("history.expire.min-snapshots-to-keep", "2")
        .commit(),
    );
    clock.ms += 2000;
    expect(await set.expireSnapshots().commit()).toMatchObject({ snapshots: 1 });
    const left = await set.refresh();
    expect(left.metadata.snapshots.map((snapshot) => snapshot["snapshot-id"])).toEqual(ids.slice(1));
    expect(
      await left
        .expireSnapshots()
        .expireSnapshotId(ids[1] ?? 0n)
        .commit(),
    ).toMatchObject({ snapshots: 1 });
    await expect(
      (await left.refresh())
        .expireSnapshots()
        .expireSnapshotId(ids[2] ?? 0n)
        .commit(),
    ).rejects.toMatchObject({ code: "invalid_option" });
  });

  test.each([2, 3] as const)(
    "delete files and statistics go with the snapshots that had them (v%i)",
    async (version) => {
      const { lake, table, ids } = await start(version);
      const A = eventsFile("a.parquet", DAY);
      const deletes = version === 2 ? positionDeletes("a.deletes", DAY, A) : deletionVector("a.deletes", A);
      const stored = { ...deletes, filePath: "s3://lake/default/events/data/a.deletes" };
      for (const file of [A, stored]) {
        await lake.store.put(locationToKey(file.filePath, "lake"), new Uint8Array(4));
      }
      const statistics = "s3://lake/default/events/metadata/one.stats";
      await lake.store.put(locationToKey(statistics, "lake"), new Uint8Array(4));
      const deleted = await committed(table.newRowDelta().addDeletes([stored]).commit());
      const told = await committed(
        deleted
          .updateStatistics()
          .setStatistics({
            "snapshot-id": ids[0] ?? 0n,
            "statistics-path": statistics,
            "file-size-in-bytes": 4,
            "file-footer-size-in-bytes": 1,
            "blob-metadata": [],
          })
          .commit(),
      );
      expect(told.metadata.statistics).toHaveLength(1);
      const rewritten = await committed(
        told
          .newRewrite()
          .deleteFiles([A])
          .deleteDeleteFiles([stored])
          .addFiles([eventsFile("a2.parquet", DAY, { rows: 9 })])
          .deletedRows(1)
          .commit(),
      );
      const report = await expireSnapshots(rewritten, { olderThanMs: Number.MAX_SAFE_INTEGER });
      expect(report).toMatchObject({ snapshots: 4, dataFiles: 1, deleteFiles: 1, statisticsFiles: 1 });
      const keys = await storedKeys(lake.store);
      expect(keys.filter((key) => key.includes("/data/") || key.endsWith(".stats"))).toEqual([]);
      const after = await rewritten.refresh();
      expect(await liveNames(lake.store, after)).toEqual(["a2.parquet", "b.parquet", "c.parquet"]);
      expect(after.metadata.statistics ?? []).toEqual([]);
    },
  );

  test("a cherry-picked file outlives the snapshot it was staged in", async () => {
    const { lake, table } = await start();
    const D = eventsFile("d.parquet", DAY);
    await lake.store.put(locationToKey(D.filePath, "lake"), new Uint8Array(4));
    const staged = await committed(table.newAppend().addFile(D).toBranch("audit").commit());
    const picked = staged.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;
    const parted = await committed(staged.newAppend().addFile(eventsFile("e.parquet", DAY)).commit());
    const published = await committed(parted.manageSnapshots().cherrypick(picked).commit());
    const keeper = await committed(published.newAppend().addFile(eventsFile("f.parquet", DAY)).commit());
    const emptied = await committed(keeper.newDelete().deleteFile(D).commit());
    const cut = await committed(emptied.manageSnapshots().removeBranch("audit").commit());
    await cut.expireSnapshots().expireSnapshotId(picked).expireOlderThan(0).commit();
    expect(await lake.store.head(locationToKey(D.filePath, "lake"))).toBeDefined();
  });

  test("schemas and specs that nothing uses go when asked", async () => {
    const { table } = await start();
    const changed = await committed(table.updateSchema().addColumn("country", "string").commit());
    const respecced = await committed(changed.updateSpec().addField("country").commit());
    const back = await committed(respecced.updateSpec().removeField("country").commit());
    const grown = await committed(back.newAppend().addFile(eventsFile("d.parquet", DAY)).commit());
    const report = await grown
      .expireSnapshots()
      .expireOlderThan(Number.MAX_SAFE_INTEGER)
      .cleanExpiredMetadata()
      .commit();
    expect(report.outcome).toMatchObject({ outcome: "committed" });
    const after = await grown.refresh();
    expect(after.metadata.schemas).toHaveLength(1);
    expect(after.metadata["partition-specs"].map((spec) => spec["spec-id"])).toEqual([0]);
  });
});
