import { describe, test } from "vitest";
import { required, systemRandom } from "../../../src/core/index.ts";
import { scalarAt, vectorFromScalars, type Batch } from "../../../src/columnar/index.ts";
import {
  createTableWriter,
  singleValueToScalar,
  tableWriteOptions,
  type DataFile,
  type TableWriterOptions,
} from "../../../src/iceberg/index.ts";
import { readParquetMetadata, scanParquet } from "../../../src/parquet/index.ts";
import { locationToKey } from "../../../src/storage/index.ts";
import {
  BUCKET,
  batchOf,
  createMaintenanceLake,
  testRows,
  testTableDefinition,
  type MaintenanceLake,
  type TestRow,
} from "../../support/maintenance-lake.ts";

async function writeRows(
  lake: MaintenanceLake,
  batches: readonly Batch[],
  options: TableWriterOptions = {},
): Promise<readonly DataFile[]> {
  const table = await lake.loadTable();
  const writer = createTableWriter({ store: lake.store, bucket: BUCKET, random: systemRandom }, table, options);
  for (const batch of batches) await writer.write(batch);
  const files = await writer.close();
  const outcome = await table.newAppend().addFiles(files).commit();
  if (outcome.outcome !== "committed") throw new Error(outcome.outcome);
  return files;
}

async function rowsOfEach(lake: MaintenanceLake, files: readonly DataFile[], fieldId: number): Promise<unknown[][]> {
  return Promise.all(
    files.map(async (file) => {
      const bytes = required(await lake.store.get(locationToKey(file.filePath, BUCKET)), file.filePath);
      const reader = {
        sizeBytes: bytes.length,
        read: (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length)),
      };
      const values: unknown[] = [];
      const scan = scanParquet(reader, await readParquetMetadata(reader), { columns: [{ fieldId }] });
      for await (const batch of scan) {
        for (let row = 0; row < batch.rowCount; row++) {
          values.push(scalarAt(required(batch.columns[0], "column"), row));
        }
      }
      return values;
    }),
  );
}

function ids(rows: readonly TestRow[]): number[] {
  return rows.map(({ id }) => id).toSorted((a, b) => a - b);
}

