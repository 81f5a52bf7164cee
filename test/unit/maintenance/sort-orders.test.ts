// Sort rewrites by the orders that tables declare: transforms, directions, null orders, members of structs.

import { describe, expect, test } from "vitest";
import { rowAt, vectorFromScalars, type Scalar } from "#columnar";
import { required } from "#core";
import {
  applyTransform,
  fieldVector,
  parseTransform,
  splitByPartition,
  type IcebergSchema,
  type NullOrder,
  type TableMetadata,
} from "#iceberg";
import { parseRewriteOptions, resolveRequest } from "#maintenance";
import {
  createMaintenanceLake,
  outcomeCode,
  runTestJob,
  scanFile,
  testRows,
  testTableDefinition,
  type MaintenanceLake,
} from "../../support/maintenance-lake.ts";

const TABLE = { namespace: ["default"], name: "events" };

type Direction = "asc" | "desc";

/** One declared key: column, transform, direction, null order. */
type Key = readonly [column: "id" | "kind" | "at" | "score", transform: string, Direction, NullOrder];

const POSITION = { id: 0, kind: 1, at: 2, score: 3 } as const;
const TYPE = { id: "long", kind: "string", at: "timestamptz", score: "double" } as const;

/** What a row is ordered by, computed beside the code under test where that can be said in a line. */
function keyValue([column, transform]: Key, row: readonly Scalar[]): Scalar {
  const value = row[POSITION[column]] ?? null;
  if (value === null) return null;
  switch (transform) {
    case "identity":
      return value;
    case "day":
      return new Date(Number(value) / 1000).toISOString().slice(0, 10);
    case "hour":
      return new Date(Number(value) / 1000).toISOString().slice(0, 13);
    case "truncate[6]":
      return typeof value === "string" ? value.slice(0, 6) : Math.floor(Number(value) / 6) * 6;
    default:
      // Buckets are hashes: the specification's vectors are tested where they are made.
      return applyTransform(parseTransform(transform), TYPE[column], value);
  }
}

function compareKeys(keys: readonly Key[], a: readonly Scalar[], b: readonly Scalar[]): number {
  for (const key of keys) {
    const [, , direction, nullOrder] = key;
    const [left, right] = [keyValue(key, a), keyValue(key, b)];
    if (left === right) continue;
    if (left === null || right === null) return (left === null) === (nullOrder === "nulls-first") ? -1 : 1;
    return left < right === (direction === "asc") ? -1 : 1;
  }
  return 0;
}

async function rowsInOrder(lake: MaintenanceLake): Promise<Scalar[][]> {
  const table = await lake.loadTable();
  const rows: Scalar[][] = [];
  for (const file of await lake.scanFiles()) {
    for await (const batch of scanFile(lake.store, table, file)) {
      for (let row = 0; row < batch.rowCount; row++) rows.push(rowAt(batch, row));
    }
  }
  return rows;
}

async function declareOrder(lake: MaintenanceLake, keys: readonly Key[]): Promise<number> {
  const order = (await lake.loadTable()).replaceSortOrder();
  for (const [column, transform, direction, nullOrder] of keys) order[direction](column, nullOrder, transform);
  const { outcome } = await order.commit();
  if (outcome !== "committed") throw new Error(outcome);
  return (await lake.loadTable()).metadata["default-sort-order-id"];
}

const ORDERS: readonly (readonly [string, readonly Key[]])[] = [
  ["a bucket", [["id", "bucket[4]", "asc", "nulls-first"]]],
  [
    "a bucket, then a column",
    [
      ["kind", "bucket[3]", "desc", "nulls-last"],
      ["at", "identity", "desc", "nulls-last"],
    ],
  ],
  [
    "truncated text",
    [
      ["kind", "truncate[6]", "asc", "nulls-last"],
      ["id", "identity", "asc", "nulls-first"],
    ],
  ],
  [
    "truncated numbers",
    [
      ["id", "truncate[6]", "desc", "nulls-first"],
      ["score", "identity", "asc", "nulls-last"],
    ],
  ],
  [
    "days, newest first",
    [
      ["at", "day", "desc", "nulls-last"],
      ["kind", "identity", "asc", "nulls-first"],
    ],
  ],
  [
    "hours",
    [
      ["at", "hour", "asc", "nulls-first"],
      ["score", "identity", "desc", "nulls-first"],
    ],
  ],
  [
    "values descending, nulls first",
    [
      ["score", "identity", "desc", "nulls-first"],
      ["kind", "identity", "desc", "nulls-first"],
    ],
  ],
  [
    "values ascending, nulls last",
    [
      ["score", "identity", "asc", "nulls-last"],
      ["kind", "identity", "asc", "nulls-last"],
    ],
  ],
];

