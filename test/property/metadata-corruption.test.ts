// Damaged metadata files of real tables: whatever byte or JSON value is wrong, reading ends in one of our errors or in
// metadata that holds together. Nothing else is thrown, nothing hangs, and no length is believed before it is checked.

import * as fc from "fast-check";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { LakeError, concatBytes, parseJson, stringToUtf8, stringifyJson, utf8ToString } from "#core";
import { readAvroFile, writeAvroFile } from "#codec";
import {
  currentSnapshot,
  dataFileToJson,
  decodeManifestList,
  encodeTableMetadata,
  readDeleteManifestEntries,
  readManifestEntries,
  readSnapshotManifests,
  type FileIO,
  type IcebergPredicate,
  type TableMetadata,
} from "#iceberg";
import { bytesToDeletionVector } from "../../src/iceberg/deletion-vector.ts";
import { encodeManifestList } from "../../src/iceberg/manifest-write.ts";
import { decodeTableMetadata } from "../../src/iceberg/metadata-json.ts";
import { readPuffinBlob, readPuffinFooter } from "../../src/iceberg/puffin.ts";
import { planTableScan } from "../../src/iceberg/scan-plan.ts";
import { goldenTables, type GoldenTable } from "../support/golden-lake.ts";
import { bytesReader } from "../support/parquet-files.ts";

const TABLES = goldenTables();
const CODES = ["metadata_invalid", "data_invalid", "unsupported_operation", "memory_limit_exceeded"];

/** Undefined when reading ended as it may; else what it ended with. */
async function badEnd(read: () => unknown): Promise<unknown> {
  try {
    await read();
    return undefined;
  } catch (error) {
    return error instanceof LakeError && CODES.includes(error.code) ? undefined : error;
  }
}

/** Changes to bytes as damage and malice make them. */
type Damage =
  | { readonly kind: "set"; readonly at: number; readonly value: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "splice"; readonly from: number; readonly at: number; readonly length: number }
  | { readonly kind: "remove"; readonly at: number; readonly length: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array };

/** Varints that count or measure: just beyond 2^31, 2^53 and 2^63, and their negatives. */
const LYING_LENGTHS = [
  [0xfe, 0xff, 0xff, 0xff, 0x0f],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f],
  [0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
].map((bytes) => Uint8Array.from(bytes));

const damage: fc.Arbitrary<Damage> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("set" as const), at: fc.nat(), value: fc.nat(255) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cut" as const), at: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("splice" as const), from: fc.nat(), at: fc.nat(), length: fc.nat(200) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove" as const), at: fc.nat(), length: fc.nat(40) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("insert" as const),
      at: fc.nat(),
      bytes: fc.oneof(fc.constantFrom(...LYING_LENGTHS), fc.uint8Array({ maxLength: 12 })),
    }),
  },
);
const damages = fc.array(damage, { minLength: 1, maxLength: 4 });

function apply(bytes: Uint8Array, all: readonly Damage[]): Uint8Array {
  let result = bytes.slice();
  for (const change of all) {
    const at = result.length === 0 ? 0 : change.at % result.length;
    switch (change.kind) {
      case "set":
        if (result.length > 0) result[at] = change.value;
        break;
      case "cut":
        result = result.slice(0, at);
        break;
      case "splice": {
        const from = change.from % Math.max(1, result.length);
        result.set(result.slice(from, from + Math.min(change.length, result.length - at)), at);
        break;
      }
      case "remove":
        result = concatBytes([result.subarray(0, at), result.subarray(at + change.length)]);
        break;
      case "insert":
        result = concatBytes([result.subarray(0, at), change.bytes, result.subarray(at)]);
        break;
    }
  }
  return result;
}

const refuse = (): Promise<never> => Promise.reject(new Error("only reads"));

function fileIO(files: ReadonlyMap<string, Uint8Array>): FileIO {
  return {
    read(location) {
      const bytes = files.get(location);
      return bytes === undefined
        ? Promise.reject(new LakeError("metadata_invalid", `${location} does not exist.`))
        : Promise.resolve(bytes);
    },
    reaches: () => true,
    write: refuse,
    delete: refuse,
    list: () => {
      throw new Error("only reads");
    },
  };
}

