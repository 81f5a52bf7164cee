// Avro container files: round trips, 64-bit integers, blocks, and files that are not what they claim.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { LakeError } from "#core";
import { readAvroFile, writeAvroFile, type AvroSchema } from "#codec";

const SCHEMA: AvroSchema = {
  type: "record",
  name: "row",
  fields: [
    { name: "id", type: "long", "field-id": 1 },
    { name: "name", type: ["null", "string"], default: null },
    { name: "score", type: "double" },
    { name: "flag", type: "boolean" },
    { name: "small", type: "int" },
    { name: "raw", type: "bytes" },
    { name: "fixed", type: { type: "fixed", name: "f4", size: 4 } },
    { name: "again", type: ["null", "f4"] },
    {
      name: "sizes",
      type: {
        type: "array",
        logicalType: "map",
        items: {
          type: "record",
          name: "k1_v2",
          fields: [
            { name: "key", type: "int" },
            { name: "value", type: "long" },
          ],
        },
      },
    },
    { name: "tags", type: { type: "map", values: "string" } },
  ],
};

const row = fc.record({
  id: fc
    .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
    .map((id) => (Number.isSafeInteger(Number(id)) ? Number(id) : id)),
  name: fc.option(fc.string({ unit: "grapheme" })),
  score: fc.double(),
  flag: fc.boolean(),
  small: fc.integer(),
  raw: fc.uint8Array(),
  fixed: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  again: fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 })),
  sizes: fc.array(fc.record({ key: fc.integer(), value: fc.maxSafeInteger() }), { maxLength: 4 }),
  tags: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }).map((tags) => new Map(Object.entries(tags))),
});

test.each(["null", "deflate"] as const)("records survive a %s file", (codec) => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
      const file = readAvroFile(writeAvroFile(SCHEMA, new Map([["k", Uint8Array.of(1, 2)]]), rows, codec));
      expect(file.records).toEqual(rows);
      expect(file.metadata).toEqual(new Map([["k", Uint8Array.of(1, 2)]]));
      expect(file.schema).toEqual(SCHEMA);
    }),
    { numRuns: 100 },
  );
});

test("long files have several blocks, and equal input gives equal bytes", () => {
  const rows = Array.from({ length: 40_000 }, (_, index) => ({ text: `row number ${index}` }));
  const schema: AvroSchema = { type: "record", name: "t", fields: [{ name: "text", type: "string" }] };
  const file = writeAvroFile(schema, new Map(), rows, "deflate");
  expect(readAvroFile(file).records).toEqual(rows);
  expect(writeAvroFile(schema, new Map(), rows, "deflate")).toEqual(file);
});

test("damaged files are refused as metadata_invalid", () => {
  const schema: AvroSchema = { type: "record", name: "t", fields: [{ name: "text", type: "string" }] };
  const file = writeAvroFile(schema, new Map(), [{ text: "hello" }], "null");
  const outcomes = Array.from({ length: file.length }, (_, length) => {
    try {
      return String(readAvroFile(file.slice(0, length)).records.length);
    } catch (error) {
      return error instanceof LakeError ? error.code : "crashed";
    }
  });
  // Only a cut right behind the header leaves a shorter valid file.
  expect(outcomes.filter((outcome) => outcome !== "metadata_invalid")).toEqual(["0"]);
  expect(() => writeAvroFile(schema, new Map(), [{ text: 1 }], "null")).toThrow(/expected a string/);
  expect(() => readAvroFile(Uint8Array.from([...file].with(0, 0)))).toThrow(/Obj/);
});

test("an unsafe length cannot make the reader allocate or loop", () => {
  const schema: AvroSchema = { type: "record", name: "t", fields: [{ name: "v", type: "bytes" }] };
  const file = writeAvroFile(schema, new Map(), [{ v: new Uint8Array(3) }], "null");
  const corrupted = file.slice();
  corrupted[corrupted.length - 16 - 4] = 0xff;
  expect(() => readAvroFile(corrupted)).toThrow(/Avro/);
});
