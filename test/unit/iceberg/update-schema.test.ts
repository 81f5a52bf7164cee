// Schema evolution through the catalog: what each change makes of ids, names, order and properties, and what is refused.

import { describe, expect, test } from "vitest";
import type { IcebergField, IcebergType, Table, UpdateSchema } from "#iceberg";
import { createIcebergLake, type IcebergLake } from "../../support/iceberg-lake.ts";
import { committed } from "../../support/iceberg-files.ts";

const ADDRESS: IcebergType = {
  type: "struct",
  fields: [
    { id: 11, name: "city", required: false, type: "string" },
    { id: 12, name: "zip", required: false, type: "int" },
  ],
};
const FIELDS: readonly IcebergField[] = [
  { id: 1, name: "id", required: true, type: "long" },
  { id: 2, name: "count", required: false, type: "int" },
  { id: 3, name: "price", required: false, type: "decimal(9,2)" },
  { id: 4, name: "address", required: false, type: ADDRESS },
  {
    id: 5,
    name: "points",
    required: false,
    type: {
      type: "list",
      "element-id": 13,
      "element-required": false,
      element: { type: "struct", fields: [{ id: 14, name: "x", required: false, type: "float" }] },
    },
  },
  {
    id: 6,
    name: "tags",
    required: false,
    type: { type: "map", "key-id": 15, key: "string", "value-id": 16, "value-required": false, value: "int" },
  },
  { id: 7, name: "day", required: false, type: "date" },
];

async function start(
  version: 2 | 3 = 2,
  properties: Readonly<Record<string, string>> = {},
): Promise<{ lake: IcebergLake; table: Table }> {
  const lake = await createIcebergLake();
  const table = await lake.client.createTable({
    identifier: { namespace: ["default"], name: "t" },
    schema: { type: "struct", fields: FIELDS },
    partitionSpec: { fields: [{ "source-id": 7, name: "day_bucket", transform: "bucket[4]" }] },
    properties: { "format-version": String(version), ...properties },
  });
  return { lake, table };
}

function names(table: Table): string[] {
  return table.schema().fields.map((field) => field.name);
}

function field(table: Table, name: string): IcebergField | undefined {
  return table.schema().fields.find((candidate) => candidate.name === name);
}

