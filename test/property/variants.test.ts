// Any JSON is stored as a variant and read as the same JSON, alone, in files and beside its equals.

import { assert as assertProperty, array, jsonValue, property, uint8Array } from "fast-check";
import { beforeAll, test } from "vitest";
import { scalarAt, vectorFromScalars, type Scalar } from "#columnar";
import { VARIANT_TYPE, encodeParquet, jsonToVariant, readParquetMetadata, scanParquet, variantToJson } from "#parquet";
import { bytesReader } from "../support/parquet-files.ts";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

/** What JSON.parse gives for a text: -0 is 0, and unpaired surrogates are U+FFFD. */
function normal(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown) => (Object.is(value, -0) ? 0 : value));
}

test("I272 JSON survives as a variant", ({ expect }) => {
  assertProperty(
    property(jsonValue({ maxDepth: 5 }), (value) => {
      const text = JSON.stringify(value).toWellFormed();
      const back = variantToJson(jsonToVariant(text));
      expect(normal(back)).toEqual(normal(text));
      // Its own text is a fixed point.
      expect(variantToJson(jsonToVariant(back))).toBe(back);
    }),
    { numRuns: 300 },
  );
});

test("I271 variants survive files with their bytes", async ({ expect }) => {
  const rows = array(jsonValue({ maxDepth: 3 }), { minLength: 1, maxLength: 30 });
  const samples: unknown[][] = [];
  assertProperty(
    property(rows, (values) => {
      samples.push(values);
    }),
    { numRuns: 20 },
  );
  for (const values of samples) {
    const variants = values.map((value, row): Scalar => {
      if (row % 4 === 3) return null;
      const { metadata, value: bytes } = jsonToVariant(JSON.stringify(value).toWellFormed());
      return { metadata, value: bytes };
    });
    const field = { name: "v", fieldId: 1, type: VARIANT_TYPE, nullable: true };
    const batch = { rowCount: variants.length, columns: [vectorFromScalars(VARIANT_TYPE, variants)] };
    const { bytes } = encodeParquet([field], [batch]);
    const reader = bytesReader(bytes);
    const found: Scalar[] = [];
    for await (const read of scanParquet(reader, await readParquetMetadata(reader), { columns: [{ fieldId: 1 }] })) {
      for (const column of read.columns)
        for (let row = 0; row < read.rowCount; row++) found.push(scalarAt(column, row));
    }
    expect(found).toEqual(variants);
  }
});

test("I272 no bytes make the reading of a variant hang or fail otherwise", ({ expect }) => {
  const bytes = uint8Array({ maxLength: 60 });
  assertProperty(
    property(bytes, bytes, (metadata, value) => {
      try {
        expect(typeof variantToJson({ metadata: Uint8Array.of(1, 2, 0, 1, 2, 97, 98, ...metadata), value })).toBe(
          "string",
        );
      } catch (error) {
        expect(error).toMatchObject({ code: "data_invalid" });
      }
    }),
    { numRuns: 1000 },
  );
});
