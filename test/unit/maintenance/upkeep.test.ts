// Upkeep as jobs, and the erasure of rows down to the last byte.

import { describe, test } from "vitest";
import { stringToUtf8, systemRandom } from "#core";
import { vectorFromScalars } from "#columnar";
import {
  dataFileFromParquet,
  newDataFileLocation,
  writeDeletionVectors,
  writePositionDeletes,
  type DeleteFile,
} from "#iceberg";
import { parseUpkeepOptions, type JobOutcome } from "#maintenance";
import { encodeParquet } from "#parquet";
import { locationToKey } from "#storage";
import {
  BUCKET,
  createMaintenanceLake,
  outcomeCode,
  runTestJob,
  runTestUpkeep,
  testRows,
  testTableDefinition,
  type MaintenanceLake,
} from "../../support/maintenance-lake.ts";
import { readableContent } from "../../support/stored-content.ts";

const TABLE = { namespace: ["default"], name: "events" };

function details(outcome: JobOutcome): Readonly<Record<string, unknown>> {
  if (outcome.state !== "succeeded") throw new Error(outcomeCode(outcome));
  return outcome.result.details ?? {};
}

async function keys(lake: MaintenanceLake): Promise<string[]> {
  return (await lake.store.list("")).objects.map(({ key }) => key);
}

describe("upkeep options", () => {
  test("are parsed, and wrong ones are named", ({ expect }) => {
    expect(parseUpkeepOptions("expire-snapshots", { olderThan: "2026-11-01T00:00:00Z", retainLast: 3 })).toEqual({
      kind: "expire-snapshots",
      table: TABLE,
      olderThanMs: Date.UTC(2026, 10, 1),
      retainLast: 3,
    });
    expect(parseUpkeepOptions("expire-snapshots", { olderThan: "now" })).toMatchObject({ olderThanMs: "now" });
    for (const [kind, body, option] of [
      ["remove-orphans", { olderThan: "now" }, "olderThan"],
      ["expire-snapshots", { olderThan: "yesterday" }, "olderThan"],
      ["expire-snapshots", { olderThan: 5 }, "olderThan"],
      ["expire-snapshots", { retainLast: 0 }, "retainLast"],
      ["expire-snapshots", { dryRun: true }, "dryRun"],
      ["remove-orphans", { dryRun: "yes" }, "dryRun"],
      ["rewrite-manifests", { table: 7 }, "table"],
    ] as const) {
      expect(() => parseUpkeepOptions(kind, body)).toThrow(
        expect.objectContaining({ code: "invalid_option", details: expect.objectContaining({ option }) }),
      );
    }
  });
});

describe("upkeep jobs", () => {
  test("manifests become one, old snapshots and their files go, rows stay", async ({ expect }) => {
    const lake = await createMaintenanceLake();
    for (let seed = 0; seed < 4; seed++) await lake.append(testRows(20, seed));
    await runTestJob(lake, { kind: "compact", table: TABLE, aggressive: true });
    const before = await lake.rows();
    const rewritten = await runTestUpkeep(lake, { kind: "rewrite-manifests", table: TABLE });
    expect(details(rewritten)).toMatchObject({ manifests_replaced: expect.any(Number) as number });
    const expired = await runTestUpkeep(lake, {
      kind: "expire-snapshots",
      table: TABLE,
      olderThanMs: Date.now() + 1000,
    });
    expect(details(expired)).toMatchObject({ data_files: 4 });
    expect((await lake.loadTable()).metadata.snapshots).toHaveLength(1);
    expect(await lake.rows()).toEqual(before);
    const again = await runTestUpkeep(lake, { kind: "expire-snapshots", table: TABLE, olderThanMs: Date.now() + 1000 });
    expect(details(again)).toMatchObject({ snapshots: 0 });
  });

  test("C134 orphans are removed only when old; a dry run removes nothing", async ({ expect }) => {
    const lake = await createMaintenanceLake();
    await lake.append(testRows(20));
    const location = (await lake.loadTable()).metadata.location;
    const key = `${locationToKey(location, BUCKET)}/data/orphan.parquet`;
    await lake.store.put(key, new Uint8Array(10));
    const young = await runTestUpkeep(lake, { kind: "remove-orphans", table: TABLE });
    expect(details(young)).toMatchObject({ found: 0, deleted: 0 });
    const refused = await runTestUpkeep(lake, { kind: "remove-orphans", table: TABLE, olderThanMs: Date.now() });
    expect(outcomeCode(refused)).toBe("invalid_option");
    expect(await keys(lake)).toContain(key);
  });

  test("a table that is gone fails the job", async ({ expect }) => {
    const lake = await createMaintenanceLake();
    await lake.catalog.dropTable(TABLE);
    for (const kind of ["expire-snapshots", "remove-orphans", "rewrite-manifests"] as const) {
      expect(outcomeCode(await runTestUpkeep(lake, { kind, table: TABLE }))).toBe("table_not_found");
    }
  });
});

