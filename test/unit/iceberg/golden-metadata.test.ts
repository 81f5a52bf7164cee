// Apache Iceberg's own metadata examples: see test/golden/iceberg-metadata/ORIGIN.md.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { LakeError, parseJson, utf8ToString } from "#core";
import { encodeTableMetadata } from "#iceberg";
import { decodeTableMetadata } from "../../../src/iceberg/metadata-json.ts";

const FOLDER = join(import.meta.dirname, "../../golden/iceberg-metadata");
const names = readdirSync(FOLDER).filter((name) => name.endsWith(".json"));
const isRefused = (name: string): boolean => /Missing|NotFound|Unsupported/.test(name);

function read(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, name)));
}

/** What a refusal has to name. */
const REASONS: Readonly<Record<string, RegExp>> = {
  "TableMetadataUnsupportedVersion.json": /format version 42 is not supported/,
  "TableMetadataV1MissingSchemaType.json": /schemas\[0\]\.type must be struct/,
  "TableMetadataV2CurrentSchemaNotFound.json": /current schema 2 is not among the schemas/,
  "TableMetadataV2MissingLastPartitionId.json": /last-partition-id must be present in format version 2/,
  "TableMetadataV2MissingPartitionSpecs.json": /partition-specs must be present in format version 2/,
  "TableMetadataV2MissingSchemas.json": /schemas must be present in format version 2/,
  "TableMetadataV2MissingSortOrder.json": /sort-orders must be present in format version 2/,
};

describe("I110 metadata of other writers is read whole and written back without loss, or refused by name", () => {
  test.each(names.filter(isRefused))("%s is refused", (name) => {
    const reason = REASONS[name];
    expect(reason).toBeDefined();
    expect(() => decodeTableMetadata(read(name))).toThrow(reason);
    expect(() => decodeTableMetadata(read(name))).toThrow(LakeError);
  });

  test.each(names.filter((name) => !isRefused(name)))("%s is read and written back", (name) => {
    const original = parseJson(utf8ToString(read(name))) as Record<string, unknown>;
    const metadata = decodeTableMetadata(read(name));
    const encoded = encodeTableMetadata(metadata);
    expect(decodeTableMetadata(encoded)).toEqual(metadata);
    const written = parseJson(utf8ToString(encoded)) as Record<string, unknown>;
    for (const [key, value] of Object.entries(original)) {
      // Writers before null said -1 for no snapshot; schema ids are filled in where version 1 had none.
      if (key === "current-snapshot-id" && value === -1) continue;
      expect(written).toMatchObject({ [key]: value });
    }
  });
});

test("metadata beyond 2^53 keeps every digit", () => {
  const text = utf8ToString(read("TableMetadataV2Valid.json"));
  const metadata = decodeTableMetadata(
    new TextEncoder().encode(text.replaceAll("3055729675574597004", "9223372036854775807")),
  );
  expect(metadata["current-snapshot-id"]).toBe(9_223_372_036_854_775_807n);
  expect(utf8ToString(encodeTableMetadata(metadata))).toContain('"current-snapshot-id":9223372036854775807');
});

test("a main branch that is not where the current snapshot is, is refused", () => {
  const json = parseJson(utf8ToString(read("TableMetadataV2Valid.json"))) as Record<string, unknown>;
  const moved = JSON.stringify({ ...json, refs: { main: { type: "branch", "snapshot-id": 1 } } }, (_key, value) =>
    typeof value === "bigint" ? Number(value) : (value as unknown),
  );
  expect(() => decodeTableMetadata(new TextEncoder().encode(moved))).toThrow(/differs from the main branch/);
});

test("transforms of several sources and manifests named in a snapshot are carried", () => {
  const json = parseJson(utf8ToString(read("TableMetadataV3ValidMinimal.json"))) as Record<string, unknown>;
  const changed = {
    ...json,
    "partition-specs": [
      {
        "spec-id": 0,
        fields: [{ name: "xy", transform: "bucketV2[4]", "source-ids": [1, 2], "field-id": 1000 }],
      },
    ],
    snapshots: [
      { "snapshot-id": 7, "timestamp-ms": 1, "sequence-number": 0, manifests: ["s3://b/m.avro"], summary: {} },
    ],
  };
  const metadata = decodeTableMetadata(new TextEncoder().encode(JSON.stringify(changed)));
  expect(metadata["partition-specs"][0]?.fields[0]).toMatchObject({ "source-id": 1, "source-ids": [1, 2] });
  const written = JSON.parse(utf8ToString(encodeTableMetadata(metadata))) as typeof changed;
  expect(written["partition-specs"]).toEqual(changed["partition-specs"]);
  expect(written.snapshots[0]).toMatchObject({ manifests: ["s3://b/m.avro"] });
  expect(written.snapshots[0]).not.toHaveProperty("manifest-list");
});
