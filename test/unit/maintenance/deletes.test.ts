// Layout jobs over tables with delete files, such as other engines write.

import { describe, test } from "vitest";
import { required, systemRandom } from "#core";
import { vectorFromScalars, type Scalar } from "#columnar";
import {
  LAST_UPDATED_FIELD_ID,
  LINEAGE_COLUMNS,
  ROW_ID_FIELD_ID,
  dataFileFromParquet,
  newDataFileLocation,
  writeDeletionVectors,
  writePositionDeletes,
  type DeleteFile,
  type ScanFile,
} from "#iceberg";
import type { LayoutRequest } from "#maintenance";
import { encodeParquet } from "#parquet";
import { locationToKey } from "#storage";
import {
  BUCKET,
  createMaintenanceLake,
  createMemorySteps,
  outcomeCode,
  runTestJob,
  testRows,
  testTableDefinition,
  type MaintenanceLake,
} from "../../support/maintenance-lake.ts";

const TABLE = { namespace: ["default"], name: "events" };
const COMPACT: LayoutRequest = { kind: "compact", table: TABLE, aggressive: true };
const SORT: LayoutRequest = {
  kind: "rewrite",
  table: TABLE,
  sort: [{ column: "id", direction: "desc", nullOrder: "nulls-last" }],
};
const ID = { fieldId: 1, type: { kind: "int64" } } as const;

async function committed(pending: { commit(): Promise<{ readonly outcome: string }> }): Promise<void> {
  const { outcome } = await pending.commit();
  if (outcome !== "committed") throw new Error(`ended as ${outcome}`);
}

async function lakeOfVersion(version: number, partitioned = false): Promise<MaintenanceLake> {
  const lake = await createMaintenanceLake(testTableDefinition(partitioned));
  if (version > 2) await committed((await lake.loadTable()).upgradeFormatVersion(version));
  return lake;
}

/** Deletes rows of files by position, as the table's version does. */
async function deletePositions(
  lake: MaintenanceLake,
  choose: (file: ScanFile, index: number) => readonly number[],
): Promise<void> {
  const table = await lake.loadTable();
  const files = await lake.scanFiles();
  const rowsByPath = new Map(
    files.map((file, index) => [file.dataFile.filePath, { file, positions: choose(file, index) }]),
  );
  const deps = { store: lake.store, bucket: BUCKET, random: systemRandom };
  const write = table.metadata["format-version"] > 2 ? writeDeletionVectors : writePositionDeletes;
  const { added, removed } = await write(deps, table.metadata, rowsByPath);
  await committed(table.newRowDelta().addDeletes(added).removeDeletes(removed));
}

/** Commits an equality delete of ids in a partition of the current spec. */
async function deleteIds(
  lake: MaintenanceLake,
  ids: readonly number[],
  partition: readonly Scalar[] = [],
): Promise<void> {
  const table = await lake.loadTable();
  const field = { name: "id", fieldId: 1, type: { kind: "int64" }, nullable: false } as const;
  const batch = { rowCount: ids.length, columns: [vectorFromScalars(field.type, ids)] };
  const { bytes, metadata } = encodeParquet([field], [batch]);
  const location = newDataFileLocation(table.metadata, `eq-${systemRandom.uuid()}.parquet`, "");
  await lake.store.put(locationToKey(location, BUCKET), bytes);
  const schema = table.schema();
  const described = { metadata, location, fileSizeBytes: bytes.length, schema, spec: table.spec(), partition };
  const deletes: DeleteFile = { ...dataFileFromParquet(described), content: 2, equalityIds: [1] };
  await committed(table.newRowDelta().addDeletes([deletes]));
}

async function deleteCount(lake: MaintenanceLake): Promise<number> {
  return Number((await lake.loadTable()).currentSnapshot()?.summary["total-delete-files"] ?? 0);
}

const JOBS: readonly (readonly [string, LayoutRequest])[] = [
  ["compact", COMPACT],
  ["sort", SORT],
];

