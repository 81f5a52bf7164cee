// How a scan reads: which columns, in how many requests, with which vectors.

import { beforeAll, expect, test } from "vitest";
import { vectorFromScalars, type DataType, type Scalar } from "#columnar";
import { encodeParquet, readParquetMetadata, scanParquet, type ParquetField } from "#parquet";
import { bytesReader, scanBatches, scanRows, withDuckDb } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

function file(columns: readonly (readonly [string, number, DataType, readonly Scalar[]])[], rowGroupRows = 1000) {
  const fields = columns.map(([name, fieldId, type]): ParquetField => ({ name, fieldId, type, nullable: true }));
  const vectors = columns.map(([, , type, values]) => vectorFromScalars(type, values));
  const batch = { rowCount: vectors[0]?.length ?? 0, columns: vectors };
  return encodeParquet(fields, [batch], { rowGroupRows, compression: "uncompressed" }).bytes;
}

/** Incompressible text, so that chunks have the size their length suggests. */
function noise(rows: number, length: number): string[] {
  let state = 1;
  return Array.from({ length: rows }, () =>
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return String.fromCharCode(97 + ((state >>> 16) % 26));
    }).join(""),
  );
}

const COUNT = Array.from({ length: 3000 }, (_, i) => i);

test("the footer takes one request, a second only beyond 64 KiB", async () => {
  const small = bytesReader(file([["x", 1, { kind: "int64" }, COUNT]]));
  await readParquetMetadata(small);
  expect(small.requests).toHaveLength(1);
  expect(small.requests[0]?.length).toBeLessThanOrEqual(64 * 1024);
  const many = Array.from({ length: 400 }, (_, i) => [`column ${i}`, i + 1, { kind: "int64" }, [1, 2, 3]] as const);
  const large = bytesReader(file(many, 1));
  const metadata = await readParquetMetadata(large);
  expect(metadata.footerBytes).toBeGreaterThan(64 * 1024);
  expect(large.requests).toHaveLength(2);
  expect(large.requests[1]?.length).toBe(metadata.footerBytes + 8);
});

test("I101 neighbouring chunks share a request and far ones do not drag the bytes between along", async () => {
  const bytes = file([
    ["a", 1, { kind: "int64" }, COUNT],
    ["b", 2, { kind: "int64" }, COUNT],
    ["big", 3, { kind: "string" }, noise(3000, 300)],
    ["c", 4, { kind: "int64" }, COUNT],
  ]);
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  const [group] = metadata.rowGroups;
  expect(group?.columns[2]?.compressedBytes).toBeGreaterThan(64 * 1024);
  reader.requests.length = 0;
  for await (const _ of scanParquet(reader, metadata, { fieldIds: [1, 4, 2], rowGroups: [0] }));
  const [a, b, , c] = group?.columns ?? [];
  expect(reader.requests).toEqual([
    { offset: a?.offset, length: (a?.compressedBytes ?? 0) + (b?.compressedBytes ?? 0) },
    { offset: c?.offset, length: c?.compressedBytes },
  ]);
});

test("I101 a gap of up to 64 KiB is read through", async () => {
  const bytes = file([
    ["a", 1, { kind: "int64" }, COUNT],
    ["small", 2, { kind: "string" }, noise(3000, 20)],
    ["c", 3, { kind: "int64" }, COUNT],
  ]);
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  reader.requests.length = 0;
  for await (const _ of scanParquet(reader, metadata, { fieldIds: [1, 3], rowGroups: [1] }));
  expect(reader.requests).toHaveLength(1);
});

test("only the wanted row groups are read, and rows know their place in the file", async () => {
  const bytes = file([["x", 1, { kind: "int64" }, COUNT]]);
  const batches = await scanBatches(bytes, { fieldIds: [1], rowGroups: [2, 0], batchRows: 600 });
  expect(batches.map((batch) => [batch.rowGroup, batch.firstRow, batch.rowCount])).toEqual([
    [2, 2000, 600],
    [2, 2600, 400],
    [0, 0, 600],
    [0, 600, 400],
  ]);
});

test("counting rows reads nothing", async () => {
  const reader = bytesReader(file([["x", 1, { kind: "int64" }, COUNT]]));
  const metadata = await readParquetMetadata(reader);
  reader.requests.length = 0;
  let rows = 0;
  for await (const batch of scanParquet(reader, metadata, { fieldIds: [] })) rows += batch.rowCount;
  expect(rows).toBe(3000);
  expect(reader.requests).toEqual([]);
});

test("I101 the next row group is fetched early, but not for a consumer that stops at the first batch", async () => {
  const bytes = file([["x", 1, { kind: "int64" }, COUNT]]);
  const reader = bytesReader(bytes);
  const metadata = await readParquetMetadata(reader);
  reader.requests.length = 0;
  for await (const _ of scanParquet(reader, metadata, { fieldIds: [1], batchRows: 400 })) break;
  expect(reader.requests).toHaveLength(1);
  reader.requests.length = 0;
  let batches = 0;
  for await (const _ of scanParquet(reader, metadata, { fieldIds: [1], batchRows: 400 })) {
    batches += 1;
    if (batches === 2) break;
  }
  expect(reader.requests).toHaveLength(2);
});

