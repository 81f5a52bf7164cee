// Overwrites, row deltas, deletes and rewrites: what each leaves, and which concurrent commits each refuses.

import { describe, expect, test } from "vitest";
import { scalarToSingleValue, type CommitOutcome, type DataFile, type IcebergPredicate, type Table } from "#iceberg";
import { createIcebergLake, eventsFile, type IcebergLake } from "../../support/iceberg-lake.ts";
import {
  committed,
  createEvents,
  deletionVector,
  entriesOf,
  equalityDeletes,
  liveNames,
  manifestsOf,
  positionDeletes,
} from "../../support/iceberg-files.ts";

const DAY = 19_700;
const MICROS_PER_DAY = 86_400_000_000;
const day = (offset: number): number => (DAY + offset) * MICROS_PER_DAY;
const since = (offset: number): IcebergPredicate => ({ fieldId: 2, operator: ">=", values: [day(offset)] });
const before = (offset: number): IcebergPredicate => ({ fieldId: 2, operator: "<", values: [day(offset)] });
const A = eventsFile("a.parquet", DAY);
const B = eventsFile("b.parquet", DAY + 1);
const C = eventsFile("c.parquet", DAY + 1);

async function start(version: 2 | 3, files: readonly DataFile[] = [A, B, C]): Promise<[IcebergLake, Table]> {
  const lake = await createIcebergLake();
  let table = await createEvents(lake, version);
  for (const file of files) table = await committed(table.newAppend().addFile(file).commit());
  return [lake, table];
}

function summary(table: Table): Readonly<Record<string, string>> {
  return table.currentSnapshot()?.summary ?? {};
}

