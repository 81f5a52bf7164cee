// Arrow streams carry every type and value there and back, and other Arrow readers understand them.

import * as arrow from "apache-arrow";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  arrowIpcToBatches,
  batchToArrowIpc,
  decimalToString,
  isAsciiOnly,
  readArrowIpc,
  rowAt,
  stringToDecimal,
  vectorFromScalars,
  type DataType,
  type Scalar,
} from "#columnar";
import { TYPED_ARBITRARIES, int64Scalars, texts } from "../../support/parquet-arbitraries.ts";

const DEEP: DataType = { kind: "list", element: { kind: "list", element: { kind: "string" } } };

function entries(keys: fc.Arbitrary<Scalar>, values: fc.Arbitrary<Scalar>): fc.Arbitrary<Scalar> {
  return fc.array(fc.tuple<[Scalar, Scalar]>(keys, fc.option(values)));
}

const MORE_TYPES: readonly { type: DataType; values: fc.Arbitrary<Scalar> }[] = [
  { type: { kind: "int16" }, values: fc.integer({ min: -32_768, max: 32_767 }) },
  { type: { kind: "json" }, values: fc.json() },
  {
    type: { kind: "decimal" },
    values: fc.tuple(fc.bigInt(), fc.nat(30)).map(([unscaled, scale]) => ({ unscaled, scale })),
  },
  {
    type: { kind: "interval" },
    values: fc.record({ months: fc.integer(), days: fc.integer(), micros: fc.maxSafeInteger() }),
  },
  { type: { kind: "list", element: { kind: "int64" } }, values: fc.array(fc.option(int64Scalars)) },
  {
    type: {
      kind: "struct",
      fields: [
        { name: "a", type: { kind: "string" } },
        { name: "b", type: { kind: "list", element: { kind: "float64" } } },
      ],
    },
    values: fc.record<Record<string, Scalar>>({ a: fc.option(texts), b: fc.option(fc.array(fc.option(fc.double()))) }),
  },
  {
    type: { kind: "map", key: { kind: "string" }, value: { kind: "boolean" } },
    values: entries(texts, fc.boolean()),
  },
  {
    type: { kind: "map", key: { kind: "struct", fields: [{ name: "k", type: { kind: "int64" } }] }, value: DEEP },
    values: entries(fc.record<Record<string, Scalar>>({ k: int64Scalars }), fc.array(fc.array(fc.option(texts)))),
  },
];

describe.each([...TYPED_ARBITRARIES, ...MORE_TYPES].map((typed) => [typed.type.kind, typed] as const))(
  "%s",
  (_kind, { type, values }) => {
    test("comes back with its type and values", () => {
      fc.assert(
        fc.property(fc.array(fc.array(fc.option(values, { freq: 4 })), { maxLength: 3 }), (chunks) => {
          const columns = [{ name: "x", type, nullable: true }];
          const batches = chunks.map((scalars) => ({
            rowCount: scalars.length,
            columns: [vectorFromScalars(type, scalars)],
          }));
          const contents = readArrowIpc(batchToArrowIpc(columns, batches));
          expect(contents.columns).toEqual(columns);
          const rows = contents.batches.flatMap((batch) =>
            Array.from({ length: batch.rowCount }, (_, i) => rowAt(batch, i)[0]),
          );
          expect(rows).toEqual(chunks.flat());
        }),
        { numRuns: 30 },
      );
    });
  },
);

test("the Arrow library reads the values itself", () => {
  const columns = [
    { name: "s", type: { kind: "string" }, nullable: true },
    { name: "l", type: { kind: "int64" }, nullable: false },
    { name: "t", type: { kind: "timestamp", utc: true }, nullable: true },
  ] as const;
  const dictionary = vectorFromScalars({ kind: "string" }, ["ä", "b"]);
  const table = arrow.tableFromIPC(
    batchToArrowIpc(columns, [
      {
        rowCount: 3,
        columns: [
          {
            encoding: "dictionary",
            type: { kind: "string" },
            length: 3,
            codes: Int32Array.of(1, 0, 0),
            dictionary,
            validity: Uint8Array.of(1, 1, 0),
          },
          vectorFromScalars({ kind: "int64" }, [-1, 2 ** 40, 2n ** 63n - 1n]),
          { encoding: "constant", type: { kind: "timestamp", utc: true }, length: 3, value: 1_700_000_000_000_000 },
        ],
      },
    ]),
  );
  expect(table.schema.fields.map((field) => String(field.type))).toEqual([
    "Utf8",
    "Int64",
    "Timestamp<MICROSECOND, UTC>",
  ]);
  expect(table.toArray().map((row) => [row?.["s"], row?.["l"], Number(row?.["t"])])).toEqual([
    ["b", -1n, 1_700_000_000_000],
    ["ä", 2n ** 40n, 1_700_000_000_000],
    [null, 2n ** 63n - 1n, 1_700_000_000_000],
  ]);
});

