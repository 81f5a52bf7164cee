// Texts to dense ids by their bytes, beside a Map of strings.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { scalarAt } from "#columnar";
import { TextTable } from "../../../src/sql/execute/text-table.ts";

/** Short and long, empty, of every UTF-8 width, with unpaired surrogates and with what they would be replaced by. */
const TEXTS = fc.oneof(
  fc.string({ maxLength: 40, unit: "binary" }),
  fc.string({ maxLength: 20 }),
  fc.constantFrom("", "\0", "\0\0", "\ud800", "\udc00", "\ufffd", "\u{1f600}", "aaaaaaaaaaaa", "aaaaaaaaaaaaa"),
  fc.nat(5000).map((n) => `user-${n}`),
);

test("I51 ids are dense, in order of first appearance, and equal exactly for equal texts", () => {
  fc.assert(
    fc.property(fc.array(TEXTS, { maxLength: 3000, size: "max" }), (texts) => {
      const table = new TextTable();
      const known = new Map<string, number>();
      for (const text of texts) {
        expect(table.idOfString(text, false)).toBe(known.get(text) ?? -1);
        if (!known.has(text)) known.set(text, known.size);
        expect(table.idOfString(text, true)).toBe(known.get(text));
      }
      expect(table.count).toBe(known.size);
      const ids = Int32Array.from(known.values());
      const decoded = table.decode({ kind: "string" }, ids, -1);
      expect(Array.from(ids, (id) => scalarAt(decoded, id))).toEqual([...known.keys()]);
    }),
    { numRuns: 30 },
  );
});

test("I314 a block's texts and the strings they spell have one id, and phantoms are apart from every text", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "grapheme" }), { maxLength: 3000, size: "max" }),
      fc.nat(12),
      fc.nat(5),
      (texts, pad, gap) => {
        const table = new TextTable();
        const phantom = table.addPhantom();
        const parts = texts.map((text) => new TextEncoder().encode(text));
        const starts = new Int32Array(texts.length + 1);
        for (const [i, part] of parts.entries()) starts[i + 1] = (starts[i] ?? 0) + part.length + gap;
        const bytes = new Uint8Array(Math.max(0, (starts.at(-1) ?? 0) - gap) + pad).fill(0x61);
        for (const [i, part] of parts.entries()) bytes.set(part, starts[i]);
        const loose = { bytes, starts, gap };
        const ids = new Int32Array(texts.length);
        table.encodeTexts(loose, undefined, texts.length, false, ids);
        expect(ids.every((id) => id === -1)).toBe(true);
        table.encodeTexts(loose, undefined, texts.length, true, ids);
        expect([...ids]).toEqual(texts.map((text) => table.idOfString(text, false)));
        expect(ids.includes(phantom)).toBe(false);
        expect(new Set(ids).size).toBe(new Set(texts).size);
        const reversed = Int32Array.from(texts.keys()).toReversed();
        table.encodeTexts(loose, reversed, texts.length, false, reversed);
        expect(reversed).toEqual(ids.toReversed());
        const decoded = table.decode({ kind: "string" }, Int32Array.of(phantom), phantom);
        expect(scalarAt(decoded, 0)).toBe(null);
      },
    ),
    { numRuns: 50 },
  );
});

test("a vector decoded early keeps its texts while the table grows", () => {
  const table = new TextTable();
  const first = table.idOfString("first", true);
  const decoded = table.decode({ kind: "string" }, Int32Array.of(first), -1);
  for (let i = 0; i < 20_000; i++) table.idOfString(`text number ${i}`, true);
  expect(scalarAt(decoded, 0)).toBe("first");
  expect(table.idOfString("first", false)).toBe(first);
});