describe("I206 a rewrite without keys follows the table's sort order", () => {
  test.each(ORDERS)("%s", async (_what, keys) => {
    const lake = await createMaintenanceLake(testTableDefinition(false));
    for (let seed = 0; seed < 3; seed++) await lake.append(testRows(150, seed, 3));
    const orderId = await declareOrder(lake, keys);
    const before = await lake.rows();
    // Small runs, so that keys computed for the sort travel through spilled ones.
    const limits = { runBytes: 4000, fanIn: 3 };
    const { outcome } = await runTestJob(lake, { kind: "rewrite", table: TABLE }, { sortLimits: limits });
    expect(outcomeCode(outcome)).toBe("succeeded");
    const rows = await rowsInOrder(lake);
    expect(rows.findIndex((row, at) => at > 0 && compareKeys(keys, required(rows[at - 1], "a row"), row) > 0)).toBe(-1);
    expect((await lake.files()).map(({ sortOrderId }) => sortOrderId)).toEqual([orderId]);
    expect(await lake.rows()).toEqual(before);
    // A table in its order is left alone.
    const again = await runTestJob(lake, { kind: "rewrite", table: TABLE }, { jobId: "job-2" });
    expect(again.outcome).toMatchObject({ result: { note: "nothing to do" } });
  });

  test("files of an old partition spec are distributed over the current one and sorted there", async () => {
    const lake = await createMaintenanceLake(testTableDefinition(false));
    await lake.append(testRows(100, 0, 3));
    const spec = (await lake.loadTable()).updateSpec().addField("at", "day").addField("kind", "truncate[5]");
    expect((await spec.commit()).outcome).toBe("committed");
    await lake.append(testRows(100, 1, 3));
    const keys: readonly Key[] = [
      ["id", "bucket[2]", "asc", "nulls-first"],
      ["score", "identity", "desc", "nulls-last"],
    ];
    await declareOrder(lake, keys);
    const before = await lake.rows();
    expect(outcomeCode((await runTestJob(lake, { kind: "rewrite", table: TABLE })).outcome)).toBe("succeeded");
    expect(await lake.rows()).toEqual(before);
    const table = await lake.loadTable();
    const files = await lake.scanFiles();
    expect(new Set(files.map(({ dataFile }) => dataFile.specId))).toEqual(new Set([table.metadata["default-spec-id"]]));
    for (const file of files) {
      const rows: Scalar[][] = [];
      for await (const batch of scanFile(lake.store, table, file)) {
        for (let row = 0; row < batch.rowCount; row++) rows.push(rowAt(batch, row));
        const parts = splitByPartition(batch, table.schema(), table.spec());
        expect(parts.map(({ partition }) => partition)).toEqual([file.dataFile.partition]);
      }
      expect(rows.every((row, at) => at === 0 || compareKeys(keys, required(rows[at - 1], "a row"), row) <= 0)).toBe(
        true,
      );
    }
  });
});

const PLACES: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: true, type: "long" },
    {
      id: 2,
      name: "place",
      required: false,
      type: {
        type: "struct",
        fields: [
          { id: 3, name: "city", required: false, type: "string" },
          {
            id: 4,
            name: "at",
            required: false,
            type: { type: "struct", fields: [{ id: 5, name: "x", required: false, type: "double" }] },
          },
        ],
      },
    },
    {
      id: 6,
      name: "tags",
      required: false,
      type: { type: "list", "element-id": 7, "element-required": false, element: "string" },
    },
  ],
};

