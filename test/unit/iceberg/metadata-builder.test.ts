// Updates and requirements against table metadata, without a catalog.

import { describe, expect, test } from "vitest";
import { parseJson, stringifyJson } from "#core";
import { encodeTableMetadata, parseTableMetadata, type Snapshot, type TableMetadata, type TableUpdate } from "#iceberg";
import { applyUpdates } from "../../../src/iceberg/metadata-builder.ts";
import { decodeTableMetadata } from "../../../src/iceberg/metadata-json.ts";
import { failedRequirement } from "../../../src/iceberg/requirements.ts";
import { createTableMetadata, parseCreateTableRequest } from "../../../src/iceberg/table-create.ts";
import { parseCommitRequest } from "../../../src/iceberg/update-json.ts";

const UUID = "9c12d441-03fe-4693-9a96-a0705ddf69c1";
const BIG = 2n ** 62n + 1n;

function base(properties: Record<string, string> = {}): TableMetadata {
  const request = parseCreateTableRequest({
    name: "t",
    schema: {
      type: "struct",
      fields: [
        { id: 1, name: "id", required: true, type: "long" },
        { id: 2, name: "ts", required: false, type: "timestamptz" },
      ],
    },
    "partition-spec": { fields: [{ "source-id": 2, name: "ts_day", transform: "day" }] },
    properties,
  });
  return createTableMetadata(request, { tableUuid: UUID, location: "s3://lake/default/t/" }, 1000);
}

function apply(metadata: TableMetadata, updates: readonly unknown[], nowMs = 2000): TableMetadata {
  const parsed = parseCommitRequest({ requirements: [], updates });
  return applyUpdates({ location: "s3://lake/v0.metadata.json", metadata }, parsed.updates, nowMs);
}

function snapshot(id: bigint, sequence: number, parent?: bigint): Snapshot {
  return {
    "snapshot-id": id,
    ...(parent === undefined ? {} : { "parent-snapshot-id": parent }),
    "sequence-number": BigInt(sequence),
    "timestamp-ms": 1500 + sequence,
    "manifest-list": `s3://lake/snap-${id}.avro`,
    summary: { operation: "append" },
    "schema-id": 0,
  };
}

function addTo(ref: string, added: Snapshot): unknown[] {
  return [
    { action: "add-snapshot", snapshot: added },
    { action: "set-snapshot-ref", "ref-name": ref, type: "branch", "snapshot-id": added["snapshot-id"] },
  ];
}

test("I29 metadata survives its file with every id exact", () => {
  const metadata = apply(base({ a: "1" }), addTo("main", snapshot(BIG, 1)));
  const bytes = encodeTableMetadata(metadata);
  expect(new TextDecoder().decode(bytes)).toContain(`"current-snapshot-id":${BIG}`);
  expect(decodeTableMetadata(bytes)).toEqual(metadata);
});

test("a commit logs the file it replaces and the snapshot it makes current, and time never runs back", () => {
  const first = apply(base(), addTo("main", snapshot(1n, 1)), 5000);
  expect(first["metadata-log"]).toEqual([{ "metadata-file": "s3://lake/v0.metadata.json", "timestamp-ms": 1000 }]);
  expect(first["snapshot-log"]).toEqual([{ "snapshot-id": 1n, "timestamp-ms": 1501 }]);
  expect(first["last-sequence-number"]).toBe(1n);
  const second = apply(first, [{ action: "set-properties", updates: { a: "b" } }], 3000);
  expect(second["last-updated-ms"]).toBe(5000);
  expect(second["snapshot-log"]).toHaveLength(1);
});

test("the metadata log keeps write.metadata.previous-versions-max entries", () => {
  let metadata = base({ "write.metadata.previous-versions-max": "3" });
  for (let version = 0; version < 6; version++) metadata = apply(metadata, []);
  expect(metadata["metadata-log"]).toHaveLength(3);
});

