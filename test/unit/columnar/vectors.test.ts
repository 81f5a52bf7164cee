// Vectors behave as the lists of scalars they stand for, in every encoding.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  batchByteSize,
  concatBatches,
  concatVectors,
  constantVector,
  flattenVector,
  gather,
  gatherBatch,
  isNullAt,
  scalarAt,
  sliceVector,
  vectorByteSize,
  vectorFromScalars,
  type DataType,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { TYPED_ARBITRARIES } from "../../support/parquet-arbitraries.ts";
import { toTextBlock } from "../../support/text-blocks.ts";

function scalarsOf(vector: Vector): Scalar[] {
  return Array.from({ length: vector.length }, (_, i) => scalarAt(vector, i));
}

/** A vector in any encoding together with the scalars it stands for. */
interface Sample {
  readonly vector: Vector;
  readonly scalars: readonly Scalar[];
}

function samplesOf({ type, values }: (typeof TYPED_ARBITRARIES)[number]): fc.Arbitrary<Sample> {
  const flat = fc.array(fc.option(values, { freq: 4 }), { maxLength: 20 }).map((scalars): Sample => ({
    vector: vectorFromScalars(type, scalars),
    scalars,
  }));
  const constant = fc.tuple(fc.option(values), fc.nat(8)).map(([value, length]): Sample => ({
    vector: constantVector(type, value, length),
    scalars: Array.from({ length }, () => value),
  }));
  const dictionary = fc
    .tuple(
      fc.array(values, { minLength: 1, maxLength: 5 }),
      fc.array(fc.option(fc.nat(), { freq: 4 }), { maxLength: 20 }),
    )
    .map(([entries, picks]): Sample => {
      const codes = Int32Array.from(picks, (pick) => (pick ?? 0) % entries.length);
      for (const [i, pick] of picks.entries()) if (pick === null) codes[i] = 0;
      return {
        vector: {
          encoding: "dictionary",
          type,
          length: picks.length,
          codes,
          dictionary: vectorFromScalars(type, entries),
          validity: picks.includes(null) ? Uint8Array.from(picks, (pick) => (pick === null ? 0 : 1)) : undefined,
        },
        scalars: picks.map((pick) => (pick === null ? null : (entries[pick % entries.length] ?? null))),
      };
    });
  if (type.kind !== "string" && type.kind !== "json") return fc.oneof(flat, constant, dictionary);
  const view = flat.map(({ vector, scalars }): Sample => ({ vector: toTextBlock(vector as FlatVector), scalars }));
  const viewDictionary = dictionary.map(({ vector, scalars }): Sample => ({
    vector: vector.encoding === "dictionary" ? { ...vector, dictionary: toTextBlock(vector.dictionary) } : vector,
    scalars,
  }));
  return fc.oneof(flat, constant, dictionary, view, viewDictionary);
}

describe.each(TYPED_ARBITRARIES.map((typed) => [typed.type.kind, typed] as const))("%s", (_kind, typed) => {
  const sample = samplesOf(typed);

  test("reading, flattening and null tests agree with the scalars", () => {
    fc.assert(
      fc.property(sample, ({ vector, scalars }) => {
        expect(scalarsOf(vector)).toEqual(scalars);
        expect(scalarsOf(flattenVector(vector))).toEqual(scalars);
        expect(scalars.map((_, i) => isNullAt(vector, i))).toEqual(scalars.map((value) => value === null));
      }),
      { numRuns: 30 },
    );
  });

  test("gather picks rows, negative indices are null, the encoding stays", () => {
    fc.assert(
      fc.property(
        sample,
        fc.array(fc.integer({ min: -1, max: 60 }), { maxLength: 20 }),
        ({ vector, scalars }, picks) => {
          const indices = Int32Array.from(picks, (pick) =>
            vector.length === 0 || pick < 0 ? -1 : pick % vector.length,
          );
          const gathered = gather(vector, indices);
          expect(scalarsOf(gathered)).toEqual([...indices].map((index) => (index < 0 ? null : scalars[index])));
          const keepsEncoding = gathered.encoding === vector.encoding || indices.includes(-1);
          expect(keepsEncoding).toBe(true);
        },
      ),
      { numRuns: 30 },
    );
  });

  test("concat joins and slice cuts", () => {
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(), (samples, a, b) => {
        const joined = concatVectors(samples.map((item) => item.vector));
        const scalars = samples.flatMap((item) => item.scalars);
        expect(scalarsOf(joined)).toEqual(scalars);
        const [start, end] = [a % (scalars.length + 1), b % (scalars.length + 1)].toSorted((x, y) => x - y);
        expect(scalarsOf(sliceVector(joined, start ?? 0, end ?? 0))).toEqual(scalars.slice(start, end));
      }),
      { numRuns: 30 },
    );
  });
});

