// Manifests written anew: same files, same numbers, fewer manifests a scan has to read.

import { describe, expect, test } from "vitest";
import type { Table } from "#iceberg";
import { createIcebergLake, eventsFile, type IcebergLake } from "../../support/iceberg-lake.ts";
import { committed, createEvents, deletionVector, entriesOf, manifestsOf } from "../../support/iceberg-files.ts";

const DAY = 19_700;

async function start(): Promise<{ lake: IcebergLake; table: Table }> {
  const lake = await createIcebergLake();
  let table = await createEvents(lake, 3, { "commit.manifest-merge.enabled": "false" });
  for (let index = 0; index < 12; index++) {
    const files = [0, 1, 2].map((day) => eventsFile(`${index}-${day}.parquet`, DAY + day));
    table = await committed(table.newAppend().addFiles(files).commit());
  }
  const first = eventsFile("0-0.parquet", DAY);
  const second = eventsFile("1-0.parquet", DAY);
  table = await committed(
    table
      .newRowDelta()
      .addDeletes([deletionVector("0.puffin", first)])
      .commit(),
  );
  return {
    lake,
    table: await committed(
      table
        .newRowDelta()
        .addDeletes([deletionVector("1.puffin", second)])
        .commit(),
    ),
  };
}

async function facts(lake: IcebergLake, table: Table): Promise<unknown[]> {
  const live = (await entriesOf(lake.store, table)).filter(({ entry }) => entry.status !== 2);
  return live
    .map(({ entry: { dataFile, sequenceNumber, fileSequenceNumber, snapshotId } }) => [
      dataFile.filePath,
      sequenceNumber,
      fileSequenceNumber,
      snapshotId,
      dataFile.content === 0 ? dataFile.firstRowId : undefined,
    ])
    .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
}

describe("I128 rewritten manifests", () => {
  test("hold the same files under the same numbers, and a day's files lie together", async () => {
    const { lake, table } = await start();
    const bytes = (await manifestsOf(lake.store, table.currentSnapshot())).reduce((sum, m) => sum + m.lengthBytes, 0);
    const after = await committed(
      table
        .rewriteManifests()
        .targetSizeBytes(Math.ceil(bytes / 3))
        .commit(),
    );
    expect(await facts(lake, after)).toEqual(await facts(lake, table));
    const manifests = await manifestsOf(lake.store, after.currentSnapshot());
    expect(manifests.filter(({ content }) => content === "data").length).toBeLessThanOrEqual(4);
    expect(manifests.filter(({ content }) => content === "deletes")).toHaveLength(1);
    expect(after.currentSnapshot()?.summary).toMatchObject({
      operation: "replace",
      "manifests-replaced": "14",
      "manifests-kept": "0",
      "entries-processed": "38",
      "total-data-files": "36",
      "total-delete-files": "2",
    });
    expect(after.metadata["next-row-id"]).toBe(table.metadata["next-row-id"]);
    const predicate = { fieldId: 2, operator: "<", values: [(DAY + 1) * 86_400_000_000] } as const;
    const plan = await after.planScan({ predicates: [predicate] });
    expect(plan.files).toHaveLength(12);
    expect(plan.manifestsScanned).toBeLessThan((await table.planScan({ predicates: [predicate] })).manifestsScanned);
  });

  test("a second rewrite changes nothing and makes no snapshot", async () => {
    const { table } = await start();
    const after = await committed(table.rewriteManifests().commit());
    const again = await after.rewriteManifests().commit();
    expect(again).toMatchObject({ outcome: "committed", table: { metadataLocation: after.metadataLocation } });
    expect(again).not.toHaveProperty("snapshotId");
  });

  test("only the chosen manifests are touched, grouped by the given key", async () => {
    const { lake, table } = await start();
    const data = (await manifestsOf(lake.store, table.currentSnapshot())).filter(({ content }) => content === "data");
    const chosen = new Set(data.slice(0, 4).map(({ path }) => path));
    const after = await committed(
      table
        .rewriteManifests()
        .rewriteIf(({ path }) => chosen.has(path))
        .clusterBy((file) => file.filePath)
        .commit(),
    );
    const manifests = await manifestsOf(lake.store, after.currentSnapshot());
    expect(manifests).toHaveLength(data.length - 4 + 1 + 2);
    expect(await facts(lake, after)).toEqual(await facts(lake, table));
  });

  test("appends that come between are kept; manifests that went are not brought back", async () => {
    const { lake, table } = await start();
    const other = await lake.newClient().loadTable("default.events");
    const grown = await committed(other.newAppend().addFile(eventsFile("x.parquet", DAY)).commit());
    const cut = await committed(
      grown
        .newDelete()
        .deleteFile(eventsFile("3-1.parquet", DAY + 1))
        .commit(),
    );
    const after = await committed(table.rewriteManifests().commit());
    expect(await facts(lake, after)).toEqual(await facts(lake, cut));
  });
});

test(
  "I196 a table of more files than are held at once gets manifests of 8,192 at most",
  { timeout: 120_000 },
  async () => {
    const lake = await createIcebergLake();
    let table = await createEvents(lake, 3, { "commit.manifest-merge.enabled": "false" });
    for (let index = 0; index < 20; index++) {
      const files = Array.from({ length: 1000 }, (_, at) => eventsFile(`${index}-${at}.parquet`, DAY + (at % 10)));
      table = await committed(table.newAppend().addFiles(files).commit());
    }
    const after = await committed(table.rewriteManifests().commit());
    const manifests = await manifestsOf(lake.store, after.currentSnapshot());
    expect(manifests).toHaveLength(3);
    expect(Math.max(...manifests.map(({ existingFiles }) => existingFiles))).toBeLessThanOrEqual(8192);
    const days = new Map<number, Set<string>>();
    for (const { manifest, entry } of await entriesOf(lake.store, after)) {
      const day = Number(entry.dataFile.partition[0]);
      days.set(day, (days.get(day) ?? new Set()).add(manifest.path));
    }
    // Ten days in three manifests: two of them are cut.
    expect([...days.values()].reduce((sum, paths) => sum + paths.size, 0)).toBe(12);
    expect(await facts(lake, after)).toEqual(await facts(lake, table));
  },
);
