// Every operation is killed, and made to fail once, before and after every write of the client, of the catalog's store
// and of the catalog's pointers. Whatever happens: each table reads as before or as after, every file it names exists,
// and once the files are old enough, orphan removal leaves exactly the files it names.

import { beforeAll, describe, expect, test } from "vitest";
import type { CatalogClient, CatalogCommitOutcome, CommitOutcome, Table } from "#iceberg";
import { locationToKey } from "#storage";
import {
  createFaultPointers,
  createMovableClock,
  reachableKeys,
  restoreImage,
  tableState,
  takeImage,
  type LakeImage,
} from "../support/fault-lake.ts";
import { createFaultStore, crashAt, type FaultMoment, type FaultPlan } from "../support/fault-store.ts";
import { committed, createEvents, deletionVector, positionDeletes } from "../support/iceberg-files.ts";
import { LAKE_BUCKET, createIcebergLake, eventsFile, storedKeys } from "../support/iceberg-lake.ts";

const DAY = 19_700;
const A = eventsFile("a.parquet", DAY);
const B = eventsFile("b.parquet", DAY + 1);
const C = eventsFile("c.parquet", DAY + 1);
const STAGED = eventsFile("staged.parquet", DAY + 2);
const OLD_VECTOR = deletionVector("old.puffin", A);
const OLD_POSITIONS = positionDeletes("old.parquet", DAY, A);

type Ended = CommitOutcome | CatalogCommitOutcome;

interface Operation {
  readonly name: string;
  readonly version: 2 | 3;
  readonly run: (table: Table, client: CatalogClient) => Promise<Ended>;
}

const LIMITS = { attempts: 3 } as const;
const fresh = (name: string, rows = 10) => eventsFile(name, DAY + 1, { rows });
const stagedId = (table: Table): bigint => table.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;