/** One predicate of every operator on every primitive column. */
function predicatesOf(metadata: TableMetadata): IcebergPredicate[] {
  const schema = metadata.schemas.at(-1);
  return (schema?.fields ?? []).flatMap(({ id, type }): IcebergPredicate[] => {
    if (typeof type !== "string") return [{ fieldId: id, operator: "is_not_null", values: [] }];
    const value = { string: "m", boolean: true, double: 1.5, float: 1.5, binary: Uint8Array.of(1) }[type] ?? 1000;
    return type.startsWith("decimal") || type === "uuid" || type.startsWith("fixed")
      ? [{ fieldId: id, operator: "is_null", values: [] }]
      : [{ fieldId: id, operator: "<=", values: [value] }];
  });
}

/** Reads all that the metadata leads to, and looks at every value. */
async function readEverything(metadata: TableMetadata, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const io = fileIO(files);
  const snapshot = currentSnapshot(metadata);
  for (const predicate of predicatesOf(metadata)) await planTableScan(io, metadata, { predicates: [predicate] });
  if (snapshot === undefined) return;
  for (const manifest of await readSnapshotManifests(io, snapshot)) {
    if (manifest.content === "data") {
      for (const { dataFile } of await readManifestEntries(io, metadata, manifest))
        stringifyJson(dataFileToJson(dataFile));
    } else await readDeleteManifestEntries(io, metadata, manifest);
  }
}

/** A file of a golden table that planning reads. */
function filesEnding(suffix: RegExp): readonly (readonly [GoldenTable, string])[] {
  return TABLES.flatMap((table) =>
    [...table.files.keys()].filter((location) => suffix.test(location)).map((location) => [table, location] as const),
  );
}

const AVRO_FILES = filesEnding(/\.avro$/);

/** Avro files hide their records behind deflate or zstd: damage has to reach them. */
function uncompressed(bytes: Uint8Array): Uint8Array {
  const { schema, metadata, records } = readAvroFile(bytes);
  return writeAvroFile(schema, metadata, records, "null");
}

const PLAIN_AVRO = AVRO_FILES.map(([table, location]) => {
  const bytes = uncompressed(table.files.get(location) ?? new Uint8Array(0));
  return { table, location, bytes };
});

describe("damaged Avro files", () => {
  test("I182 undamaged files are read", async () => {
    for (const { table, location, bytes } of PLAIN_AVRO) {
      await readEverything(table.metadata, new Map([...table.files, [location, bytes]]));
    }
    expect(PLAIN_AVRO.length).toBeGreaterThan(20);
  });

  test("I182 damage within records ends in an error or in values", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PLAIN_AVRO), damages, async ({ table, location, bytes }, all) => {
        const files = new Map([...table.files, [location, apply(bytes, all)]]);
        expect(await badEnd(() => readEverything(table.metadata, files))).toBeUndefined();
      }),
      { numRuns: 150 },
    );
  });

  test("I182 damage of compressed files ends in an error or in values", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...AVRO_FILES), damages, async ([table, location], all) => {
        const damaged = apply(table.files.get(location) ?? new Uint8Array(0), all);
        const files = new Map([...table.files, [location, damaged]]);
        expect(await badEnd(() => readEverything(table.metadata, files))).toBeUndefined();
      }),
      { numRuns: 80 },
    );
  });

  test("I182 a manifest in place of another, or of a list, ends in an error or in values", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...PLAIN_AVRO), fc.constantFrom(...PLAIN_AVRO), async (target, other) => {
        const files = new Map([...target.table.files, [target.location, other.bytes]]);
        expect(await badEnd(() => readEverything(target.table.metadata, files))).toBeUndefined();
      }),
      { numRuns: 80 },
    );
  });
});

