// Files without field ids are read through a name mapping, at every depth and in every spelling of lists.

import { beforeAll, expect, test } from "vitest";
import { rowAt, type DataType } from "#columnar";
import { encodeParquet, readParquetMetadata, scanParquet, withFieldIds, type NamedFieldId } from "#parquet";
import { bytesReader, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

function field(fieldId: number, names: readonly string[], fields: readonly NamedFieldId[] = []): NamedFieldId {
  return { fieldId, names, fields };
}

const MAPPING: readonly NamedFieldId[] = [
  field(1, ["id", "record_id"]),
  field(2, ["place"], [field(3, ["city.name"]), field(4, ["zip"])]),
  field(5, ["tags"], [field(6, ["element"], [field(7, ["label"])])]),
  field(8, ["scores"], [field(9, ["key"]), field(10, ["value"])]),
  { names: ["ignored"], fields: [] },
];

const QUERY = `SELECT 7 AS record_id, {'city.name': 'Bern', 'zip': 3000, 'extra': 1} AS place, [{'label': 'a'}, NULL] AS tags,
  MAP {'x': 1.5} AS scores, 'secret' AS ignored, 'more' AS unmapped`;

async function readMapped(bytes: Uint8Array, fieldIds: readonly number[], type?: DataType): Promise<unknown[]> {
  const reader = bytesReader(bytes);
  const metadata = withFieldIds(await readParquetMetadata(reader), MAPPING);
  const columns = fieldIds.map((fieldId) => (type === undefined ? { fieldId } : { fieldId, type }));
  const rows: unknown[] = [];
  for await (const batch of scanParquet(reader, metadata, { columns })) {
    for (let i = 0; i < batch.rowCount; i++) rows.push(rowAt(batch, i));
  }
  return rows;
}

test("columns and nested fields get the ids of their names", async () => {
  const bytes = await withDuckDb((duckdb) => duckdb.copy(QUERY));
  const metadata = withFieldIds(await readParquetMetadata(bytesReader(bytes)), MAPPING);
  expect(metadata.columns.map(({ path, fieldId, rootFieldId }) => [path.join("/"), fieldId, rootFieldId])).toEqual([
    ["record_id", 1, 1],
    ["place/city.name", 3, 2],
    ["place/zip", 4, 2],
    ["place/extra", undefined, 2],
    ["tags/list/element/label", 7, 5],
    ["scores/key_value/key", 9, 8],
    ["scores/key_value/value", 10, 8],
    ["ignored", undefined, undefined],
    ["unmapped", undefined, undefined],
  ]);
  expect(await readMapped(bytes, [1, 5])).toEqual([[7, [{ label: "a" }, null]]]);
  const place: DataType = {
    kind: "struct",
    fields: [
      { name: "town", type: { kind: "string" }, id: 3 },
      { name: "zip", type: { kind: "int64" }, id: 4 },
      { name: "extra", type: { kind: "int32" }, id: 99 },
    ],
  };
  expect(await readMapped(bytes, [2], place)).toEqual([[{ town: "Bern", zip: 3000, extra: null }]]);
});

test("a file with ids keeps them, whatever the mapping says", async () => {
  const fields = [{ name: "id", fieldId: 42, type: { kind: "int32" }, nullable: true } as const];
  const { bytes } = encodeParquet(fields, []);
  const metadata = await readParquetMetadata(bytesReader(bytes));
  expect(withFieldIds(metadata, MAPPING)).toBe(metadata);
});