describe("I125 schema evolution", () => {
  test("added columns get fresh ids at any depth; dropped names are free again under new ids", async () => {
    const { table } = await start();
    const last = table.metadata["last-column-id"];
    const after = await committed(
      table
        .updateSchema()
        .addColumn("country", "string", { doc: "ISO code" })
        .addColumn("address.street", "string")
        .addColumn("points.y", "float")
        .addColumn("home", ADDRESS)
        .commit(),
    );
    expect(after.metadata["last-column-id"]).toBe(last + 6);
    expect(field(after, "country")).toEqual({
      id: last + 1,
      name: "country",
      required: false,
      type: "string",
      doc: "ISO code",
    });
    expect(field(after, "address")?.type).toMatchObject({ fields: [{}, {}, { id: last + 2, name: "street" }] });
    expect(field(after, "points")?.type).toMatchObject({ element: { fields: [{}, { id: last + 3, name: "y" }] } });
    expect(field(after, "home")).toMatchObject({
      id: last + 4,
      type: {
        fields: [
          { id: last + 5, name: "city" },
          { id: last + 6, name: "zip" },
        ],
      },
    });
    const again = await committed(after.updateSchema().deleteColumn("country").addColumn("country", "int").commit());
    expect(field(again, "country")).toMatchObject({ id: last + 7, type: "int" });
    expect(again.metadata.schemas).toHaveLength(3);
  });

  test("columns move to the front, before and after, inside structs too", async () => {
    const { table } = await start();
    const after = await committed(
      table
        .updateSchema()
        .moveFirst("day")
        .moveAfter("tags", "id")
        .moveBefore("price", "count")
        .moveFirst("address.zip")
        .commit(),
    );
    expect(names(after)).toEqual(["day", "id", "tags", "price", "count", "address", "points"]);
    expect(field(after, "address")?.type).toMatchObject({ fields: [{ name: "zip" }, { name: "city" }] });
  });

  test("types widen, nullability loosens, docs change, each by id", async () => {
    const { table } = await start();
    const after = await committed(
      table
        .updateSchema()
        .updateColumn("count", "long")
        .updateColumn("price", "decimal(12,2)")
        .updateColumn("points.element.x", "double")
        .updateColumn("tags.value", "long")
        .makeColumnOptional("id")
        .updateColumnDoc("count", "how many")
        .commit(),
    );
    expect(field(after, "count")).toMatchObject({ id: field(table, "count")?.id, type: "long", doc: "how many" });
    expect(field(after, "price")?.type).toBe("decimal(12, 2)");
    expect(field(after, "points")?.type).toMatchObject({ element: { fields: [{ type: "double" }] } });
    expect(field(after, "tags")?.type).toMatchObject({ value: "long" });
    expect(field(after, "id")?.required).toBe(false);
    const plain = await committed(after.updateSchema().updateColumnDoc("count", undefined).commit());
    expect(field(plain, "count")).not.toHaveProperty("doc");
  });

  test("defaults in version 3: rows before and inserts after; in version 2 they are refused", async () => {
    const { table } = await start(3);
    const after = await committed(table.updateSchema().addRequiredColumn("level", "int", { defaultValue: 3 }).commit());
    expect(field(after, "level")).toMatchObject({ required: true, "initial-default": 3, "write-default": 3 });
    const moved = await committed(after.updateSchema().updateColumnDefault("level", 5).commit());
    expect(field(moved, "level")).toMatchObject({ "initial-default": 3, "write-default": 5 });
    await expect(
      moved.updateSchema().addColumn("bad", "int", { defaultValue: "three" }).commit(),
    ).rejects.toMatchObject({ code: "invalid_option" });
    const old = await start(2);
    await expect(
      old.table.updateSchema().addColumn("level", "int", { defaultValue: 3 }).commit(),
    ).rejects.toMatchObject({ code: "unsupported_operation" });
  });

  test("identifier fields are kept sane", async () => {
    const { table } = await start();
    const set = await committed(table.updateSchema().setIdentifierFields(["id"]).commit());
    expect(set.schema()["identifier-field-ids"]).toEqual([field(set, "id")?.id]);
    const renamed = await committed(set.updateSchema().renameColumn("id", "key").commit());
    expect(renamed.schema()["identifier-field-ids"]).toEqual([field(set, "id")?.id]);
    for (const refuse of [
      (update: UpdateSchema) => update.setIdentifierFields(["count"]),
      (update: UpdateSchema) => update.setIdentifierFields(["address.city"]),
      (update: UpdateSchema) => update.deleteColumn("key"),
      (update: UpdateSchema) => update.makeColumnOptional("key"),
    ]) {
      await expect(refuse(renamed.updateSchema()).commit()).rejects.toMatchObject({ code: "invalid_option" });
    }
    const cleared = await committed(renamed.updateSchema().setIdentifierFields([]).deleteColumn("key").commit());
    expect(cleared.schema()).not.toHaveProperty("identifier-field-ids");
  });

  const refusals: readonly (readonly [string, (update: UpdateSchema) => UpdateSchema, string])[] = [
    ["narrowing", (update) => update.updateColumn("id", "int"), "invalid_option"],
    ["a change of scale", (update) => update.updateColumn("price", "decimal(12,3)"), "invalid_option"],
    ["a date to a timestamp in version 2", (update) => update.updateColumn("day", "timestamp"), "invalid_option"],
    ["a change of a map key", (update) => update.updateColumn("tags.key", "binary"), "invalid_option"],
    ["a struct to a primitive", (update) => update.updateColumn("address", "string"), "invalid_option"],
    ["an existing name", (update) => update.addColumn("count", "int"), "already_exists"],
    ["a rename onto another", (update) => update.renameColumn("count", "price"), "already_exists"],
    ["an unknown column", (update) => update.deleteColumn("nobody"), "undefined_column"],
    ["an unknown parent", (update) => update.addColumn("nobody.x", "int"), "undefined_column"],
    ["a child of a primitive", (update) => update.addColumn("count.x", "int"), "invalid_option"],
    ["a required column", (update) => update.addRequiredColumn("level", "int"), "invalid_option"],
    ["requiring an optional column", (update) => update.requireColumn("count"), "invalid_option"],
    ["dropping a partition source", (update) => update.deleteColumn("day"), "invalid_option"],
    ["dropping a list's element", (update) => update.deleteColumn("points.element"), "invalid_option"],
    ["moving across structs", (update) => update.moveBefore("address.city", "count"), "invalid_option"],
    ["moving beside itself", (update) => update.moveBefore("count", "count"), "invalid_option"],
    ["a version 3 type in version 2", (update) => update.addColumn("v", "timestamp_ns"), "invalid_request"],
  ];
  test.each(refusals)("%s is refused and changes nothing", async (_, change, code) => {
    const { lake, table } = await start();
    await expect(change(table.updateSchema()).commit()).rejects.toMatchObject({ code });
    expect((await lake.newClient().loadTable("default.t")).metadata.schemas).toHaveLength(1);
  });

  test("incompatible changes are made when they are allowed", async () => {
    const { table } = await start();
    const after = await committed(
      table.updateSchema().allowIncompatibleChanges().addRequiredColumn("level", "int").requireColumn("count").commit(),
    );
    expect(field(after, "level")?.required).toBe(true);
    expect(field(after, "count")?.required).toBe(true);
  });

  test("a date that is bucketed by cannot become a timestamp, another may in version 3", async () => {
    const { table } = await start(3);
    await expect(table.updateSchema().updateColumn("day", "timestamp").commit()).rejects.toMatchObject({
      code: "invalid_option",
    });
    const free = await committed(table.updateSchema().addColumn("born", "date").commit());
    const after = await committed(free.updateSchema().updateColumn("born", "timestamp").commit());
    expect(field(after, "born")?.type).toBe("timestamp");
  });

  test("the name mapping and column settings follow renames, additions and drops", async () => {
    const mapping = [
      { "field-id": 1, names: ["id"] },
      { "field-id": 2, names: ["count", "cnt"] },
      { "field-id": 4, names: ["address"], fields: [{ "field-id": 8, names: ["city"] }] },
    ];
    const { table } = await start(2, {
      "schema.name-mapping.default": JSON.stringify(mapping),
      "write.metadata.metrics.column.count": "full",
      "write.parquet.bloom-filter-enabled.column.address.city": "true",
      "write.metadata.metrics.column.price": "none",
    });
    const city = field(table, "address")?.type;
    expect(city).toMatchObject({ fields: [{ id: 8, name: "city" }, {}] });
    const after = await committed(
      table
        .updateSchema()
        .renameColumn("count", "total")
        .renameColumn("address", "home")
        .deleteColumn("price")
        .addColumn("cnt", "string")
        .commit(),
    );
    const written = JSON.parse(after.metadata.properties["schema.name-mapping.default"] ?? "[]") as {
      "field-id": number;
      names: string[];
    }[];
    const namesOf = (id: number | undefined): string[] | undefined =>
      written.find((mapped) => mapped["field-id"] === id)?.names;
    expect(namesOf(2)).toEqual(["count", "total"]);
    expect(namesOf(4)).toEqual(["address", "home"]);
    expect(namesOf(field(after, "cnt")?.id)).toEqual(["cnt"]);
    expect(after.metadata.properties).toMatchObject({
      "write.metadata.metrics.column.total": "full",
      "write.parquet.bloom-filter-enabled.column.home.city": "true",
    });
    expect(Object.keys(after.metadata.properties)).not.toContain("write.metadata.metrics.column.count");
    expect(Object.keys(after.metadata.properties)).not.toContain("write.metadata.metrics.column.price");
  });

  test("a union adds what is missing, widens what grew and loosens what may be null", async () => {
    const { table } = await start();
    const after = await committed(
      table
        .updateSchema()
        .unionByNameWith({
          fields: [
            { id: 1, name: "id", required: false, type: "int" },
            { id: 2, name: "count", required: false, type: "long" },
            {
              id: 3,
              name: "address",
              required: false,
              type: { type: "struct", fields: [{ id: 9, name: "floor", required: false, type: "int" }] },
            },
            { id: 4, name: "note", required: true, type: "string" },
          ],
        })
        .commit(),
    );
    expect(field(after, "id")).toMatchObject({ required: false, type: "long" });
    expect(field(after, "count")?.type).toBe("long");
    expect(field(after, "note")).toMatchObject({ required: false, type: "string" });
    expect(field(after, "address")?.type).toMatchObject({ fields: [{}, {}, { name: "floor" }] });
    const same = await after.updateSchema().unionByNameWith(after.schema()).commit();
    expect(same).toMatchObject({ outcome: "committed", table: { metadataLocation: after.metadataLocation } });
  });

  test("two writers that add different columns both get them, under different ids", async () => {
    const { lake, table } = await start();
    const other = await lake.newClient().loadTable("default.t");
    await committed(other.updateSchema().addColumn("theirs", "int").commit());
    const after = await committed(table.updateSchema().addColumn("mine", "int").commit());
    expect(names(after).slice(-2)).toEqual(["theirs", "mine"]);
    expect(field(after, "mine")?.id).toBe((field(after, "theirs")?.id ?? 0) + 1);
  });
});