const PLACE_ROWS = {
  rowCount: 4,
  columns: [
    vectorFromScalars({ kind: "int64" }, [1, 2, 3, 4]),
    vectorFromScalars(
      {
        kind: "struct",
        fields: [
          { name: "city", type: { kind: "string" } },
          { name: "at", type: { kind: "struct", fields: [{ name: "x", type: { kind: "float64" } }] } },
        ],
      },
      [{ city: "Oslo", at: { x: 1.5 } }, null, { city: null, at: null }, { city: "Oslo", at: { x: null } }],
    ),
    vectorFromScalars({ kind: "list", element: { kind: "string" } }, [null, [], ["a"], ["b"]]),
  ],
};

function valuesOf(fieldId: number): readonly Scalar[] | undefined {
  const found = fieldVector(PLACE_ROWS, PLACES, fieldId);
  return found && [0, 1, 2, 3].map((row) => rowAt({ rowCount: 4, columns: [found.vector] }, row)[0] ?? null);
}

describe("I207 fields inside structs", () => {
  test("are read at any depth, null where a struct on the way is; not inside lists", () => {
    expect(valuesOf(1)).toEqual([1, 2, 3, 4]);
    expect(valuesOf(3)).toEqual(["Oslo", null, null, "Oslo"]);
    expect(valuesOf(5)).toEqual([1.5, null, null, null]);
    expect(valuesOf(7)).toBeUndefined();
    expect(valuesOf(99)).toBeUndefined();
  });

  test("divide rows among partitions", () => {
    const spec = {
      "spec-id": 1,
      fields: [{ "source-id": 3, "field-id": 1000, name: "place.city", transform: "identity" }],
    };
    const parts = splitByPartition(PLACE_ROWS, PLACES, spec);
    expect(parts.map(({ partition, rows }) => [partition, [...rows]])).toEqual([
      [["Oslo"], [0, 3]],
      [[null], [1, 2]],
    ]);
  });
});

async function metadataOf(keys: readonly Key[] = []): Promise<TableMetadata> {
  const lake = await createMaintenanceLake(testTableDefinition(false));
  if (keys.length > 0) await declareOrder(lake, keys);
  return (await lake.loadTable()).metadata;
}

describe("resolving keys", () => {
  test("an order is fulfilled by keys that begin with it, transforms and all", async () => {
    const metadata = await metadataOf([["at", "day", "desc", "nulls-last"]]);
    const orderOf = (sort: unknown): unknown => {
      const resolved = resolveRequest(parseRewriteOptions({ sort }), metadata);
      return resolved.kind === "rewrite" ? resolved.sort.sortOrderId : "no rewrite";
    };
    const id = metadata["default-sort-order-id"];
    expect(orderOf([{ column: "at", transform: "day", direction: "desc" }])).toBe(id);
    expect(orderOf([{ column: "at", transform: "day", direction: "desc" }, "kind"])).toBe(id);
    expect(orderOf([{ column: "at", transform: "day" }])).toBeUndefined();
    expect(orderOf([{ column: "at", direction: "desc" }])).toBeUndefined();
    expect(orderOf([{ column: "at", transform: "month", direction: "desc" }])).toBeUndefined();
  });

  test("an order that cannot be computed is refused by name; one of void keys is none", async () => {
    const metadata = await metadataOf([["at", "day", "desc", "nulls-last"]]);
    const withOrder = (transform: string): TableMetadata => ({
      ...metadata,
      "sort-orders": metadata["sort-orders"].map((order) => ({
        ...order,
        fields: order.fields.map((field) => ({ ...field, transform })),
      })),
    });
    expect(() => resolveRequest(parseRewriteOptions({}), withOrder("zcurve[4]"))).toThrow(
      expect.objectContaining({
        code: "unsupported_operation",
        message: expect.stringContaining("zcurve[4]") as string,
      }),
    );
    expect(() => resolveRequest(parseRewriteOptions({}), withOrder("void"))).toThrow(
      expect.objectContaining({ code: "invalid_option" }),
    );
  });
});