const OPERATIONS: readonly Operation[] = [
  {
    name: "append",
    version: 3,
    run: (table) => table.newAppend().addFile(fresh("d.parquet")).setProperty("watermark", "1").commit(LIMITS),
  },
  {
    name: "append to a branch",
    version: 2,
    run: (table) => table.newAppend().addFile(fresh("d.parquet")).toBranch("audit").commit(LIMITS),
  },
  {
    name: "delete",
    version: 3,
    run: (table) =>
      table
        .newDelete()
        .deleteFromRowFilter([{ fieldId: 2, operator: "<", values: [(DAY + 1) * 86_400_000_000] }])
        .commit(LIMITS),
  },
  {
    name: "overwrite",
    version: 2,
    run: (table) =>
      table
        .newOverwrite()
        .deleteFile(A)
        .addFile(fresh("a2.parquet"))
        .validateNoConflictingData()
        .validateNoConflictingDeletes()
        .commit(LIMITS),
  },
  {
    name: "row delta with vectors",
    version: 3,
    run: (table) =>
      table
        .newRowDelta()
        .addDeletes([deletionVector("new.puffin", A, 2), deletionVector("new.puffin", B, 1, 44)])
        .removeDeletes([OLD_VECTOR])
        .addRows([fresh("d.parquet")])
        .commit(LIMITS),
  },
  {
    name: "row delta with position deletes",
    version: 2,
    run: (table) =>
      table
        .newRowDelta()
        .addDeletes([positionDeletes("new.parquet", DAY + 1, B)])
        .commit(LIMITS),
  },
  {
    name: "rewrite",
    version: 3,
    run: (table) =>
      table
        .newRewrite()
        .deleteFiles([A, B])
        .deleteDeleteFiles([OLD_VECTOR])
        .addFiles([fresh("ab.parquet", 19)])
        .deletedRows(1)
        .commit(LIMITS),
  },
  { name: "rewrite of manifests", version: 3, run: (table) => table.rewriteManifests().commit(LIMITS) },
  {
    name: "schema change",
    version: 3,
    run: (table) =>
      table
        .updateSchema()
        .addColumn("country", "string")
        .renameColumn("user_id", "who")
        .moveFirst("country")
        .commit(LIMITS),
  },
  {
    name: "spec change",
    version: 2,
    run: (table) => table.updateSpec().addField("user_id", "bucket[8]").commit(LIMITS),
  },
  { name: "sort order", version: 2, run: (table) => table.replaceSortOrder().asc("user_id").commit(LIMITS) },
  {
    name: "properties",
    version: 2,
    run: (table) => table.updateProperties().set("owner", "me").remove("doomed").commit(LIMITS),
  },
  {
    name: "location",
    version: 2,
    run: (table) => table.updateLocation().setLocation(`${table.metadata.location}/moved`).commit(LIMITS),
  },
  { name: "format upgrade", version: 2, run: (table) => table.upgradeFormatVersion(3).commit(LIMITS) },
  {
    name: "branches and tags",
    version: 2,
    run: (table) =>
      table
        .manageSnapshots()
        .createTag("now")
        .renameBranch("audit", "checked")
        .setMinSnapshotsToKeep("main", 2)
        .commit(LIMITS),
  },
  {
    name: "fast-forward",
    version: 2,
    run: (table) => table.manageSnapshots().fastForwardBranch("main", "audit").commit(LIMITS),
  },
  {
    name: "rollback",
    version: 2,
    run: (table) => {
      const parent = table.currentSnapshot()?.["parent-snapshot-id"] ?? 0n;
      return table.manageSnapshots().rollbackTo(parent).commit(LIMITS);
    },
  },
  {
    name: "cherry-pick",
    version: 3,
    run: async (table) => {
      const parted = await table.newAppend().addFile(fresh("d.parquet")).commit(LIMITS);
      if (parted.outcome !== "committed") return parted;
      return parted.table.manageSnapshots().cherrypick(stagedId(parted.table)).commit(LIMITS);
    },
  },
  {
    name: "statistics",
    version: 2,
    run: (table) =>
      table
        .updateStatistics()
        .setStatistics({
          "snapshot-id": stagedId(table),
          "statistics-path": `${table.metadata.location}/metadata/one.stats`,
          "file-size-in-bytes": 4,
          "file-footer-size-in-bytes": 1,
          "blob-metadata": [],
        })
        .commit(LIMITS),
  },
  {
    name: "expiry",
    version: 3,
    run: async (table) =>
      (await table.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit(LIMITS)).outcome,
  },
  {
    name: "transaction",
    version: 3,
    run: async (table) => {
      const transaction = table.newTransaction();
      await transaction.updateSchema().addColumn("country", "string").commit();
      await transaction.newAppend().addFile(fresh("d.parquet")).commit();
      await transaction.newDelete().deleteFile(C).commit();
      await transaction.updateProperties().set("owner", "me").commit();
      return transaction.commitTransaction(LIMITS);
    },
  },
  {
    name: "transaction of two tables",
    version: 2,
    run: async (table, client) => {
      const transaction = client.transaction();
      await transaction.on(table).newAppend().addFile(fresh("d.parquet")).commit();
      const other = transaction.on(await client.loadTable("default.other"));
      await other.newAppend().addFile(fresh("e.parquet")).commit();
      return transaction.commit(LIMITS);
    },
  },
];

interface Prepared {
  readonly image: LakeImage;
  readonly before: string;
}

/** A table with appends, deletes, a staged branch, a tag, and manifests about to be merged; and one beside it. */
async function prepare(version: 2 | 3): Promise<Prepared> {
  const clock = createMovableClock();
  const lake = await createIcebergLake({ clock });
  let table = await createEvents(lake, version, { "commit.manifest.min-count-to-merge": "2", doomed: "yes" });
  for (const file of [A, B]) table = await committed(table.newAppend().addFile(file).commit());
  const deletes = version === 3 ? OLD_VECTOR : OLD_POSITIONS;
  table = await committed(table.newRowDelta().addDeletes([deletes]).commit());
  table = await committed(table.newAppend().addFile(C).commit());
  table = await committed(table.newAppend().addFile(STAGED).toBranch("audit").commit());
  table = await committed(
    table
      .manageSnapshots()
      .createTag("first", table.metadata.snapshots[0]?.["snapshot-id"] ?? 0n)
      .commit(),
  );
  for (const file of [A, B, C, STAGED, deletes]) {
    await lake.store.put(locationToKey(file.filePath, LAKE_BUCKET), new Uint8Array(4));
  }
  const other = await createEvents(lake, version, {}, "other");
  return { image: await takeImage(lake.store, [table, other]), before: await stateOf(lake) };
}

type Lake = Awaited<ReturnType<typeof createIcebergLake>>;

