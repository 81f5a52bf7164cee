import { expect, test } from "vitest";
import { fieldIdsByPath, nameMappingToText, parseNameMapping, pathKey, schemaNameMapping } from "#iceberg";

// The example of the specification, Appendix C.
const EXAMPLE = `[ { "field-id": 1, "names": ["id", "record_id"] },
   { "field-id": 2, "names": ["data"] },
   { "field-id": 3, "names": ["location"], "fields": [
       { "field-id": 4, "names": ["latitude", "lat"] },
       { "field-id": 5, "names": ["longitude", "long"] }
     ] } ]`;

test("the specification's example maps every path to its field", () => {
  const ids = fieldIdsByPath(parseNameMapping(EXAMPLE));
  expect(ids.get(pathKey(["id"]))).toBe(1);
  expect(ids.get(pathKey(["record_id"]))).toBe(1);
  expect(ids.get(pathKey(["location"]))).toBe(3);
  expect(ids.get(pathKey(["location", "lat"]))).toBe(4);
  expect(ids.get(pathKey(["location", "longitude"]))).toBe(5);
  expect(ids.get(pathKey(["lat"]))).toBeUndefined();
  expect(ids.size).toBe(8);
});

test("a dotted name is one name, and fields without names or ids are passed over", () => {
  const ids = fieldIdsByPath(
    parseNameMapping(`[{"names":["a.b"],"field-id":7},{"names":[],"field-id":8,"fields":[{"names":["x"],"field-id":9}]},
      {"names":["extra"],"fields":[{"names":["inner"],"field-id":10}]}]`),
  );
  expect(ids.get(pathKey(["a.b"]))).toBe(7);
  expect(ids.get(pathKey(["a", "b"]))).toBeUndefined();
  expect(ids.get(pathKey(["extra", "inner"]))).toBe(10);
  expect([...ids.values()].toSorted((a, b) => a - b)).toEqual([7, 10]);
});

test("a schema's own mapping names lists and maps as the specification does, and reads back", () => {
  const mapping = schemaNameMapping({
    type: "struct",
    "schema-id": 0,
    fields: [
      {
        id: 1,
        name: "tags",
        required: false,
        type: { type: "list", "element-id": 2, "element-required": false, element: "string" },
      },
      {
        id: 3,
        name: "m",
        required: false,
        type: { type: "map", "key-id": 4, key: "string", "value-id": 5, "value-required": false, value: "long" },
      },
    ],
  });
  expect(parseNameMapping(nameMappingToText(mapping))).toEqual(mapping);
  const ids = fieldIdsByPath(mapping);
  expect(ids.get(pathKey(["tags", "element"]))).toBe(2);
  expect(ids.get(pathKey(["m", "key"]))).toBe(4);
  expect(ids.get(pathKey(["m", "value"]))).toBe(5);
});

test.each([
  ["not JSON", "{", /not JSON/],
  ["no list", "{}", /must be an array/],
  ["a number for a name", '[{"names":[1],"field-id":1}]', /names\[0\] must be a string/],
  ["a name of two fields", '[{"names":["a"],"field-id":1},{"names":["a"],"field-id":2}]', /one name to two fields/],
  ["endless nesting", `${'[{"names":["a"],"fields":'.repeat(70)}[]${"}]".repeat(70)}`, /deeper than 64/],
])("%s is refused", (_what, text, reason) => {
  expect(() => parseNameMapping(text)).toThrow(reason);
});
