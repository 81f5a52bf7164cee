import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "vitest";
import { stringToUtf8, utf8ToString } from "../../../src/core/index.ts";
import { encodePuffin, readPuffinBlob, readPuffinFooter, type PuffinBlobDraft } from "../../../src/iceberg/puffin.ts";
import type { RangeReader } from "../../../src/parquet/index.ts";

const GOLDEN = resolve(import.meta.dirname, "../../golden/puffin");

function readerOf(bytes: Uint8Array): RangeReader {
  return {
    sizeBytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  };
}

function golden(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(GOLDEN, name)));
}

const SECOND = "some blob \u0000 binary data 🤯 that is not very very very very very very long, is it?";

function blobDraft(type: string, field: number, text: string): PuffinBlobDraft {
  return { type, fields: [field], bytes: stringToUtf8(text), properties: {}, snapshotId: 2n, sequenceNumber: 1n };
}

describe("puffin files of Iceberg's tests", () => {
  test("I130 a file without blobs reads, and is written byte for byte", async ({ expect }) => {
    const bytes = golden("empty-puffin-uncompressed.bin");
    expect(await readPuffinFooter(readerOf(bytes))).toEqual({ blobs: [], properties: {} });
    expect(encodePuffin([]).bytes).toEqual(bytes);
  });

  test.for([
    ["sample-metric-data-uncompressed.bin", undefined],
    ["sample-metric-data-compressed-zstd.bin", "zstd"],
  ] as const)("I130 the blobs of %s read", async ([name, codec], { expect }) => {
    const reader = readerOf(golden(name));
    const { blobs, properties } = await readPuffinFooter(reader);
    expect(properties).toEqual({ "created-by": "Test 1234" });
    expect(blobs.map(({ type, fields, codec: each }) => ({ type, fields, codec: each }))).toEqual([
      { type: "some-blob", fields: [1], codec },
      { type: "some-other-blob", fields: [2], codec },
    ]);
    const texts = await Promise.all(blobs.map(async (blob) => utf8ToString(await readPuffinBlob(reader, blob))));
    expect(texts).toEqual(["abcdefghi", SECOND]);
  });

  test("I130 the uncompressed sample is written byte for byte", ({ expect }) => {
    const { bytes, footer } = encodePuffin(
      [blobDraft("some-blob", 1, "abcdefghi"), blobDraft("some-other-blob", 2, SECOND)],
      { "created-by": "Test 1234" },
    );
    expect(bytes).toEqual(golden("sample-metric-data-uncompressed.bin"));
    expect(footer.blobs.map((each) => each.offset)).toEqual([4, 13]);
  });
});

describe("damaged puffin files", () => {
  test("C130 a file cut short anywhere is refused", async ({ expect }) => {
    const bytes = golden("sample-metric-data-uncompressed.bin");
    for (let length = 0; length < bytes.length; length += 7) {
      await expect(readPuffinFooter(readerOf(bytes.subarray(0, length)))).rejects.toMatchObject({
        code: "data_invalid",
      });
    }
  });

  test("C130 blobs outside the file and unknown codecs are refused", async ({ expect }) => {
    const text = utf8ToString(golden("sample-metric-data-uncompressed.bin"));
    for (const [from, to] of [
      ['"offset":13', '"offset":1 '],
      ['"length":9,', '"length":-9'],
      ['"length":9', '"length":"'],
    ] as const) {
      const damaged = stringToUtf8(text.replace(from, to));
      if (damaged.length !== stringToUtf8(text).length && to !== '"length":"') continue;
      await expect(readPuffinFooter(readerOf(damaged))).rejects.toMatchObject({ code: "data_invalid" });
    }
    const { bytes } = encodePuffin([{ type: "t", fields: [], bytes: stringToUtf8("abc"), properties: { codec: "x" } }]);
    const odd = stringToUtf8(utf8ToString(bytes).replace('"fields"', '"compre"'));
    await expect(readPuffinFooter(readerOf(odd))).rejects.toMatchObject({ code: "data_invalid" });
  });

  test("a compressed footer and an lz4 blob are refused by name", async ({ expect }) => {
    const bytes = golden("empty-puffin-uncompressed.bin").slice();
    bytes[bytes.length - 8] = 1;
    await expect(readPuffinFooter(readerOf(bytes))).rejects.toMatchObject({ code: "unsupported_operation" });
    const blob = {
      type: "t",
      fields: [],
      snapshotId: -1n,
      sequenceNumber: -1n,
      offset: 4,
      lengthBytes: 2,
      codec: "lz4",
      properties: {},
    } as const;
    await expect(readPuffinBlob(readerOf(bytes), blob)).rejects.toMatchObject({ code: "unsupported_operation" });
  });
});
