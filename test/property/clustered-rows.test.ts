// Rows that come file by file are parted where manifests say so: after a cut no row has a key that was met before it.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Batch } from "#columnar";
import { singleValueToScalar, type ScanFile, type TableMetadata } from "#iceberg";
import { clusterFiles } from "../../src/query/file-clusters.ts";
import { cutRows } from "../../src/sql/execute/aggregate/clusters.ts";

const FIELD = 1;

function intBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/** Just what is asked of a table and its files. */
const metadata = {
  "current-schema-id": 0,
  "partition-specs": [],
  schemas: [{ type: "struct", "schema-id": 0, fields: [{ id: FIELD, name: "k", type: "int", required: false }] }],
} as unknown as TableMetadata;

function fileOf(keys: readonly number[], number: number): ScanFile {
  const dataFile = {
    filePath: String(number),
    nullValueCounts: new Map([[FIELD, 0]]),
    lowerBounds: new Map([[FIELD, intBytes(Math.min(...keys))]]),
    upperBounds: new Map([[FIELD, intBytes(Math.max(...keys))]]),
  };
  return { dataFile, deletes: [] } as unknown as ScanFile;
}

function batchOf(keys: readonly number[]): Batch {
  const values = Int32Array.from(keys);
  return {
    rowCount: keys.length,
    columns: [{ encoding: "flat", type: { kind: "int32" }, length: keys.length, values, validity: undefined }],
  };
}

const keysOf = ({ columns: [column] }: Batch): readonly number[] =>
  column?.encoding === "flat" ? [...(column.values as Int32Array)] : [];

/** Files whose ranges touch and overlap now and then, in any order; rows of a file in any order. */
const files = fc
  .array(
    fc.tuple(
      fc.integer({ min: 0, max: 40 }),
      fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 12 }),
    ),
    {
      minLength: 1,
      maxLength: 8,
    },
  )
  .map((drawn) => drawn.map(([start, offsets]) => offsets.map((offset) => start + offset)));

async function* batchesOf(contents: readonly (readonly number[])[], size: number): AsyncGenerator<Batch> {
  for (const keys of contents) {
    for (let i = 0; i < keys.length; i += size) yield await Promise.resolve(batchOf(keys.slice(i, i + size)));
  }
}

test("I371 every row comes, and none after a cut whose key came before it", async () => {
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 5 }), async (contents, size) => {
      const clusters = clusterFiles(metadata, contents.map(fileOf), FIELD);
      const sorted = clusters?.files.map(({ dataFile }) => contents[Number(dataFile.filePath)] ?? []) ?? contents;
      const cuts = clusters?.cuts ?? [];
      for (const [i, { after, below }] of cuts.entries()) {
        expect(after).toBeLessThanOrEqual(below);
        expect(below).toBeGreaterThan(cuts[i - 1]?.below ?? Number.NEGATIVE_INFINITY);
      }
      const all: number[] = [];
      const again: number[] = [];
      const whole = new Set<number>();
      for await (const part of cutRows(batchesOf(sorted, size), ({ columns }) => columns[0], cuts)) {
        if (part === "whole") for (const key of all) whole.add(key);
        else {
          again.push(...keysOf(part).filter((key) => whole.has(key)));
          all.push(...keysOf(part));
        }
      }
      expect(again).toEqual([]);
      expect(all.toSorted((a, b) => a - b)).toEqual(contents.flat().toSorted((a, b) => a - b));
    }),
    { numRuns: 300 },
  );
});

test("I371 files whose ranges only touch are parted", () => {
  const clusters = clusterFiles(metadata, [fileOf([5, 9], 0), fileOf([1, 5], 1), fileOf([20, 30], 2)], FIELD);
  expect(clusters?.files.map(({ dataFile }) => dataFile.filePath)).toEqual(["1", "0", "2"]);
  expect(clusters?.cuts).toEqual([
    { after: 5, below: 5 },
    { after: 9, below: 20 },
  ]);
  expect(singleValueToScalar("int", intBytes(-3))).toBe(-3);
});
