// Vectors of the Iceberg table specification, Appendix B, and of PyIceberg's test_transforms.py.

import { expect, test } from "vitest";
import type { Scalar } from "#columnar";
import { applyTransform, canTransform, parseTransform } from "#iceberg";

function apply(transform: string, type: string, value: Scalar): Scalar {
  return applyTransform(parseTransform(transform), type, value);
}

const decimal = (unscaled: bigint, scale: number): Scalar => ({ unscaled, scale });
const bytes = Uint8Array.of(0, 1, 2, 3);

test.each<[string, Scalar, number]>([
  ["int", 34, 2_017_239_379],
  ["long", 34n, 2_017_239_379],
  ["decimal(9, 2)", decimal(1420n, 2), -500_754_589],
  ["date", 17_486, -653_330_422],
  ["time", 81_068_000_000, -662_762_989],
  ["timestamp", 1_510_871_468_000_000, -2_047_944_441],
  ["timestamptz", 1_510_871_468_000_001, -1_207_196_810],
  ["timestamp_ns", 1_510_871_468_000_000_000n, -2_047_944_441],
  ["timestamptz_ns", 1_510_871_468_000_001_001n, -1_207_196_810],
  ["string", "iceberg", 1_210_000_089],
  ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", 1_488_055_340],
  ["binary", bytes, -188_683_207],
  ["fixed[4]", bytes, -188_683_207],
])("bucket hashes %s as the specification does", (type, value, hash) => {
  // With the largest modulus the bucket shows the whole hash.
  expect(apply(`bucket[${2 ** 31 - 1}]`, type, value)).toBe((hash & 0x7fffffff) % (2 ** 31 - 1));
});

test.each<[number, string, Scalar, number]>([
  [100, "long", 34, 79],
  [100, "date", 17_486, 26],
  [100, "time", 81_068_000_000, 59],
  [100, "timestamp", 1_510_871_468_000_000, 7],
  [100, "decimal(9, 2)", decimal(1420n, 2), 59],
  [16, "decimal(9, 2)", decimal(-128n, 2), 13],
  [100, "string", "iceberg", 89],
  [100, "uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", 40],
  [128, "fixed[3]", new TextEncoder().encode("foo"), 32],
  [128, "binary", bytes, 57],
])("bucket[%i] of %s", (count, type, value, bucket) => {
  expect(apply(`bucket[${count}]`, type, value)).toBe(bucket);
});

test.each<[string, string, Scalar, Scalar]>([
  ["truncate[10]", "int", 1, 0],
  ["truncate[10]", "int", -1, -10],
  ["truncate[10]", "long", -(2n ** 62n), -4_611_686_018_427_387_910n],
  ["truncate[10]", "long", -(2n ** 63n), 9_223_372_036_854_775_806n],
  ["truncate[10]", "int", -(2 ** 31), 2_147_483_646],
  ["day", "timestamptz", 253_402_300_799_999_999n, 2_932_896],
  ["year", "timestamptz", 253_402_300_799_999_999n, 8029],
  ["truncate[50]", "decimal(9, 2)", decimal(1065n, 2), decimal(1050n, 2)],
  ["truncate[3]", "string", "iceberg", "ice"],
  ["truncate[2]", "string", "a🧊b", "a🧊"],
  ["truncate[2]", "binary", bytes, Uint8Array.of(0, 1)],
  ["year", "date", -1, -1],
  ["month", "date", -1, -1],
  ["month", "date", 17_486, 574],
  ["day", "timestamptz", -1, -1],
  ["day", "timestamp", 0, 0],
  ["day", "date", -5, -5],
  ["hour", "timestamptz", -1, -1],
  ["hour", "timestamptz", 3_600_000_000, 1],
  ["year", "timestamptz", -1, -1],
  ["year", "timestamptz", 1_510_871_468_000_000, 47],
  ["identity", "string", "x", "x"],
  ["void", "string", "x", null],
  ["day", "timestamptz", null, null],
  ["bucket[4]", "string", null, null],
])("%s of %s", (transform, type, value, result) => {
  expect(apply(transform, type, value)).toEqual(result);
});

test("transforms that a type does not allow are refused", () => {
  expect(canTransform(parseTransform("bucket[4]"), "double")).toBe(false);
  expect(canTransform(parseTransform("hour"), "date")).toBe(false);
  expect(canTransform(parseTransform("zorder"), "long")).toBe(false);
  expect(() => apply("bucket[4]", "double", 1)).toThrow(/cannot be applied/);
  expect(parseTransform("bucket[0]")).toEqual({ kind: "unknown", name: "bucket[0]" });
});
