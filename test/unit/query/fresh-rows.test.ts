import { expect, test } from "vitest";
import { LakeError } from "#core";
import { batchToArrowIpc, rowAt, vectorFromScalars, type ColumnSchema, type DataType, type Scalar } from "#columnar";
import type { Table, TableMetadata } from "#iceberg";
import { VARIANT_TYPE, jsonToVariant } from "#parquet";
import type { FieldPredicate } from "../../../src/query/field-predicate.ts";
import {
  readFreshRows,
  selectFresh,
  type FreshPage,
  type FreshShard,
  type FreshSource,
} from "../../../src/query/fresh-rows.ts";
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

type Columns = readonly (readonly [DataType, readonly Scalar[]])[];

/** A shard of one page. */
function shard(shardIndex: number, watermark: number, schemaId: number, columns: Columns): FreshShard {
  const schema: ColumnSchema[] = columns.map(([type], index) => ({ name: `c${index}`, type, nullable: true }));
  const rowCount = columns[0]?.[1].length ?? 0;
  const batch = { rowCount, columns: columns.map(([type, values]) => vectorFromScalars(type, values)) };
  const page: FreshPage = {
    firstRetainedSequence: watermark + 1,
    lastSequence: watermark + rowCount,
    rowCount,
    schemaId,
    ipc: batchToArrowIpc(schema, [batch]),
    hasMore: false,
  };
  return { shardIndex, watermark, readFresh: () => Promise.resolve(page) };
}

const COLUMNS = [
  { fieldId: 7, name: "n", type: LONG },
  { fieldId: 9, name: "t", type: TEXT },
];

const shards: FreshShard[] = [
  shard(0, 4, 0, [[INT, [1, 2, null]]]),
  shard(1, 0, 1, [
    [TEXT, ["x", "y"]],
    [LONG, [3, 2n ** 60n]],
  ]),
];
const FIELDS = new Set([7, 9]);

async function select(
  predicates: readonly FieldPredicate[],
): Promise<{ rows: Scalar[][]; identity: string; rowCount: number }> {
  const fresh = (await readFreshRows(shards, metadata(), FIELDS)) ?? [];
  const { batches, identity, rowCount } = selectFresh(fresh, COLUMNS, predicates);
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

test("pages of different schemas give the table's columns by field id, promoted, absent ones null", async () => {
  const { rows, identity, rowCount } = await select([]);
  expect(rows).toEqual([
    [1, null],
    [2, null],
    [null, null],
    [3, "x"],
    [2n ** 60n, "y"],
  ]);
  expect([identity, rowCount]).toEqual(["0>4:3,1>0:2", 5]);
});

test("rows that cannot match are left out, and leave the identity alone", async () => {
  expect((await select([on(">=", 3)])).rows).toEqual([
    [3, "x"],
    [2n ** 60n, "y"],
  ]);
  expect((await select([on(">=", 3)])).identity).toBe("1>0:2");
  expect((await select([on("is_null")])).rows).toEqual([[null, null]]);
  expect(await select([on("=", 99)])).toEqual({ rows: [], identity: "", rowCount: 0 });
  expect((await select([{ ...on("=", "x"), fieldId: 9, type: TEXT }])).identity).toBe("1>0:1");
});

/** Rows 1 to 3 went into the table after its metadata was loaded. */
const moved: FreshShard = {
  shardIndex: 2,
  watermark: 0,
  readFresh: async () => ({ ...(await shard(2, 3, 0, [[INT, [9]]]).readFresh({ afterSequence: 3 })) }),
};

test("pages are read to the end of the log, in sequence, keeping only the wanted fields", async () => {
  const asked: number[] = [];
  const all = [10, 11, 12, 13, 14];
  const paged: FreshShard = {
    shardIndex: 0,
    watermark: 2,
    async readFresh({ afterSequence }) {
      asked.push(afterSequence);
      const part = all.slice(afterSequence - 2, afterSequence);
      const columns: Columns = [
        [TEXT, part.map(String)],
        [LONG, part],
      ];
      const page = await shard(0, 2, 1, columns).readFresh({ afterSequence });
      return { ...page, lastSequence: afterSequence + part.length, hasMore: afterSequence + part.length < 7 };
    },
  };
  const fresh = (await readFreshRows([paged], metadata(), new Set([7]))) ?? [];
  expect(asked).toEqual([2, 4, 6]);
  expect(fresh.flatMap(({ vectorsByFieldId }) => [...vectorsByFieldId.keys()])).toEqual(fresh.map(() => 7));
  const { batches } = selectFresh(fresh, [{ fieldId: 7, name: "n", type: LONG }], []);
  expect(batches.flatMap((batch) => Array.from({ length: batch.rowCount }, (_, row) => rowAt(batch, row)[0]))).toEqual(
    all,
  );
});

test("C56 more fresh rows than a query can hold end it instead of the isolate", async () => {
  const text = "x".repeat(1_000_000);
  const page = await shard(0, 0, 1, [
    [TEXT, [text, text, text]],
    [LONG, [1, 2, 3]],
  ]).readFresh({ afterSequence: 0 });
  let pages = 0;
  const endless: FreshShard = {
    shardIndex: 0,
    watermark: 0,
    readFresh({ afterSequence }) {
      pages += 1;
      return Promise.resolve({ ...page, firstRetainedSequence: 1, lastSequence: afterSequence + 3, hasMore: true });
    },
  };
  await expect(readFreshRows([endless], metadata(), FIELDS)).rejects.toMatchObject({ code: "memory_limit_exceeded" });
  expect(pages).toBeLessThan(20);
  pages = 0;
  const narrow = readFreshRows(
    [{ ...endless, readFresh: async (request) => ({ ...(await endless.readFresh(request)), hasMore: pages < 30 }) }],
    metadata(),
    new Set([7]),
  );
  expect((await narrow)?.length).toBe(30);
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
    flush: () => Promise.resolve(),
    shards: () => {
      asked.push(1);
      return asked.length < 3 ? [moved] : shards;
    },
  };
  const view = await loadTableView(fakeTable(0), source, FIELDS, retryDeps);
  expect(asked).toHaveLength(3);
  expect((view.table as FakeTable).version).toBe(2);
  expect(view.fresh.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(5);
});

test("L55 a table that never holds still ends with a retryable error after five reads", async () => {
  let asked = 0;
  const source: FreshSource = {
    flush: () => Promise.resolve(),
    shards: () => {
      asked += 1;
      return [...shards, moved];
    },
  };
  const error = await loadTableView(fakeTable(0), source, FIELDS, retryDeps).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LakeError);
  expect((error as LakeError).code).toBe("upstream_unavailable");
  expect(asked).toBe(5);
});

