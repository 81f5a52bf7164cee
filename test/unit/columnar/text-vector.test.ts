// Vectors over UTF-8 blocks behave as vectors of strings do, whatever is done with them.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  arrowIpcToBatches,
  batchToArrowIpc,
  concatVectors,
  encodeUtf8Block,
  flattenVector,
  gather,
  internBlock,
  isWellFormedBlock,
  rowAt,
  scalarAt,
  sliceVector,
  textBlockOf,
  textVector,
  vectorFromScalars,
  type FlatVector,
  type Scalar,
  type Vector,
} from "#columnar";
import { toTextBlock } from "../../support/text-blocks.ts";

const TEXT = { kind: "string" } as const;
const word = fc.oneof(fc.constantFrom("", "a", "b", "höhe", "日本", "😀"), fc.string({ unit: "binary", maxLength: 6 }));
const column = fc.array(fc.oneof(word, fc.option(word)), { minLength: 1, maxLength: 40 });

function textOf(values: readonly (string | null)[]): FlatVector {
  if (!values.includes(null) && values.length % 2 === 1) return toTextBlock(vectorFromScalars(TEXT, values));
  const validity = values.includes(null) ? Uint8Array.from(values, (value) => (value === null ? 0 : 1)) : undefined;
  const block = encodeUtf8Block(
    values.map((value) => value ?? ""),
    validity,
  );
  return textVector(TEXT, values.length, block, validity);
}

function rowsOf(vector: Vector): Scalar[] {
  return Array.from({ length: vector.length }, (_, i) => scalarAt(vector, i));
}

test("I314 slices, gathers and joins of text blocks are those of strings and stay blocks", () => {
  fc.assert(
    fc.property(column, column, fc.array(fc.nat(), { maxLength: 30 }), fc.nat(), (left, right, picks, cut) => {
      const [text, strings] = [textOf(left), vectorFromScalars(TEXT, left)];
      const indices = Int32Array.from(picks, (pick) => pick % left.length);
      const start = cut % left.length;
      const gathered = gather(text, indices);
      const sliced = sliceVector(text, start, left.length);
      const joined = concatVectors([sliced, textOf(right)]);
      expect(rowsOf(gathered)).toEqual(rowsOf(gather(strings, indices)));
      expect(rowsOf(sliced)).toEqual(left.slice(start));
      expect(rowsOf(joined)).toEqual([...left.slice(start), ...right]);
      expect(rowsOf(concatVectors([text, vectorFromScalars(TEXT, right)]))).toEqual([...left, ...right]);
      expect([...(joined as FlatVector).values].filter((_, i) => scalarAt(joined, i) !== null)).toEqual(
        [...left.slice(start), ...right].filter((value) => value !== null),
      );
      for (const vector of [gathered, sliced, joined]) expect(textBlockOf(vector as FlatVector)).toBeDefined();
    }),
  );
});

test("dictionaries over text blocks join without repeats and flatten to their rows", () => {
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 4 }), (parts) => {
      const vectors = parts.map((entries): Vector => {
        const codes = Int32Array.from({ length: 40 }, (_, i) => i % entries.length);
        return {
          encoding: "dictionary",
          type: TEXT,
          length: 40,
          codes,
          dictionary: textOf(entries),
          validity: undefined,
        };
      });
      const rows = parts.flatMap((entries) => Array.from({ length: 40 }, (_, i) => entries[i % entries.length]));
      const joined = concatVectors(vectors);
      expect(joined).toMatchObject({ encoding: "dictionary", dictionary: { length: new Set(rows).size } });
      expect(rowsOf(joined)).toEqual(rows);
      expect(rowsOf(flattenVector(joined))).toEqual(rows);
    }),
  );
});

test("equal values of a block are interned under one number", () => {
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 60 }), (words) => {
      const { codes, firsts } = internBlock(encodeUtf8Block(words, undefined), words.length, undefined);
      expect(Array.from(codes, (code) => words[firsts[code] as number])).toEqual(words);
      expect(firsts).toHaveLength(new Set(words).size);
    }),
  );
});

test("a copy of a text vector with other values does not claim the block", () => {
  const copy = { ...textOf(["a", "b"]), values: ["x", "y"] };
  expect(textBlockOf(copy)).toBeUndefined();
  expect(rowsOf(gather(copy, Int32Array.of(1, 0)))).toEqual(["y", "x"]);
});

test("text blocks cross Arrow, sliced and as dictionaries, with and without strings at the other end", () => {
  const values = ["x", null, "höhe", "", "😀", "x"];
  const dictionary: Vector = {
    encoding: "dictionary",
    type: TEXT,
    length: 3,
    codes: Int32Array.of(1, 0, 1),
    dictionary: textOf(["one", "two"]),
    validity: Uint8Array.of(1, 0, 1),
  };
  const batch = { rowCount: 3, columns: [sliceVector(textOf(values), 2, 5), dictionary] };
  const columns = ["a", "b"].map((name) => ({ name, type: TEXT, nullable: true }));
  for (const keepDictionaries of [true, false]) {
    const ipc = batchToArrowIpc(columns, [batch], { keepDictionaries });
    for (const keepText of [true, false]) {
      const [read] = arrowIpcToBatches(ipc, { keepText });
      expect([0, 1, 2].map((row) => read && rowAt(read, row))).toEqual([
        ["höhe", "two"],
        ["", null],
        ["😀", "two"],
      ]);
    }
  }
});

test("a block is well-formed only when each value is whole characters", () => {
  const bytes = new TextEncoder().encode("aé");
  expect(isWellFormedBlock({ bytes, offsets: Int32Array.of(0, 1, 3) }, 2)).toBe(true);
  expect(isWellFormedBlock({ bytes, offsets: Int32Array.of(0, 2, 3) }, 2)).toBe(false);
  expect(isWellFormedBlock({ bytes: Uint8Array.of(0xff), offsets: Int32Array.of(0, 1) }, 1)).toBe(false);
});

test("joining with strings that UTF-8 cannot hold keeps them", () => {
  const joined = concatVectors([textOf(["a"]), vectorFromScalars(TEXT, ["\ud800", null])]);
  expect(rowsOf(joined)).toEqual(["a", "\ud800", null]);
});
