// Files of the events table that exist in metadata only, the same table in every format version, and what a table's
// metadata says of itself.

import {
  decodeDeleteManifest,
  decodeManifest,
  decodeManifestList,
  specTuple,
  type CommitOutcome,
  type DataFile,
  type DeleteFile,
  type ManifestEntry,
  type ManifestFile,
  type Snapshot,
  type Table,
} from "#iceberg";
import { locationToKey, type ObjectStore } from "#storage";
import { EVENTS, LAKE_BUCKET, type IcebergLake } from "./iceberg-lake.ts";

/** A table of events of that format version with the properties. */
export function createEvents(
  lake: IcebergLake,
  version: 1 | 2 | 3,
  properties: Readonly<Record<string, string>> = {},
  name = "events",
): Promise<Table> {
  return lake.client.createTable({
    ...EVENTS,
    identifier: { namespace: ["default"], name },
    properties: { "format-version": String(version), ...properties },
  });
}

/** The table after a commit. Throws when it was not committed. */
export async function committed(commit: Promise<CommitOutcome>): Promise<Table> {
  const outcome = await commit;
  if (outcome.outcome === "committed") return outcome.table;
  throw new Error(outcome.outcome === "conflict" ? outcome.reason : String(outcome.error));
}

const NO_COUNTS = {
  columnSizes: new Map<number, number>(),
  valueCounts: new Map<number, number>(),
  nullValueCounts: new Map<number, number>(),
  nanValueCounts: new Map<number, number>(),
  lowerBounds: new Map<number, Uint8Array>(),
  upperBounds: new Map<number, Uint8Array>(),
  splitOffsets: [],
};

/** A position delete file about one data file, or about any of its partition. */
export function positionDeletes(name: string, day: number, about?: DataFile, rows = 1): DeleteFile {
  return {
    ...NO_COUNTS,
    content: 1,
    filePath: `s3://${LAKE_BUCKET}/default/events/data/${name}`,
    fileFormat: "PARQUET",
    specId: 0,
    partition: [day],
    recordCount: rows,
    fileSizeBytes: 700,
    ...(about === undefined ? {} : { referencedDataFile: about.filePath }),
  };
}

/** A deletion vector of a data file; those of one name share a Puffin file. */
export function deletionVector(name: string, about: DataFile, rows = 1, offset = 4): DeleteFile {
  return {
    ...positionDeletes(name, 0, about, rows),
    fileFormat: "PUFFIN",
    partition: about.partition,
    specId: about.specId,
    contentOffset: offset,
    contentSizeBytes: 40,
  };
}

/** Equality deletes by user in one day. */
export function equalityDeletes(name: string, day: number, rows = 1): DeleteFile {
  return { ...positionDeletes(name, day, undefined, rows), content: 2, equalityIds: [3] };
}

/** An entry with the manifest it stands in. */
export interface ListedEntry {
  readonly manifest: ManifestFile;
  readonly entry: ManifestEntry<DataFile | DeleteFile>;
}

async function bytesOf(store: ObjectStore, location: string): Promise<Uint8Array> {
  const bytes = await store.get(locationToKey(location, LAKE_BUCKET));
  if (bytes === undefined) throw new Error(`${location} is not there`);
  return bytes;
}

/** The manifests of a snapshot. */
export async function manifestsOf(store: ObjectStore, snapshot: Snapshot | undefined): Promise<ManifestFile[]> {
  return snapshot === undefined ? [] : decodeManifestList(await bytesOf(store, snapshot["manifest-list"]));
}

/** Every entry of a snapshot, deleted ones too. */
export async function entriesOf(
  store: ObjectStore,
  table: Table,
  snapshot: Snapshot | undefined = table.currentSnapshot(),
): Promise<ListedEntry[]> {
  const entries: ListedEntry[] = [];
  for (const manifest of await manifestsOf(store, snapshot)) {
    const { spec, tuple } = specTuple(table.metadata, manifest.specId);
    const bytes = await bytesOf(store, manifest.path);
    const decoded =
      manifest.content === "data"
        ? decodeManifest(bytes, manifest, spec, tuple)
        : decodeDeleteManifest(bytes, manifest, spec, tuple);
    entries.push(...decoded.map((entry) => ({ manifest, entry })));
  }
  return entries;
}

/** Names of the live files of a snapshot, sorted; delete files have a minus before them. */
export async function liveNames(
  store: ObjectStore,
  table: Table,
  snapshot: Snapshot | undefined = table.currentSnapshot(),
): Promise<string[]> {
  const live = (await entriesOf(store, table, snapshot)).filter(({ entry }) => entry.status !== 2);
  return live
    .map(({ entry: { dataFile } }) => {
      const name = dataFile.filePath.split("/").at(-1) ?? "";
      return dataFile.content === 0 ? name : `-${name}`;
    })
    .toSorted();
}
