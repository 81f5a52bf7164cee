import { describe, expect, test } from "vitest";
import { stringToUtf8 } from "#core";
import { writeAvroFile } from "#codec";
import { parseTableMetadata, scalarToSingleValue, type DataFile, type IcebergPredicate, type Schema } from "#iceberg";
import { manifestEntrySchema, manifestListSchema } from "../../../src/iceberg/manifest-schema.ts";
import { planTableScan } from "../../../src/iceberg/scan-plan.ts";
import { dataFile, deletionVector, equalityDeletes } from "../../support/content-files.ts";
import {
  added,
  createCountingIO,
  existing,
  snapshotJson,
  tableMetadata,
  writeList,
  writeManifest,
} from "../../support/metadata-table.ts";

const DAY_MICROS = 86_400_000_000;
const SCHEMA: Schema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "at", required: true, type: "timestamptz" },
    { id: 2, name: "who", required: false, type: "string" },
  ],
};
const BY_DAY = {
  "partition-specs": [
    { "spec-id": 0, fields: [{ "source-id": 1, "field-id": 1000, name: "at_day", transform: "day" }] },
  ],
};

function onDay(path: string, day: number, who: readonly [string, string]): DataFile {
  return dataFile(path, {
    partition: [day],
    lowerBounds: new Map([[2, stringToUtf8(who[0])]]),
    upperBounds: new Map([[2, stringToUtf8(who[1])]]),
  });
}

const day = (from: number, to: number): IcebergPredicate[] => [
  { fieldId: 1, operator: ">=", values: [from * DAY_MICROS] },
  { fieldId: 1, operator: "<", values: [to * DAY_MICROS] },
];

describe("I113 planning reads only manifests that may list a matching file, and names what excluded the rest", () => {
  const metadata = tableMetadata(SCHEMA, BY_DAY);
  const io = createCountingIO();
  const manifests = [0, 10, 20].map((first) =>
    writeManifest(io, metadata, `s3://lake/t/m${first}.avro`, 0, {
      data: [0, 1].flatMap((offset) => [
        added(onDay(`${first + offset}-a`, first + offset, ["a", "f"])),
        added(onDay(`${first + offset}-b`, first + offset, ["g", "z"])),
      ]),
    }),
  );
  writeList(io, metadata, manifests);

  test("one day, one name: the list, one manifest, one file", async () => {
    io.reads.length = 0;
    const plan = await planTableScan(io, metadata, {
      predicates: [...day(10, 11), { fieldId: 2, operator: "=", values: ["kim"] }],
    });
    expect(plan.files.map((file) => file.dataFile.filePath)).toEqual(["10-b"]);
    expect(io.reads).toEqual(["s3://lake/t/list-1.avro", "s3://lake/t/m10.avro"]);
    expect(plan).toMatchObject({ filesTotal: 12, recordsTotal: 120, manifestsTotal: 3, manifestsScanned: 1 });
    expect(plan.skipped).toEqual([
      { reason: "manifest partition summary at_day", files: 8 },
      { reason: "bounds who", files: 1 },
      { reason: "partition at_day", files: 2 },
    ]);
    expect(plan.files.length + plan.skipped.reduce((sum, { files }) => sum + files, 0)).toBe(plan.filesTotal);
  });

  test("a column dropped from the schema still prunes nothing it should not, nor fails", async () => {
    const dropped = tableMetadata(
      { ...SCHEMA, fields: SCHEMA.fields.slice(1) },
      { ...BY_DAY, "last-partition-id": 1000 },
    );
    const plan = await planTableScan(io, dropped, { predicates: [{ fieldId: 2, operator: "=", values: ["kim"] }] });
    expect(plan.files).toHaveLength(6);
    expect(plan.files[0]?.dataFile.partition).toEqual([0]);
  });

  test("transforms that are not known, or have several sources, exclude nothing", async () => {
    for (const field of [
      { "source-id": 1, transform: "lunar-month" },
      { "source-ids": [1, 2], transform: "day" },
    ]) {
      const strange = tableMetadata(SCHEMA, {
        "format-version": 3,
        "partition-specs": [{ "spec-id": 0, fields: [{ ...field, "field-id": 1000, name: "at_day" }] }],
      });
      const plan = await planTableScan(io, strange, { predicates: day(10, 11) });
      expect(plan.files).toHaveLength(12);
    }
  });
});