/** Begins every erased value; short enough to survive the truncation of bounds. */
const MARK = "~erase-me~";

async function keysHoldingMark(lake: MaintenanceLake): Promise<string[]> {
  const found: string[] = [];
  for (const key of await keys(lake)) {
    const content = await readableContent((await lake.store.get(key)) ?? new Uint8Array());
    if (key.includes(MARK) || content.includes(MARK)) found.push(key);
  }
  return found;
}

async function deleteMarked(lake: MaintenanceLake, how: "positions" | "equality"): Promise<void> {
  const table = await lake.loadTable();
  const deps = { store: lake.store, bucket: BUCKET, random: systemRandom };
  const rowDelta = table.newRowDelta();
  if (how === "equality") {
    const field = { name: "kind", fieldId: 2, type: { kind: "string" }, nullable: true } as const;
    const values = [`${MARK}-0`, `${MARK}-1`];
    const { bytes, metadata } = encodeParquet(
      [field],
      [{ rowCount: 2, columns: [vectorFromScalars(field.type, values)] }],
    );
    const location = newDataFileLocation(table.metadata, "eq.parquet", "");
    await lake.store.put(locationToKey(location, BUCKET), bytes);
    const described = {
      metadata,
      location,
      fileSizeBytes: bytes.length,
      schema: table.schema(),
      spec: table.spec(),
      partition: [],
    };
    const deletes: DeleteFile = { ...dataFileFromParquet(described), content: 2, equalityIds: [2] };
    rowDelta.addDeletes([deletes]);
  } else {
    const rowsByPath = new Map(
      (await lake.scanFiles()).map((file) => [file.dataFile.filePath, { file, positions: [0, 1] }]),
    );
    const write = table.metadata["format-version"] > 2 ? writeDeletionVectors : writePositionDeletes;
    rowDelta.addDeletes((await write(deps, table.metadata, rowsByPath)).added);
  }
  const { outcome } = await rowDelta.commit();
  if (outcome !== "committed") throw new Error(outcome);
}

describe("erasure", () => {
  test.for([
    [2, "positions"],
    [2, "equality"],
    [3, "positions"],
  ] as const)(
    "I135 after delete, rewrite, manifests and expiry no object holds a byte of the rows (version %i, %s)",
    async ([version, how], { expect }) => {
      const lake = await createMaintenanceLake(testTableDefinition(false));
      if (version > 2) await (await lake.loadTable()).upgradeFormatVersion(version).commit();
      for (let seed = 0; seed < 3; seed++) {
        const rows = testRows(50, seed).map((row, at) => (at < 2 ? { ...row, kind: `${MARK}-${at}` } : row));
        await lake.append(rows);
      }
      expect((await keysHoldingMark(lake)).length).toBeGreaterThanOrEqual(6);
      await deleteMarked(lake, how);
      expect(await lake.rows()).toHaveLength(144);
      expect((await keysHoldingMark(lake)).length).toBeGreaterThanOrEqual(6);
      const compacted = await runTestJob(lake, { kind: "compact", table: TABLE, aggressive: true });
      expect(compacted.outcome).toMatchObject({ result: { deleted_rows: 6 } });
      await runTestUpkeep(lake, { kind: "rewrite-manifests", table: TABLE });
      const expiry = { kind: "expire-snapshots", table: TABLE, olderThanMs: "now" } as const;
      expect(outcomeCode(await runTestUpkeep(lake, expiry))).toBe("succeeded");
      expect(await keysHoldingMark(lake)).toEqual([]);
      expect(await lake.rows()).toHaveLength(144);
      expect(stringToUtf8(MARK).length).toBeLessThan(16);
    },
  );
});
