// Bounds as bytes: Appendix D of the specification, truncation, and old widths after type promotion.

import { expect, test } from "vitest";
import type { Scalar } from "#columnar";
import { bytesToHex } from "#core";
import { scalarToSingleValue, singleValueToScalar } from "#iceberg";
import { truncateBytesUpward, truncateString, truncateStringUpward } from "../../../src/iceberg/bound-truncation.ts";

test.each<[string, Scalar, string]>([
  ["boolean", true, "01"],
  ["int", -2, "feffffff"],
  ["date", 17_486, "4e440000"],
  ["long", -9_007_199_254_740_993n, "ffffffffffffdfff"],
  ["timestamptz", 1_510_871_468_000_000, "00c3262d215e0500"],
  ["float", 1.5, "0000c03f"],
  ["double", -0, "0000000000000080"],
  ["string", "é🧊", "c3a9f09fa78a"],
  ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "f79c3e09677c4bbda4793f349cb785e7"],
  ["fixed[2]", Uint8Array.of(255, 0), "ff00"],
  ["decimal(9, 2)", { unscaled: 1420n, scale: 2 }, "058c"],
  ["decimal(9, 2)", { unscaled: -1n, scale: 2 }, "ff"],
  ["decimal(9, 2)", { unscaled: 128n, scale: 2 }, "0080"],
])("%s round trips through its bytes", (type, value, hex) => {
  const bytes = scalarToSingleValue(type, value);
  expect(bytesToHex(bytes)).toBe(hex);
  expect(singleValueToScalar(type, bytes)).toEqual(value);
});

test("promoted columns keep the width they were written with", () => {
  expect(singleValueToScalar("long", scalarToSingleValue("int", -7))).toBe(-7);
  expect(singleValueToScalar("double", scalarToSingleValue("float", 0.5))).toBe(0.5);
  expect(singleValueToScalar("long", Uint8Array.of(1))).toBeUndefined();
});

test("I26 an upper bound is never below the text, in code point order", () => {
  expect(truncateString("a🧊bc", 2)).toBe("a🧊");
  expect(truncateStringUpward("short", 16)).toBe("short");
  expect(truncateStringUpward("abcd", 3)).toBe("abd");
  expect(truncateStringUpward("ab\uD7FFx", 3)).toBe("ab\uE000");
  expect(truncateStringUpward("a\u{10FFFF}\u{10FFFF}x", 3)).toBe("b");
  expect(truncateStringUpward("\u{10FFFF}x", 1)).toBeUndefined();
  expect(truncateBytesUpward(Uint8Array.of(1, 255, 255), 2)).toEqual(Uint8Array.of(2));
  expect(truncateBytesUpward(Uint8Array.of(255, 255), 1)).toBeUndefined();
  expect(truncateBytesUpward(Uint8Array.of(1, 2), 2)).toEqual(Uint8Array.of(1, 2));
});