describe.for([2, 3])("format version %i", (version) => {
  test.for(JOBS)(
    "I133 %s: deletes are applied, dropped, and the rows are the same",
    async ([, request], { expect }) => {
      const lake = await lakeOfVersion(version, true);
      for (let seed = 0; seed < 3; seed++) await lake.append(testRows(200, seed, 2));
      await deletePositions(lake, (file, index) => (index === 0 ? [] : [0, 7, file.dataFile.recordCount - 1]));
      if (version > 2) await deletePositions(lake, () => [1, 7]);
      const before = await lake.rows();
      expect(before.length).toBeLessThan(600);
      expect(await deleteCount(lake)).toBeGreaterThan(0);
      const { outcome } = await runTestJob(lake, request);
      expect(outcome).toMatchObject({
        state: "succeeded",
        result: { rows: before.length, deleted_rows: 600 - before.length },
      });
      expect(await lake.rows()).toEqual(before);
      expect(await deleteCount(lake)).toBe(0);
      expect((await lake.scanFiles()).flatMap(({ deletes }) => deletes)).toEqual([]);
      expect((await lake.strayKeys()).filter((key) => key.includes("/tmp/"))).toEqual([]);
      const again = await runTestJob(lake, COMPACT, { jobId: "job-2" });
      expect(again.outcome).toMatchObject({ result: { note: "nothing to do" } });
    },
  );

  test("I133 equality deletes are applied to older rows alone and dropped once nothing needs them", async ({
    expect,
  }) => {
    const lake = await lakeOfVersion(version);
    await lake.append(testRows(100, 0));
    await deleteIds(lake, [3, 4]);
    await lake.append(testRows(100, 0));
    await deleteIds(lake, [5]);
    const before = await lake.rows();
    expect(before).toHaveLength(196);
    const { outcome } = await runTestJob(lake, COMPACT);
    expect(outcomeCode(outcome)).toBe("succeeded");
    expect(await lake.rows()).toEqual(before);
    expect(await deleteCount(lake)).toBe(0);
  });

  test("C133 rows deleted while a job runs do not come back", async ({ expect }) => {
    for (const late of ["positions", "equality"] as const) {
      const lake = await lakeOfVersion(version, true);
      for (let seed = 0; seed < 3; seed++) await lake.append(testRows(60, seed, 2));
      const steps = createMemorySteps({
        async beforeStep(name) {
          if (name !== "commit") return;
          if (late === "equality") await deleteTwoOfFirstPartition(lake);
          else await deletePositions(lake, (file) => (file.dataFile.partition[0] === 0 ? [2, 3] : []));
        },
      });
      const { outcome } = await runTestJob(lake, COMPACT, { steps });
      const after = await lake.rows([ID]);
      if (late === "positions") {
        // Day 0's group was changed under the job and is left for the next one.
        expect(outcome).toMatchObject({ state: "succeeded", result: { groups: 1 } });
        expect(after).toHaveLength(180 - 6);
      } else {
        expect(outcome).toMatchObject({ state: "succeeded", result: { groups: 2 } });
        expect(after).toHaveLength(180 - 2);
      }
      const next = await runTestJob(lake, COMPACT, { jobId: "job-2" });
      expect(outcomeCode(next.outcome)).toBe("succeeded");
      expect(await lake.rows([ID])).toEqual(after);
      expect(await deleteCount(lake)).toBe(0);
    }
  });

  test("a job whose every file had rows deleted meanwhile fails and leaves nothing", async ({ expect }) => {
    const lake = await lakeOfVersion(version);
    for (let seed = 0; seed < 3; seed++) await lake.append(testRows(60, seed));
    const steps = createMemorySteps({
      beforeStep: (name) => (name === "commit" ? deletePositions(lake, () => [0]) : undefined),
    });
    const { outcome } = await runTestJob(lake, COMPACT, { steps });
    expect(outcomeCode(outcome)).toBe("commit_conflict");
    expect(await lake.rows()).toHaveLength(177);
    const left = await lake.strayKeys();
    expect(left.filter((key) => key.includes("compacted-") || key.includes("/tmp/"))).toEqual([]);
  });

  test("deletes that apply to nothing are dropped although no file is rewritten", async ({ expect }) => {
    const lake = await lakeOfVersion(version);
    await lake.append(testRows(50, 0));
    await deleteIds(lake, [1_000_000_000]);
    const before = await lake.rows();
    const { outcome } = await runTestJob(lake, { ...COMPACT, aggressive: false });
    expect(outcome).toMatchObject({ state: "succeeded", result: { delete_files_removed: 1, files_before: 0 } });
    expect(await deleteCount(lake)).toBe(0);
    expect(await lake.rows()).toEqual(before);
  });
});

/** Commits an equality delete of two rows of the first file's partition. */
async function deleteTwoOfFirstPartition(lake: MaintenanceLake): Promise<void> {
  const [file] = await lake.scanFiles();
  const { partition } = required(file, "a file").dataFile;
  const ids = await idsOfPartition(lake, partition[0]);
  await deleteIds(lake, ids.slice(0, 2), partition);
}

async function idsOfPartition(lake: MaintenanceLake, day: unknown): Promise<number[]> {
  const all = await lake.rows([ID, { fieldId: 3, type: { kind: "timestamp", utc: true } }]);
  return all
    .map((row) => JSON.parse(row) as [number, number])
    .filter(([, at]) => Math.floor(at / 86_400_000_000) === day)
    .map(([id]) => id);
}

test("I134 rows of a version 3 table keep their id and the number of their last change", async ({ expect }) => {
  for (const request of [COMPACT, SORT]) {
    const lake = await lakeOfVersion(3, true);
    for (let seed = 0; seed < 3; seed++) await lake.append(testRows(100, seed, 2));
    const lineage = [
      ID,
      { fieldId: ROW_ID_FIELD_ID, type: { kind: "int64" } },
      { fieldId: LAST_UPDATED_FIELD_ID, type: { kind: "int64" } },
    ] as const;
    await deletePositions(lake, () => [5]);
    const before = await lake.rows(lineage);
    const rowIds = before.map((row) => (JSON.parse(row) as number[])[1]);
    expect(new Set(rowIds).size).toBe(before.length);
    expect(new Set(before.map((row) => (JSON.parse(row) as number[])[2]))).toEqual(new Set([1, 2, 3]));
    expect(outcomeCode((await runTestJob(lake, request)).outcome)).toBe("succeeded");
    expect(await lake.rows(lineage)).toEqual(before);
    // Once more over files that hold the columns themselves, with new rows beside them.
    await lake.append(testRows(10, 7, 2));
    const mixed = await lake.rows(lineage);
    expect(new Set(mixed.map((row) => (JSON.parse(row) as number[])[1])).size).toBe(mixed.length);
    expect(outcomeCode((await runTestJob(lake, COMPACT, { jobId: "job-2" })).outcome)).toBe("succeeded");
    expect(await lake.rows(lineage)).toEqual(mixed);
    expect(LINEAGE_COLUMNS.map(({ fieldId }) => fieldId)).toEqual([ROW_ID_FIELD_ID, LAST_UPDATED_FIELD_ID]);
  }
});
