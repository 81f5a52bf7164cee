import { expect, test } from "vitest";
import { LakeError, required, tableNameToString, type TableIdentifier } from "#core";
import { scalarAt, type Batch } from "#columnar";
import type { DataFile, ScanFile } from "#iceberg";
import { isSortedBy, type CompactRequest, type RewriteRequest, type SortKey } from "#maintenance";
import { locationToKey } from "#storage";
import {
  BUCKET,
  Crash,
  createMaintenanceLake,
  createMemorySteps,
  outcomeCode,
  runTestJob,
  scanFile,
  testRows,
  testTableDefinition,
  type MaintenanceLake,
} from "../../support/maintenance-lake.ts";

const TABLE: TableIdentifier = { namespace: ["default"], name: "events" };
const COMPACT: CompactRequest = { kind: "compact", table: TABLE, aggressive: true };
const SORT: RewriteRequest = {
  kind: "rewrite",
  table: TABLE,
  sort: [
    { column: "kind", direction: "asc", nullOrder: "nulls-last" },
    { column: "at", direction: "desc", nullOrder: "nulls-last" },
  ],
};
const SORT_KEYS: SortKey[] = [
  { column: 1, direction: "asc", nullOrder: "nulls-last" },
  { column: 2, direction: "desc", nullOrder: "nulls-last" },
];

async function appendMany(lake: MaintenanceLake, files: number, rowsEach: number, days = 1): Promise<void> {
  for (let seed = 0; seed < files; seed++) await lake.append(testRows(rowsEach, seed, days));
}

/** The sort columns of a row; null sorts last, as after every kind. */
function sortValues(batch: Batch, row: number): { readonly kind: string; readonly at: number } {
  const kind = scalarAt(required(batch.columns[1], "kind"), row);
  return { kind: typeof kind === "string" ? kind : "~", at: Number(scalarAt(required(batch.columns[2], "at"), row)) };
}

async function allRowsSorted(lake: MaintenanceLake, file: ScanFile): Promise<boolean> {
  const table = await lake.loadTable();
  let last: { readonly at: number; readonly kind: string } | undefined;
  for await (const batch of scanFile(lake.store, table, file)) {
    if (!isSortedBy(batch, SORT_KEYS)) return false;
    const first = sortValues(batch, 0);
    if (last !== undefined && (first.kind < last.kind || (first.kind === last.kind && first.at > last.at)))
      return false;
    last = sortValues(batch, batch.rowCount - 1);
  }
  return true;
}

test("I70 compaction merges a partition's small files into one and keeps every row", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 6, 500, 2);
  const before = await lake.rows();
  const { outcome, reports, log } = await runTestJob(lake, COMPACT);
  const after = await lake.files();
  expect(outcome).toMatchObject({
    state: "succeeded",
    result: { files_before: 12, files_after: 2, rows: 3000, groups: 2 },
  });
  expect(after).toHaveLength(2);
  expect(await lake.rows()).toEqual(before);
  expect(await lake.strayKeys().then((keys) => keys.filter((key) => key.includes("/tmp/")))).toEqual([]);
  expect(reports.at(-1)).toMatchObject({ files_done: 12, files_total: 12, rows_done: 3000, rows_total: 3000 });
  expect(log.map(({ step }) => step)).toEqual([
    "planned",
    "group_rewritten",
    "group_rewritten",
    "committed",
    "cleaned_up",
    "succeeded",
  ]);
});

test("the result's numbers and snapshot are the table's own", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 5, 400);
  const bytesBefore = (await lake.files()).reduce((sum, file) => sum + file.fileSizeBytes, 0);
  const { outcome } = await runTestJob(lake, COMPACT);
  const table = await lake.loadTable();
  const bytesAfter = (await lake.files()).reduce((sum, file) => sum + file.fileSizeBytes, 0);
  const snapshot = table.currentSnapshot();
  expect(outcome).toMatchObject({
    result: {
      snapshot_id: snapshot?.["snapshot-id"].toString(),
      bytes_before: bytesBefore,
      bytes_after: bytesAfter,
    },
  });
  expect(snapshot?.summary).toMatchObject({ operation: "replace", "firn.maintenance.job-id": "job-1" });
});

test("C72 properties, watermarks included, and everything else in the metadata stay as they were", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 5, 100);
  const before = (await lake.loadTable()).metadata;
  await runTestJob(lake, COMPACT);
  const after = (await lake.loadTable()).metadata;
  expect(after.properties).toEqual(before.properties);
  expect(after.properties["firn.ingest.watermark.0"]).toBe("41");
  for (const key of ["schemas", "partition-specs", "sort-orders", "default-sort-order-id", "location"] as const) {
    expect(after[key]).toEqual(before[key]);
  }
});