test.each([1, 2, 5, 10])("I300 a column written %i times over keeps every writing", (length) => {
  const vector = vectorFromScalars(
    { kind: "int32" },
    Array.from({ length }, (_, index) => index),
  );
  const columns = ["a", "b", "c"].map((name) => ({ name, type: { kind: "int32" } as const, nullable: true }));
  const batch = { rowCount: length, columns: [vector, vector, vector] };
  const read = arrowIpcToBatches(batchToArrowIpc(columns, [batch, batch]));
  const expected = Array.from({ length }, (_, index) => [index, index, index]);
  expect(read.flatMap((each) => Array.from({ length: each.rowCount }, (_, row) => rowAt(each, row)))).toEqual([
    ...expected,
    ...expected,
  ]);
});

test("I302 decimals of a declared scale in a column of any are written as the column says", () => {
  const column = { name: "a", type: { kind: "decimal" } as const, nullable: true };
  const vector = vectorFromScalars({ kind: "decimal", precision: 12, scale: 2 }, [{ unscaled: 150n, scale: 2 }, null]);
  const [read] = arrowIpcToBatches(batchToArrowIpc([column], [{ rowCount: 2, columns: [vector] }]));
  expect(read === undefined ? [] : [rowAt(read, 0), rowAt(read, 1)]).toEqual([[{ unscaled: 150n, scale: 2 }], [null]]);
});

test("strings split inside a surrogate pair stay apart", () => {
  const type: DataType = { kind: "string" };
  const halves = ["x\ud83d", "\ude00y"];
  const ipc = batchToArrowIpc(
    [{ name: "s", type, nullable: false }],
    [{ rowCount: 2, columns: [vectorFromScalars(type, halves)] }],
  );
  const [batch] = arrowIpcToBatches(ipc);
  expect(batch === undefined ? [] : [rowAt(batch, 0), rowAt(batch, 1)]).toEqual([["x\ufffd"], ["\ufffdy"]]);
});

test("ASCII is told at every alignment and length", () => {
  const bytes = new Uint8Array(32);
  for (let start = 0; start < 8; start++) {
    for (let end = start; end < 20; end++) {
      expect(isAsciiOnly(bytes.subarray(start, end))).toBe(true);
      if (end === start) continue;
      for (const at of [start, end - 1]) {
        bytes[at] = 0x80;
        expect(isAsciiOnly(bytes.subarray(start, end))).toBe(false);
        bytes[at] = 0;
      }
    }
  }
});

test("C100 bytes that are not Arrow give data_invalid or nothing", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
      let outcome: unknown = "read";
      try {
        readArrowIpc(new Uint8Array(noise));
      } catch (error) {
        outcome = (error as { code?: string }).code;
      }
      expect(["read", "data_invalid"]).toContain(outcome);
    }),
    { numRuns: 200 },
  );
});

test("decimals as text: exact both ways, exponents expanded, nonsense refused", () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.nat(40), (unscaled, scale) => {
      expect(stringToDecimal(decimalToString({ unscaled, scale }))).toEqual({ unscaled, scale });
    }),
  );
  expect(decimalToString({ unscaled: -105n, scale: 2 })).toBe("-1.05");
  expect(decimalToString({ unscaled: -5n, scale: 2 })).toBe("-0.05");
  expect(stringToDecimal(" 1.5e3 ")).toEqual({ unscaled: 1500n, scale: 0 });
  expect(stringToDecimal("1.5e-3")).toEqual({ unscaled: 15n, scale: 4 });
  expect(stringToDecimal(".5")).toEqual({ unscaled: 5n, scale: 1 });
  for (const text of ["", ".", "1.2.3", "NaN", "1e999999999", "0x10", "1 2"])
    expect(stringToDecimal(text)).toBeUndefined();
});
