import { describe, test } from "vitest";
import { writeDeletionVectors, writePositionDeletes, type ScanFile } from "#iceberg";
import type { DataFile, DeleteFile, IcebergSchema } from "#iceberg";
import { createDeleteWorld, type PlainRow } from "../../support/deletes.ts";

const SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: true, type: "long" },
    { id: 2, name: "category", required: false, type: "string" },
    { id: 3, name: "name", required: false, type: "string" },
  ],
};

/** The specification's own example. */
const ANIMALS: readonly PlainRow[] = [
  [1, "marsupial", "Koala"],
  [2, "toy", "Teddy"],
  [3, null, "Grizzly"],
  [4, null, "Polar"],
];

function scanFile(
  dataFile: DataFile,
  sequenceNumber: number,
  deletes: readonly (readonly [DeleteFile, number])[],
): ScanFile {
  return {
    dataFile,
    sequenceNumber: BigInt(sequenceNumber),
    fileSequenceNumber: BigInt(sequenceNumber),
    deletes: deletes.map(([deleteFile, number]) => ({ deleteFile, sequenceNumber: BigInt(number) })),
  };
}

describe("row deletes", () => {
  test("the specification's equality deletes", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const data = await world.writeData(ANIMALS);
    const byId = await world.writeEquality([1], [[3]]);
    const byBoth = await world.writeEquality([1, 2], [[4, null]]);
    const names = async (deletes: readonly (readonly [DeleteFile, number])[]) =>
      (await world.read(scanFile(data, 1, deletes))).rows.map((row) => row[2]);
    expect(await names([[byId, 2]])).toEqual(["Koala", "Teddy", "Polar"]);
    expect(await names([[byBoth, 2]])).toEqual(["Koala", "Teddy", "Grizzly"]);
    expect(
      await names([
        [byId, 2],
        [byBoth, 2],
      ]),
    ).toEqual(["Koala", "Teddy"]);
    expect(await names([])).toHaveLength(4);
  });

  test("I275 equality deletes tell nanoseconds apart, also where the query does not", async ({ expect }) => {
    const nanos = 1_700_000_000_123_456_000n;
    const world = createDeleteWorld({
      type: "struct",
      "schema-id": 0,
      fields: [
        { id: 1, name: "id", required: true, type: "long" },
        { id: 2, name: "t", required: false, type: "timestamp_ns" },
        {
          id: 3,
          name: "s",
          required: false,
          type: { type: "struct", fields: [{ id: 4, name: "at", required: false, type: "timestamptz_ns" }] },
        },
      ],
    });
    const data = await world.writeData([
      [1, nanos, null],
      [2, nanos + 1n, { at: nanos + 2n }],
      [3, null, { at: nanos + 3n }],
    ]);
    const ids = async (fieldId: number, value: bigint | null): Promise<unknown> => {
      const deletes = await world.writeEquality([fieldId], [[value]]);
      const file = scanFile(data, 1, [[deletes, 2]]);
      // As SQL reads the column: all of them are one microsecond.
      const columns = [{ fieldId: 1, type: { kind: "int64" } }] as const;
      return (await world.read(file, columns)).rows.map(([id]) => id);
    };
    expect(await ids(2, nanos + 1n)).toEqual([1, 3]);
    expect(await ids(2, nanos)).toEqual([2, 3]);
    expect(await ids(2, null)).toEqual([1, 2]);
  });

  test("equality deletes leave rows of their own age and younger ones alone", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const data = await world.writeData(ANIMALS);
    const older = await world.writeEquality([1], [[1]]);
    const newer = await world.writeEquality([1], [[2]]);
    const loader = world.loader();
    const old = await world.read(
      scanFile(data, 1, [
        [older, 2],
        [newer, 5],
      ]),
      undefined,
      loader,
    );
    expect(old.positions).toEqual([2, 3]);
    const young = await world.read(scanFile(data, 3, [[newer, 5]]), undefined, loader);
    expect(young.positions).toEqual([0, 2, 3]);
    const same = await world.read(scanFile(data, 5, [[newer, 5]]), undefined, loader);
    expect(same.positions).toEqual([0, 1, 2, 3]);
  });

  test("position deletes name rows of one file among many, in any order and more than once", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const rows = Array.from({ length: 40 }, (_, id): PlainRow => [id, "c", "n"]);
    const data = await world.writeData(rows, 16);
    const positions = await world.writePositions([
      ["s3://lake/other", 3],
      [data.filePath, 39],
      [data.filePath, 0],
      [data.filePath, 17],
      [data.filePath, 17],
      ["s3://lake/zother", 5],
    ]);
    const read = await world.read(scanFile(data, 1, [[positions, 1]]));
    expect(read.positions).toEqual(rows.map((_, row) => row).filter((row) => ![0, 17, 39].includes(row)));
    expect(read.rows.map((row) => row[0])).toEqual(read.positions);
  });

  test("columns that only deletes need are not in the answer", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const data = await world.writeData(ANIMALS);
    const deletes = await world.writeEquality([2], [[null]]);
    const name = { fieldId: 3, type: { kind: "string" } } as const;
    const read = await world.read(scanFile(data, 1, [[deletes, 2]]), [name]);
    expect(read.rows).toEqual([["Koala"], ["Teddy"]]);
    expect((await world.read(scanFile(data, 1, [[deletes, 2]]), [])).positions).toEqual([0, 1]);
  });

  test("a column added later is null in older files, or its initial default", async ({ expect }) => {
    const added = { id: 4, name: "added", required: false, type: "int", "initial-default": 7 } as const;
    const later = { ...SCHEMA, "schema-id": 1, fields: [...SCHEMA.fields, added] };
    const world = createDeleteWorld(SCHEMA, { schemas: [SCHEMA, later], "current-schema-id": 1 });
    const data = await world.writeData(ANIMALS);
    const wide = createDeleteWorld(later);
    const deletes = await wide.writeEquality([4], [[7]]);
    const bytes = await wide.store.get(deletes.filePath.slice("s3://lake/".length));
    await world.store.put("default/t/data/deletes.parquet", bytes ?? new Uint8Array());
    const moved = { ...deletes, filePath: "s3://lake/default/t/data/deletes.parquet" };
    const column = { fieldId: 4, type: { kind: "int32" } } as const;
    expect((await world.read(scanFile(data, 1, []), [column])).rows).toEqual([[7], [7], [7], [7]]);
    expect((await world.read(scanFile(data, 1, [[moved, 2]]), [column])).rows).toEqual([]);
  });

  test("row ids and sequence numbers are the file's own or inherited", async ({ expect }) => {
    const lineage = [
      { id: 2_147_483_540, name: "_row_id", required: false, type: "long" },
      { id: 2_147_483_539, name: "_last_updated_sequence_number", required: false, type: "long" },
    ] as const;
    const world = createDeleteWorld({ ...SCHEMA, fields: [...SCHEMA.fields, ...lineage] });
    const columns = lineage.map(({ id }) => ({ fieldId: id, type: { kind: "int64" } }) as const);
    const copied = await world.writeData([
      [1, "a", "b", 70, 3],
      [2, "a", "b", null, null],
      [3, "a", "b", 72, null],
    ]);
    const file = { ...scanFile({ ...copied, firstRowId: 100n }, 8, []) };
    expect((await world.read(file, columns)).rows).toEqual([
      [70, 3],
      [101, 8],
      [72, 8],
    ]);
    const plain = createDeleteWorld(SCHEMA);
    const data = await plain.writeData(ANIMALS);
    const huge = { ...data, firstRowId: 2n ** 53n - 2n };
    expect((await plain.read(scanFile(huge, 8, []), columns)).rows).toEqual([
      [9_007_199_254_740_990, 8],
      [9_007_199_254_740_991, 8],
      [9_007_199_254_740_992n, 8],
      [9_007_199_254_740_993n, 8],
    ]);
    expect((await plain.read(scanFile(data, 8, []), columns)).rows[0]).toEqual([null, 8]);
  });
});