describe("I125 other definitions", () => {
  test("partition fields are renamed and specs added without becoming the default", async () => {
    const { table } = await start();
    const renamed = await committed(table.updateSpec().renameField("day_bucket", "b").commit());
    expect(renamed.spec().fields).toMatchObject([{ name: "b", "field-id": 1000, transform: "bucket[4]" }]);
    const extra = await committed(renamed.updateSpec().addField("id", "truncate[10]").addNonDefaultSpec().commit());
    expect(extra.spec()["spec-id"]).toBe(renamed.spec()["spec-id"]);
    expect(extra.metadata["partition-specs"]).toHaveLength(3);
    const nested = await committed(extra.updateSpec().addField("address.zip", "bucket[8]", "zip8").commit());
    expect(nested.spec().fields.map(({ name }) => name)).toEqual(["b", "zip8"]);
  });

  test("the location moves, the format goes up and never down", async () => {
    const { table } = await start();
    const moved = await committed(table.updateLocation().setLocation("s3://lake/elsewhere/t/").commit());
    expect(moved.metadata.location).toBe("s3://lake/elsewhere/t");
    const upgraded = await committed(moved.upgradeFormatVersion(3).commit());
    expect(upgraded.metadata).toMatchObject({ "format-version": 3, "next-row-id": 0n });
    expect(await upgraded.upgradeFormatVersion(2).commit()).toMatchObject({ outcome: "conflict" });
    await expect(upgraded.upgradeFormatVersion(4).commit()).rejects.toMatchObject({ code: "invalid_option" });
  });

  test("sort orders take transforms", async () => {
    const { table } = await start();
    const after = await committed(
      table.replaceSortOrder().asc("day", "nulls-last", "month").desc("address.city").commit(),
    );
    expect(after.sortOrder().fields).toMatchObject([
      { transform: "month", "null-order": "nulls-last" },
      { transform: "identity", direction: "desc" },
    ]);
  });
});
