import { expect, test } from "vitest";
import { createFileIO, dataFileToJson, type DataFile } from "#iceberg";
import { openJobFiles } from "#maintenance";
import { groupFromJson, groupToJson } from "../../../src/maintenance/group-json.ts";
import { loadGroup, planJob } from "../../../src/maintenance/plan-job.ts";
import { BUCKET, createMaintenanceLake, testRows } from "../../support/maintenance-lake.ts";
import { createTestFile, withTestDeletes } from "./test-metadata.ts";

const REQUEST = { kind: "compact", table: { namespace: ["default"], name: "events" }, aggressive: true } as const;

function sorted(files: readonly DataFile[]): unknown {
  return files.map(dataFileToJson).toSorted((a, b) => (a.filePath < b.filePath ? -1 : 1));
}

test("a stored group is the planned one: files with bounds and partition, oldest first", async () => {
  const lake = await createMaintenanceLake();
  for (let seed = 0; seed < 3; seed++) await lake.append(testRows(50, seed));
  const table = await lake.loadTable();
  const jobFiles = openJobFiles(lake.store, BUCKET, table.metadata.location, "job-1");
  const plan = await planJob(table, createFileIO(lake.store, BUCKET), REQUEST, jobFiles);
  const group = await loadGroup(jobFiles, 0);
  expect(plan.groups).toEqual([{ files: 3, bytes: group.bytes, rows: 150 }]);
  expect(sorted(group.files.map(({ dataFile }) => dataFile))).toEqual(sorted(await lake.files()));
  expect(group.files.map(({ sequenceNumber }) => sequenceNumber)).toEqual([1n, 2n, 3n]);
  const ids = group.files.map(
    ({ dataFile }) => new DataView(dataFile.lowerBounds.get(1)?.slice().buffer ?? new ArrayBuffer(8)),
  );
  expect(ids.map((view) => Number(view.getBigInt64(0, true)))).toEqual([0, 1_000_000, 2_000_000]);
});

test("a stored group keeps its deletes, those that files share once", async () => {
  const file = createTestFile(100);
  const group = {
    index: 0,
    specId: 0,
    partition: [0],
    repartition: false,
    files: [withTestDeletes(file, [1, 2], "equality")],
    bytes: 100,
    rows: 10,
  };
  const shared = group.files[0]?.deletes ?? [];
  const two = { ...group, files: [...group.files, { ...createTestFile(50), deletes: shared }] };
  const json = JSON.parse(JSON.stringify(groupToJson(two))) as ReturnType<typeof groupToJson>;
  expect(json.deletes).toHaveLength(2);
  expect(groupFromJson(json)).toEqual(two);
});
