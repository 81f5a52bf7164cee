// Examples of the Iceberg table specification, Appendix D, "JSON single-value serialization".

import { expect, test } from "vitest";
import type { Scalar } from "#columnar";
import { defaultToJson, icebergTypeToDataType, jsonToDefault, missingColumnValues, schemaToColumns } from "#iceberg";

test.each<[string, unknown, Scalar]>([
  ["boolean", true, true],
  ["int", 34, 34],
  ["long", 34, 34],
  ["long", 9_223_372_036_854_775_807n, 9_223_372_036_854_775_807n],
  ["float", 1, 1],
  ["double", 1.5, 1.5],
  ["decimal(9, 2)", "14.20", { unscaled: 1420n, scale: 2 }],
  ["decimal(9, 2)", "-0.05", { unscaled: -5n, scale: 2 }],
  ["decimal(9, 0)", "14", { unscaled: 14n, scale: 0 }],
  ["date", "2017-11-16", 17_486],
  ["date", "1969-12-31", -1],
  ["time", "22:31:08.123456", 81_068_123_456],
  ["timestamp", "2017-11-16T22:31:08.123456", 1_510_871_468_123_456],
  ["timestamptz", "2017-11-16T22:31:08.123456+00:00", 1_510_871_468_123_456],
  ["timestamp", "1969-12-31T23:59:59.999999", -1],
  ["timestamp_ns", "2017-11-16T22:31:08.123456789", 1_510_871_468_123_456_789n],
  ["timestamptz_ns", "2017-11-16T22:31:08.123456789+00:00", 1_510_871_468_123_456_789n],
  ["string", "iceberg", "iceberg"],
  ["uuid", "f79c3e09-677c-4bbd-a479-3f349cb785e7", "f79c3e09-677c-4bbd-a479-3f349cb785e7"],
  ["fixed[4]", "000102ff", Uint8Array.of(0, 1, 2, 255)],
  ["binary", "000102ff", Uint8Array.of(0, 1, 2, 255)],
  ["binary", "", new Uint8Array(0)],
  ["string", null, null],
])("a default of %s", (type, json, value) => {
  expect(jsonToDefault(type, json)).toEqual(value);
  expect(defaultToJson(type, value)).toEqual(json);
});

test.each<[string, unknown]>([
  ["boolean", 1],
  ["int", 2 ** 31],
  ["int", 1.5],
  ["long", 2n ** 63n],
  ["decimal(9, 2)", "1.234"],
  ["decimal(9, 2)", "1,2"],
  ["date", "2017-02-30"],
  ["time", "24:00:00"],
  ["timestamp", "2017-11-16T22:31:08.123456+00:00"],
  ["timestamptz", "2017-11-16T22:31:08.123456"],
  ["timestamptz", "2017-11-16T22:31:08.123456-08:00"],
  ["uuid", "f79c3e09"],
  ["fixed[4]", "0001"],
  ["binary", "0g"],
  ["variant", "x"],
  ["geometry", "POINT (30 10)"],
])("%s has defaults unlike the given one", (type, json) => {
  expect(() => jsonToDefault(type, json)).toThrow(/A default value is none of type/);
});

test("nested defaults take the members' own", () => {
  const point = {
    type: "struct",
    fields: [
      { id: 2, name: "x", required: false, type: "int", "initial-default": 0 },
      { id: 3, name: "y", required: false, type: "int" },
    ],
  } as const;
  expect(jsonToDefault(point, {})).toEqual({ x: 0, y: null });
  expect(
    jsonToDefault({ type: "list", "element-id": 1, "element-required": true, element: "date" }, ["1970-01-02"]),
  ).toEqual([1]);
  expect(
    jsonToDefault(
      { type: "map", "key-id": 1, key: "string", "value-id": 2, "value-required": false, value: "int" },
      { keys: ["a", "b"], values: [1, null] },
    ),
  ).toEqual([
    ["a", 1],
    ["b", null],
  ]);
  expect(icebergTypeToDataType(point)).toMatchObject({
    fields: [
      { id: 2, missing: 0 },
      { id: 3, required: false },
    ],
  });
});

test("I111 a column a file lacks is its identity partition's value, else its initial default", () => {
  const schema = {
    type: "struct",
    "schema-id": 0,
    fields: [
      { id: 1, name: "a", required: true, type: "string", "initial-default": "unset" },
      { id: 2, name: "b", required: false, type: "date", "initial-default": "1970-01-11" },
      { id: 3, name: "c", required: false, type: "long" },
    ],
  } as const;
  const spec = {
    "spec-id": 1,
    fields: [
      { "source-id": 1, "field-id": 1000, name: "a", transform: "identity" },
      { "source-id": 3, "field-id": 1001, name: "c_bucket", transform: "bucket[4]" },
      { "source-id": 9, "field-id": 1002, name: "dropped", transform: "identity" },
    ],
  };
  expect([...missingColumnValues(schema, spec, ["hive", 3, 5])]).toEqual([
    [1, "hive"],
    [2, 10],
  ]);
  expect(missingColumnValues(schema, spec, [null, null, null]).get(1)).toBe("unset");
  expect(schemaToColumns(schema).map(({ missing }) => missing)).toEqual(["unset", 10, undefined]);
});
