// Scans of files with deletes: rows, counts without columns, positions.

import { describe, test } from "vitest";
import { createByteLru } from "#cache";
import { required } from "#core";
import { scalarAt, type Scalar } from "#columnar";
import { writeDeletionVectors, type DeleteFile, type IcebergSchema, type ScanFile } from "#iceberg";
import { emptyScanStatistics } from "#sql";
import { createDataReader } from "../../../src/query/data-reader.ts";
import { scanFiles, type FileScan } from "../../../src/query/file-scan.ts";
import { createDeleteWorld, type DeleteWorld, type PlainRow } from "../../support/deletes.ts";

const SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: true, type: "long" },
    { id: 2, name: "kind", required: false, type: "string" },
  ],
};
const ID = { fieldId: 1, name: "id", type: { kind: "int64" } } as const;
const KIND = { fieldId: 2, name: "kind", type: { kind: "string" } } as const;

const ROWS = Array.from({ length: 100 }, (_, id): PlainRow => [id, `kind-${id % 4}`]);

interface Read {
  readonly count: number;
  readonly values: Scalar[][];
  readonly places: (readonly [number, number])[];
  readonly reads: number;
  readonly rowsSkipped: number;
}

async function read(world: DeleteWorld, files: readonly ScanFile[], scan: Partial<FileScan> = {}): Promise<Read> {
  const statistics = emptyScanStatistics("t");
  const signal = new AbortController().signal;
  const reader = createDataReader({
    store: world.store,
    bucket: "lake",
    footers: createByteLru(1e6),
    maxScannedBytes: 1e9,
    signal,
  });
  const full = { metadata: world.metadata, files, columns: [ID], predicates: [], limit: undefined, statistics };
  let count = 0;
  const values: Scalar[][] = [];
  const places: (readonly [number, number])[] = [];
  for await (const batch of scanFiles({ ...full, reader, signal, ...scan })) {
    count += batch.rowCount;
    for (let row = 0; row < batch.rowCount; row++) {
      values.push(batch.columns.map((column) => scalarAt(column, row)));
      if (batch.positions !== undefined) places.push([batch.file, required(batch.positions[row], "position")]);
    }
  }
  return { count, values, places, reads: statistics.storageReads, rowsSkipped: statistics.rowsSkipped };
}

function deletesOf(deleteFile: DeleteFile): ScanFile["deletes"] {
  return [{ deleteFile, sequenceNumber: 2n }];
}

async function filesWithDeletes(world: DeleteWorld): Promise<readonly ScanFile[]> {
  const plain = async (): Promise<ScanFile> => ({
    dataFile: await world.writeData(ROWS, 32),
    sequenceNumber: 1n,
    fileSequenceNumber: 1n,
    deletes: [],
  });
  const files = [await plain(), await plain(), await plain(), await plain()];
  const [, vectored, positioned, equal] = files;
  const { added } = await writeDeletionVectors(
    world.deps,
    world.metadata,
    new Map([
      [required(vectored, "file").dataFile.filePath, { file: required(vectored, "file"), positions: [0, 33, 99, 98] }],
    ]),
  );
  const path = required(positioned, "file").dataFile.filePath;
  const positions = await world.writePositions([
    [path, 1],
    [path, 1],
    [path, 64],
    [path, 500],
  ]);
  const equality = await world.writeEquality([2], [["kind-3"]]);
  return [
    required(files[0], "file"),
    { ...required(vectored, "file"), deletes: deletesOf(required(added[0], "vector")) },
    { ...required(positioned, "file"), deletes: deletesOf(positions) },
    { ...required(equal, "file"), deletes: deletesOf(equality) },
  ];
}

describe("scans of files with deletes", () => {
  test("I132 rows, counts and positions leave deleted rows out", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const files = await filesWithDeletes(world);
    const rows = await read(world, files, { positions: true });
    expect(rows.count).toBe(100 + 96 + 98 + 75);
    // Every file's ids are its positions.
    expect(rows.places.map(([, position]) => [position])).toEqual(rows.values);
    const ofFile = (index: number): number[] => rows.places.filter(([file]) => file === index).map(([, at]) => at);
    expect(ofFile(1)).not.toEqual(expect.arrayContaining([33]));
    expect(ofFile(2)).toHaveLength(98);
    expect(ofFile(3).some((id) => id % 4 === 3)).toBe(false);
    expect((await read(world, files, { columns: [] })).count).toBe(rows.count);
    const bare = await read(world, files, { columns: [], positions: true });
    expect(bare.places).toEqual(rows.places);
    expect((await read(world, files, { columns: [KIND, ID] })).values[100]).toEqual(["kind-1", 1]);
  });

  test("a count reads neither data files nor deletion vectors", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const [plain, vectored] = await filesWithDeletes(world);
    const counted = await read(world, [required(plain, "file"), required(vectored, "file")], { columns: [] });
    expect(counted).toMatchObject({ count: 196, reads: 0 });
  });

  test("row groups that a predicate excludes keep positions right", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const files = await filesWithDeletes(world);
    const predicates = [{ ...ID, operator: ">=", values: [64] } as const];
    const scanned = await read(world, files, { predicates, positions: true });
    expect(scanned.places.map(([, position]) => [position])).toEqual(scanned.values);
    expect(scanned.count).toBe(36 + 34 + 35 + 27);
  });

  test("I230 deletes meet their rows where pages are skipped", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const rows = Array.from({ length: 50_000 }, (_, id): PlainRow => [
      id,
      `${(id * 2_654_435_761) % 1_000_003}-${(id * 40_503) % 9973}`,
    ]);
    const dataFile = await world.writeData(rows, 50_000);
    const positions = await world.writePositions([
      [dataFile.filePath, 3],
      [dataFile.filePath, 45_000],
      [dataFile.filePath, 49_999],
    ]);
    const files = [{ dataFile, sequenceNumber: 1n, fileSequenceNumber: 1n, deletes: deletesOf(positions) }];
    const predicates = [{ ...ID, operator: ">=", values: [44_999] } as const];
    const scanned = await read(world, files, { columns: [ID, KIND], predicates, positions: true });
    expect(scanned.places.map(([, position]) => rows[position])).toEqual(scanned.values);
    const wanted = scanned.values.filter(([id]) => (id as number) >= 44_999);
    expect(wanted).toHaveLength(4999);
    expect(scanned.rowsSkipped).toBeGreaterThan(30_000);
    // Rows that are passed over have not moved those behind them.
    expect(scanned.count).toBe(50_000 - scanned.rowsSkipped - 2);
  });

  test("many vectors in one small file cost one request", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const rowsByPath = new Map<string, { file: ScanFile; positions: number[] }>();
    for (let each = 0; each < 8; each++) {
      const dataFile = await world.writeData(ROWS);
      const file = { dataFile, sequenceNumber: 1n, fileSequenceNumber: 1n, deletes: [] };
      rowsByPath.set(dataFile.filePath, { file, positions: [each] });
    }
    const { added } = await writeDeletionVectors(world.deps, world.metadata, rowsByPath);
    const files = [...rowsByPath.values()].map(({ file }, index) => ({
      ...file,
      deletes: [{ deleteFile: required(added[index], "vector"), sequenceNumber: 2n }],
    }));
    const scanned = await read(world, files);
    expect(scanned.count).toBe(8 * 99);
    expect(scanned.reads).toBe(8 + 1);
  });
});
