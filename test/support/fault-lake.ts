// A lake that can be copied, so that one prepared table serves thousands of runs with faults, and what such tables are
// compared by.

import { stringifyJson, type Clock } from "#core";
import { createMemoryPointerStore, type PointerStore, type Table } from "#iceberg";
import { createMemoryStore, locationToKey, type ObjectStore } from "#storage";
import type { FaultMoment } from "./fault-store.ts";
import { entriesOf, liveNames, manifestsOf } from "./iceberg-files.ts";
import { LAKE_BUCKET, storedKeys } from "./iceberg-lake.ts";

/** A clock that the test moves. */
export interface MovableClock extends Clock {
  ms: number;
}

/** A clock that stands still until it is moved. */
export function createMovableClock(): MovableClock {
  return {
    ms: 1_700_000_000_000,
    nowMs() {
      return this.ms;
    },
  };
}

/** The objects and pointers of a lake at one time. */
export interface LakeImage {
  readonly objects: readonly (readonly [key: string, bytes: Uint8Array])[];
  readonly tables: readonly { readonly name: string; readonly metadataLocation: string; readonly location: string }[];
}

/** Takes a copy of a lake's objects and of where its tables in the namespace default are. */
export async function takeImage(store: ObjectStore, tables: readonly Table[]): Promise<LakeImage> {
  const objects: [string, Uint8Array][] = [];
  for (const key of await storedKeys(store)) objects.push([key, (await store.get(key)) ?? new Uint8Array()]);
  return {
    objects,
    tables: tables.map(({ identifier, metadataLocation, metadata }) => ({
      name: identifier.name,
      metadataLocation,
      location: metadata.location,
    })),
  };
}

/** A lake like the one the image was taken of. */
export async function restoreImage(
  image: LakeImage,
  clock: Clock,
): Promise<{ readonly store: ObjectStore; readonly pointers: PointerStore }> {
  const store = createMemoryStore(clock);
  for (const [key, bytes] of image.objects) await store.put(key, bytes);
  const pointers = createMemoryPointerStore();
  await pointers.createNamespace(["default"], {});
  for (const { name, metadataLocation, location } of image.tables) {
    const table = { namespace: ["default"], name };
    await pointers.swapPointers("table", [{ table, expected: undefined, next: metadataLocation, location }]);
  }
  return { store, pointers };
}

/** Decides whether a change of pointers fails; `index` counts them from 0. */
export type PointerFaults = (index: number) => FaultMoment | undefined;

/** Pointers whose changes (swaps, drops, renames) fail on purpose, having done nothing or everything but say so. */
export function createFaultPointers(
  inner: PointerStore,
  faults: PointerFaults,
): PointerStore & { readonly changes: number } {
  let changes = 0;
  const failing =
    <A extends readonly unknown[], R>(change: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      const moment = faults(changes);
      changes += 1;
      if (moment === "before") throw new Error("lost before");
      const outcome = await change(...args);
      if (moment === "after") throw new Error("lost after");
      return outcome;
    };
  return {
    ...inner,
    get changes() {
      return changes;
    },
    swapPointers: failing((...args) => inner.swapPointers(...args)),
    dropEntry: failing((...args) => inner.dropEntry(...args)),
    renameEntry: failing((...args) => inner.renameEntry(...args)),
  };
}

/** All that readers can tell of a table, without the names that differ from run to run. */
export async function tableState(store: ObjectStore, table: Table): Promise<string> {
  const { metadata } = table;
  const refs: unknown[] = [];
  for (const [name, ref] of Object.entries(metadata.refs).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const { "snapshot-id": id, ...settings } = ref;
    const snapshot = metadata.snapshots.find((candidate) => candidate["snapshot-id"] === id);
    refs.push([name, settings, await liveNames(store, table, snapshot)]);
  }
  return stringifyJson({
    refs,
    manifests: (await manifestsOf(store, table.currentSnapshot())).length,
    snapshots: metadata.snapshots.map((snapshot) => [snapshot["sequence-number"], snapshot.summary.operation]),
    schema: table.schema().fields,
    spec: table.spec().fields,
    order: table.sortOrder().fields,
    properties: metadata.properties,
    location: metadata.location,
    version: metadata["format-version"],
    nextRowId: metadata["next-row-id"] ?? null,
    statistics: (metadata.statistics ?? []).length,
  });
}

/** Keys of every file the table's metadata leads to. Throws when a manifest list or manifest is missing. */
export async function reachableKeys(store: ObjectStore, table: Table): Promise<Set<string>> {
  const { metadata, metadataLocation } = table;
  const locations = new Set([metadataLocation, ...metadata["metadata-log"].map((entry) => entry["metadata-file"])]);
  for (const file of metadata.statistics ?? []) locations.add(file["statistics-path"]);
  for (const snapshot of metadata.snapshots) {
    locations.add(snapshot["manifest-list"]);
    for (const { manifest, entry } of await entriesOf(store, table, snapshot)) {
      locations.add(manifest.path);
      if (entry.status !== 2) locations.add(entry.dataFile.filePath);
    }
  }
  return new Set([...locations].map((location) => locationToKey(location, LAKE_BUCKET)));
}