const avroName = fc.constantFrom("a", "b", "r", "constructor", "__proto__", "toString", "null", "record", "long", "");
const { schema: anySchema } = fc.letrec<{ readonly schema: unknown }>((tie) => ({
  schema: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<unknown>("null", "boolean", "int", "long", "float", "double", "bytes", "string"),
    avroName,
    fc.constantFrom<unknown>(null, 1, true, {}, [], { type: null }, { type: {} }, { type: "fixed", name: "f" }),
    fc.array(tie("schema"), { maxLength: 3 }),
    fc.record({ type: fc.constantFrom("array", "map"), items: tie("schema"), values: tie("schema") }),
    fc.record({
      type: fc.constant("fixed"),
      name: avroName,
      size: fc.constantFrom<unknown>(0, -1, 3, 1e12, "4", null),
    }),
    fc.record({ type: fc.constant("enum"), name: avroName, symbols: fc.constantFrom<unknown>(["x"], null, "xyz") }),
    fc.record({
      type: fc.constant("record"),
      name: fc.oneof(avroName, fc.constantFrom<unknown>(null, 5)),
      fields: fc.oneof(
        fc.array(fc.record({ name: avroName, type: tie("schema") }), { maxLength: 4 }),
        fc.constantFrom<unknown>(null, {}, "ab", [null]),
      ),
    }),
    fc.record({ type: tie("schema") }),
  ),
}));