test("a page of a schema the metadata does not have yet reloads the table too", async () => {
  let asked = 0;
  const source: FreshSource = {
    flush: () => Promise.resolve(),
    shards: () => {
      asked += 1;
      return [shard(0, 0, asked === 1 ? 5 : 0, [[INT, [1]]])];
    },
  };
  expect((await loadTableView(fakeTable(0), source, FIELDS, retryDeps)).fresh).toHaveLength(1);
  expect(asked).toBe(2);
});

const failingRead = (): Promise<never> => Promise.reject(new LakeError("storage_unavailable", "down"));

test("tables that opt out of ingest cost no call; other failures are not retried", async () => {
  let asked = 0;
  const failing: FreshSource = {
    flush: () => Promise.resolve(),
    shards: () => {
      asked += 1;
      return [{ shardIndex: 0, watermark: 0, readFresh: failingRead }];
    },
  };
  const off = fakeTable(0, { "firn.ingest.enabled": "false" });
  expect((await loadTableView(off, failing, FIELDS, retryDeps)).fresh).toEqual([]);
  expect(asked).toBe(0);
  await expect(loadTableView(fakeTable(0), failing, FIELDS, retryDeps)).rejects.toMatchObject({
    code: "storage_unavailable",
  });
  expect(asked).toBe(1);
});

test("I278 acknowledged nanoseconds and variants are seen as those of files are", async () => {
  const nanos = { kind: "int64", stored: { kind: "timestamp_ns", utc: false } } as const;
  const { metadata: names, value } = jsonToVariant('{"a": 1}');
  const page = shard(0, 0, 1, [
    [VARIANT_TYPE, [{ metadata: names, value }, null]],
    [nanos, [1_700_000_000_123_456_789n, 1000]],
  ]);
  const fresh = await readFreshRows([page], metadata(), new Set([7, 9]));
  const columns = [
    { fieldId: 9, name: "t", type: { kind: "json" } },
    { fieldId: 7, name: "n", type: { kind: "timestamp", utc: false } },
  ] as const;
  const seen = selectFresh(fresh ?? [], columns, []);
  expect(seen.batches.flatMap((batch) => [rowAt(batch, 0), rowAt(batch, 1)])).toEqual([
    ['{"a": 1}', 1_700_000_000_123_456],
    [null, 1],
  ]);
  const found = (operator: FieldPredicate["operator"], micros: number): number =>
    selectFresh(fresh ?? [], columns, [{ ...columns[1], operator, values: [micros] }]).rowCount;
  expect([found("=", 1_700_000_000_123_456), found(">", 1_700_000_000_123_456), found("<=", 1)]).toEqual([1, 0, 1]);
  expect(() => selectFresh(fresh ?? [], columns, [], true)).toThrow(
    expect.objectContaining({ code: "numeric_out_of_range" }),
  );
});