async function stateOf(lake: Lake): Promise<string> {
  const client = lake.newClient();
  const tables = [await client.loadTable("default.events"), await client.loadTable("default.other")];
  return (await Promise.all(tables.map((table) => tableState(lake.store, table)))).join("\n");
}

/** Fails one operation and no other. */
function failOnce(index: number, moment: FaultMoment): FaultPlan {
  return (operation) => (operation.index === index ? moment : undefined);
}

const MODES = { killed: crashAt, "failing once": failOnce };
type Side = "client" | "catalog" | "pointers";

interface RunResult {
  readonly outcome: string;
  readonly state: string;
  /** Whether the fault came to pass. */
  readonly failed: boolean;
}

async function run(
  { image }: Prepared,
  operation: Operation,
  side: Side,
  faults: FaultPlan,
  index: number,
): Promise<RunResult> {
  const clock = createMovableClock();
  const { store, pointers } = await restoreImage(image, clock);
  const faultyStore = createFaultStore(store, faults);
  const faultyPointers = createFaultPointers(pointers, (at) => faults({ index: at, kind: "put", key: "pointer" }));
  const lake = await createIcebergLake({
    clock,
    seed: index + 1000,
    store,
    pointers: side === "pointers" ? faultyPointers : pointers,
    ...(side === "catalog" ? { serverStore: faultyStore } : {}),
  });
  const client = lake.newClient(side === "client" ? { store: faultyStore } : {});
  const ended = await client
    .loadTable("default.events")
    .then((table) => operation.run(table, client))
    .catch(() => ({ outcome: "failed" as const }));
  const sound = await createIcebergLake({ clock, seed: index + 5000, store, pointers });
  const state = await stateOf(sound);
  clock.ms += 10 * 86_400_000;
  for (const name of ["events", "other"]) {
    await (await sound.newClient().loadTable(`default.${name}`)).removeOrphanFiles().execute();
  }
  expect(await stateOf(sound)).toBe(state);
  await expectExactFiles(sound);
  const used = side === "pointers" ? faultyPointers.swaps : faultyStore.operations;
  return { outcome: ended.outcome, state, failed: used > index };
}

/** Every file that the metadata names and that was ever written is there, and no other file. */
async function expectExactFiles(lake: Lake): Promise<void> {
  const client = lake.newClient();
  const reachable = new Set<string>();
  for (const name of ["events", "other"]) {
    const table = await client.loadTable(`default.${name}`);
    for (const key of await reachableKeys(lake.store, table)) reachable.add(key);
  }
  const stored = await storedKeys(lake.store);
  expect(stored.filter((key) => !reachable.has(key))).toEqual([]);
  const written = [A, B, C, STAGED].map((file) => locationToKey(file.filePath, LAKE_BUCKET));
  const kept = new Set(stored);
  expect(written.filter((key) => reachable.has(key) && !kept.has(key))).toEqual([]);
}

const prepared = new Map<number, Prepared>();
beforeAll(async () => {
  for (const version of [2, 3] as const) prepared.set(version, await prepare(version));
});

describe.each(OPERATIONS)("I129 $name", (operation) => {
  test.each(
    (["client", "catalog", "pointers"] as const).flatMap((side) =>
      (["before", "after"] as const).flatMap((moment) =>
        (["killed", "failing once"] as const).map((mode) => ({ side, moment, mode })),
      ),
    ),
  )("$mode $moment each write of the $side", async ({ side, moment, mode }) => {
    const start = prepared.get(operation.version);
    if (start === undefined) throw new Error("not prepared");
    const whole = await run(start, operation, side, () => undefined, 0);
    expect(whole.outcome).toBe("committed");
    expect(whole.state).not.toBe(start.before);
    for (let index = 0; ; index++) {
      const result = await run(start, operation, side, MODES[mode](index, moment), index);
      const states = stepsOf(operation, start.before, whole.state);
      expect(states(result.state)).toBe(true);
      // What was said to be in is in, what was said not to be is not; the rest may be either.
      const told = { committed: whole.state, conflict: start.before }[result.outcome] ?? result.state;
      expect(result.state).toBe(told);
      if (!result.failed) break;
    }
  });
});

/** Before or after; an operation of two commits may also end between them. */
function stepsOf(operation: Operation, before: string, after: string): (state: string) => boolean {
  return (state) => state === before || state === after || operation.name === "cherry-pick";
}