describe("writing deletes", () => {
  test("a vector holds what vectors and position deletes named before, and replaces them", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const rows = Array.from({ length: 20 }, (_, id): PlainRow => [id, "c", "n"]);
    const [a, b, c] = [await world.writeData(rows), await world.writeData(rows), await world.writeData(rows)];
    const first = await writeDeletionVectors(
      world.deps,
      world.metadata,
      new Map([
        [a.filePath, { file: scanFile(a, 1, []), positions: [3, 1] }],
        [b.filePath, { file: scanFile(b, 1, []), positions: [] }],
      ]),
    );
    expect(first.removed).toEqual([]);
    expect(first.added).toHaveLength(1);
    const [vector] = first.added;
    if (vector === undefined) throw new Error("no vector");
    expect(vector).toMatchObject({ content: 1, fileFormat: "PUFFIN", recordCount: 2, referencedDataFile: a.filePath });
    expect((await world.read(scanFile(a, 1, [[vector, 2]]))).positions).toHaveLength(18);

    const shared = await world.writePositions([
      [b.filePath, 5],
      [c.filePath, 6],
    ]);
    const own = { ...(await world.writePositions([[c.filePath, 7]])), referencedDataFile: c.filePath };
    const second = await writeDeletionVectors(
      world.deps,
      world.metadata,
      new Map([
        [a.filePath, { file: scanFile(a, 1, [[vector, 2]]), positions: [3, 4] }],
        [
          c.filePath,
          {
            file: scanFile(c, 1, [
              [shared, 2],
              [own, 2],
            ]),
            positions: [8],
          },
        ],
      ]),
    );
    expect(second.removed).toEqual([vector, own]);
    expect(new Set(second.added.map(({ filePath }) => filePath)).size).toBe(1);
    const deleted = await Promise.all(
      second.added.map(async (deletes, index) => {
        const { positions } = await world.read(scanFile(index === 0 ? a : c, 1, [[deletes, 3]]));
        return rows.map((_, row) => row).filter((row) => !positions.includes(row));
      }),
    );
    expect(deleted).toEqual([
      [1, 3, 4],
      [6, 7, 8],
    ]);
  });

  test("position delete files are one a data file and tell which", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const rows = Array.from({ length: 20 }, (_, id): PlainRow => [id, "c", "n"]);
    const [a, b] = [await world.writeData(rows), await world.writeData(rows)];
    const { added, removed } = await writePositionDeletes(
      world.deps,
      world.metadata,
      new Map([
        [a.filePath, { file: scanFile(a, 1, []), positions: [9, 2, 2] }],
        [b.filePath, { file: scanFile(b, 1, []), positions: [1] }],
      ]),
    );
    expect(removed).toEqual([]);
    expect(
      added.map(({ referencedDataFile, recordCount, content }) => [referencedDataFile, recordCount, content]),
    ).toEqual([
      [a.filePath, 2, 1],
      [b.filePath, 1, 1],
    ]);
    const [first] = added;
    if (first === undefined) throw new Error("no deletes");
    expect((await world.read(scanFile(a, 1, [[first, 1]]))).positions).not.toContain(9);
    const bound = first.lowerBounds.get(2_147_483_546);
    expect(bound === undefined ? undefined : new TextDecoder().decode(bound)).toBe(a.filePath);
    expect(first.upperBounds.get(2_147_483_546)).toEqual(bound);
  });
});

