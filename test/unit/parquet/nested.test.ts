// Lists, structs and maps, written and read at any depth: our own reader, DuckDB, and files with other schemas.

import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import {
  batchByteSize,
  concatBatches,
  gatherBatch,
  sliceBatch,
  vectorFromScalars,
  type DataType,
  type Scalar,
  type StructType,
} from "#columnar";
import { encodeParquet, readParquetMetadata, type ParquetField } from "#parquet";
import { TYPED_ARBITRARIES, type TypedArbitrary } from "../../support/parquet-arbitraries.ts";
import { bytesReader, scanBatches, scanRows, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

function encode(type: DataType, values: readonly Scalar[], options = {}): Uint8Array {
  const fields: ParquetField[] = [{ name: "x", fieldId: 1, type, nullable: true }];
  return encodeParquet(fields, [{ rowCount: values.length, columns: [vectorFromScalars(type, values)] }], options)
    .bytes;
}

/** A type of some depth with an arbitrary of its values, nulls everywhere they may be. */
function nestedArbitrary(depth: number): fc.Arbitrary<TypedArbitrary> {
  const leaf = fc.constantFrom(...TYPED_ARBITRARIES);
  if (depth === 0) return leaf;
  const inner = nestedArbitrary(depth - 1);
  const list = inner.map(({ type, values }): TypedArbitrary => ({
    type: { kind: "list", element: type },
    values: fc.array(fc.option(values), { maxLength: 4 }),
  }));
  const struct = fc.array(inner, { minLength: 1, maxLength: 3 }).map((members): TypedArbitrary => {
    const fields = members.map(({ type }, i) => ({ name: `f${i}`, type }));
    const values = fc.record<Record<string, Scalar>>(
      Object.fromEntries(members.map(({ values: each }, i) => [`f${i}`, fc.option(each)])),
      { noNullPrototype: true },
    );
    return { type: { kind: "struct", fields }, values };
  });
  const map = fc.tuple(leaf, inner).map(([key, value]): TypedArbitrary => ({
    type: { kind: "map", key: key.type, value: value.type },
    values: fc.array(fc.tuple<[Scalar, Scalar]>(key.values, fc.option(value.values)), { maxLength: 3 }),
  }));
  return fc.oneof(list, struct, map);
}

test("I140 nested values of any type and depth survive a file unchanged", async () => {
  await fc.assert(
    fc.asyncProperty(
      nestedArbitrary(3).chain(({ type, values }) =>
        fc.record({ type: fc.constant(type), rows: fc.array(fc.option(values, { freq: 6 }), { maxLength: 25 }) }),
      ),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      async ({ type, rows }, rowGroupRows, batchRows) => {
        const bytes = encode(type, rows, { rowGroupRows, pageBytes: 64 });
        expect((await scanRows(bytes, { batchRows })).map(([value]) => value)).toEqual(rows);
        const again = await scanBatches(bytes, { columns: [{ fieldId: 1, type }], batchRows });
        for (const batch of again) expect(batch.columns[0]?.type).toBe(type);
      },
    ),
    { numRuns: 60 },
  );
});

const PEOPLE: StructType = {
  kind: "struct",
  fields: [
    { name: "name", type: { kind: "string" }, id: 2, required: true },
    {
      name: "tags",
      id: 3,
      type: {
        kind: "list",
        elementId: 4,
        elementRequired: true,
        element: {
          kind: "struct",
          fields: [
            { name: "k", type: { kind: "uuid" }, id: 5 },
            { name: "v", type: { kind: "decimal", precision: 20, scale: 2 }, id: 6 },
          ],
        },
      },
    },
    {
      name: "scores",
      id: 7,
      type: {
        kind: "map",
        keyId: 8,
        key: { kind: "int64" },
        valueId: 9,
        value: { kind: "list", elementId: 10, element: { kind: "float64" } },
      },
    },
  ],
};

const UUID = "0193a1b2-0000-7000-8000-0123456789ab";
const ROWS: readonly Scalar[] = [
  {
    name: "ann",
    tags: [
      { k: UUID, v: { unscaled: 1234n, scale: 2 } },
      { k: null, v: null },
    ],
    scores: [],
  },
  null,
  {
    name: "bo",
    tags: null,
    scores: [
      [1, [1.5, null]],
      [9_007_199_254_740_993n, null],
    ],
  },
  { name: "cy", tags: [], scores: null },
];

test("nested fields are written with their ids, names and nullability, and DuckDB reads them", async () => {
  const bytes = encode(PEOPLE, ROWS);
  const metadata = await readParquetMetadata(bytesReader(bytes));
  expect(
    metadata.columns.map(({ path, fieldId, maxDefinitionLevel }) => [path.join("."), fieldId, maxDefinitionLevel]),
  ).toEqual([
    ["x.name", 2, 1],
    ["x.tags.list.element.k", 5, 4],
    ["x.tags.list.element.v", 6, 4],
    ["x.scores.key_value.key", 8, 3],
    ["x.scores.key_value.value.list.element", 10, 6],
  ]);
  expect(metadata.columns[1]?.type).toEqual({ kind: "uuid" });
  await withDuckDb(async (duckdb) => {
    const rows = await duckdb.query("SELECT x, typeof(x) FROM FILE", bytes);
    expect(rows.map(([value]) => value)).toEqual([
      {
        name: "ann",
        tags: [
          { k: UUID, v: "12.34" },
          { k: null, v: null },
        ],
        scores: [],
      },
      null,
      {
        name: "bo",
        tags: null,
        scores: [
          { key: "1", value: [1.5, null] },
          { key: "9007199254740993", value: null },
        ],
      },
      { name: "cy", tags: [], scores: null },
    ]);
    expect(rows[0]?.[1]).toBe(
      'STRUCT("name" VARCHAR, tags STRUCT(k UUID, v DECIMAL(20,2))[], scores MAP(BIGINT, DOUBLE[]))',
    );
  });
});

test("I141 struct fields are found by id after renames, reorders, drops and additions, at any depth", async () => {
  const bytes = encode(PEOPLE, ROWS);
  const evolved: DataType = {
    kind: "struct",
    fields: [
      { name: "added", type: { kind: "string" }, id: 90, missing: "default" },
      {
        name: "labels",
        id: 3,
        type: {
          kind: "list",
          elementId: 4,
          element: {
            kind: "struct",
            fields: [
              { name: "v2", type: { kind: "decimal", precision: 30, scale: 2 }, id: 6 },
              { name: "k", type: { kind: "int64" }, id: 91 },
            ],
          },
        },
      },
      { name: "tags", type: { kind: "string" }, id: 2 },
    ],
  };
  const [batch] = await scanBatches(bytes, { columns: [{ fieldId: 1, type: evolved }] });
  expect(batch?.columns[0]).toMatchObject({
    values: [
      {
        added: "default",
        labels: [
          { v2: { unscaled: 1234n }, k: null },
          { v2: null, k: null },
        ],
        tags: "ann",
      },
      {},
      { added: "default", labels: null, tags: "bo" },
      { added: "default", labels: [], tags: "cy" },
    ],
    validity: Uint8Array.of(1, 0, 1, 1),
  });
});

test("a struct of which no field is left still says where it is null, and lists keep their lengths", async () => {
  const gone: DataType = { kind: "struct", fields: [{ name: "new", type: { kind: "int32" }, id: 99 }] };
  const inList: DataType = {
    kind: "struct",
    fields: [{ name: "tags", id: 3, type: { kind: "list", element: gone } }],
  };
  const bytes = encode(PEOPLE, ROWS);
  const [batch] = await scanBatches(bytes, {
    columns: [
      { fieldId: 1, type: gone },
      { fieldId: 1, type: inList },
    ],
  });
  expect(batch?.columns[0]).toMatchObject({
    values: [{ new: null }, {}, { new: null }, { new: null }],
    validity: Uint8Array.of(1, 0, 1, 1),
  });
  expect(batch?.columns[1]).toMatchObject({
    values: [{ tags: [{ new: null }, { new: null }] }, {}, { tags: null }, { tags: [] }],
  });
});

test("only the leaves that are wanted are read", async () => {
  const bytes = encode(PEOPLE, ROWS);
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const { scanParquet } = await import("#parquet");
  reader.requests.length = 0;
  const type: DataType = { kind: "struct", fields: [{ name: "name", type: { kind: "string" }, id: 2 }] };
  for await (const batch of scanParquet(reader, metadata, { columns: [{ fieldId: 1, type }] })) {
    expect(batch.rowCount).toBe(4);
  }
  expect(reader.requests).toEqual([
    { offset: metadata.rowGroups[0]?.columns[0]?.offset, length: metadata.rowGroups[0]?.columns[0]?.compressedBytes },
  ]);
});

test("nested values go through selection, cutting and joining", async () => {
  const [batch] = await scanBatches(encode(PEOPLE, ROWS), { columns: [{ fieldId: 1 }] });
  if (batch === undefined) throw new Error("no batch");
  const kept = gatherBatch(batch, Int32Array.of(3, 0, 2));
  const joined = concatBatches([sliceBatch(batch, 1, 4), kept]);
  expect(batchByteSize(joined)).toBeGreaterThan(300);
  const fields: ParquetField[] = [{ name: "x", fieldId: 1, type: PEOPLE, nullable: true }];
  const rows = await scanRows(encodeParquet(fields, [joined]).bytes);
  expect(rows.map(([value]) => value)).toEqual([1, 2, 3, 3, 0, 2].map((i) => ROWS[i]));
});

test("a null in a required nested field is refused", () => {
  expect(() => encode(PEOPLE, [{ name: null, tags: null, scores: null }])).toThrow(/"x\.name" is required/);
  expect(() => encode(PEOPLE, [{ name: "a", tags: [null], scores: null }])).toThrow(/"x\.tags\.element" is required/);
  expect(() => encode(PEOPLE, [{ name: "a", tags: null, scores: [[null, []]] }])).toThrow(
    /"x\.scores\.key" is required/,
  );
});

describe("a column that is stored in another shape is refused", () => {
  test.each<[DataType]>([
    [{ kind: "list", element: { kind: "string" } }],
    [{ kind: "string" }],
    [{ kind: "map", key: { kind: "string" }, value: { kind: "string" } }],
    [{ kind: "struct", fields: [{ name: "name", type: { kind: "int32" }, id: 2 }] }],
    [{ kind: "struct", fields: [{ name: "tags", type: { kind: "string" }, id: 3 }] }],
  ])("%j", async (type) => {
    const bytes = encode(PEOPLE, ROWS);
    await expect(scanBatches(bytes, { columns: [{ fieldId: 1, type }] })).rejects.toMatchObject({
      code: "data_invalid",
    });
  });
});

test("NaNs are counted in every leaf", () => {
  const type: DataType = {
    kind: "struct",
    fields: [
      { name: "a", type: { kind: "float32" }, id: 2 },
      { name: "n", type: { kind: "int32" }, id: 3 },
      { name: "l", type: { kind: "list", element: { kind: "float64" }, elementId: 5 }, id: 4 },
    ],
  };
  const fields: ParquetField[] = [{ name: "x", fieldId: 1, type, nullable: true }];
  const rows: Scalar[] = [{ a: Number.NaN, n: 1, l: [Number.NaN, 1, Number.NaN] }, null, { a: 1, n: null, l: null }];
  const { metadata } = encodeParquet(fields, [{ rowCount: 3, columns: [vectorFromScalars(type, rows)] }]);
  expect(metadata.rowGroups[0]?.columns.map((chunk) => chunk.nanCount)).toEqual([1, undefined, 2]);
});
