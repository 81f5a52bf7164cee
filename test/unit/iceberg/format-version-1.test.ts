// Tables of format version 1 are written as that version asks: no sequence numbers, no delete files, its own fields kept.

import { describe, test } from "vitest";
import { parseJson, required, utf8ToString } from "#core";
import { readAvroFile, type AvroField } from "#codec";
import type { Table } from "#iceberg";
import { locationToKey } from "#storage";
import { committed, entriesOf, liveNames, manifestsOf, positionDeletes } from "../../support/iceberg-files.ts";
import { EVENTS, LAKE_BUCKET, createIcebergLake, eventsFile, type IcebergLake } from "../../support/iceberg-lake.ts";
import { createMaintenanceLake, runTestJob, testRows, testTableDefinition } from "../../support/maintenance-lake.ts";
import { createQueryLake } from "../../support/query-lake.ts";

const DAY = 19_700;
const MICROS_PER_DAY = 86_400_000_000;
const A = eventsFile("a.parquet", DAY);
const B = eventsFile("b.parquet", DAY + 1);
const C = eventsFile("c.parquet", DAY + 1);
const VERSION_1 = { "format-version": "1" };

async function start(): Promise<[IcebergLake, Table]> {
  const lake = await createIcebergLake();
  const table = await lake.client.createTable({ ...EVENTS, properties: VERSION_1 });
  return [lake, await committed(table.newAppend().addFile(A).addFile(B).commit())];
}

async function metadataJson(lake: IcebergLake, table: Table): Promise<Record<string, unknown>> {
  const bytes = required(await lake.store.get(locationToKey(table.metadataLocation, LAKE_BUCKET)), "metadata");
  return parseJson(utf8ToString(bytes)) as Record<string, unknown>;
}

async function openAvro(lake: IcebergLake, location: string): Promise<ReturnType<typeof readAvroFile>> {
  return readAvroFile(required(await lake.store.get(locationToKey(location, LAKE_BUCKET)), location));
}

function fieldNames(schema: unknown): string[] {
  return (schema as { readonly fields: readonly AvroField[] }).fields.map(({ name }) => name);
}

describe("I184 files and metadata of format version 1", () => {
  test("metadata keeps version 1's fields and has none of version 2's", async ({ expect }) => {
    const [lake, table] = await start();
    const json = await metadataJson(lake, table);
    expect(json).toMatchObject({
      "format-version": 1,
      schema: { type: "struct", "schema-id": 0 },
      "partition-spec": [{ "source-id": 2, transform: "day" }],
    });
    expect(json).not.toHaveProperty("last-sequence-number");
    const [snapshot] = json["snapshots"] as readonly Record<string, unknown>[];
    expect(snapshot).not.toHaveProperty("sequence-number");
    expect(snapshot).toHaveProperty("manifest-list");
  });

  test("manifests and their lists have version 1's fields", async ({ expect }) => {
    const [lake, table] = await start();
    const snapshot = required(table.currentSnapshot(), "snapshot");
    const list = await openAvro(lake, snapshot["manifest-list"]);
    expect(fieldNames(list.schema)).not.toEqual(expect.arrayContaining(["content"]));
    expect(fieldNames(list.schema).some((name) => name.includes("sequence_number"))).toBe(false);
    expect([...list.metadata.keys()]).toEqual(["snapshot-id", "parent-snapshot-id", "format-version"]);
    const [manifest] = await manifestsOf(lake.store, snapshot);
    const file = await openAvro(lake, manifest?.path ?? "");
    expect(utf8ToString(file.metadata.get("format-version") ?? new Uint8Array(0))).toBe("1");
    expect(file.metadata.has("content")).toBe(false);
    expect(fieldNames(file.schema)).toEqual(["status", "snapshot_id", "data_file"]);
    const dataFile = (file.schema as unknown as { fields: readonly { name: string; type: unknown }[] }).fields[2];
    const names = fieldNames(dataFile?.type);
    expect(names).toContain("block_size_in_bytes");
    for (const later of ["content", "equality_ids", "referenced_data_file", "first_row_id"]) {
      expect(names).not.toContain(later);
    }
    expect(file.records.map((record) => (record as { readonly snapshot_id: unknown }).snapshot_id)).toEqual([
      snapshot["snapshot-id"],
      snapshot["snapshot-id"],
    ]);
  });

  test("appends, overwrites, deletes and rewrites of manifests leave the files they should", async ({ expect }) => {
    const [lake, first] = await start();
    const appended = await committed(first.newAppend().addFile(C).commit());
    const overwritten = await committed(
      appended
        .newOverwrite()
        .deleteFiles([C])
        .addFile(eventsFile("d.parquet", DAY + 1))
        .commit(),
    );
    expect(await liveNames(lake.store, overwritten)).toEqual(["a.parquet", "b.parquet", "d.parquet"]);
    const deleted = await committed(
      overwritten
        .newDelete()
        .deleteFromRowFilter([{ fieldId: 2, operator: "<", values: [(DAY + 1) * MICROS_PER_DAY] }])
        .commit(),
    );
    expect(await liveNames(lake.store, deleted)).toEqual(["b.parquet", "d.parquet"]);
    const rewritten = await committed(
      deleted
        .rewriteManifests()
        .clusterBy(() => "all")
        .commit(),
    );
    expect(await liveNames(lake.store, rewritten)).toEqual(["b.parquet", "d.parquet"]);
    const entries = await entriesOf(lake.store, rewritten);
    expect(entries.every(({ entry }) => entry.sequenceNumber === 0n && entry.snapshotId !== null)).toBe(true);
    expect(rewritten.metadata["last-sequence-number"]).toBe(0n);
    expect(rewritten.metadata.snapshots.every((snapshot) => snapshot["sequence-number"] === 0n)).toBe(true);
  });

  test("delete files are refused, and nothing is committed", async ({ expect }) => {
    const [, table] = await start();
    const delta = table.newRowDelta().addDeletes([positionDeletes("p.parquet", DAY, A)]);
    await expect(delta.commit()).rejects.toMatchObject({ code: "unsupported_operation" });
    expect((await table.refresh()).metadataLocation).toBe(table.metadataLocation);
  });

  test("an upgraded table goes on with the files it had", async ({ expect }) => {
    const [lake, table] = await start();
    await table.upgradeFormatVersion(2).commit();
    const after = await committed((await table.refresh()).newAppend().addFile(C).commit());
    expect(after.metadata["format-version"]).toBe(2);
    expect(await liveNames(lake.store, after)).toEqual(["a.parquet", "b.parquet", "c.parquet"]);
    const removed = await committed(after.newOverwrite().deleteFiles([A]).commit());
    expect(await liveNames(lake.store, removed)).toEqual(["b.parquet", "c.parquet"]);
  });

  test("a commit that was prepared on version 1 does not enter a table upgraded since", async ({ expect }) => {
    const [lake, table] = await start();
    const append = table.newAppend().addFile(C);
    const other = await lake.newClient().loadTable("default.events");
    await other.upgradeFormatVersion(2).commit();
    await committed((await other.refresh()).newAppend().addFile(eventsFile("e.parquet", DAY)).commit());
    expect(await append.commit()).toMatchObject({ outcome: "conflict" });
  });
});