test("a scan is of the current snapshot, a snapshot, a branch or a tag", async () => {
  const metadata = tableMetadata(SCHEMA, {
    snapshots: [snapshotJson(1n), snapshotJson(2n), snapshotJson(3n)],
    "current-snapshot-id": 3,
    refs: {
      main: { type: "branch", "snapshot-id": 3 },
      audit: { type: "branch", "snapshot-id": 2 },
      toString: { type: "tag", "snapshot-id": 1 },
    },
  });
  const io = createCountingIO();
  for (const id of [1n, 2n, 3n]) {
    const manifest = writeManifest(io, metadata, `m${id}.avro`, 0, { data: [added(dataFile(`file-${id}`))] });
    writeList(io, metadata, [manifest], id);
  }
  const paths = async (options: Parameters<typeof planTableScan>[2]): Promise<string[]> =>
    (await planTableScan(io, metadata, options)).files.map((file) => file.dataFile.filePath);
  expect(await paths({})).toEqual(["file-3"]);
  expect(await paths({ ref: "main" })).toEqual(["file-3"]);
  expect(await paths({ ref: "audit" })).toEqual(["file-2"]);
  expect(await paths({ ref: "toString" })).toEqual(["file-1"]);
  expect(await paths({ snapshotId: 1n, ref: "audit" })).toEqual(["file-1"]);
  await expect(paths({ ref: "constructor" })).rejects.toThrow(/no branch or tag "constructor"/);
  await expect(paths({ snapshotId: 9n })).rejects.toThrow(/no snapshot 9/);
});

test("deletes are attached, and those that cannot matter are not read", async () => {
  const metadata = tableMetadata(SCHEMA, { "format-version": 3 });
  const io = createCountingIO();
  const data = writeManifest(
    io,
    metadata,
    "data.avro",
    0,
    { data: [existing(dataFile("a"), 3n), existing(dataFile("b"), 6n)] },
    { firstRowId: 0n },
  );
  const old = writeManifest(
    io,
    metadata,
    "old.avro",
    0,
    { deletes: [existing(equalityDeletes("old"), 2n)] },
    { sequenceNumber: 2n },
  );
  const recent = writeManifest(io, metadata, "recent.avro", 0, {
    deletes: [
      existing(equalityDeletes("e"), 5n),
      existing(deletionVector("b"), 7n),
      { ...existing(deletionVector("a"), 7n), status: 2 },
    ],
  });
  writeList(io, metadata, [data, old, recent]);
  const plan = await planTableScan(io, metadata);
  expect(
    plan.files.map(({ dataFile, deletes }) => [dataFile.filePath, ...deletes.map((live) => live.deleteFile.filePath)]),
  ).toEqual([
    ["a", "e"],
    ["b", "dv.puffin"],
  ]);
  expect(plan.deleteFiles).toBe(2);
  expect(plan.files[1]?.deletes[0]).toMatchObject({
    sequenceNumber: 7n,
    deleteFile: { content: 1, fileFormat: "PUFFIN", referencedDataFile: "b", contentOffset: 4, contentSizeBytes: 40 },
  });
  expect(io.reads).not.toContain("old.avro");
});