describe.each([2, 3] as const)("I120 in format version %i", (version) => {
  const deletesOf = (name: string, file: DataFile, rows = 1) =>
    version === 2 ? positionDeletes(name, Number(file.partition[0]), file, rows) : deletionVector(name, file, rows);

  test("a delete by filter removes whole files and refuses to cut one", async () => {
    const [lake, table] = await start(version);
    const after = await committed(
      table
        .newDelete()
        .deleteFromRowFilter([since(1)])
        .commit(),
    );
    expect(await liveNames(lake.store, after)).toEqual(["a.parquet"]);
    expect(summary(after)).toMatchObject({
      operation: "delete",
      "deleted-data-files": "2",
      "deleted-records": "20",
      "total-data-files": "1",
      "total-records": "10",
    });
    const half = { fieldId: 2, operator: ">=", values: [day(0) + MICROS_PER_DAY / 2] } as const;
    await expect(after.newDelete().deleteFromRowFilter([half]).commit()).rejects.toMatchObject({
      code: "unsupported_operation",
    });
    expect((await lake.newClient().loadTable("default.events")).metadata.snapshots).toHaveLength(4);
  });

  test("a delete that matches nothing makes no snapshot", async () => {
    const [, table] = await start(version);
    const outcome = await table
      .newDelete()
      .deleteFromRowFilter([before(-5)])
      .deleteFile("s3://lake/none")
      .commit();
    expect(outcome).toMatchObject({ outcome: "committed" });
    expect(outcome).not.toHaveProperty("snapshotId");
    expect((await table.refresh()).metadata.snapshots).toHaveLength(3);
    expect(await table.newDelete().deleteFile("s3://lake/none").validateFilesExist().commit()).toMatchObject({
      outcome: "conflict",
    });
  });

  test("an overwrite replaces files in one snapshot, with their deletes", async () => {
    const [lake, table] = await start(version);
    const deleted = await committed(
      table
        .newRowDelta()
        .addDeletes([deletesOf("a.deletes", A, 3)])
        .commit(),
    );
    expect(summary(deleted)).toMatchObject({
      operation: "delete",
      "added-delete-files": "1",
      "added-position-deletes": "3",
      "total-position-deletes": "3",
      "total-delete-files": "1",
      [version === 2 ? "added-position-delete-files" : "added-dvs"]: "1",
    });
    const after = await committed(
      deleted
        .newOverwrite()
        .deleteFile(A)
        .addFile(eventsFile("a2.parquet", DAY, { rows: 7 }))
        .validateNoConflictingData()
        .validateNoConflictingDeletes()
        .commit(),
    );
    expect(await liveNames(lake.store, after)).toEqual(["a2.parquet", "b.parquet", "c.parquet"]);
    expect(summary(after)).toMatchObject({
      operation: "overwrite",
      "removed-delete-files": "1",
      "removed-position-deletes": "3",
      "total-delete-files": "0",
      "total-position-deletes": "0",
      "total-records": "27",
    });
    expect((await manifestsOf(lake.store, after.currentSnapshot())).filter(isLiveDeletes)).toEqual([]);
    const next = await committed(after.newAppend().addFile(eventsFile("d.parquet", DAY)).commit());
    expect((await manifestsOf(lake.store, next.currentSnapshot())).every(({ content }) => content === "data")).toBe(
      true,
    );
  });

  test("an overwrite by filter replaces exactly what the filter covers", async () => {
    const [lake, table] = await start(version);
    const fresh = eventsFile("fresh.parquet", DAY + 1);
    const overwrite = () =>
      table
        .newOverwrite()
        .overwriteByRowFilter([since(1), before(2)])
        .addFile(fresh);
    const after = await committed(overwrite().validateAddedFilesMatchOverwriteFilter().commit());
    expect(await liveNames(lake.store, after)).toEqual(["a.parquet", "fresh.parquet"]);
    await expect(
      overwrite().addFile(eventsFile("other.parquet", DAY)).validateAddedFilesMatchOverwriteFilter().commit(),
    ).rejects.toMatchObject({ code: "data_invalid" });
    const all = await committed(after.newOverwrite().overwriteByRowFilter([]).addFile(B).commit());
    expect(await liveNames(lake.store, all)).toEqual(["b.parquet"]);
  });

  test("equality deletes older than all data are dropped", async () => {
    const [lake, table] = await start(version, [A]);
    const deleted = await committed(
      table
        .newRowDelta()
        .addDeletes([equalityDeletes("e.parquet", DAY)])
        .commit(),
    );
    const grown = await committed(deleted.newAppend().addFile(B).commit());
    expect(await liveNames(lake.store, grown)).toEqual(["-e.parquet", "a.parquet", "b.parquet"]);
    const after = await committed(grown.newDelete().deleteFile(A).commit());
    expect(await liveNames(lake.store, after)).toEqual(["b.parquet"]);
    expect(summary(after)).toMatchObject({ "removed-equality-deletes": "1", "total-equality-deletes": "0" });
  });

  test("a rewrite keeps the sequence number of what it read, so that later equality deletes still apply", async () => {
    const [lake, table] = await start(version);
    const planned = table.currentSnapshot()?.["sequence-number"];
    await committed(
      table
        .newRowDelta()
        .addDeletes([equalityDeletes("e.parquet", DAY + 1)])
        .commit(),
    );
    const after = await committed(
      table
        .newRewrite()
        .deleteFiles([B, C])
        .addFiles([eventsFile("bc.parquet", DAY + 1, { rows: 20 })])
        .commit(),
    );
    expect(await liveNames(lake.store, after)).toEqual(["-e.parquet", "a.parquet", "bc.parquet"]);
    const added = (await entriesOf(lake.store, after)).find(({ entry }) =>
      entry.dataFile.filePath.endsWith("bc.parquet"),
    );
    expect(added?.entry.sequenceNumber).toBe(planned);
    expect((added?.entry.fileSequenceNumber ?? 0n) > (planned ?? 0n)).toBe(true);
  });

  test("a rewrite that applied deletes has to account for every row", async () => {
    const [lake, table] = await start(version);
    const deletes = deletesOf("b.deletes", B, 4);
    const deleted = await committed(table.newRowDelta().addDeletes([deletes]).commit());
    const rewrite = () =>
      deleted
        .newRewrite()
        .deleteFiles([B, C])
        .deleteDeleteFiles([deletes])
        .addFiles([eventsFile("bc.parquet", DAY + 1, { rows: 16 })]);
    await expect(rewrite().commit()).rejects.toMatchObject({ code: "data_invalid" });
    const after = await committed(rewrite().deletedRows(4).commit());
    expect(await liveNames(lake.store, after)).toEqual(["a.parquet", "bc.parquet"]);
    expect(summary(after)).toMatchObject({ operation: "replace", "total-delete-files": "0", "total-records": "26" });
  });

  const conflicts: readonly {
    readonly name: string;
    readonly other: (table: Table) => Promise<CommitOutcome>;
    readonly mine: (table: Table) => Promise<CommitOutcome>;
    readonly outcome: "committed" | "conflict";
  }[] = [
    {
      name: "rewrite against an append",
      other: (table) => table.newAppend().addFile(eventsFile("x.parquet", DAY)).commit(),
      mine: (table) => rewriteBc(table),
      outcome: "committed",
    },
    {
      name: "rewrite against new deletes of a replaced file",
      other: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("b.deletes", B)])
          .commit(),
      mine: (table) => rewriteBc(table),
      outcome: "conflict",
    },
    {
      name: "rewrite against new deletes of another file",
      other: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .commit(),
      mine: (table) => rewriteBc(table),
      outcome: "committed",
    },
    {
      name: "rewrite against another rewrite of the same file",
      other: (table) =>
        table
          .newRewrite()
          .deleteFiles([B])
          .addFiles([eventsFile("b2.parquet", DAY + 1)])
          .commit(),
      mine: (table) => rewriteBc(table),
      outcome: "conflict",
    },
    {
      name: "overwrite against an append that may match",
      other: (table) => table.newAppend().addFile(eventsFile("x.parquet", DAY)).commit(),
      mine: (table) =>
        overwriteA(table)
          .conflictDetectionFilter([before(1)])
          .validateNoConflictingData()
          .commit(),
      outcome: "conflict",
    },
    {
      name: "overwrite against an append that cannot match",
      other: (table) =>
        table
          .newAppend()
          .addFile(eventsFile("x.parquet", DAY + 3))
          .commit(),
      mine: (table) =>
        overwriteA(table)
          .conflictDetectionFilter([before(1)])
          .validateNoConflictingData()
          .commit(),
      outcome: "committed",
    },
    {
      name: "overwrite against an append, unchecked",
      other: (table) => table.newAppend().addFile(eventsFile("x.parquet", DAY)).commit(),
      mine: (table) => overwriteA(table).commit(),
      outcome: "committed",
    },
    {
      name: "overwrite against a rewrite of other files, which adds no rows",
      other: (table) => rewriteBc(table),
      mine: (table) => overwriteA(table).validateNoConflictingData().validateNoConflictingDeletes().commit(),
      outcome: "committed",
    },
    {
      name: "overwrite against new deletes of the replaced file",
      other: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .commit(),
      mine: (table) => overwriteA(table).validateNoConflictingDeletes().commit(),
      outcome: "conflict",
    },
    {
      name: "overwrite against equality deletes in the replaced file's partition",
      other: (table) =>
        table
          .newRowDelta()
          .addDeletes([equalityDeletes("e.parquet", DAY)])
          .commit(),
      mine: (table) => overwriteA(table).validateNoConflictingDeletes().commit(),
      outcome: "conflict",
    },
    {
      name: "overwrite by filter against a removal under the filter",
      other: (table) => table.newDelete().deleteFile(B).commit(),
      mine: (table) =>
        table
          .newOverwrite()
          .overwriteByRowFilter([since(1)])
          .addFile(eventsFile("n.parquet", DAY + 1))
          .validateNoConflictingDeletes()
          .commit(),
      outcome: "conflict",
    },
    {
      name: "row delta against an append that may match",
      other: (table) => table.newAppend().addFile(eventsFile("x.parquet", DAY)).commit(),
      mine: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .conflictDetectionFilter([before(1)])
          .validateNoConflictingDataFiles()
          .commit(),
      outcome: "conflict",
    },
    {
      name: "row delta against an append, unchecked",
      other: (table) => table.newAppend().addFile(eventsFile("x.parquet", DAY)).commit(),
      mine: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .commit(),
      outcome: "committed",
    },
    {
      name: "row delta against a rewrite of the file it deletes from",
      other: (table) =>
        table
          .newRewrite()
          .deleteFiles([A])
          .addFiles([eventsFile("a2.parquet", DAY)])
          .commit(),
      mine: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .commit(),
      outcome: "conflict",
    },
    {
      name: "row delta against a removal of the file it deletes from",
      other: (table) => table.newDelete().deleteFile(A).commit(),
      mine: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .validateDeletedFiles()
          .commit(),
      outcome: "conflict",
    },
    {
      name: "row delta against other deletes, checked",
      other: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .commit(),
      mine: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("b.deletes", B)])
          .conflictDetectionFilter([before(1)])
          .validateNoConflictingDeleteFiles()
          .commit(),
      outcome: "conflict",
    },
    {
      name: "removed rows against new deletes of them",
      other: (table) =>
        table
          .newRowDelta()
          .addDeletes([deletesOf("a.deletes", A)])
          .commit(),
      mine: (table) => table.newRowDelta().removeRows([A]).commit(),
      outcome: "conflict",
    },
  ];

  test.each(conflicts)("$name: $outcome", async ({ other, mine, outcome }) => {
    const [lake, table] = await start(version);
    await committed(other(await lake.newClient().loadTable("default.events")));
    const keysBefore = (await lake.store.list("")).objects.length;
    const result = await mine(table);
    expect(result).toMatchObject({ outcome });
    // A conflict leaves nothing behind.
    const kept = (await lake.store.list("")).objects.length;
    expect(outcome === "conflict" ? kept : keysBefore).toBe(keysBefore);
  });
});