test("I102 batches of a chunk share one dictionary object, other chunks have their own", async () => {
  const values = COUNT.map((i) => ["a", "b", null][i % 3] ?? null);
  const bytes = file([["k", 1, { kind: "string" }, values]]);
  const batches = await scanBatches(bytes, { columns: [{ fieldId: 1, type: { kind: "string" } }], batchRows: 300 });
  const dictionaries = batches.map((batch) => {
    const [column] = batch.columns;
    return column?.encoding === "dictionary" ? column.dictionary : undefined;
  });
  expect(dictionaries).not.toContain(undefined);
  expect(new Set(dictionaries).size).toBe(3);
  expect(new Set(dictionaries.slice(0, 4)).size).toBe(1);
});

test("a promoted column keeps one dictionary object, too", async () => {
  const bytes = file([["n", 1, { kind: "int32" }, COUNT.map((i) => i % 5)]], 3000);
  const batches = await scanBatches(bytes, { columns: [{ fieldId: 1, type: { kind: "int64" } }], batchRows: 1000 });
  const [first, second] = batches.map((batch) => batch.columns[0]);
  expect(first).toMatchObject({ encoding: "dictionary", type: { kind: "int64" } });
  expect(first?.encoding === "dictionary" && first.dictionary.values).toBeInstanceOf(Float64Array);
  expect(
    first?.encoding === "dictionary" && second?.encoding === "dictionary" && first.dictionary === second.dictionary,
  ).toBe(true);
});

test("a column that the file lacks is null in the wanted type; other types promote or are refused", async () => {
  const bytes = file([
    ["n", 1, { kind: "int32" }, [5, null]],
    ["f", 2, { kind: "float32" }, [0.5, null]],
  ]);
  const rows = await scanRows(bytes, {
    columns: [
      { fieldId: 9, type: { kind: "string" } },
      { fieldId: 1, type: { kind: "int64" } },
      { fieldId: 2, type: { kind: "float64" } },
    ],
  });
  expect(rows).toEqual([
    [null, 5, 0.5],
    [null, null, null],
  ]);
  await expect(scanRows(bytes, { columns: [{ fieldId: 1, type: { kind: "string" } }] })).rejects.toMatchObject({
    code: "data_invalid",
  });
});

test("integers beyond ±2^53 come exactly, smaller ones as doubles", async () => {
  const wide = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, 0];
  const bytes = file([
    ["wide", 1, { kind: "int64" }, wide],
    ["safe", 2, { kind: "int64" }, [2 ** 53 - 1, -(2 ** 53) + 1, 0, null]],
  ]);
  const [batch] = await scanBatches(bytes, { fieldIds: [1, 2] });
  const [first, second] = batch?.columns ?? [];
  expect(first?.encoding === "flat" && first.values).toBeInstanceOf(BigInt64Array);
  expect(second?.encoding === "flat" && second.values).toBeInstanceOf(Float64Array);
  expect((await scanRows(bytes)).map(([value]) => value)).toEqual(wide);
});

test("an aborted scan stops with the signal's reason", async () => {
  const bytes = file([["x", 1, { kind: "int64" }, COUNT]]);
  const controller = new AbortController();
  const reason = new Error("enough");
  const metadata = await readParquetMetadata(bytesReader(bytes));
  const scan = scanParquet(bytesReader(bytes), metadata, { fieldIds: [1], signal: controller.signal });
  await scan.next();
  controller.abort(reason);
  await expect(scan.next()).rejects.toBe(reason);
});

test("a reader's failure reaches the consumer, also from a prefetch", async () => {
  const bytes = file([["x", 1, { kind: "int64" }, COUNT]]);
  const good = bytesReader(bytes);
  const metadata = await readParquetMetadata(good);
  const failure = new Error("storage is down");
  let reads = 0;
  const flaky = {
    sizeBytes: bytes.length,
    read(offset: number, length: number) {
      reads += 1;
      return reads > 1 ? Promise.reject(failure) : good.read(offset, length);
    },
  };
  let rows = 0;
  await expect(
    (async () => {
      for await (const batch of scanParquet(flaky, metadata, { fieldIds: [1], batchRows: 300 })) rows += batch.rowCount;
    })(),
  ).rejects.toBe(failure);
  expect(rows).toBe(1000);
});

test("malformed text reads the same whether it is kept as UTF-8 or decoded", async () => {
  for (const values of [
    ["first", "qqqq", "höhe"],
    Array.from({ length: 90 }, (_, i) => (i % 2 === 0 ? "qqqq" : "é")),
  ]) {
    // DuckDB writes no checksums, which would tell.
    const list = values.map((value) => `'${value}'`).join(", ");
    const bytes = await withDuckDb((duckdb) => duckdb.copy(`SELECT unnest([${list}]) AS x`, "CODEC uncompressed"));
    for (let i = 0; i < bytes.length - 3; i++) {
      if (bytes.subarray(i, i + 4).every((byte) => byte === 113)) bytes[i + 3] = 0xc3;
    }
    const decoded = await scanRows(bytes);
    expect(decoded.some(([value]) => value === "qqq\ufffd")).toBe(true);
    expect(await scanRows(bytes, { keepText: true })).toEqual(decoded);
  }
});