describe("I184 tables of format version 1 as users change them", () => {
  test("SQL inserts, updates, merges and deletes copy files", async ({ expect }) => {
    const lake = await createQueryLake();
    await lake.catalog.createTable({
      identifier: { namespace: ["default"], name: "t" },
      schema: {
        type: "struct",
        fields: [
          { id: 1, name: "id", required: true, type: "long" },
          { id: 2, name: "kind", required: false, type: "string" },
        ],
      },
      partitionSpec: { fields: [{ "source-id": 2, name: "kind", transform: "identity" }] },
      properties: { ...VERSION_1, "write.delete.mode": "merge-on-read" },
    });
    const run = async (sql: string): Promise<void> => expect((await lake.change(sql)).problem).toBeUndefined();
    await run("INSERT INTO t VALUES (1, 'a'), (2, 'a'), (3, 'b'), (4, 'c')");
    await run("UPDATE t SET kind = 'z' WHERE id = 2");
    await run("DELETE FROM t WHERE id = 1");
    await run("DELETE FROM t WHERE kind = 'c'");
    await run(
      "MERGE INTO t USING (VALUES (3), (9)) AS s(id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET kind = 'm' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'n')",
    );
    const { body } = await lake.query("SELECT id, kind FROM t ORDER BY id");
    expect(body?.rows).toEqual([
      { id: 2, kind: "z" },
      { id: 3, kind: "m" },
      { id: 9, kind: "n" },
    ]);
    const files = await lake.query("SELECT count(*) AS n FROM t.all_delete_files");
    expect(files.body?.rows).toEqual([{ n: 0 }]);
  });

  test("compaction keeps every row", async ({ expect }) => {
    const definition = testTableDefinition();
    const lake = await createMaintenanceLake({
      ...definition,
      properties: { ...definition.properties, ...VERSION_1 },
    });
    for (let seed = 0; seed < 4; seed++) await lake.append(testRows(200, seed, 2));
    const before = await lake.rows();
    await runTestJob(lake, { kind: "compact", table: definition.identifier, aggressive: true });
    expect(await lake.rows()).toEqual(before);
    expect((await lake.files()).length).toBe(2);
    expect((await lake.loadTable()).metadata["format-version"]).toBe(1);
  });
});