test("a branch other than main does not move the current snapshot", () => {
  const main = apply(base(), addTo("main", snapshot(1n, 1)));
  const branched = apply(main, addTo("audit", snapshot(2n, 2, 1n)));
  expect(branched["current-snapshot-id"]).toBe(1n);
  expect(branched.refs).toEqual({
    main: { type: "branch", "snapshot-id": 1n },
    audit: { type: "branch", "snapshot-id": 2n },
  });
  // Fast-forward.
  const forwarded = apply(branched, [
    { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": 2 },
    { action: "remove-snapshot-ref", "ref-name": "audit" },
  ]);
  expect(forwarded["current-snapshot-id"]).toBe(2n);
  expect(forwarded["snapshot-log"].map((entry) => entry["snapshot-id"])).toEqual([1n, 2n]);
});

test("expiring a snapshot drops the log before the gap and refs to it", () => {
  let metadata = base();
  for (const id of [1n, 2n, 3n]) {
    metadata = apply(metadata, addTo("main", snapshot(id, Number(id), id === 1n ? undefined : id - 1n)));
  }
  metadata = apply(metadata, [
    { action: "set-snapshot-ref", "ref-name": "old", type: "tag", "snapshot-id": 2 },
    { action: "remove-snapshots", "snapshot-ids": [2] },
  ]);
  expect(metadata.snapshots.map((item) => item["snapshot-id"])).toEqual([1n, 3n]);
  expect(metadata["snapshot-log"].map((entry) => entry["snapshot-id"])).toEqual([3n]);
  expect(Object.keys(metadata.refs)).toEqual(["main"]);
  expect(metadata["current-snapshot-id"]).toBe(3n);
});

test("schemas evolve: equal ones are reused, -1 is the one added last, last-column-id only grows", () => {
  const schema = {
    type: "struct",
    fields: [...(base().schemas[0]?.fields ?? []), { id: 3, name: "extra", required: false, type: "decimal(10,2)" }],
  };
  const updates = [
    { action: "add-schema", schema },
    { action: "set-current-schema", "schema-id": -1 },
  ];
  const evolved = apply(base(), updates);
  expect(evolved).toMatchObject({ "current-schema-id": 1, "last-column-id": 3 });
  expect(apply(evolved, updates).schemas).toHaveLength(2);
});

test("dropped partition fields keep their id for when they come back", () => {
  const without = apply(base(), [
    { action: "add-spec", spec: { fields: [] } },
    { action: "set-default-spec", "spec-id": -1 },
  ]);
  const bucketed = apply(without, [
    {
      action: "add-spec",
      spec: {
        fields: [
          { "source-id": 1, name: "id_bucket", transform: "bucket[8]" },
          { "source-id": 2, name: "day_again", transform: "day" },
        ],
      },
    },
    { action: "set-default-spec", "spec-id": -1 },
  ]);
  expect(bucketed["partition-specs"].at(-1)?.fields.map((field) => field["field-id"])).toEqual([1001, 1000]);
  expect(bucketed["last-partition-id"]).toBe(1001);
});

describe("C22 updates no base allows are refused", () => {
  test.each<[string, unknown[]]>([
    ["unknown action", [{ action: "add-view-version" }]],
    ["malformed snapshot", [{ action: "add-snapshot", snapshot: { "snapshot-id": "1" } }]],
    ["unknown snapshot", [{ action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": 9 }]],
    ["tag named main", [{ action: "set-snapshot-ref", "ref-name": "main", type: "tag", "snapshot-id": 9 }]],
    ["other uuid", [{ action: "assign-uuid", uuid: "11111111-1111-4111-8111-111111111111" }]],
    ["downgrade", [{ action: "upgrade-format-version", "format-version": 1 }]],
    ["future version", [{ action: "upgrade-format-version", "format-version": 4 }]],
    ["schema before it is added", [{ action: "set-current-schema", "schema-id": -1 }]],
    ["unknown schema", [{ action: "set-current-schema", "schema-id": 7 }]],
    ["unknown spec", [{ action: "set-default-spec", "spec-id": 7 }]],
    ["unknown order", [{ action: "set-default-sort-order", "sort-order-id": 7 }]],
    [
      "transform on wrong type",
      [{ action: "add-spec", spec: { fields: [{ "source-id": 1, name: "x", transform: "day" }] } }],
    ],
    [
      "missing source",
      [{ action: "add-spec", spec: { fields: [{ "source-id": 9, name: "x", transform: "identity" }] } }],
    ],
    [
      "name of another column",
      [{ action: "add-spec", spec: { fields: [{ "source-id": 2, name: "id", transform: "day" }] } }],
    ],
    ["default spec", [{ action: "remove-partition-specs", "spec-ids": [0] }]],
    ["current schema", [{ action: "remove-schemas", "schema-ids": [0] }]],
    [
      "unknown type",
      [
        {
          action: "add-schema",
          schema: { type: "struct", fields: [{ id: 5, name: "x", required: false, type: "int128" }] },
        },
      ],
    ],
    [
      "version 3 type",
      [
        {
          action: "add-schema",
          schema: { type: "struct", fields: [{ id: 5, name: "x", required: false, type: "variant" }] },
        },
      ],
    ],
    [
      "id used twice",
      [
        {
          action: "add-schema",
          schema: {
            type: "struct",
            fields: [
              { id: 5, name: "x", required: false, type: "int" },
              { id: 5, name: "y", required: false, type: "int" },
            ],
          },
        },
      ],
    ],
    [
      "partition source dropped",
      [
        {
          action: "add-schema",
          schema: { type: "struct", fields: [{ id: 1, name: "id", required: true, type: "long" }] },
        },
        { action: "set-current-schema", "schema-id": -1 },
      ],
    ],
    ["properties of numbers", [{ action: "set-properties", updates: { a: 1 } }]],
    ["no object", ["add-snapshot"]],
  ])("%s", (_name, updates) => {
    expect(() => apply(base(), updates)).toThrow(expect.objectContaining({ code: "invalid_request" }));
  });

  test("a snapshot twice, and one whose sequence number was taken", () => {
    const metadata = apply(base(), addTo("main", snapshot(1n, 1)));
    expect(() => apply(metadata, addTo("main", snapshot(1n, 2)))).toThrow(/already exists/);
    expect(() => apply(metadata, addTo("main", snapshot(2n, 1, 1n)))).toThrow(
      expect.objectContaining({ code: "commit_conflict" }),
    );
  });
});

describe("requirements", () => {
  const metadata = apply(base(), addTo("main", snapshot(BIG, 1)));
  const cases: [object, boolean][] = [
    [{ type: "assert-create" }, false],
    [{ type: "assert-table-uuid", uuid: UUID.toUpperCase() }, true],
    [{ type: "assert-table-uuid", uuid: "other" }, false],
    [{ type: "assert-ref-snapshot-id", ref: "main", "snapshot-id": BIG }, true],
    [{ type: "assert-ref-snapshot-id", ref: "main", "snapshot-id": BIG - 1n }, false],
    [{ type: "assert-ref-snapshot-id", ref: "main", "snapshot-id": null }, false],
    [{ type: "assert-ref-snapshot-id", ref: "audit", "snapshot-id": null }, true],
    [{ type: "assert-ref-snapshot-id", ref: "audit", "snapshot-id": 1 }, false],
    [{ type: "assert-last-assigned-field-id", "last-assigned-field-id": 2 }, true],
    [{ type: "assert-last-assigned-field-id", "last-assigned-field-id": 1 }, false],
    [{ type: "assert-current-schema-id", "current-schema-id": 0 }, true],
    [{ type: "assert-current-schema-id", "current-schema-id": 1 }, false],
    [{ type: "assert-last-assigned-partition-id", "last-assigned-partition-id": 1000 }, true],
    [{ type: "assert-last-assigned-partition-id", "last-assigned-partition-id": 999 }, false],
    [{ type: "assert-default-spec-id", "default-spec-id": 0 }, true],
    [{ type: "assert-default-spec-id", "default-spec-id": 1 }, false],
    [{ type: "assert-default-sort-order-id", "default-sort-order-id": 0 }, true],
    [{ type: "assert-default-sort-order-id", "default-sort-order-id": 1 }, false],
  ];
  test.each(cases.map(([requirement, holds]) => [stringifyJson(requirement), holds] as const))(
    "%s: %s",
    (text, holds) => {
      const { requirements } = parseCommitRequest({ requirements: [parseJson(text)], updates: [] });
      expect(failedRequirement(metadata, requirements) === undefined).toBe(holds);
    },
  );

  test("unknown ones are refused, and only a create is allowed without a table", () => {
    expect(() => parseCommitRequest({ requirements: [{ type: "assert-view-uuid" }] })).toThrow(
      /not a known requirement/,
    );
    expect(failedRequirement(undefined, [{ type: "assert-create" }])).toBeUndefined();
    expect(() => failedRequirement(undefined, [])).toThrow(expect.objectContaining({ code: "table_not_found" }));
  });
});

test("format version 1 is read with version 2's fields, and -1 means no snapshot", () => {
  const json = parseJson(`{
    "format-version": 1, "table-uuid": "${UUID}", "location": "s3://b/t", "last-updated-ms": 1602638573874,
    "last-column-id": 2, "current-snapshot-id": -1, "snapshots": [],
    "schema": {"type": "struct", "fields": [{"id": 1, "name": "x", "required": true, "type": "decimal( 9,2 )"}]},
    "partition-spec": [{"name": "x", "transform": "identity", "source-id": 1}]
  }`);
  expect(parseTableMetadata(json)).toMatchObject({
    "last-sequence-number": 0n,
    "current-schema-id": 0,
    schemas: [{ "schema-id": 0, fields: [{ type: "decimal(9, 2)" }] }],
    "partition-specs": [{ "spec-id": 0, fields: [{ "field-id": 1000 }] }],
    "last-partition-id": 1000,
    refs: {},
  });
  expect(parseTableMetadata(json)["current-snapshot-id"]).toBeUndefined();
});

test("updates are typed as the protocol names them", () => {
  const update: TableUpdate = { action: "remove-snapshots", "snapshot-ids": [BIG] };
  expect(parseCommitRequest({ updates: [update] }).updates).toEqual([update]);
});
