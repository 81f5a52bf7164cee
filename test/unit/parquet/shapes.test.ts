// Columns of shapes: the annotations of other writers, and ours.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, test } from "vitest";
import { required } from "#core";
import { scalarAt, vectorFromScalars, type DataType, type Scalar, type StoredShapes } from "#columnar";
import { encodeParquet, readParquetMetadata, scanParquet, type ParquetMetadata } from "#parquet";
import { bytesReader } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/parquet-shapes");

beforeAll(loadParquetWasm);

async function open(bytes: Uint8Array): Promise<{ metadata: ParquetMetadata; values: Scalar[] }> {
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const leaf = required(
    metadata.columns.find(({ type }) => type?.kind === "binary"),
    "a column of shapes",
  );
  const values: Scalar[] = [];
  const columns = [{ leafIndex: leaf.leafIndex }];
  for await (const batch of scanParquet(reader, metadata, { columns })) {
    for (const column of batch.columns)
      for (let row = 0; row < batch.rowCount; row++) values.push(scalarAt(column, row));
  }
  return { metadata, values };
}

test.for<readonly [string, StoredShapes]>([
  ["crs-arbitrary-value", { kind: "geometry", crs: "arbitrary-value" }],
  ["crs-geography", { kind: "geography" }],
  ["geospatial-with-nan", { kind: "geometry" }],
])("I270 %s of other writers is read as shapes, and written as they are", async ([name, stored], { expect }) => {
  const { metadata, values } = await open(new Uint8Array(readFileSync(join(GOLDEN, `${name}.parquet`))));
  const type = required(metadata.columns.find(({ type }) => type?.kind === "binary")?.type, "a type");
  expect(type).toMatchObject({ kind: "binary", stored: { kind: stored.kind } });
  if (stored.crs !== undefined) expect((type as { stored?: StoredShapes }).stored?.crs).toBeDefined();
  expect(values.length).toBe(metadata.numRows);
  // Well-Known Binary begins with its byte order.
  for (const value of values) expect([0, 1]).toContain((value as Uint8Array)[0]);
  const field = { name: "shape", fieldId: 1, type, nullable: true };
  const batch = { rowCount: values.length, columns: [vectorFromScalars(type, values)] };
  const written = await open(encodeParquet([field], [batch]).bytes);
  expect(written.metadata.columns[0]?.type).toEqual(type);
  expect(written.values).toEqual(values);
});

test("I270 shapes have no bounds that bytes would give them", async ({ expect }) => {
  const type: DataType = { kind: "binary", stored: { kind: "geography", crs: "srid:4326", algorithm: "karney" } };
  const inside: DataType = { kind: "struct", fields: [{ name: "g", type, id: 3 }] };
  const shape = Uint8Array.of(1, 1, 0, 0, 0);
  const { metadata, bytes } = encodeParquet(
    [
      { name: "g", fieldId: 1, type, nullable: true },
      { name: "s", fieldId: 2, type: inside, nullable: true },
      { name: "b", fieldId: 4, type: { kind: "binary" }, nullable: true },
    ],
    [
      {
        rowCount: 2,
        columns: [
          vectorFromScalars(type, [shape, null]),
          vectorFromScalars(inside, [{ g: shape }, null]),
          vectorFromScalars({ kind: "binary" }, [shape, null]),
        ],
      },
    ],
  );
  const chunks = required(metadata.rowGroups[0], "a row group").columns;
  expect(
    chunks.map(({ min, max, columnIndex, nullCount }) => [min, max, columnIndex !== undefined, nullCount]),
  ).toEqual([
    [undefined, undefined, false, 1],
    [undefined, undefined, false, 1],
    [shape, shape, true, 1],
  ]);
  expect((await readParquetMetadata(bytesReader(bytes))).columns[1]?.type).toEqual(type);
});