test("a table with nothing to compact succeeds without a commit", async () => {
  const lake = await createMaintenanceLake();
  const empty = await runTestJob(lake, COMPACT);
  expect(empty.outcome).toMatchObject({ state: "succeeded", result: { note: "nothing to do", snapshot_id: null } });
  await appendMany(lake, 5, 100);
  await runTestJob(lake, COMPACT);
  const compacted = (await lake.loadTable()).metadataLocation;
  const again = await runTestJob(lake, COMPACT, { jobId: "job-2" });
  expect(again.outcome).toMatchObject({ result: { note: "nothing to do" } });
  expect((await lake.loadTable()).metadataLocation).toBe(compacted);
});

test("a sort rewrite orders every file of every partition and keeps every row", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 4, 1500, 2);
  const before = await lake.rows();
  const { outcome } = await runTestJob(lake, SORT);
  expect(outcome).toMatchObject({ state: "succeeded", result: { files_before: 8, files_after: 2, rows: 6000 } });
  expect(await lake.rows()).toEqual(before);
  for (const file of await lake.scanFiles()) expect(await allRowsSorted(lake, file)).toBe(true);
});

test("a sort larger than its memory spills runs, merges them, and leaves no run behind", async () => {
  const lake = await createMaintenanceLake(testTableDefinition(false));
  await appendMany(lake, 5, 4000);
  const before = await lake.rows();
  const keys: string[] = [];
  const store = {
    ...lake.store,
    put: (key: string, ...rest: [Uint8Array]) => {
      keys.push(key);
      return lake.store.put(key, ...rest);
    },
  };
  const { outcome } = await runTestJob(lake, SORT, { store, sortLimits: { runBytes: 100_000, fanIn: 3 } });
  expect(outcome.state).toBe("succeeded");
  expect(keys.filter((key) => key.includes("/runs/")).length).toBeGreaterThan(4);
  expect(await lake.rows()).toEqual(before);
  const files = await lake.scanFiles();
  expect(files).toHaveLength(1);
  expect(await allRowsSorted(lake, required(files[0], "the file"))).toBe(true);
  expect((await lake.strayKeys()).filter((key) => key.includes("/tmp/"))).toEqual([]);
});

test("output is cut into even files near the target, sorted across files", async () => {
  const lake = await createMaintenanceLake(testTableDefinition(false));
  await appendMany(lake, 4, 20_000);
  const before = await lake.rows();
  const bytes = (await lake.files()).reduce((sum, file) => sum + file.fileSizeBytes, 0);
  const targetFileSizeBytes = Math.ceil(bytes / 3);
  const { outcome } = await runTestJob(lake, { ...SORT, targetFileSizeBytes });
  expect(outcome).toMatchObject({ state: "succeeded", result: { files_after: 3, rows: 80_000 } });
  const files = await lake.files();
  for (const file of files) expect(file.fileSizeBytes).toBeLessThan(targetFileSizeBytes * 1.5);
  expect(new Set(files.map(({ recordCount }) => Math.round(recordCount / 1000))).size).toBe(1);
  expect(await lake.rows()).toEqual(before);
});

test("files sorted by the table's order carry its id, others none", async () => {
  const lake = await createMaintenanceLake();
  const order = (await lake.loadTable()).replaceSortOrder().asc("kind", "nulls-last").desc("at", "nulls-last");
  expect((await order.commit()).outcome).toBe("committed");
  const orderId = (await lake.loadTable()).metadata["default-sort-order-id"];
  await appendMany(lake, 3, 200);
  await runTestJob(lake, SORT);
  expect((await lake.files()).map(({ sortOrderId }) => sortOrderId)).toEqual([orderId]);
  const again = await runTestJob(lake, { kind: "rewrite", table: TABLE }, { jobId: "job-2" });
  expect(again.outcome).toMatchObject({ result: { note: "nothing to do" } });
  await appendMany(lake, 2, 200);
  await runTestJob(lake, COMPACT, { jobId: "job-3" });
  expect((await lake.files()).map(({ sortOrderId }) => sortOrderId ?? 0)).toEqual([0]);
});