describe("deletes that cannot be applied", () => {
  test("other formats, damaged vectors and unknown columns end the read", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const data = await world.writeData(ANIMALS);
    const positions = await world.writePositions([[data.filePath, 1]]);
    const equality = await world.writeEquality([1], [[1]]);
    const refused = async (deletes: DeleteFile) =>
      world.read(scanFile(data, 1, [[deletes, 2]])).then(
        () => "read",
        (error: unknown) => (error as { readonly code: string }).code,
      );
    expect(await refused({ ...positions, fileFormat: "AVRO" })).toBe("unsupported_operation");
    expect(await refused({ ...equality, fileFormat: "ORC" })).toBe("unsupported_operation");
    expect(await refused({ ...equality, equalityIds: [99] })).toBe("metadata_invalid");
    expect(await refused({ ...equality, equalityIds: [] })).toBe("metadata_invalid");
    expect(await refused({ ...positions, filePath: `${positions.filePath}.gone` })).toBe("data_invalid");
    const { added } = await writeDeletionVectors(
      world.deps,
      world.metadata,
      new Map([[data.filePath, { file: scanFile(data, 1, []), positions: [1] }]]),
    );
    const [vector] = added;
    if (vector === undefined) throw new Error("no vector");
    expect(await refused({ ...vector, recordCount: 2 })).toBe("data_invalid");
    expect(await refused({ ...vector, contentOffset: 5 })).toBe("data_invalid");
    expect(await refused({ ...vector, contentSizeBytes: 100_000 })).toBe("data_invalid");
  });

  test("C132 deletes never take more memory than they may", async ({ expect }) => {
    const world = createDeleteWorld(SCHEMA);
    const data = await world.writeData(ANIMALS);
    const keys = Array.from({ length: 2000 }, (_, id): PlainRow => [id + 10]);
    const equality = await world.writeEquality([1], keys);
    const file = scanFile(data, 1, [[equality, 2]]);
    await expect(world.read(file, undefined, world.loader(10_000))).rejects.toMatchObject({
      code: "memory_limit_exceeded",
    });
    expect((await world.read(file, undefined, world.loader(1_000_000))).positions).toHaveLength(4);
    // Files that are shared by no two data files are forgotten one after the other.
    const loader = world.loader(5000);
    for (let each = 0; each < 4; each++) {
      const rows = Array.from({ length: 2000 }, (_, position) => [data.filePath, position % 2] as const);
      const positions = await world.writePositions(rows);
      expect((await world.read(scanFile(data, 1, [[positions, 2]]), undefined, loader)).positions).toEqual([2, 3]);
    }
  });
});
