import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { array, assert as assertProperty, integer, nat, oneof, property, tuple } from "fast-check";
import { describe, test } from "vitest";
import { bytesToDeletionVector, deletionVectorToBytes } from "../../../src/iceberg/deletion-vector.ts";
import { bytesToPositionBitmap, createPositionBitmap, positionBitmapToBytes } from "../../../src/iceberg/roaring.ts";

const GOLDEN = resolve(import.meta.dirname, "../../golden/deletes");
const CONTAINER = 65_536;
const BITMAP = 2 ** 32;

function golden(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(join(GOLDEN, name)));
}

function positionsOf(bytes: Uint8Array): number[] {
  return [...bytesToPositionBitmap(bytes).positions()];
}

function range(start: number, end: number): number[] {
  return Array.from({ length: end - start }, (_, i) => start + i);
}

/** Values around the borders of lists, bit fields, runs and 32-bit parts. */
const position = oneof(
  integer({ min: 0, max: 70_000 }),
  integer({ min: BITMAP - 10, max: BITMAP + CONTAINER }),
  integer({ min: 0, max: 2 ** 40 }),
);
const bitmapPositions = tuple(
  array(position, { maxLength: 200 }),
  array(tuple(position, integer({ min: 1, max: 9000 })), { maxLength: 4 }),
  array(tuple(position, integer({ min: 4000, max: 5000 })), { maxLength: 1 }),
).map(([single, ranges, scattered]) => {
  const all = new Set(single);
  for (const [start, length] of ranges) for (let i = 0; i < length; i++) all.add(start + i);
  for (const [start, length] of scattered) for (let i = 0; i < length; i++) all.add(start + i * 3);
  return [...all];
});

describe("roaring bitmaps in the portable 64-bit format", () => {
  test("I130 the examples of the format's specification read and write back", ({ expect }) => {
    expect(positionsOf(golden("64mapempty.bin"))).toEqual([]);
    expect(positionsOf(golden("64map32bitvals.bin"))).toEqual(Array.from({ length: 10 }, (_, value) => value));
    const spread = positionsOf(golden("64mapspreadvals.bin"));
    expect(spread).toHaveLength(100);
    expect(spread.slice(0, 11)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, BITMAP]);
    expect(spread.at(-1)).toBe(9 * BITMAP + 9);
    for (const name of ["64mapempty.bin", "64mapspreadvals.bin"]) {
      const bitmap = bytesToPositionBitmap(golden(name));
      expect(positionsOf(positionBitmapToBytes(bitmap))).toEqual([...bitmap.positions()]);
    }
  });

  test("positions beyond 2^53 are refused", ({ expect }) => {
    expect(() => bytesToPositionBitmap(golden("64maphighvals.bin"))).toThrow(/beyond 2\^53/);
  });

  test("I130 any set of positions reads back as it was", ({ expect }) => {
    assertProperty(
      property(bitmapPositions, (positions) => {
        const bitmap = createPositionBitmap(positions);
        const read = bytesToPositionBitmap(positionBitmapToBytes(bitmap));
        const sorted = positions.toSorted((a, b) => a - b);
        expect([...read.positions()].join()).toBe(sorted.join());
        expect(read.cardinality).toBe(positions.length);
        expect(positions.every((each) => read.has(each))).toBe(true);
        const [start = 0, end = 0] = [sorted[3], sorted.at(-3)];
        const within: number[] = [];
        read.forEachIn(start, end, (each) => within.push(each));
        expect(within.join()).toBe(sorted.filter((each) => each >= start && each < end).join());
        expect(read.has((sorted.at(-1) ?? 0) + 1)).toBe(false);
      }),
      { numRuns: 25 },
    );
  });

  test("ranges hold every position between their ends", ({ expect }) => {
    const bitmap = createPositionBitmap([5]);
    bitmap.addRange(CONTAINER - 2, 3 * CONTAINER + 2);
    bitmap.addRange(10, 10);
    expect(bitmap.cardinality).toBe(2 * CONTAINER + 5);
    expect(bitmap.has(CONTAINER - 3)).toBe(false);
    expect(bitmap.has(3 * CONTAINER + 1)).toBe(true);
    expect(bitmap.has(3 * CONTAINER + 2)).toBe(false);
    const other = createPositionBitmap([1, CONTAINER]);
    bitmap.addAll(other);
    expect(bitmap.cardinality).toBe(2 * CONTAINER + 6);
  });

  test("I279 a vector of four thousand million positions takes the memory of its bytes", ({ expect }) => {
    // One 32-bit bitmap of 65,536 containers, each one run of all its values.
    const bytes = new Uint8Array(8 + 4 + 4 + 8192 + CONTAINER * (4 + 4 + 6));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, 1, true);
    view.setUint32(12, (12_347 | (65_535 << 16)) >>> 0, true);
    bytes.fill(0xff, 16, 16 + 8192);
    const headers = 16 + 8192;
    const runs = headers + CONTAINER * 8;
    for (let key = 0; key < CONTAINER; key++) {
      view.setUint16(headers + key * 4, key, true);
      view.setUint16(headers + key * 4 + 2, 65_535, true);
      view.setUint16(runs + key * 6, 1, true);
      view.setUint16(runs + key * 6 + 4, 65_535, true);
    }
    const before = process.memoryUsage();
    const bitmap = bytesToPositionBitmap(bytes);
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    // As bit fields they would take 512 MiB.
    expect(grown).toBeLessThan(64 * 1024 * 1024);
    expect(bitmap.cardinality).toBe(BITMAP);
    expect([0, CONTAINER, BITMAP - 1, BITMAP].map((position) => bitmap.has(position))).toEqual([
      true,
      true,
      true,
      false,
    ]);
    let visited = 0;
    bitmap.forEachIn(BITMAP - 5, BITMAP + 5, () => {
      visited += 1;
    });
    expect(visited).toBe(5);
    bitmap.addRange(5, 500_000);
    bitmap.add(BITMAP + 1);
    expect(bitmap.cardinality).toBe(BITMAP + 1);
  });

  test("I279 what is read in runs is changed like any other set", ({ expect }) => {
    const change = oneof(
      tuple(nat(70_000), integer({ min: 1, max: 1 })),
      tuple(nat(70_000), integer({ min: 1, max: 9000 })),
    );
    assertProperty(
      property(bitmapPositions, array(change, { maxLength: 6 }), (positions, changes) => {
        const bitmap = bytesToPositionBitmap(positionBitmapToBytes(createPositionBitmap(positions)));
        const expected = new Set(positions);
        for (const [start, length] of changes) {
          if (length === 1) bitmap.add(start);
          else bitmap.addRange(start, start + length);
          for (const position of range(start, start + length)) expected.add(position);
        }
        const sorted = [...expected].toSorted((a, b) => a - b);
        expect([...bitmap.positions()]).toEqual(sorted);
        expect(bitmap.cardinality).toBe(sorted.length);
        expect(positionsOf(positionBitmapToBytes(bitmap))).toEqual(sorted);
        for (const position of [0, 1, 5000, 69_999]) expect(bitmap.has(position)).toBe(expected.has(position));
      }),
      { numRuns: 25 },
    );
  });

  test("C130 damaged bytes are refused, whatever the damage", ({ expect }) => {
    const bytes = positionBitmapToBytes(createPositionBitmap([1, 3, 5, 70_000, BITMAP + 1]));
    for (let length = 0; length < bytes.length; length++) {
      expect(() => bytesToPositionBitmap(bytes.subarray(0, length))).toThrow(/Corrupt data/);
    }
    assertProperty(
      property(nat(bytes.length - 1), integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] as number) ^ change;
        try {
          expect([...bytesToPositionBitmap(damaged).positions()].length).toBeLessThan(200_000);
        } catch (error) {
          expect(String(error)).toMatch(/Corrupt data/);
        }
      }),
    );
  });
});