test("I114 rows' ids and last sequence numbers are inherited from manifest and list", async () => {
  const metadata = tableMetadata(SCHEMA, { "format-version": 3 });
  const io = createCountingIO();
  const manifest = writeManifest(
    io,
    metadata,
    "m.avro",
    0,
    {
      data: [
        existing({ ...dataFile("kept", { recordCount: 5 }), firstRowId: 2n ** 60n }, 4n),
        added(dataFile("one", { recordCount: 7 })),
        { ...existing(dataFile("gone", { recordCount: 100 }), 4n), status: 2 },
        existing(dataFile("from version 2", { recordCount: 3 }), 4n),
        // Ids of added files are decided by the commit, whatever the file says.
        added({ ...dataFile("two"), firstRowId: 9n }),
      ],
    },
    { firstRowId: 1000n },
  );
  writeList(io, metadata, [manifest]);
  const { files } = await planTableScan(io, metadata);
  expect(
    files.map(({ dataFile: file, fileSequenceNumber }) => [file.filePath, file.firstRowId, fileSequenceNumber]),
  ).toEqual([
    ["kept", 2n ** 60n, 4n],
    ["one", 1000n, 10n],
    ["from version 2", 1007n, 4n],
    ["two", 1010n, 10n],
  ]);
});

const LATER_FIELDS =
  /^(content|sequence_number|file_sequence_number|nan_value_counts|equality_ids|referenced_data_file)$/;

/** A version 1 manifest: no content, no sequence numbers, snapshot ids required. */
function version1Manifest(paths: readonly string[], statuses: readonly number[]): Uint8Array {
  const schema = JSON.parse(
    JSON.stringify(manifestEntrySchema([], 2), (_key, value: unknown) => {
      return Array.isArray(value)
        ? value.filter((item) => !LATER_FIELDS.test((item as { readonly name?: string } | null)?.name ?? ""))
        : value;
    }),
  ) as Parameters<typeof writeAvroFile>[0];
  const records = paths.map((path, index) => ({
    status: statuses[index],
    snapshot_id: 5,
    data_file: {
      file_path: path,
      file_format: "parquet",
      partition: {},
      record_count: 10,
      file_size_in_bytes: 100,
    },
  }));
  return writeAvroFile(schema, new Map([["partition-spec-id", stringToUtf8("0")]]), records, "deflate");
}

describe("I115 tables of format version 1 are read with all their files", () => {
  const version1 = {
    "format-version": 1,
    "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
    location: "s3://lake/t",
    "last-updated-ms": 1,
    "last-column-id": 2,
    schema: { type: "struct", fields: SCHEMA.fields },
    "partition-spec": [],
    "current-snapshot-id": 5,
  };

  test("manifests named in the snapshot", async () => {
    const io = createCountingIO();
    io.files.set("m1.avro", version1Manifest(["a", "b", "gone"], [1, 0, 2]));
    io.files.set("m2.avro", version1Manifest(["c"], [1]));
    const metadata = parseTableMetadata({
      ...version1,
      snapshots: [{ "snapshot-id": 5, "timestamp-ms": 1, manifests: ["m1.avro", "m2.avro"] }],
    });
    const plan = await planTableScan(io, metadata);
    expect(
      plan.files.map(({ dataFile: file, sequenceNumber }) => [file.filePath, file.fileFormat, sequenceNumber]),
    ).toEqual([
      ["a", "PARQUET", 0n],
      ["b", "PARQUET", 0n],
      ["c", "PARQUET", 0n],
    ]);
    expect(plan).toMatchObject({ filesTotal: 3, recordsTotal: 30, bytesTotal: 300, manifestsTotal: 2 });
  });

  test("a manifest list without counts", async () => {
    const io = createCountingIO();
    io.files.set("m1.avro", version1Manifest(["a", "b", "gone"], [1, 0, 2]));
    const schema = JSON.parse(
      JSON.stringify(manifestListSchema(2), (_key, value: unknown) =>
        Array.isArray(value)
          ? value.filter(
              (item) =>
                !/_(files|rows)_count|^content|sequence_number/.test((item as { name?: string } | null)?.name ?? ""),
            )
          : value,
      ),
    ) as Parameters<typeof writeAvroFile>[0];
    const line = { manifest_path: "m1.avro", manifest_length: 1, partition_spec_id: 0, added_snapshot_id: 5 };
    io.files.set("list.avro", writeAvroFile(schema, new Map(), [line], "null"));
    const metadata = parseTableMetadata({
      ...version1,
      snapshots: [{ "snapshot-id": 5, "timestamp-ms": 1, "manifest-list": "list.avro" }],
    });
    const plan = await planTableScan(io, metadata);
    expect(plan.files.map((file) => file.dataFile.filePath)).toEqual(["a", "b"]);
    expect(plan).toMatchObject({ filesTotal: 2, recordsTotal: 20 });
  });
});