/** A container file with any text for a schema. */
function avroFile(schema: string, count: number, data: Uint8Array, codec: "null" | "deflate"): Uint8Array {
  const header = writeAvroFile("null", new Map(), [], codec);
  const from = utf8ToString(header).indexOf('"null"');
  const body = codec === "deflate" ? deflateRawSync(data) : data;
  const sync = header.subarray(-16);
  return concatBytes([
    header.subarray(0, from - 1),
    varint(stringToUtf8(schema).length),
    stringToUtf8(schema),
    header.subarray(from + 6),
    varint(count),
    varint(body.length),
    body,
    sync,
  ]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value * 2;
  while (rest > 127) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}

describe("hostile Avro schemas", () => {
  test("I182 any JSON for a schema ends in an error or in values", async () => {
    await fc.assert(
      fc.asyncProperty(anySchema, fc.uint8Array({ maxLength: 30 }), fc.nat(3), async (schema, data, count) => {
        const file = avroFile(stringifyJson(schema) ?? "null", count, data, "null");
        expect(await badEnd(() => readAvroFile(file))).toBeUndefined();
        expect(await badEnd(() => decodeManifestList(file))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test.for([
    ["a type that holds itself", '{"type":"record","name":"r","fields":[{"name":"next","type":"r"}]}'],
    [
      "a list of itself as deep as the data",
      '{"type":"record","name":"r","fields":[{"name":"n","type":{"type":"array","items":"r"}}]}',
    ],
    ["types within types", `${'{"type":'.repeat(20_000)}"int"${"}".repeat(20_000)}`],
    ["arrays within arrays", `${'{"type":"array","items":'.repeat(5000)}"int"${"}".repeat(5000)}`],
    ["arrays of nothing", '{"type":"array","items":"null"}'],
    ["arrays of empty records", '{"type":"array","items":{"type":"record","name":"r","fields":[]}}'],
  ] as const)("I182 %s", async ([, schema]) => {
    // Every byte reads as a count of one, of a hundred thousand, or as a false one.
    for (const byte of [0x00, 0x02, 0x03, 0xff]) {
      const data = new Uint8Array(200_000).fill(byte);
      const startedMs = performance.now();
      expect(await badEnd(() => readAvroFile(avroFile(schema, 1, data, "null")))).toBeUndefined();
      expect(performance.now() - startedMs).toBeLessThan(5000);
    }
    const runs = concatBytes(Array.from({ length: 3000 }, () => varint(150_000)));
    const startedMs = performance.now();
    const data = concatBytes([runs, new Uint8Array(150_000)]);
    expect(await badEnd(() => readAvroFile(avroFile(schema, 1, data, "null")))).toBeUndefined();
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });

  test("I182 a block that inflates beyond all reason is refused before it fills the memory", async () => {
    const bomb = avroFile('"bytes"', 1, concatBytes([varint(80e6), new Uint8Array(80e6)]), "deflate");
    expect(bomb.length).toBeLessThan(150_000);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => readAvroFile(bomb)).toThrow(LakeError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60e6);
  });

  test("I182 an unknown codec is refused by name", () => {
    const file = writeAvroFile("long", new Map(), [1, 2], "null");
    const at = utf8ToString(file).indexOf("null", utf8ToString(file).indexOf("avro.codec"));
    file.set(stringToUtf8("xlz9"), at);
    expect(() => readAvroFile(file)).toThrow(/codec "xlz9" is not supported/);
  });
});

type Path = readonly (string | number)[];

function pathsOf(value: unknown, prefix: Path = []): Path[] {
  if (typeof value !== "object" || value === null) return [prefix];
  return [prefix, ...Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...prefix, key]))];
}

function replaced(value: unknown, path: Path, replacement: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return replacement;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>;
  const item = replaced(copy[key], rest, replacement);
  if (item === undefined) delete copy[key];
  else copy[key] = item;
  return copy;
}

const odd = fc.constantFrom<unknown>(
  undefined,
  null,
  true,
  "",
  "main",
  "bucket[0]",
  "decimal(99,99)",
  "struct",
  "s3://lake/nowhere",
  -1,
  0,
  0.5,
  4,
  1e308,
  2 ** 53,
  9_223_372_036_854_775_807n,
  9_223_372_036_854_775_808n,
  -9_223_372_036_854_775_808n,
  10n ** 400n,
  [],
  [[]],
  [null],
  {},
  { type: "struct", fields: [] },
  { type: "list" },
  { constructor: 1, __proto__: null },
);

describe("damaged metadata JSON", () => {
  const documents = TABLES.map((table) => {
    const json = parseJson(utf8ToString(table.files.get(table.metadataLocation) ?? new Uint8Array(0)));
    return { table, json, paths: pathsOf(json) };
  });

  test("I182 any value in any place ends in an error or in a table", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...documents),
        fc.array(fc.tuple(fc.nat(), fc.oneof(odd, fc.jsonValue({ maxDepth: 2 }))), { minLength: 1, maxLength: 3 }),
        async ({ table, json, paths }, changes) => {
          let changed: unknown = json;
          for (const [at, value] of changes) {
            const path = paths[at % paths.length] ?? [];
            const before = path
              .slice(0, -1)
              .reduce<unknown>((item, key) => (item as Record<string, unknown>)?.[key], changed);
            if (path.length === 0 || (typeof before === "object" && before !== null))
              changed = replaced(changed, path, value);
          }
          const bytes = stringToUtf8(stringifyJson(changed) ?? "");
          expect(
            await badEnd(async () => {
              const metadata = decodeTableMetadata(bytes);
              // What was understood is written as it was read.
              expect(decodeTableMetadata(encodeTableMetadata(metadata))).toEqual(metadata);
              await readEverything(metadata, table.files);
            }),
          ).toBeUndefined();
        },
      ),
      { numRuns: 500 },
    );
  });

  test("I182 any damaged byte ends in an error or in a table", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...TABLES), damages, async (table, all) => {
        const damaged = apply(table.files.get(table.metadataLocation) ?? new Uint8Array(0), all);
        expect(await badEnd(() => readEverything(decodeTableMetadata(damaged), table.files))).toBeUndefined();
      }),
      { numRuns: 500 },
    );
  });

  test("I182 nesting without end is refused", async () => {
    for (const [open, close] of [
      ["[", "]"],
      ['{"a":', "}"],
      ['{"type":"list","element":', "}"],
    ] as const) {
      const text = `${open.repeat(30_000)}1234567890123456789${close.repeat(30_000)}`;
      expect(await badEnd(() => decodeTableMetadata(stringToUtf8(text)))).toBeUndefined();
      const schema = `{"format-version":2,"schemas":[${text}]}`;
      expect(await badEnd(() => decodeTableMetadata(stringToUtf8(schema)))).toBeUndefined();
    }
  });

  test("I182 a format version to come is refused by its number", () => {
    for (const version of [0, 4, 99]) {
      const [document] = documents;
      const text = stringifyJson({ ...(document?.json as object), "format-version": version });
      expect(() => decodeTableMetadata(stringToUtf8(text))).toThrow(
        expect.objectContaining({
          code: "metadata_invalid",
          message: expect.stringContaining(String(version)) as unknown,
        }),
      );
    }
  });
});

