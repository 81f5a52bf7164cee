// Manifests and their lists are read and walked once for many scans, within the cache's memory.

import { describe, test } from "vitest";
import { createByteCache, createFileIO, decodeManifest, type IcebergPredicate, type Table } from "#iceberg";
import { openManifest, readSnapshotManifests } from "../../../src/iceberg/manifest-entries.ts";
import { planTableScan } from "../../../src/iceberg/scan-plan.ts";
import { specTuple } from "../../../src/iceberg/spec-tuple.ts";
import { createMemoryStore, type ObjectStore } from "#storage";
import { goldenTables } from "../../support/golden-lake.ts";
import { committed, createEvents } from "../../support/iceberg-files.ts";
import { LAKE_BUCKET, createIcebergLake, eventsFile } from "../../support/iceberg-lake.ts";

const DAY = 19_700;
const DAY_MICROS = 86_400_000_000;

function counting(store: ObjectStore): ObjectStore & { gets: number } {
  const counted = { ...store, gets: 0, get: (key: string) => ((counted.gets += 1), store.get(key)) };
  return counted;
}

async function world(version: 2 | 3, commits: number): Promise<{ table: Table; store: ReturnType<typeof counting> }> {
  const lake = await createIcebergLake();
  let table = await createEvents(lake, version, { "commit.manifest-merge.enabled": "false" });
  for (let i = 0; i < commits; i++) {
    const files = Array.from({ length: 5 }, (_, file) => eventsFile(`${i}-${file}.parquet`, DAY + i));
    table = await committed(table.newAppend().addFiles(files).commit());
  }
  return { table, store: counting(lake.store) };
}

const onDay = (day: number): readonly IcebergPredicate[] => [
  { fieldId: 2, operator: ">=", values: [(DAY + day) * DAY_MICROS] },
  { fieldId: 2, operator: "<", values: [(DAY + day + 1) * DAY_MICROS] },
];

describe("I185 the cache of manifests", () => {
  test("a scan that is planned again fetches nothing and finds the same files", async ({ expect }) => {
    const { table, store } = await world(3, 4);
    const cache = createByteCache(1e6);
    const io = createFileIO(store, LAKE_BUCKET, cache);
    const plans = [];
    for (let i = 0; i < 4; i++) plans.push(await planTableScan(io, table.metadata, { predicates: onDay(2) }));
    const [first, ...others] = plans;
    expect(store.gets).toBe(2);
    expect(first).toMatchObject({ metadataCached: 0, manifestsScanned: 1 });
    for (const plan of others) expect(plan).toEqual({ ...first, metadataCached: 2 });
    // Row ids come from the list's line, whether or not the walk was kept.
    expect(others[2]?.files.map(({ dataFile }) => dataFile.firstRowId)).toEqual(
      first?.files.map(({ dataFile }) => dataFile.firstRowId),
    );
    expect(cache.statistics()).toMatchObject({ misses: 2, hits: 6 });
  });

  test("kept walks give what decoding gives, for every manifest of every engine", async ({ expect }) => {
    let manifests = 0;
    for (const { metadata, files } of goldenTables()) {
      const store = createMemoryStore();
      const bucket = new URL(metadata.location).host;
      for (const [location, bytes] of files) await store.put(location.slice(`s3://${bucket}/`.length), bytes);
      const io = createFileIO(store, bucket, createByteCache(64e6));
      const snapshot = metadata.snapshots.at(-1);
      if (snapshot === undefined) continue;
      const listed = await readSnapshotManifests(io, snapshot);
      expect(await readSnapshotManifests(io, snapshot)).toEqual(listed);
      for (const manifest of listed) {
        if (manifest.content !== "data") continue;
        const { spec, tuple } = specTuple(metadata, manifest.specId);
        const open = () => openManifest(io, manifest.path, tuple, true);
        const fresh = decodeManifest(await open(), manifest, spec, tuple);
        expect(await open()).not.toBeInstanceOf(Uint8Array);
        const kept = decodeManifest(await open(), manifest, spec, tuple);
        expect(JSON.stringify(kept, replacer)).toBe(JSON.stringify(fresh, replacer));
        manifests += 1;
      }
    }
    expect(manifests).toBeGreaterThan(10);
  });

  test("the memory stays within its bounds, and what is kept decoded displaces no bytes", async ({ expect }) => {
    const { table, store } = await world(2, 12);
    const cache = createByteCache(100_000, 9000);
    const io = createFileIO(store, LAKE_BUCKET, cache);
    for (let round = 0; round < 3; round++) {
      for (let day = 0; day < 12; day++) await planTableScan(io, table.metadata, { predicates: onDay(day) });
      expect(cache.statistics().bytes).toBeLessThanOrEqual(109_000);
    }
    expect(store.gets).toBe(13);
  });

  test("a file that is dropped is fetched again", async ({ expect }) => {
    const { table, store } = await world(2, 1);
    const cache = createByteCache(1e6);
    const io = createFileIO(store, LAKE_BUCKET, cache);
    for (let i = 0; i < 3; i++) await planTableScan(io, table.metadata);
    cache.clear();
    expect(cache.statistics()).toMatchObject({ entries: 0, bytes: 0 });
    expect(await planTableScan(io, table.metadata)).toMatchObject({ metadataCached: 0 });
    expect(store.gets).toBe(4);
  });
});

function replacer(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return `${value}n`;
  return typeof value === "object" && value !== null && Symbol.iterator in value && !Array.isArray(value)
    ? [...(value as Iterable<unknown>)]
    : value;
}