function isLiveDeletes(manifest: { content: string; addedFiles: number; existingFiles: number }): boolean {
  return manifest.content === "deletes" && manifest.addedFiles + manifest.existingFiles > 0;
}

function rewriteBc(table: Table): Promise<CommitOutcome> {
  return table
    .newRewrite()
    .deleteFiles([B, C])
    .addFiles([eventsFile("bc.parquet", DAY + 1, { rows: 20 })])
    .commit();
}

function overwriteA(table: Table) {
  return table.newOverwrite().deleteFile(A).addFile(eventsFile("a2.parquet", DAY));
}

describe("I121 deletion vectors", () => {
  test("a data file has one; the replaced one goes", async () => {
    const [lake, table] = await start(3);
    const first = deletionVector("1.puffin", A, 1);
    const one = await committed(table.newRowDelta().addDeletes([first]).commit());
    const second = deletionVector("2.puffin", A, 2);
    expect(await one.newRowDelta().addDeletes([second]).commit()).toMatchObject({ outcome: "conflict" });
    const two = await committed(one.newRowDelta().addDeletes([second]).removeDeletes([first]).commit());
    expect(await liveNames(lake.store, two)).toEqual(["-2.puffin", "a.parquet", "b.parquet", "c.parquet"]);
    expect(summary(two)).toMatchObject({ "added-dvs": "1", "removed-dvs": "1", "total-position-deletes": "2" });
  });

  test("two commits that give one file a vector conflict, on two files they do not", async () => {
    const [lake, table] = await start(3);
    const other = await lake.newClient().loadTable("default.events");
    await committed(
      other
        .newRowDelta()
        .addDeletes([deletionVector("1.puffin", A)])
        .commit(),
    );
    expect(
      await table
        .newRowDelta()
        .addDeletes([deletionVector("2.puffin", A)])
        .commit(),
    ).toMatchObject({
      outcome: "conflict",
    });
    const after = await committed(
      table
        .newRowDelta()
        .addDeletes([deletionVector("3.puffin", B)])
        .commit(),
    );
    expect(await liveNames(lake.store, after)).toEqual([
      "-1.puffin",
      "-3.puffin",
      "a.parquet",
      "b.parquet",
      "c.parquet",
    ]);
  });

  test("vectors that share a Puffin file are removed one by one", async () => {
    const [lake, table] = await start(3);
    const ofB = deletionVector("both.puffin", B, 1, 4);
    const ofC = deletionVector("both.puffin", C, 1, 44);
    const both = await committed(table.newRowDelta().addDeletes([ofB, ofC]).commit());
    const after = await committed(both.newDelete().deleteFile(B).commit());
    const live = (await entriesOf(lake.store, after)).filter(({ entry }) => entry.status !== 2);
    expect(
      live.flatMap(({ entry: { dataFile } }) => (dataFile.content === 0 ? [] : [dataFile.referencedDataFile])),
    ).toEqual([C.filePath]);
  });

  test.each([
    ["a vector in version 2", 2, deletionVector("x.puffin", A), "unsupported_operation"],
    ["a position delete file in version 3", 3, positionDeletes("x.parquet", DAY, A), "unsupported_operation"],
    ["a vector without a data file", 3, withoutReference(), "data_invalid"],
    ["equality deletes without columns", 2, { ...equalityDeletes("e.parquet", DAY), equalityIds: [] }, "data_invalid"],
  ] as const)("%s is refused", async (_, version, file, code) => {
    const [, table] = await start(version, [A]);
    await expect(table.newRowDelta().addDeletes([file]).commit()).rejects.toMatchObject({ code });
  });

  test("two vectors for one file, or one for a file that is removed, are refused", async () => {
    const [, table] = await start(3);
    const one = deletionVector("1.puffin", A, 1, 4);
    const two = deletionVector("1.puffin", A, 1, 44);
    await expect(table.newRowDelta().addDeletes([one, two]).commit()).rejects.toMatchObject({ code: "data_invalid" });
    await expect(table.newRowDelta().addDeletes([one]).removeRows([A]).commit()).rejects.toMatchObject({
      code: "data_invalid",
    });
  });
});

