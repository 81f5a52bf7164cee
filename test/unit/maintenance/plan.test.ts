import * as fc from "fast-check";
import { expect, test } from "vitest";
import { planCompaction, planSortRewrite, type CompactPlanOptions } from "../../../src/maintenance/plan.ts";
import { createTestFile, withTestDeletes } from "./test-metadata.ts";

const OPTIONS: CompactPlanOptions = {
  targetFileSizeBytes: 100,
  minFileSizeBytes: 75,
  maxFileSizeBytes: 180,
  minInputFiles: 5,
  outputSpecId: 0,
  deleteFileThreshold: 3,
  deleteRatio: 0.3,
};

test("five small files of a partition are one group, four are left alone", () => {
  const small = Array.from({ length: 5 }, () => createTestFile(10));
  expect(planCompaction(small, OPTIONS)).toMatchObject([{ index: 0, files: small, bytes: 50, rows: 5 }]);
  expect(planCompaction(small.slice(1), OPTIONS)).toEqual([]);
});

test("files near the target are not candidates, files above 180 % are split", () => {
  expect(planCompaction([createTestFile(75), createTestFile(100), createTestFile(180)], OPTIONS)).toEqual([]);
  const large = createTestFile(181);
  expect(planCompaction([large], OPTIONS)).toMatchObject([{ files: [large] }]);
});

test("two files that together exceed the target are worth rewriting", () => {
  const files = [createTestFile(70), createTestFile(70)];
  expect(planCompaction(files, OPTIONS)).toMatchObject([{ bytes: 140 }]);
});

test("partitions never mix, and groups are cut at eight targets", () => {
  const first = Array.from({ length: 20 }, () => createTestFile(50, [1]));
  const second = Array.from({ length: 5 }, () => createTestFile(1, [2]));
  const groups = planCompaction([...first, ...second], OPTIONS);
  expect(groups.map(({ index, partition, files }) => [index, partition, files.length])).toEqual([
    [0, [1], 16],
    [1, [1], 4],
    [2, [2], 5],
  ]);
});

test("files of an older spec are always rewritten, apart from others", () => {
  const old = createTestFile(100, [], { specId: 0 });
  const groups = planCompaction([old, createTestFile(100, [3], { specId: 1 })], { ...OPTIONS, outputSpecId: 1 });
  expect(groups).toMatchObject([{ files: [old], specId: 0, repartition: true }]);
});

test("I72 compacting one file into itself is never planned: a compacted table is left alone", () => {
  const aggressive = { ...OPTIONS, minInputFiles: 2, minFileSizeBytes: 90 };
  expect(planCompaction([createTestFile(89, [1]), createTestFile(10, [2])], aggressive)).toEqual([]);
});

test("I71 every candidate is in at most one group, and all files of a group share their partition", () => {
  const file = fc
    .record({ size: fc.integer({ min: 1, max: 400 }), partition: fc.constantFrom<null | number>(null, 0, 1) })
    .map(({ size, partition }) => createTestFile(size, [partition]));
  fc.assert(
    fc.property(fc.array(file, { maxLength: 60 }), fc.integer({ min: 1, max: 6 }), (files, minInputFiles) => {
      for (const groups of [
        planCompaction(files, { ...OPTIONS, minInputFiles }),
        planSortRewrite(files, { targetFileSizeBytes: 100, outputSpecId: 0, sortOrderId: undefined }),
      ]) {
        const planned = groups.flatMap((group) => group.files);
        expect(new Set(planned).size).toBe(planned.length);
        expect(groups.map(({ index }) => index)).toEqual(groups.map((_, index) => index));
        for (const group of groups) {
          expect(group.files.every(({ dataFile }) => dataFile.partition[0] === group.partition[0])).toBe(true);
          expect(group.rows).toBe(group.files.reduce((sum, { dataFile }) => sum + dataFile.recordCount, 0));
        }
      }
    }),
  );
});

test("a sort rewrite takes every file, except a partition that is one file in that order", () => {
  const sortedAlone = createTestFile(50, [1], { sortOrderId: 7 });
  const mixed = [createTestFile(50, [2], { sortOrderId: 7 }), createTestFile(50, [2])];
  const tooLarge = createTestFile(500, [3], { sortOrderId: 7 });
  const options = { targetFileSizeBytes: 100, outputSpecId: 0, sortOrderId: 7 };
  expect(planSortRewrite([sortedAlone, ...mixed, tooLarge], options).map(({ files }) => files)).toEqual([
    mixed,
    [tooLarge],
  ]);
  expect(planSortRewrite([sortedAlone], { ...options, sortOrderId: undefined })).toHaveLength(1);
});

test("a file of good size is rewritten for its deletes alone: many of them, or many of its rows", () => {
  const file = createTestFile(100);
  const plan = (deletes: readonly number[], kind: Parameters<typeof withTestDeletes>[2], options = OPTIONS): number =>
    planCompaction([withTestDeletes(file, deletes, kind)], options).length;
  expect(plan([1, 1, 1], "equality")).toBe(1);
  expect(plan([1, 1], "equality")).toBe(0);
  expect(plan([1], "equality", { ...OPTIONS, deleteFileThreshold: 1 })).toBe(1);
  expect(plan([3], "own positions")).toBe(1);
  expect(plan([2], "own positions")).toBe(0);
  expect(plan([1, 2], "own positions")).toBe(1);
  // Of deletes that name many files nobody knows how many are this one's.
  expect(plan([9], "shared positions")).toBe(0);
});

test("a sort rewrite takes a sorted file that has deletes", () => {
  const sorted = createTestFile(50, [1], { sortOrderId: 7 });
  const options = { targetFileSizeBytes: 100, outputSpecId: 0, sortOrderId: 7 };
  expect(planSortRewrite([withTestDeletes(sorted, [1], "equality")], options)).toHaveLength(1);
});