function planned(
  type: string,
  lower: Uint8Array,
  upper: Uint8Array,
  predicate: Omit<IcebergPredicate, "fieldId">,
): Promise<number> {
  const metadata = tableMetadata({
    type: "struct",
    "schema-id": 0,
    fields: [{ id: 1, name: "v", required: true, type }],
  });
  const io = createCountingIO();
  const file = dataFile("f", { lowerBounds: new Map([[1, lower]]), upperBounds: new Map([[1, upper]]) });
  writeList(io, metadata, [writeManifest(io, metadata, "m.avro", 0, { data: [added(file)] })]);
  return planTableScan(io, metadata, { predicates: [{ fieldId: 1, ...predicate }] }).then((plan) => plan.files.length);
}

const uuidBound = (uuid: string): Uint8Array => scalarToSingleValue("uuid", uuid);

const dateBound = (value: number): Uint8Array => scalarToSingleValue("date", value);

const atDay = (dayNumber: number): Omit<IcebergPredicate, "fieldId"> => ({
  operator: "=",
  values: [dayNumber * DAY_MICROS],
});

const intBound = (value: number): Uint8Array => scalarToSingleValue("int", value);

const textBound = (value: string): Uint8Array => stringToUtf8(value);

describe("bounds in the forms other writers left them", () => {
  test("uuids in the specification's order or in that of Java's signed pairs", async () => {
    const [low, middle, high] = ["1", "7", "9"].map((digit) => `${digit}0000000-0000-4000-8000-000000000000`) as [
      string,
      string,
      string,
    ];
    expect(await planned("uuid", uuidBound(low), uuidBound(high), { operator: "=", values: [middle] })).toBe(1);
    // As signed pairs 9… comes before 1…: the file holds what is between, such as f….
    const signed = "f0000000-0000-4000-8000-000000000000";
    expect(await planned("uuid", uuidBound(high), uuidBound(low), { operator: "=", values: [signed] })).toBe(1);
    expect(await planned("uuid", uuidBound(low), uuidBound(middle), { operator: "=", values: [high] })).toBe(0);
    expect(await planned("uuid", uuidBound(low), uuidBound(low), { operator: "in", values: [high, middle] })).toBe(0);
    expect(await planned("uuid", uuidBound(low), uuidBound(low), { operator: ">", values: [high] })).toBe(1);
  });

  test("dates of a column that became a timestamp, ints of one that became long", async () => {
    expect(await planned("timestamp", dateBound(10), dateBound(12), atDay(11))).toBe(1);
    expect(await planned("timestamp", dateBound(10), dateBound(12), atDay(13))).toBe(0);
    expect(await planned("long", intBound(-5), intBound(5), { operator: "=", values: [2 ** 40] })).toBe(0);
    expect(await planned("long", intBound(-5), intBound(5), { operator: "=", values: [-5] })).toBe(1);
  });

  test("long text compares by its UTF-8 bytes", async () => {
    // U+FFFD sorts below U+1F9CA in UTF-8, above it in UTF-16.
    expect(
      await planned("string", textBound("\u{fffd}"), textBound("\u{1f9ca}"), { operator: "=", values: ["\u{1f9ca}"] }),
    ).toBe(1);
    expect(await planned("string", textBound("b"), textBound("c"), { operator: "starts_with", values: ["ba"] })).toBe(
      1,
    );
    expect(await planned("string", textBound("bb"), textBound("c"), { operator: "starts_with", values: ["ba"] })).toBe(
      0,
    );
  });
});
