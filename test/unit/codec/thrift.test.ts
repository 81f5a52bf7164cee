// Thrift structs survive reading and writing unchanged, known or not.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  ByteCursor,
  ByteSink,
  THRIFT_TYPE,
  readThriftStruct,
  thriftInteger,
  thriftStructToBytes,
  type ThriftField,
  type ThriftStruct,
  type ThriftValue,
} from "#codec";

const integer64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map((value) => {
  const narrow = Number(value);
  return Number.isSafeInteger(narrow) ? narrow : value;
});

const { struct } = fc.letrec<{ struct: ThriftStruct; field: ThriftField }>((tie) => ({
  field: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.boolean().map((value): ThriftField => ({ type: value ? 1 : 2, value })),
    fc.integer({ min: -128, max: 127 }).map((value): ThriftField => ({ type: THRIFT_TYPE.i8, value })),
    fc.integer().map((value): ThriftField => ({ type: THRIFT_TYPE.i32, value })),
    integer64.map((value): ThriftField => ({ type: THRIFT_TYPE.i64, value })),
    fc.double().map((value): ThriftField => ({ type: THRIFT_TYPE.double, value })),
    fc.uint8Array().map((bytes): ThriftField => ({ type: THRIFT_TYPE.binary, value: new Uint8Array(bytes) })),
    fc
      .array(fc.boolean(), { maxLength: 20 })
      .map((items): ThriftField => ({ type: THRIFT_TYPE.list, value: { elementType: 1, items } })),
    fc
      .array(tie("struct"), { maxLength: 20 })
      .map((items): ThriftField => ({ type: THRIFT_TYPE.set, value: { elementType: THRIFT_TYPE.struct, items } })),
    fc.array(fc.tuple(fc.integer(), integer64), { minLength: 1, maxLength: 5 }).map((entries): ThriftField => ({
      type: THRIFT_TYPE.map,
      value: { keyType: THRIFT_TYPE.i32, valueType: THRIFT_TYPE.i64, entries: entries as [ThriftValue, ThriftValue][] },
    })),
    tie("struct").map((value): ThriftField => ({ type: THRIFT_TYPE.struct, value })),
  ),
  struct: fc
    .array(fc.tuple(fc.integer({ min: 1, max: 300 }), tie("field")), { maxLength: 6 })
    .map((fields) => new Map(fields.toSorted(([a], [b]) => a - b))),
}));

test("a struct written and read is the same struct, and its bytes are stable", () => {
  fc.assert(
    fc.property(struct, (original) => {
      const bytes = thriftStructToBytes(original);
      const cursor = new ByteCursor(bytes);
      const read = readThriftStruct(cursor);
      expect(cursor.remaining).toBe(0);
      expect(read).toEqual(original);
      expect(thriftStructToBytes(read)).toEqual(bytes);
    }),
    { numRuns: 300 },
  );
});

test("64-bit varints keep every bit", () => {
  fc.assert(
    fc.property(integer64, (value) => {
      const sink = new ByteSink();
      sink.writeZigzag64(value);
      expect(new ByteCursor(sink.toBytes()).readZigzag64()).toBe(value);
    }),
    { numRuns: 1000, examples: [[-(2n ** 63n)], [2n ** 63n - 1n], [-1], [0], [2 ** 53 - 1], [-(2 ** 30)], [2 ** 30]] },
  );
});

const refused: readonly (readonly [string, readonly number[]])[] = [
  ["an unfinished struct", [0x15]],
  ["a varint without end", [0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ["a list that claims four billion elements", [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f]],
  ["a map that claims four billion pairs", [0x1b, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x55]],
  ["a binary longer than the rest", [0x18, 0x7f, 0x00]],
  ["a type that does not exist", [0x1d, 0x00]],
  ["structs nested without end", Array.from({ length: 100 }, () => 0x1c)],
  ["lists nested without end", [0x19, ...Array.from({ length: 100 }, () => 0x19)]],
];

test.each(refused)("C100 %s is refused", (_what, bytes) => {
  expect(() => readThriftStruct(new ByteCursor(new Uint8Array(bytes)))).toThrow(
    expect.objectContaining({ code: "data_invalid" }),
  );
});

test("a field of another type than expected is corruption", () => {
  const text: ThriftStruct = new Map([[1, { type: THRIFT_TYPE.binary, value: new Uint8Array(1) }]]);
  expect(() => thriftInteger(text, 1)).toThrow(expect.objectContaining({ code: "data_invalid" }));
  expect(thriftInteger(text, 2)).toBeUndefined();
});