test("files of an older spec are repartitioned under the current one", async () => {
  const lake = await createMaintenanceLake(testTableDefinition(false));
  await appendMany(lake, 2, 600, 3);
  const update = await (await lake.loadTable()).updateSpec().addField("at", "day").commit();
  expect(update.outcome).toBe("committed");
  const before = await lake.rows();
  const { outcome } = await runTestJob(lake, SORT);
  expect(outcome).toMatchObject({ state: "succeeded", result: { files_before: 2, files_after: 3, rows: 1200 } });
  const specId = (await lake.loadTable()).metadata["default-spec-id"];
  const files = await lake.files();
  expect(files.map((file) => file.specId)).toEqual([specId, specId, specId]);
  expect(new Set(files.map(({ partition }) => partition[0])).size).toBe(3);
  expect(await lake.rows()).toEqual(before);
  for (const file of await lake.scanFiles()) expect(await allRowsSorted(lake, file)).toBe(true);
});

test("I76 rows appended while a job runs are kept, whichever step they fall into", async () => {
  for (const step of ["group 0", "commit"]) {
    const lake = await createMaintenanceLake();
    await appendMany(lake, 5, 200);
    const steps = createMemorySteps({
      beforeStep: async (name) => {
        if (name === step) await lake.append(testRows(100, 99));
      },
    });
    const before = await lake.rows();
    const { outcome } = await runTestJob(lake, COMPACT, { steps });
    expect(outcome.state).toBe("succeeded");
    expect(await lake.files()).toHaveLength(2);
    expect(await lake.rows()).toHaveLength(before.length + 100);
  }
});

test("a group whose files another writer replaced is left out, the others are committed", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 3, 300, 2);
  const before = await lake.rows();
  const steps = createMemorySteps({
    beforeStep: async (name) => {
      if (name !== "commit") return;
      // Another compaction of the first partition alone, through the same code under another id.
      const table = await lake.loadTable();
      const [first] = await lake.files();
      const rewritten = (await lake.files()).filter(({ partition }) => partition[0] === first?.partition[0]);
      const copies = await Promise.all(rewritten.map((file) => copyOf(lake, file)));
      const rival = await table.newRewrite().deleteFiles(rewritten).addFiles(copies).commit();
      expect(rival.outcome).toBe("committed");
    },
  });
  const { outcome } = await runTestJob(lake, COMPACT, { steps });
  expect(outcome).toMatchObject({
    state: "succeeded",
    result: {
      groups: 1,
      files_before: 3,
      files_after: 1,
      note: expect.stringContaining("1 groups left out") as string,
    },
  });
  expect(await lake.rows()).toEqual(before);
  const strays = await lake.strayKeys();
  expect(strays.filter((key) => key.includes("compacted-"))).toEqual([]);
});

async function copyOf(lake: MaintenanceLake, file: DataFile): Promise<DataFile> {
  const filePath = file.filePath.replace("/in-", "/copy-");
  const bytes = required(await lake.store.get(locationToKey(file.filePath, BUCKET)), "the file");
  await lake.store.put(locationToKey(filePath, BUCKET), bytes);
  return { ...file, filePath };
}

test("C73 when every input is gone the job fails with commit_conflict and leaves no file behind", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 5, 100);
  const steps = createMemorySteps({
    beforeStep: async (name) => {
      if (name === "commit") await runTestJob(lake, COMPACT, { jobId: "rival" });
    },
  });
  const { outcome } = await runTestJob(lake, COMPACT, { steps });
  expect(outcomeCode(outcome)).toBe("commit_conflict");
  expect((await lake.strayKeys()).filter((key) => !key.includes("/in-"))).toEqual([]);
});

test("C74 a cancelled job commits nothing and leaves no file behind", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 4, 300, 3);
  const location = (await lake.loadTable()).metadataLocation;
  for (const cancelAfterReports of [0, 1, 2, 3]) {
    const { outcome } = await runTestJob(lake, COMPACT, { cancelAfterReports, jobId: `job-${cancelAfterReports}` });
    expect(outcome.state).toBe("cancelled");
    expect((await lake.loadTable()).metadataLocation).toBe(location);
    expect(await lake.strayKeys()).toEqual([]);
  }
});