describe("damaged Puffin files and deletion vectors", () => {
  const golden = join(import.meta.dirname, "../golden");
  const puffins = [
    ...readdirSync(join(golden, "puffin"))
      .filter((name) => name.endsWith(".bin"))
      .map((name) => new Uint8Array(readFileSync(join(golden, "puffin", name)))),
    ...filesEnding(/\.puffin$/).map(([table, location]) => table.files.get(location) ?? new Uint8Array(0)),
  ];
  const vectors = readdirSync(join(golden, "deletes"))
    .filter((name) => name.endsWith("position-index.bin"))
    .map((name) => new Uint8Array(readFileSync(join(golden, "deletes", name))));

  test("I182 a damaged Puffin file ends in an error or in blobs", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...puffins), damages, async (bytes, all) => {
        const reader = bytesReader(apply(bytes, all));
        const end = await badEnd(async () => {
          const { blobs } = await readPuffinFooter(reader);
          for (const blob of blobs) {
            const content = await readPuffinBlob(reader, blob);
            if (blob.type === "deletion-vector-v1") bytesToDeletionVector(content);
          }
        });
        expect(end).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });

  test("I182 a damaged vector ends in data_invalid, its checksum made right or not", async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...vectors), damages, fc.boolean(), async (bytes, all, repair) => {
        const damaged = apply(bytes, all);
        const blob = repair ? withChecksum(damaged) : damaged;
        const end = await badEnd(() => {
          const bitmap = bytesToDeletionVector(blob);
          expect([...bitmap.positions()].length).toBe(bitmap.cardinality);
        });
        expect(end).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

/** The vector with length and checksum as its content asks for, so that damage gets past them. */
function withChecksum(blob: Uint8Array): Uint8Array {
  if (blob.length < 12) return blob;
  const fixed = blob.slice();
  const view = new DataView(fixed.buffer);
  view.setUint32(0, fixed.length - 8);
  view.setUint32(fixed.length - 4, crc32(fixed.subarray(4, -4)));
  return fixed;
}

describe("ids of 64 bits", () => {
  const id = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n });

  test("I183 metadata keeps every id to the last digit", () => {
    const [{ json } = { json: undefined }] = TABLES.map((table) => ({
      json: parseJson(utf8ToString(table.files.get(table.metadataLocation) ?? new Uint8Array(0))),
    }));
    fc.assert(
      fc.property(id, id, (snapshotId, sequence) => {
        const snapshot = {
          "snapshot-id": snapshotId,
          "parent-snapshot-id": snapshotId - 1n,
          "sequence-number": sequence,
          "timestamp-ms": 1,
          "manifest-list": "s3://lake/list.avro",
          summary: { operation: "append" },
        };
        const text = stringifyJson({
          ...(json as object),
          "last-sequence-number": sequence,
          "current-snapshot-id": snapshotId,
          snapshots: [snapshot],
          refs: { main: { type: "branch", "snapshot-id": snapshotId } },
          "snapshot-log": [{ "snapshot-id": snapshotId, "timestamp-ms": 1 }],
        });
        const metadata = decodeTableMetadata(stringToUtf8(text));
        const again = decodeTableMetadata(encodeTableMetadata(metadata));
        expect(again).toEqual(metadata);
        expect(again["current-snapshot-id"]).toBe(snapshotId);
        expect(again["last-sequence-number"]).toBe(sequence);
        expect(again.snapshots[0]?.["parent-snapshot-id"]).toBe(snapshotId - 1n);
        expect(again["snapshot-log"][0]?.["snapshot-id"]).toBe(snapshotId);
        expect(again.refs["main"]?.["snapshot-id"]).toBe(snapshotId);
        expect(utf8ToString(encodeTableMetadata(metadata))).toContain(`"snapshot-id":${snapshotId},`);
      }),
      { numRuns: 300 },
    );
  });

  test("I183 a manifest list keeps every id and number to the last digit", () => {
    fc.assert(
      fc.property(id, id, id, (snapshotId, sequence, firstRowId) => {
        const manifest = {
          path: "s3://lake/m.avro",
          lengthBytes: 1,
          specId: 0,
          content: "data" as const,
          sequenceNumber: sequence,
          minSequenceNumber: sequence,
          addedSnapshotId: snapshotId,
          addedFiles: 1,
          existingFiles: 0,
          deletedFiles: 0,
          addedRows: 1,
          existingRows: 0,
          deletedRows: 0,
          partitions: [],
          firstRowId,
        };
        const header = {
          formatVersion: 3,
          snapshotId,
          parentSnapshotId: undefined,
          sequenceNumber: sequence,
          firstRowId,
        };
        expect(decodeManifestList(encodeManifestList(header, [manifest]))).toEqual([manifest]);
      }),
      { numRuns: 300 },
    );
  });
});