describe("deletion vectors", () => {
  const inContainer = (bitmap: number, container: number, value: number): number =>
    bitmap * BITMAP + container * CONTAINER + value;
  const vectors: Readonly<Record<string, readonly number[]>> = {
    "empty-position-index.bin": [],
    "small-alternating-values-position-index.bin": [1, 3, 5, 7, 9],
    "small-and-large-values-position-index.bin": [100, 101, 2_147_483_747, 2_147_483_748],
    "all-container-types-position-index.bin": [
      inContainer(0, 0, 5),
      inContainer(0, 0, 7),
      ...range(inContainer(0, 1, 1), inContainer(0, 1, 1000)),
      ...range(inContainer(0, 2, 1), inContainer(0, 2, CONTAINER - 1)),
      inContainer(1, 0, 10),
      inContainer(1, 0, 20),
      ...range(inContainer(1, 1, 10), inContainer(1, 1, 500)),
      ...range(inContainer(1, 2, 1), inContainer(1, 2, CONTAINER - 1)),
    ],
  };

  test.for(Object.entries(vectors))(
    "I130 %s of Iceberg's tests reads, and is written byte for byte",
    ([name, positions], { expect }) => {
      const bytes = golden(name);
      expect([...bytesToDeletionVector(bytes).positions()]).toEqual(positions);
      expect(deletionVectorToBytes(createPositionBitmap(positions))).toEqual(bytes);
    },
  );

  test("C130 a vector with any changed byte is refused", ({ expect }) => {
    const bytes = golden("small-alternating-values-position-index.bin");
    for (let at = 0; at < bytes.length; at++) {
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] as number) ^ 0x10;
      expect(() => bytesToDeletionVector(damaged)).toThrow(/Corrupt data/);
    }
    expect(() => bytesToDeletionVector(bytes.subarray(0, 9))).toThrow(/cut short/);
  });
});
