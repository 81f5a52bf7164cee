// Every operation of the table API, each on a table made for it: what tests of faults run.

import type { CatalogClient, CatalogCommitOutcome, CommitOutcome, Table } from "#iceberg";
import { locationToKey } from "#storage";
import { createMovableClock, tableState, takeImage, type LakeImage } from "./fault-lake.ts";
import { committed, createEvents, deletionVector, equalityDeletes, positionDeletes } from "./iceberg-files.ts";
import { LAKE_BUCKET, createIcebergLake, eventsFile, type IcebergLake } from "./iceberg-lake.ts";

const DAY = 19_700;
const A = eventsFile("a.parquet", DAY);
const B = eventsFile("b.parquet", DAY + 1);
const C = eventsFile("c.parquet", DAY + 1);
const STAGED = eventsFile("staged.parquet", DAY + 2);
/** Data files of the table before the operation. */
export const SOURCE_FILES = [A, B, C, STAGED];
const OLD_VECTOR = deletionVector("old.puffin", A);
const OLD_POSITIONS = positionDeletes("old.parquet", DAY, A);

/** How an operation ended. */
export type Ended = CommitOutcome | CatalogCommitOutcome;

/** Format versions of the tables. */
export const TESTED_VERSIONS = [1, 2, 3] as const;
export type TestedVersion = (typeof TESTED_VERSIONS)[number];

/** An operation on a table of that format version. */
export interface Operation {
  readonly name: string;
  readonly version: TestedVersion;
  /** Commits it makes; one unless said. */
  readonly commits?: number;
  readonly run: (table: Table, client: CatalogClient) => Promise<Ended>;
}

const LIMITS = { attempts: 3 } as const;
const WATERMARKS = "firn.ingest.watermarks";
const fresh = (name: string, rows = 10) => eventsFile(name, DAY + 1, { rows });
const stagedId = (table: Table): bigint => table.metadata.refs["audit"]?.["snapshot-id"] ?? 0n;

/** All of them. */
export const OPERATIONS: readonly Operation[] = [
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
    name: "overwrite by filter",
    version: 2,
    run: (table) =>
      table
        .newOverwrite()
        .overwriteByRowFilter([{ fieldId: 2, operator: "<", values: [(DAY + 1) * 86_400_000_000] }])
        .addFile(eventsFile("a2.parquet", DAY))
        .validateAddedFilesMatchOverwriteFilter()
        .validateNoConflictingData()
        .validateNoConflictingDeletes()
        .commit(LIMITS),
  },
  {
    name: "append in format version 1",
    version: 1,
    run: (table) => table.newAppend().addFile(fresh("d.parquet")).commit(LIMITS),
  },
  {
    name: "rewrite in format version 1",
    version: 1,
    run: (table) =>
      table
        .newRewrite()
        .deleteFiles([A, B])
        .addFiles([fresh("ab.parquet", 20)])
        .commit(LIMITS),
  },
  {
    name: "row delta with equality deletes",
    version: 2,
    run: (table) =>
      table
        .newRowDelta()
        .addDeletes([equalityDeletes("by-user.parquet", DAY + 1)])
        .addRows([fresh("d.parquet")])
        .commit(LIMITS),
  },
  {
    name: "rewrite of deletes",
    version: 2,
    run: (table) =>
      table
        .newRewrite()
        .deleteDeleteFiles([OLD_POSITIONS])
        .addDeleteFiles([positionDeletes("packed.parquet", DAY, A)])
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
    commits: 2,
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
    name: "expiry that carries watermarks on",
    version: 2,
    commits: 3,
    run: async (table) => {
      // The rolled-back snapshot is the only one with watermarks.
      const marked = await table.newAppend().addFile(fresh("d.parquet")).set(WATERMARKS, "{}").commit(LIMITS);
      if (marked.outcome !== "committed") return marked;
      const before = table.currentSnapshot()?.["snapshot-id"] ?? 0n;
      const back = await marked.table.manageSnapshots().rollbackTo(before).commit(LIMITS);
      if (back.outcome !== "committed") return back;
      return (await back.table.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).commit(LIMITS)).outcome;
    },
  },
  {
    name: "expiry of schemas and specs",
    version: 2,
    commits: 2,
    run: async (table) => {
      const changed = await table.updateSchema().addColumn("country", "string").commit(LIMITS);
      if (changed.outcome !== "committed") return changed;
      const expiry = changed.table.expireSnapshots().expireOlderThan(Number.MAX_SAFE_INTEGER).cleanExpiredMetadata();
      return (await expiry.commit(LIMITS)).outcome;
    },
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

/** A lake before an operation. */
export interface Prepared {
  readonly image: LakeImage;
  readonly before: string;
}

/** A table with appends, deletes, a staged branch, a tag, and manifests about to be merged; and one beside it. */
export async function prepareLake(version: TestedVersion): Promise<Prepared> {
  const clock = createMovableClock();
  const lake = await createIcebergLake({ clock });
  let table = await createEvents(lake, version, { "commit.manifest.min-count-to-merge": "2", doomed: "yes" });
  for (const file of [A, B]) table = await committed(table.newAppend().addFile(file).commit());
  const deletes = version === 3 ? OLD_VECTOR : OLD_POSITIONS;
  if (version > 1) table = await committed(table.newRowDelta().addDeletes([deletes]).commit());
  table = await committed(table.newAppend().addFile(C).commit());
  table = await committed(table.newAppend().addFile(STAGED).toBranch("audit").commit());
  table = await committed(
    table
      .manageSnapshots()
      .createTag("first", table.metadata.snapshots[0]?.["snapshot-id"] ?? 0n)
      .commit(),
  );
  for (const file of [...SOURCE_FILES, deletes]) {
    await lake.store.put(locationToKey(file.filePath, LAKE_BUCKET), new Uint8Array(4));
  }
  const other = await createEvents(lake, version, {}, "other");
  return { image: await takeImage(lake.store, [table, other]), before: await stateOf(lake) };
}

/** What readers can tell of both tables. */
export async function stateOf(lake: IcebergLake): Promise<string> {
  const client = lake.newClient();
  const tables = [await client.loadTable("default.events"), await client.loadTable("default.other")];
  return (await Promise.all(tables.map((table) => tableState(lake.store, table)))).join("\n");
}
