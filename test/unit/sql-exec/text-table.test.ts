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

test("bytes and the string they spell have one id, and phantoms are apart from every text", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "grapheme" }), { maxLength: 200 }), (texts) => {
      const table = new TextTable();
      const phantom = table.addPhantom();
      for (const text of texts) {
        const bytes = new TextEncoder().encode(`<${text}>`);
        const id = table.idOfBytes(bytes, 1, bytes.length - 1, true);
        expect(id).not.toBe(phantom);
        expect(table.idOfString(text, true)).toBe(id);
      }
      const decoded = table.decode({ kind: "string" }, Int32Array.of(phantom), phantom);
      expect(scalarAt(decoded, 0)).toBe(null);
    }),
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