test("C75 a data file that is corrupt, missing or shorter than promised fails the job with data_invalid", async () => {
  const damages: readonly ((bytes: Uint8Array) => Uint8Array | undefined)[] = [
    () => undefined,
    (bytes) => bytes.slice(0, -20),
    (bytes) => bytes.map((byte, i) => (i > 10 && i < bytes.length - 400 ? byte ^ 0x5a : byte)),
    () => new Uint8Array(3),
  ];
  for (const damage of damages) {
    const lake = await createMaintenanceLake();
    await appendMany(lake, 5, 300);
    const [victim] = await lake.files();
    const key = locationToKey(required(victim, "a file").filePath, BUCKET);
    const damaged = damage(required(await lake.store.get(key), "its bytes"));
    await lake.store.delete([key]);
    if (damaged !== undefined) await lake.store.put(key, damaged);
    const location = (await lake.loadTable()).metadataLocation;
    const { outcome } = await runTestJob(lake, COMPACT);
    expect(outcomeCode(outcome)).toBe("data_invalid");
    expect((await lake.loadTable()).metadataLocation).toBe(location);
    expect(await lake.strayKeys()).toEqual([]);
  }
});

test("I77 a run that dies after any step continues where it was and commits once", async () => {
  const names = ["start", "plan", "group 0", "group 1", "commit", "tidy up"];
  for (const crashAfter of names) {
    const lake = await createMaintenanceLake();
    await appendMany(lake, 3, 200, 2);
    const before = await lake.rows();
    const journal = new Map<string, string>();
    await expect(runTestJob(lake, COMPACT, { steps: createMemorySteps({ journal, crashAfter }) })).rejects.toThrow(
      Crash,
    );
    const { outcome } = await runTestJob(lake, COMPACT, { steps: createMemorySteps({ journal }) });
    expect(outcome).toMatchObject({ state: "succeeded", result: { groups: 2, files_after: 2 } });
    expect(await lake.rows()).toEqual(before);
    const table = await lake.loadTable();
    expect(table.metadata.snapshots.filter(({ summary }) => summary.operation === "replace")).toHaveLength(1);
    expect((await lake.strayKeys()).filter((key) => !key.includes("/in-"))).toEqual([]);
  }
});

test("a table dropped or replaced while the job runs fails the job and touches nothing", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 5, 100);
  const dropped = await runTestJob(lake, COMPACT, {
    steps: createMemorySteps({
      beforeStep: async (name) => {
        if (name === "commit") await lake.catalog.dropTable(TABLE);
      },
    }),
  });
  expect(outcomeCode(dropped.outcome)).toBe("table_not_found");
  await lake.catalog.createTable(testTableDefinition());
  await appendMany(lake, 5, 100);
  const rows = await lake.rows();
  const replaced = await runTestJob(lake, COMPACT, {
    jobId: "job-2",
    steps: createMemorySteps({
      beforeStep: async (name) => {
        if (name !== "commit") return;
        await lake.catalog.dropTable(TABLE);
        await lake.catalog.createTable(testTableDefinition());
      },
    }),
  });
  expect(outcomeCode(replaced.outcome)).toBe("commit_conflict");
  expect(rows).toHaveLength(500);
  expect(await lake.rows()).toEqual([]);
});

test("a job on an unknown table or column fails with that error", async () => {
  const lake = await createMaintenanceLake();
  const missing = { namespace: ["default"], name: "nothing" };
  const job = await runTestJob(lake, { ...COMPACT, table: missing });
  expect([tableNameToString(missing), outcomeCode(job.outcome)]).toEqual(["default.nothing", "table_not_found"]);
  const sort = await runTestJob(lake, {
    ...SORT,
    sort: [{ column: "kindd", direction: "asc", nullOrder: "nulls-first" }],
  });
  expect(sort.outcome).toMatchObject({ state: "failed", problem: { code: "invalid_option", nearest: "kind" } });
});

test("storage that fails for a while is retried, storage that stays down fails the job cleanly", async () => {
  const lake = await createMaintenanceLake();
  await appendMany(lake, 5, 100);
  const before = await lake.rows();
  let failures = 2;
  const flaky = {
    ...lake.store,
    put: (key: string, ...rest: [Uint8Array]) => {
      if (key.includes("compacted-") && failures > 0) {
        failures -= 1;
        return Promise.reject(new LakeError("storage_unavailable", "down"));
      }
      return lake.store.put(key, ...rest);
    },
  };
  failures = Infinity;
  const down = await runTestJob(lake, COMPACT, { store: flaky });
  expect(outcomeCode(down.outcome)).toBe("storage_unavailable");
  expect(await lake.strayKeys()).toEqual([]);
  failures = 2;
  const recovered = await runTestJob(lake, COMPACT, { store: flaky, jobId: "job-2" });
  expect(recovered.outcome.state).toBe("succeeded");
  expect(await lake.rows()).toEqual(before);
});
