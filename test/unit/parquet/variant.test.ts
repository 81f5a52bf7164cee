// Variants of Spark and Iceberg, and our own: their JSON, and the pieces of shredded ones put together.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, test } from "vitest";
import { concatBytes, required } from "#core";
import { constantVector, scalarAt, vectorFromScalars, type DataType, type Scalar } from "#columnar";
import {
  VARIANT_TYPE,
  encodeParquet,
  jsonToVariant,
  readParquetMetadata,
  scanParquet,
  variantToJson,
  type Variant,
} from "#parquet";
import { bytesReader } from "../../support/parquet-files.ts";
import { loadParquetWasm } from "../../support/parquet-wasm.ts";

beforeAll(loadParquetWasm);

const GOLDEN = join(import.meta.dirname, "../../golden/parquet-variant");
const ENCODING = join(GOLDEN, "encoding");
const SHREDDED = join(GOLDEN, "shredded");

const bytesOf = (folder: string, name: string): Uint8Array => new Uint8Array(readFileSync(join(folder, name)));
const names = readdirSync(ENCODING)
  .filter((name) => name.endsWith(".value"))
  .map((name) => name.slice(0, -".value".length));

/** What data_dictionary.json says otherwise than JSON of a variant: rounded, or in Spark's own spelling. */
const SPELLED: { readonly [name: string]: string } = {
  primitive_decimal16: "12345678912345678.90",
  primitive_decimal8: "12345678.90",
  primitive_int64: "1234567890123456789",
  primitive_time: '"12:33:54.123456"',
  primitive_timestamp: '"2025-04-16T16:34:56.78+00:00"',
  primitive_timestampntz: '"2025-04-16T12:34:56.78"',
  primitive_float: "1234568000",
  long_string: JSON.stringify(
    "This string is for sure and certainly longer than 64 bytes and it also includes several non ascii characters such as 🐢, 💖, ♥️, 🎣 and 🤦!!",
  ),
};

const typeOf = (json: string): number => (jsonToVariant(json).value[0] as number) >> 2;