function withoutReference() {
  const { referencedDataFile: _gone, ...file } = deletionVector("x.puffin", A);
  return file;
}

test("I120 what was planned on an expired snapshot is a conflict, not a guess", async () => {
  const [lake, table] = await start(2);
  const other = await lake.newClient().loadTable("default.events");
  const grown = await committed(other.newAppend().addFile(eventsFile("x.parquet", DAY)).commit());
  await grown.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit();
  expect(await overwriteA(table).validateNoConflictingData().commit()).toMatchObject({
    outcome: "conflict",
    reason: expect.stringContaining("history"),
  });
});

test("I120 a table without snapshots can be the plan's start", async () => {
  const lake = await createIcebergLake();
  const table = await createEvents(lake, 2);
  const other = await lake.newClient().loadTable("default.events");
  await committed(other.newAppend().addFile(A).commit());
  const mine = () => table.newOverwrite().addFile(B).validateFromSnapshot(undefined);
  expect(await mine().validateNoConflictingData().commit()).toMatchObject({ outcome: "conflict" });
  expect(
    await mine()
      .conflictDetectionFilter([since(1)])
      .validateNoConflictingData()
      .commit(),
  ).toMatchObject({
    outcome: "committed",
  });
});

test("I120 bounds that prove a filter exactly, and one microsecond less", async () => {
  const [lake, table] = await start(2, [A]);
  const exact = { fieldId: 3, operator: "starts_with", values: ["a"] } as const;
  await expect(table.newDelete().deleteFromRowFilter([exact]).commit()).rejects.toMatchObject({
    code: "unsupported_operation",
  });
  const narrow = {
    ...eventsFile("n.parquet", DAY),
    lowerBounds: new Map([[3, scalarToSingleValue("string", "ab")]]),
    upperBounds: new Map([[3, scalarToSingleValue("string", "ac")]]),
  };
  const grown = await committed(table.newOverwrite().deleteFile(A).addFile(narrow).commit());
  const after = await committed(grown.newDelete().deleteFromRowFilter([exact]).commit());
  expect(await liveNames(lake.store, after)).toEqual([]);
});
