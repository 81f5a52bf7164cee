// The rules of the Iceberg table specification, "Scan Planning", one by one; test/property/iceberg-deletes.test.ts
// compares them with the specification's sentences over random tables.

import { describe, expect, test } from "vitest";
import type { Scalar } from "#columnar";
import { fieldsById, scalarToSingleValue, type DeleteFile, type Schema } from "#iceberg";
import { createDeleteIndex } from "../../../src/iceberg/delete-index.ts";
import { dataFile, deletionVector, equalityDeletes, positionDeletes } from "../../support/content-files.ts";

const SCHEMA: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "ratio", required: false, type: "double" },
    { id: 3, name: "key", required: false, type: "uuid" },
  ],
};
const FIELDS = fieldsById(SCHEMA);
/** Spec 0 has no fields. */
const isUnpartitioned = (specId: number): boolean => specId === 0;

/** Paths of the deletes that apply to a file of sequence number 5. */
function applied(
  deletes: readonly (readonly [DeleteFile, number])[],
  fields: Parameters<typeof dataFile>[1] = {},
): readonly string[] {
  const live = deletes.map(([deleteFile, number]) => ({ deleteFile, sequenceNumber: BigInt(number) }));
  const index = createDeleteIndex(live, FIELDS, isUnpartitioned);
  const found = index.deletesOf({ dataFile: dataFile("a", fields), sequenceNumber: 5n });
  return found.map(({ deleteFile }) => deleteFile.filePath);
}

const bound = (type: string, value: Scalar): Uint8Array => scalarToSingleValue(type, value);
const range = (id: number, type: string, low: Scalar, high: Scalar): Partial<DeleteFile> & { content?: never } => ({
  lowerBounds: new Map([[id, bound(type, low)]]),
  upperBounds: new Map([[id, bound(type, high)]]),
  nullValueCounts: new Map([[id, 0]]),
  valueCounts: new Map([[id, 10]]),
});

const inPartition = (specId: number, value: Scalar): Partial<DeleteFile> => ({ specId, partition: [value] });
const path = (low: string, high: string): Partial<DeleteFile> => ({
  lowerBounds: new Map([[2_147_483_546, bound("string", low)]]),
  upperBounds: new Map([[2_147_483_546, bound("string", high)]]),
});