describe("the encoding", () => {
  // The file ends with a comma that JSON does not have.
  const meanings = JSON.parse(
    new TextDecoder().decode(bytesOf(ENCODING, "data_dictionary.json")).replace(/,\s*\}\s*$/, "}"),
  ) as { readonly [name: string]: unknown };

  test.for(names)("I272 reads Spark's %s", (name, { expect }) => {
    const variant: Variant = {
      metadata: bytesOf(ENCODING, `${name}.metadata`),
      value: bytesOf(ENCODING, `${name}.value`),
    };
    const text = variantToJson(variant);
    if (SPELLED[name] === undefined) expect(JSON.parse(text)).toEqual(meanings[name]);
    else expect(text).toBe(SPELLED[name]);
    // Its JSON written again has the same meaning.
    expect(variantToJson(jsonToVariant(text))).toBe(text);
  });

  test("I272 writes what Spark writes", ({ expect }) => {
    for (const name of ["array_empty", "array_primitive", "object_empty", "short_string"]) {
      const { value } = jsonToVariant(JSON.stringify(meanings[name]));
      expect(value, name).toEqual(bytesOf(ENCODING, `${name}.value`));
    }
  });

  test("the forms of numbers and texts", ({ expect }) => {
    expect(["127", "-128", "128", "32768", "2147483648", "-9223372036854775808"].map(typeOf)).toEqual([
      3, 3, 4, 5, 6, 6,
    ]);
    expect(["1.5", "1234567890.5", "9223372036854775808", "1e3", "-0.0"].map(typeOf)).toEqual([8, 9, 10, 7, 8]);
    expect(variantToJson(jsonToVariant("[1e21, 1.5e-7, 1.10, 123456789012345678901234567890.12]"))).toBe(
      "[1000000000000000000000, 0.00000015, 1.10, 123456789012345678901234567890.12]",
    );
    const long = "é".repeat(40);
    expect(variantToJson(jsonToVariant(JSON.stringify(long)))).toBe(JSON.stringify(long));
    expect(variantToJson(jsonToVariant('{"b": 1, "aa": 2, "a": {"__proto__": 3}, "b": 4}'))).toBe(
      '{"a": {"__proto__": 3}, "b": 4, "aa": 2}',
    );
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key${i}`, i]));
    expect(JSON.parse(variantToJson(jsonToVariant(JSON.stringify(many))))).toEqual(many);
    expect(() => jsonToVariant("{")).toThrow(expect.objectContaining({ code: "data_invalid" }));
    expect(() => jsonToVariant("1e999")).toThrow(expect.objectContaining({ code: "data_invalid" }));
    expect(() => jsonToVariant("[".repeat(200) + "]".repeat(200))).toThrow("levels");
  });

  test("I272 bytes that are cut or changed are refused, never read beyond", ({ expect }) => {
    const variant = jsonToVariant('{"a": [1, "two", {"b": 3.25}], "c": "x"}');
    for (let length = 0; length < variant.value.length; length++) {
      expect(() => variantToJson({ ...variant, value: variant.value.slice(0, length) })).toThrow(
        expect.objectContaining({ code: "data_invalid" }),
      );
    }
    for (let at = 0; at < variant.value.length; at++) {
      for (const byte of [0, 0x0f, 0x7f, 0xff]) {
        const value = variant.value.slice();
        value[at] = byte;
        try {
          variantToJson({ ...variant, value });
        } catch (error) {
          expect(error).toMatchObject({ code: "data_invalid" });
        }
      }
    }
    // An array of one element that is the array before it, over and over.
    const bomb = Uint8Array.from([3, 3, 0, 0, 0, 0]);
    expect(() => variantToJson({ metadata: Uint8Array.of(1, 0, 0), value: bomb })).toThrow("variant");
  });
});

interface Case {
  readonly case_number: number;
  readonly parquet_file?: string;
  readonly variant_file?: string;
  readonly variant_files?: readonly (string | null)[];
  readonly error_message?: string;
}

async function variantsOf(file: Uint8Array, type: DataType): Promise<Scalar[]> {
  const reader = bytesReader(file);
  const metadata = await readParquetMetadata(reader);
  const field = required(
    metadata.fields.find(({ name }) => name === "var"),
    "var",
  );
  const found: Scalar[] = [];
  const columns = [{ fieldId: required(field.fieldId, "an id"), type }];
  for await (const batch of scanParquet(reader, metadata, { columns, wideTimestamps: true })) {
    for (let row = 0; row < batch.rowCount; row++) found.push(scalarAt(required(batch.columns[0], "var"), row));
  }
  return found;
}

describe("shredded variants", () => {
  const cases = JSON.parse(new TextDecoder().decode(bytesOf(SHREDDED, "cases.json"))) as readonly Case[];
  const readable = cases.filter((each) => each.parquet_file !== undefined);

  test.for(readable)("I273 case $case_number", async (each, { expect }) => {
    const file = bytesOf(SHREDDED, required(each.parquet_file, "a file"));
    if (each.error_message !== undefined) {
      await expect(variantsOf(file, VARIANT_TYPE)).rejects.toMatchObject({
        code: expect.stringMatching(/^(data_invalid|unsupported_column_type)$/),
      });
      return;
    }
    const files = each.variant_files ?? [required(each.variant_file, "a variant")];
    const found = await variantsOf(file, VARIANT_TYPE);
    expect(found.length).toBe(files.length);
    const json = await variantsOf(file, { kind: "json" });
    for (const [row, name] of files.entries()) {
      const variant = found[row] as unknown as Variant | null;
      if (name === null) expect(variant).toBeNull();
      else {
        const whole = required(variant ?? undefined, "a variant");
        expect(concatBytes([whole.metadata, whole.value])).toEqual(bytesOf(SHREDDED, name));
        expect(json[row]).toBe(variantToJson(whole));
      }
    }
  });
});

describe("variants in files", () => {
  test("I271 are written as their bytes are, with the annotation", async ({ expect }) => {
    const values: Scalar[] = ['{"a": 1}', null, "[1, 2]", '"text"'].map((text) =>
      text === null ? null : (jsonToVariant(text) as unknown as Scalar),
    );
    // Bytes that we would not write so.
    values.push({ metadata: Uint8Array.of(0x01, 0, 0), value: Uint8Array.of(0x14, 1, 0, 0, 0) });
    const list: DataType = { kind: "list", element: VARIANT_TYPE, elementId: 3 };
    const { bytes } = encodeParquet(
      [
        { name: "var", fieldId: 1, type: VARIANT_TYPE, nullable: true },
        { name: "list", fieldId: 2, type: list, nullable: true },
      ],
      [
        {
          rowCount: 5,
          columns: [vectorFromScalars(VARIANT_TYPE, values), constantVector(list, [values[0] ?? null], 5)],
        },
      ],
    );
    const metadata = await readParquetMetadata(bytesReader(bytes));
    expect(metadata.fields[0]?.annotation).toBe("variant");
    expect(metadata.columns.map(({ path }) => path.join("."))).toEqual([
      "var.metadata",
      "var.value",
      "list.list.element.metadata",
      "list.list.element.value",
    ]);
    expect(await variantsOf(bytes, VARIANT_TYPE)).toEqual(values);
    expect(await variantsOf(bytes, { kind: "json" })).toEqual(['{"a": 1}', null, "[1, 2]", '"text"', "1"]);
  });
});
