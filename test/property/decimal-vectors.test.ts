// Decimals that stay numbers behave as decimals: read, moved, joined, stored.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  concatVectors,
  decimalBlockOf,
  decimalVector,
  flattenVector,
  gather,
  scalarAt,
  sliceVector,
  vectorFromScalars,
  type DataType,
  type Decimal,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { encodeParquet, readParquetMetadata, scanParquet } from "#parquet";
import { loadParquetWasm } from "../support/parquet-wasm.ts";

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);

function decimals(scale: number, wide: boolean): fc.Arbitrary<Decimal | null> {
  const limit = wide ? 10n ** 30n : SAFE;
  const unscaled = fc.oneof(fc.bigInt({ min: -limit, max: limit }), fc.bigInt({ min: -300n, max: 300n }));
  return fc.option(
    unscaled.map((value) => ({ unscaled: value, scale })),
    { nil: null },
  );
}

const lists = fc
  .tuple(fc.integer({ min: 0, max: 4 }), fc.boolean())
  .chain(([scale, wide]) => fc.array(decimals(scale, wide), { maxLength: 40 }));

/** The vector that nothing compact was made of. */
function plain(type: DataType, values: readonly Scalar[]): FlatVector {
  const held = values.map((value) => value ?? { unscaled: 0n, scale: 0 }) as Decimal[];
  const validity = Uint8Array.from(values, (value) => (value === null ? 0 : 1));
  return { encoding: "flat", type, length: values.length, values: held, validity };
}

function scalars(vector: Vector): Scalar[] {
  return Array.from({ length: vector.length }, (_, row) => scalarAt(vector, row));
}

describe("decimal vectors", () => {
  test("are compact where the values share a scale and are safe integers in it", () => {
    const type: DataType = { kind: "decimal" };
    const compact = vectorFromScalars(type, [{ unscaled: 105n, scale: 2 }, null, { unscaled: -7n, scale: 2 }]);
    expect(decimalBlockOf(compact)).toEqual({ unscaled: Float64Array.of(105, 0, -7), scale: 2 });
    expect(compact.values).toEqual([
      { unscaled: 105n, scale: 2 },
      { unscaled: 0n, scale: 2 },
      { unscaled: -7n, scale: 2 },
    ]);
    const mixed = vectorFromScalars(type, [
      { unscaled: 1n, scale: 1 },
      { unscaled: 10n, scale: 2 },
    ]);
    expect(decimalBlockOf(mixed)).toBeUndefined();
    expect(decimalBlockOf(vectorFromScalars(type, [{ unscaled: SAFE + 1n, scale: 0 }]))).toBeUndefined();
  });

  test("I290 compact decimals are read, gathered, cut, joined and expanded as the plain ones are", () => {
    const type: DataType = { kind: "decimal" };
    fc.assert(
      fc.property(lists, lists, fc.array(fc.nat(), { maxLength: 20 }), (first, second, picks) => {
        for (const values of [first, second]) expect(scalars(vectorFromScalars(type, values))).toEqual(values);
        const [a, b] = [vectorFromScalars(type, first), vectorFromScalars(type, second)];
        expect(scalars(concatVectors([a, b]))).toEqual([...first, ...second]);
        expect(scalars(concatVectors([a, plain(type, second)]))).toEqual([...first, ...second]);
        if (first.length === 0) return;
        const indices = Int32Array.from(picks, (pick) => (pick % (first.length + 1)) - 1);
        const picked = Array.from(indices, (index) => (index < 0 ? null : (first[index] ?? null)));
        expect(scalars(gather(a, indices))).toEqual(picked);
        const end = Math.min(first.length, picks.length);
        expect(scalars(sliceVector(a, end >> 1, end))).toEqual(first.slice(end >> 1, end));
        const codes = indices.filter((index) => index >= 0);
        const coded: Vector = {
          encoding: "dictionary",
          type,
          length: codes.length,
          codes,
          dictionary: a,
          validity: undefined,
        };
        const expanded = Array.from(codes, (index) => first[index] ?? null);
        expect(scalars(flattenVector(coded))).toEqual(expanded);
        const other = { ...coded, dictionary: vectorFromScalars(type, first) };
        expect(scalars(concatVectors([coded, other]))).toEqual([...expanded, ...expanded]);
      }),
    );
  });

  test("I290 compact and plain decimals are stored and read alike", async () => {
    loadParquetWasm();
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 38 }).chain((precision) => {
          const limit = 10n ** BigInt(precision) - 1n;
          const value = fc.oneof(fc.bigInt({ min: -limit, max: limit }), fc.constantFrom(0n, 1n, -1n, limit, -limit));
          const values = fc.array(fc.option(value, { nil: null }), { minLength: 1, maxLength: 30 });
          return fc.tuple(fc.constant(precision), values);
        }),
        async ([precision, unscaled]) => {
          const scale = precision >> 1;
          const type: DataType = { kind: "decimal", precision, scale };
          const values = unscaled.map((value) => (value === null ? null : { unscaled: value, scale }));
          const field = { fieldId: 1, name: "d", type, nullable: true };
          for (const vector of [vectorFromScalars(type, values), plain(type, values)]) {
            const { bytes } = encodeParquet([field], [{ rowCount: values.length, columns: [vector] }]);
            const reader = {
              sizeBytes: bytes.length,
              read: (offset: number, length: number) => Promise.resolve(bytes.subarray(offset, offset + length)),
            };
            const metadata = await readParquetMetadata(reader);
            const columns = metadata.columns.map(({ leafIndex }) => ({ leafIndex }));
            const got: Scalar[] = [];
            for await (const batch of scanParquet(reader, metadata, { columns })) {
              for (const column of batch.columns) got.push(...scalars(column));
            }
            expect(got).toEqual(values);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a compact vector with null rows makes values for all rows", () => {
    const vector = decimalVector(
      { kind: "decimal" },
      { unscaled: Float64Array.of(1, 0), scale: 3 },
      Uint8Array.of(1, 0),
    );
    expect(vector.values).toHaveLength(2);
    expect(scalarAt(vector, 1)).toBeNull();
  });
});
