import { expect, test } from "vitest";
import { dataFileToJson, type DataFile, type Table } from "#iceberg";
import { openJobFiles } from "#maintenance";
import { loadGroup, planJob } from "../../../src/maintenance/plan-job.ts";
import { BUCKET, createMaintenanceLake, testRows } from "../../support/maintenance-lake.ts";

const REQUEST = { kind: "compact", table: { namespace: ["default"], name: "events" }, aggressive: true } as const;

function sorted(files: readonly DataFile[]): unknown {
  return files.map(dataFileToJson).toSorted((a, b) => (a.filePath < b.filePath ? -1 : 1));
}

test("a stored group is the planned one: files with bounds and partition, oldest first", async () => {
  const lake = await createMaintenanceLake();
  for (let seed = 0; seed < 3; seed++) await lake.append(testRows(50, seed));
  const table = await lake.loadTable();
  const jobFiles = openJobFiles(lake.store, BUCKET, table.metadata.location, "job-1");
  const plan = await planJob(table, REQUEST, jobFiles);
  const group = await loadGroup(jobFiles, 0);
  expect(plan.groups).toEqual([{ files: 3, bytes: group.bytes, rows: 150 }]);
  expect(sorted(group.files)).toEqual(sorted(await lake.files()));
  const ids = group.files.map(
    ({ lowerBounds }) => new DataView(lowerBounds.get(1)?.slice().buffer ?? new ArrayBuffer(8)),
  );
  expect(ids.map((view) => Number(view.getBigInt64(0, true)))).toEqual([0, 1_000_000, 2_000_000]);
});

test("C78 a table with delete files is refused: rewriting would bring deleted rows back", async () => {
  const lake = await createMaintenanceLake();
  await lake.append(testRows(10));
  const table = await lake.loadTable();
  const snapshot = table.currentSnapshot();
  if (snapshot === undefined) throw new Error("the table has a snapshot");
  const withDeletes: Table = {
    ...table,
    currentSnapshot: () => ({ ...snapshot, summary: { ...snapshot.summary, "total-delete-files": "2" } }),
  };
  const jobFiles = openJobFiles(lake.store, BUCKET, table.metadata.location, "job-1");
  await expect(planJob(withDeletes, REQUEST, jobFiles)).rejects.toMatchObject({ code: "unsupported_operation" });
  expect((await lake.store.list(jobFiles.prefix)).objects).toEqual([]);
});
