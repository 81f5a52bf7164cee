// How many footers an isolate remembers: they are counted as what was read of them.

import { beforeAll, expect, test } from "vitest";
import { createByteLru } from "#cache";
import { vectorFromScalars } from "#columnar";
import { encodeParquet, loadPageIndexes, type ParquetMetadata } from "#parquet";
import { createMemoryStore } from "#storage";
import { createDataReader } from "../../../src/query/data-reader.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const ROWS = 40_000;

test("I362 a footer is counted with the page indexes that were read of it, and with no others", async () => {
  const fields = Array.from({ length: 6 }, (_, index) => ({
    name: `c${index}`,
    fieldId: index + 1,
    type: { kind: "int64" } as const,
    nullable: true,
  }));
  const columns = fields.map(({ type }, c) =>
    vectorFromScalars(
      type,
      Array.from({ length: ROWS }, (_, row) => (row * (c + 7919)) % 100_003),
    ),
  );
  const { bytes } = encodeParquet(fields, [{ rowCount: ROWS, columns }], { rowGroupRows: 500 });
  const store = createMemoryStore();
  await store.put("f.parquet", bytes);
  const footers = createByteLru<ParquetMetadata>(1e8);
  const reader = createDataReader({
    store,
    bucket: "lake",
    footers,
    maxScannedBytes: 1e9,
    signal: new AbortController().signal,
  });
  const counters = { storageReads: 0, bytesScanned: 0 };
  const open = (): ReturnType<typeof reader.open> => reader.open("s3://lake/f.parquet", bytes.length, counters);

  const { metadata, reader: file } = await open();
  const withoutIndexes = footers.statistics().bytes;
  expect(withoutIndexes).toBeLessThan(metadata.footerBytes * 7);
  const readsBefore = counters.storageReads;
  await open();
  expect([counters.storageReads, footers.statistics().bytes]).toEqual([readsBefore, withoutIndexes]);

  const wants = metadata.rowGroups.map((_, rowGroup) => ({ rowGroup, leafIndex: 2, bounds: true }));
  await loadPageIndexes(file, metadata, wants);
  await open();
  const ofOneColumn = footers.statistics().bytes - withoutIndexes;
  expect(ofOneColumn).toBeGreaterThan(0);
  const all = metadata.rowGroups.flatMap((_, rowGroup) =>
    fields.map((_field, leafIndex) => ({ rowGroup, leafIndex, bounds: true })),
  );
  await loadPageIndexes(file, metadata, all);
  await open();
  expect(footers.statistics().bytes - withoutIndexes).toBeGreaterThan(ofOneColumn * 5);
  expect(footers.statistics().entries).toBe(1);
});