describe("I112 a data file gets the deletes the specification applies to it, and no others", () => {
  test("equality deletes apply to strictly older files, position deletes to those of the same commit too", () => {
    expect(
      applied([
        [equalityDeletes("e4"), 4],
        [equalityDeletes("e5"), 5],
        [equalityDeletes("e6"), 6],
      ]),
    ).toEqual(["e6"]);
    expect(
      applied([
        [positionDeletes("p4"), 4],
        [positionDeletes("p5"), 5],
        [positionDeletes("p6"), 6],
      ]),
    ).toEqual(["p5", "p6"]);
  });

  test("a partition's deletes stay in it, but equality deletes without partitioning are everyone's", () => {
    const deletes = [
      [equalityDeletes("same", inPartition(1, "x")), 9],
      [equalityDeletes("other value", inPartition(1, "y")), 9],
      [equalityDeletes("other spec", inPartition(2, "x")), 9],
      [equalityDeletes("global"), 9],
      [positionDeletes("same p", inPartition(1, "x")), 9],
      [positionDeletes("other p", inPartition(1, null)), 9],
      [positionDeletes("unpartitioned p"), 9],
    ] as const;
    expect(applied(deletes, { specId: 1, partition: ["x"] })).toEqual(["global", "same", "same p"]);
  });

  test("position deletes of one named file are for that file alone, named outright or by equal bounds", () => {
    const deletes = [
      [positionDeletes("named", { referencedDataFile: "a" }), 9],
      [positionDeletes("named other", { referencedDataFile: "b" }), 9],
      [positionDeletes("bounds", path("a", "a")), 9],
      [positionDeletes("bounds other", path("b", "b")), 9],
      [positionDeletes("bounds around", path("A", "b")), 9],
      [positionDeletes("bounds beyond", path("b", "c")), 9],
    ] as const;
    expect(applied(deletes)).toEqual(["bounds around", "named", "bounds"]);
  });

  test("a deletion vector stands alone among position deletes, beside equality deletes", () => {
    const deletes = [
      [positionDeletes("p"), 9],
      [positionDeletes("named", { referencedDataFile: "a" }), 9],
      [deletionVector("a"), 7],
      [deletionVector("b", { filePath: "other.puffin" }), 7],
      [equalityDeletes("e"), 9],
    ] as const;
    expect(applied(deletes)).toEqual(["e", "dv.puffin"]);
  });

  test("damaged deletes are refused: they would leave rows that were deleted", () => {
    expect(() => applied([[deletionVector("a"), 4]])).toThrow(/older than the file/);
    expect(() => applied([[deletionVector("a", { specId: 1, partition: [1] }), 9]])).toThrow(/another partition/);
    expect(() => applied([[positionDeletes("p", { referencedDataFile: "a", specId: 1, partition: [1] }), 9]])).toThrow(
      /another partition/,
    );
    expect(() =>
      applied([
        [deletionVector("a"), 9],
        [deletionVector("a"), 10],
      ]),
    ).toThrow(/two deletion vectors/);
    const { referencedDataFile: _name, ...nameless } = deletionVector("a");
    expect(() => applied([[nameless, 9]])).toThrow(/names no data file/);
  });

  test("equality deletes whose values the file cannot hold are left out", () => {
    const file = range(1, "long", 10, 20);
    expect(applied([[equalityDeletes("below", range(1, "long", 1, 9)), 9]], file)).toEqual([]);
    expect(applied([[equalityDeletes("above", range(1, "long", 21, 30)), 9]], file)).toEqual([]);
    expect(applied([[equalityDeletes("touching", range(1, "long", 20, 30)), 9]], file)).toEqual(["touching"]);
    expect(applied([[equalityDeletes("unknown"), 9]], file)).toEqual(["unknown"]);
    // Columns dropped since are looked at no more.
    expect(applied([[equalityDeletes("dropped", { equalityIds: [99] }), 9]], file)).toEqual(["dropped"]);
  });

  test("nulls and NaN lie outside all bounds", () => {
    const someNulls = { ...range(1, "long", 10, 20), nullValueCounts: new Map([[1, 3]]) };
    const allNull = { nullValueCounts: new Map([[1, 10]]), valueCounts: new Map([[1, 10]]) };
    const far = range(1, "long", 100, 200);
    expect(applied([[equalityDeletes("nulls", { ...far, ...someNulls, ...allNull }), 9]], someNulls)).toEqual([
      "nulls",
    ]);
    expect(applied([[equalityDeletes("values", far), 9]], { ...allNull })).toEqual([]);
    expect(applied([[equalityDeletes("null only", { ...allNull }), 9]], range(1, "long", 1, 2))).toEqual([]);
    const ratio = (low: number, high: number, nan: number): Partial<DeleteFile> & { content?: never } => ({
      ...range(2, "double", low, high),
      nanValueCounts: new Map([[2, nan]]),
    });
    const byRatio = { equalityIds: [2] };
    expect(applied([[equalityDeletes("nan", { ...ratio(5, 6, 1), ...byRatio }), 9]], ratio(1, 2, 1))).toEqual(["nan"]);
    expect(applied([[equalityDeletes("no nan", { ...ratio(5, 6, 0), ...byRatio }), 9]], ratio(1, 2, 1))).toEqual([]);
  });

  test("bounds of uuids rule nothing out: writers order them differently", () => {
    const low = "00000000-0000-4000-8000-000000000000";
    const high = "f0000000-0000-4000-8000-000000000000";
    const byKey = { equalityIds: [3] };
    expect(
      applied([[equalityDeletes("u", { ...range(3, "uuid", low, low), ...byKey }), 9]], range(3, "uuid", high, high)),
    ).toEqual(["u"]);
  });
});