describe("table writer", () => {
  test("I131 every row is in one file of its partition, whatever the batches", async ({ expect }) => {
    const lake = await createMaintenanceLake();
    const rows = testRows(5000, 1, 5);
    const batches = [rows.slice(0, 7), rows.slice(7, 7), rows.slice(7, 3000), rows.slice(3000)].map(batchOf);
    const files = await writeRows(lake, batches);
    expect(files).toHaveLength(5);
    const read = await rowsOfEach(lake, files, 1);
    expect((read.flat() as number[]).toSorted((a, b) => a - b)).toEqual(ids(rows));
    const days = await rowsOfEach(lake, files, 3);
    for (const [index, file] of files.entries()) {
      expect(new Set((days[index] as number[]).map((at) => Math.floor(at / 86_400_000_000)))).toEqual(
        new Set(file.partition),
      );
      expect(file.recordCount).toBe(days[index]?.length);
      expect(file.filePath).toMatch(/\/data\/at_day=1970-01-0\d\/\d{5}-[0-9a-f-]{36}\.parquet$/);
    }
    expect(await lake.strayKeys()).toEqual([]);
  });

  test("files end at the target size and at the most rows", async ({ expect }) => {
    const lake = await createMaintenanceLake(testTableDefinition(false));
    const rows = testRows(120_000, 2);
    const files = await writeRows(lake, [batchOf(rows)], { targetFileBytes: 200_000 });
    expect(files.length).toBeGreaterThan(2);
    // The first file shows how well the rows compress.
    for (const file of files.slice(1, -1)) expect(file.fileSizeBytes).toBeGreaterThan(150_000);
    for (const file of files) expect(file.fileSizeBytes).toBeLessThan(400_000);
    const byRows = await writeRows(lake, [batchOf(rows)], { rowsPerFile: 25_000 });
    expect(byRows.map((file) => file.recordCount)).toEqual([25_000, 25_000, 25_000, 25_000, 20_000]);
  });

  test("C131 no more files are open than allowed", async ({ expect }) => {
    const lake = await createMaintenanceLake();
    let started = 0;
    let finished = 0;
    let most = 0;
    const files = await writeRows(lake, [batchOf(testRows(300, 3, 40))], {
      openFiles: 4,
      onStart: () => {
        started += 1;
        most = Math.max(most, started - finished);
        return Promise.resolve();
      },
      onFile: () => {
        finished += 1;
      },
    });
    expect(most).toBeLessThanOrEqual(4);
    expect(started).toBe(finished);
    expect(files.reduce((sum, file) => sum + file.recordCount, 0)).toBe(300);
  });

  test("an aborted writer leaves nothing", async ({ expect }) => {
    const lake = await createMaintenanceLake();
    const writer = createTableWriter(
      { store: lake.store, bucket: BUCKET, random: systemRandom },
      await lake.loadTable(),
      { rowsPerFile: 100 },
    );
    await writer.write(batchOf(testRows(1000, 4, 3)));
    expect((await lake.strayKeys()).length).toBeGreaterThan(3);
    await writer.abort();
    expect(await lake.strayKeys()).toEqual([]);
  });

  test("the table's properties decide location, row groups, metrics and codec", async ({ expect }) => {
    const lake = await createMaintenanceLake({
      ...testTableDefinition(false),
      properties: {
        "write.data.path": `s3://${BUCKET}/default/elsewhere/`,
        "write.parquet.row-group-size-bytes": "20000",
        "write.parquet.compression-codec": "snappy",
        "write.metadata.metrics.default": "counts",
        "write.metadata.metrics.column.kind": "truncate(3)",
      },
    });
    const [file] = await writeRows(lake, [batchOf(testRows(4000, 5))], { sortOrderId: 0 });
    if (file === undefined) throw new Error("no file");
    expect(file.filePath.startsWith(`s3://${BUCKET}/default/elsewhere/0`)).toBe(true);
    expect(file.splitOffsets.length).toBeGreaterThan(3);
    expect([...file.lowerBounds.keys()]).toEqual([2]);
    expect(singleValueToScalar("string", file.upperBounds.get(2) ?? new Uint8Array())).toBe("kio");
    expect(file.valueCounts.get(1)).toBe(4000);
    expect(file.sortOrderId).toBe(0);
  });

  test("row lineage columns follow the schema's", async ({ expect }) => {
    const lake = await createMaintenanceLake(testTableDefinition(false));
    const batch = batchOf(testRows(3, 6));
    const lineage = [
      vectorFromScalars({ kind: "int64" }, [7, null, 9]),
      vectorFromScalars({ kind: "int64" }, [1, 2, null]),
    ];
    const files = await writeRows(lake, [{ rowCount: 3, columns: [...batch.columns, ...lineage] }], {
      rowLineage: true,
    });
    expect(await rowsOfEach(lake, files, 2_147_483_540)).toEqual([[7, null, 9]]);
    expect(await rowsOfEach(lake, files, 2_147_483_539)).toEqual([[1, 2, null]]);
  });
});

describe("write properties", () => {
  const schema = testTableDefinition().schema;
  const options = (properties: Record<string, string>) =>
    tableWriteOptions(properties, { ...schema, "schema-id": 0, type: "struct" });

  test("become the writer's options", ({ expect }) => {
    expect(
      options({
        "write.parquet.page-size-bytes": "65536",
        "write.parquet.page-row-limit": "1000",
        "write.parquet.dict-size-bytes": "4096",
        "write.parquet.compression-codec": "ZSTD",
        "write.parquet.compression-level": "9",
        "write.parquet.bloom-filter-enabled.column.kind": "true",
        "write.parquet.bloom-filter-enabled.column.id": "false",
        "write.parquet.bloom-filter-fpp.column.kind": "0.05",
        "write.parquet.bloom-filter-max-bytes": "2048",
      }),
    ).toEqual({
      compression: "zstd",
      rowGroupBytes: 10 * 1024 * 1024,
      pageBytes: 65_536,
      dictionaryBytes: 4096,
      compressionLevel: 9,
      bloomFilters: [{ fieldId: 2, falsePositiveRate: 0.05, maxBytes: 2048 }],
    });
  });

  test("that make no sense or do not fit an isolate are passed over", ({ expect }) => {
    expect(
      options({
        "write.parquet.row-group-size-bytes": "536870912",
        "write.parquet.page-size-bytes": "big",
        "write.parquet.page-row-limit": "-1",
        "write.parquet.compression-codec": "lzo",
        "write.parquet.bloom-filter-enabled.column.gone": "true",
      }),
    ).toEqual({ compression: "zstd", rowGroupBytes: 10 * 1024 * 1024 });
  });
});
