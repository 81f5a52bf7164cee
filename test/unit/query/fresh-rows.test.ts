import { expect, test } from "vitest";
import { LakeError } from "#core";
import { batchToArrowIpc, rowAt, vectorFromScalars, type ColumnSchema, type DataType, type Scalar } from "#columnar";
import type { Table, TableMetadata } from "#iceberg";
import type { FieldPredicate } from "../../../src/query/field-predicate.ts";
import { decodeFreshShards, selectFresh, type FreshShard, type FreshSource } from "../../../src/query/fresh-rows.ts";
import { loadTableView } from "../../../src/query/table-view.ts";

const INT: DataType = { kind: "int32" };
const LONG: DataType = { kind: "int64" };
const TEXT: DataType = { kind: "string" };

/** Schema 0 had an int column; schema 1 promoted it and added a text column. */
function metadata(properties: Record<string, string> = {}): TableMetadata {
  return {
    properties,
    schemas: [
      { type: "struct", "schema-id": 0, fields: [{ id: 7, name: "n", required: false, type: "int" }] },
      {
        type: "struct",
        "schema-id": 1,
        fields: [
          { id: 9, name: "t", required: false, type: "string" },
          { id: 7, name: "n", required: false, type: "long" },
        ],
      },
    ],
  } as unknown as TableMetadata;
}

function page(schemaId: number, columns: readonly (readonly [DataType, readonly Scalar[]])[]): FreshShard["pages"][0] {
  const schema: ColumnSchema[] = columns.map(([type], index) => ({ name: `c${index}`, type, nullable: true }));
  const rowCount = columns[0]?.[1].length ?? 0;
  const vectors = columns.map(([type, values]) => vectorFromScalars(type, values));
  return { rowCount, schemaId, ipc: batchToArrowIpc(schema, [{ rowCount, columns: vectors }]) };
}

const COLUMNS = [
  { fieldId: 7, name: "n", type: LONG },
  { fieldId: 9, name: "t", type: TEXT },
];

const shards: FreshShard[] = [
  { shardIndex: 0, watermark: 4, pages: [page(0, [[INT, [1, 2, null]]])] },
  {
    shardIndex: 1,
    watermark: 0,
    pages: [
      page(1, [
        [TEXT, ["x", "y"]],
        [LONG, [3, 2n ** 60n]],
      ]),
    ],
  },
];

function select(predicates: readonly FieldPredicate[]): { rows: Scalar[][]; identity: string; rowCount: number } {
  const { batches, identity, rowCount } = selectFresh(decodeFreshShards(shards, metadata()) ?? [], COLUMNS, predicates);
  const rows = batches.flatMap((batch) => Array.from({ length: batch.rowCount }, (_, row) => rowAt(batch, row)));
  return { rows, identity, rowCount };
}

const on = (operator: FieldPredicate["operator"], ...values: Scalar[]): FieldPredicate => ({
  fieldId: 7,
  name: "n",
  type: LONG,
  operator,
  values,
});

test("pages of different schemas give the table's columns by field id, promoted, absent ones null", () => {
  const { rows, identity, rowCount } = select([]);
  expect(rows).toEqual([
    [1, null],
    [2, null],
    [null, null],
    [3, "x"],
    [2n ** 60n, "y"],
  ]);
  expect([identity, rowCount]).toEqual(["0>4:3,1>0:2", 5]);
});

test("rows that cannot match are left out, and leave the identity alone", () => {
  expect(select([on(">=", 3)]).rows).toEqual([
    [3, "x"],
    [2n ** 60n, "y"],
  ]);
  expect(select([on(">=", 3)]).identity).toBe("1>0:2");
  expect(select([on("is_null")]).rows).toEqual([[null, null]]);
  expect(select([on("=", 99)])).toEqual({ rows: [], identity: "", rowCount: 0 });
  expect(select([{ ...on("=", "x"), fieldId: 9, type: TEXT }]).identity).toBe("1>0:1");
});

interface FakeTable extends Table {
  readonly version: number;
}

function fakeTable(version: number, properties: Record<string, string> = {}, reloads = { count: 0 }): FakeTable {
  return {
    version,
    identifier: { namespace: ["default"], name: "t" },
    metadata: metadata(properties),
    refresh: () => {
      reloads.count += 1;
      return Promise.resolve(fakeTable(version + reloads.count, properties, reloads));
    },
  } as unknown as FakeTable;
}

const retryDeps = {
  random: { nextUnit: () => 0, nextInt63: () => 1n, uuid: () => "u" },
  sleep: () => Promise.resolve(),
};

test("I59 L55 rows that moved into the table make it reload until both views meet", async () => {
  const asked: number[] = [];
  const source: FreshSource = {
    readFresh: () => {
      asked.push(1);
      return Promise.resolve(asked.length < 3 ? undefined : shards);
    },
  };
  const view = await loadTableView(fakeTable(0), source, retryDeps);
  expect(asked).toHaveLength(3);
  expect((view.table as FakeTable).version).toBe(2);
  expect(view.fresh.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(5);
});

test("L55 a table that never holds still ends with a retryable error after five reads", async () => {
  let asked = 0;
  const source: FreshSource = {
    readFresh: () => {
      asked += 1;
      return Promise.resolve(undefined);
    },
  };
  const error = await loadTableView(fakeTable(0), source, retryDeps).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LakeError);
  expect((error as LakeError).code).toBe("upstream_unavailable");
  expect(asked).toBe(5);
});

test("a page of a schema the metadata does not have yet reloads the table too", async () => {
  let asked = 0;
  const source: FreshSource = {
    readFresh: () => {
      asked += 1;
      return Promise.resolve([{ shardIndex: 0, watermark: 0, pages: [page(asked === 1 ? 5 : 0, [[INT, [1]]])] }]);
    },
  };
  expect((await loadTableView(fakeTable(0), source, retryDeps)).fresh).toHaveLength(1);
  expect(asked).toBe(2);
});

test("tables that opt out of ingest cost no call; other failures are not retried", async () => {
  let asked = 0;
  const failing: FreshSource = {
    readFresh: () => {
      asked += 1;
      return Promise.reject(new LakeError("storage_unavailable", "down"));
    },
  };
  const off = fakeTable(0, { "firn.ingest.enabled": "false" });
  expect((await loadTableView(off, failing, retryDeps)).fresh).toEqual([]);
  expect(asked).toBe(0);
  await expect(loadTableView(fakeTable(0), failing, retryDeps)).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(asked).toBe(1);
});