const STRING: DataType = { kind: "string" };

function dictionaryOf(entries: FlatVector, codes: readonly number[]): Vector {
  return {
    encoding: "dictionary",
    type: entries.type,
    length: codes.length,
    codes: Int32Array.from(codes),
    dictionary: entries,
    validity: undefined,
  };
}

test("vectors over one dictionary keep it when joined", () => {
  const entries = vectorFromScalars(STRING, ["a", "b"]);
  const joined = concatVectors([dictionaryOf(entries, [0, 1]), dictionaryOf(entries, [1])]);
  expect(joined).toMatchObject({ encoding: "dictionary", codes: Int32Array.of(0, 1, 1) });
  expect(joined.encoding === "dictionary" && joined.dictionary).toBe(entries);
});

test("short dictionaries are merged without duplicates, long ones are given up", () => {
  const first = dictionaryOf(vectorFromScalars(STRING, ["a", "b"]), [0, 1, 0, 1, 1]);
  const second = dictionaryOf(vectorFromScalars(STRING, ["b", "c"]), [0, 1, 1, 0, 0]);
  const joined = concatVectors([first, second]);
  expect(joined.encoding === "dictionary" && joined.dictionary.values).toEqual(["a", "b", "c"]);
  expect(scalarsOf(joined)).toEqual(["a", "b", "a", "b", "b", "b", "c", "c", "b", "b"]);
  const long = dictionaryOf(vectorFromScalars(STRING, ["x", "y", "z"]), [2]);
  expect(concatVectors([long, dictionaryOf(vectorFromScalars(STRING, ["q"]), [0])]).encoding).toBe("flat");
});

test("64-bit vectors of both forms join exactly", () => {
  const wide = vectorFromScalars({ kind: "int64" }, [2n ** 62n]);
  const narrow = vectorFromScalars({ kind: "int64" }, [5, null]);
  expect(wide.values).toBeInstanceOf(BigInt64Array);
  expect(narrow.values).toBeInstanceOf(Float64Array);
  expect(scalarsOf(concatVectors([narrow, wide]))).toEqual([5, null, 2n ** 62n]);
});

test("batches count their rows also without columns", () => {
  expect(
    concatBatches([
      { rowCount: 2, columns: [] },
      { rowCount: 3, columns: [] },
    ]).rowCount,
  ).toBe(5);
  expect(gatherBatch({ rowCount: 9, columns: [] }, Int32Array.of(1, 1)).rowCount).toBe(2);
});

test("sizes count what is held, a shared dictionary once when asked", () => {
  expect(vectorByteSize(vectorFromScalars({ kind: "float64" }, [1, 2, null]))).toBe(3 * 8 + 3);
  const entries = vectorFromScalars(STRING, ["x".repeat(10_000)]);
  const batch = { rowCount: 1, columns: [dictionaryOf(entries, [0])] };
  const counted = new Set<FlatVector>();
  expect(batchByteSize(batch, counted)).toBeGreaterThan(10_000);
  expect(batchByteSize(batch, counted)).toBeLessThan(100);
  expect(batchByteSize(batch)).toBeGreaterThan(10_000);
});

test("a scalar of another form than the column's is a bug, not data", () => {
  expect(() => vectorFromScalars(STRING, [1])).toThrow(/invariant/);
  expect(() => vectorFromScalars({ kind: "int32" }, ["1"])).toThrow(/invariant/);
});
