// The Z-curve: interleaving loses nothing, coordinates keep order, every type is placed as it sorts.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { vectorFromScalars, type DataType, type Scalar } from "#columnar";
import { stringifyJson } from "#core";
import { scalarToJson } from "../../src/iceberg/data-file.ts";
import { createRowSample } from "../../src/maintenance/row-sample.ts";
import { compareScalars } from "../../src/maintenance/sort-encoding.ts";
import { bitsPerColumn, coordinatesOf, interleave, sortSample } from "../../src/maintenance/z-order.ts";

/** The coordinates whose bits were interleaved. */
function deinterleave(place: number, columns: number, bits: number): number[] {
  const coordinates = Array.from({ length: columns }, () => 0);
  let rest = BigInt(place);
  for (let bit = 0; bit < bits; bit++) {
    for (let column = columns - 1; column >= 0; column--) {
      coordinates[column] = (coordinates[column] ?? 0) + Number(rest & 1n) * 2 ** bit;
      rest >>= 1n;
    }
  }
  return coordinates;
}

const POINTS = fc.integer({ min: 1, max: 8 }).chain((columns) => {
  const bits = bitsPerColumn(columns);
  const point = fc.array(fc.nat({ max: 2 ** bits - 1 }), { minLength: columns, maxLength: columns });
  return fc.record({
    columns: fc.constant(columns),
    bits: fc.constant(bits),
    points: fc.array(point, { minLength: 1 }),
  });
});

function toColumns(points: readonly (readonly number[])[], columns: number): Uint32Array[] {
  return Array.from({ length: columns }, (_, column) => Uint32Array.from(points, (point) => point[column] ?? 0));
}

test("I202 a place on the curve is the interleaved bits of its coordinates and nothing else", () => {
  fc.assert(
    fc.property(POINTS, ({ columns, bits, points }) => {
      const places = interleave(toColumns(points, columns), bits);
      points.forEach((point, row) => {
        expect(Number.isSafeInteger(places[row])).toBe(true);
        expect(deinterleave(places[row] ?? -1, columns, bits)).toEqual(point);
      });
    }),
  );
});

test("I202 a point that is nowhere below another comes no earlier on the curve", () => {
  fc.assert(
    fc.property(POINTS, ({ columns, bits, points }) => {
      const [base = []] = points;
      const above = points.map((point) => point.map((value, at) => Math.max(value, base[at] ?? 0)));
      const [place = 0] = interleave(toColumns([base], columns), bits);
      for (const other of interleave(toColumns(above, columns), bits)) expect(other).toBeGreaterThanOrEqual(place);
    }),
  );
});

test("the bits of two columns are taken in turn, the first column's first", () => {
  const [place] = interleave([Uint32Array.of(0b101), Uint32Array.of(0b011)], 3);
  expect(place?.toString(2)).toBe("100111");
});

const VALUES: readonly (readonly [DataType, fc.Arbitrary<Scalar>])[] = [
  [{ kind: "int32" }, fc.integer()],
  [{ kind: "int64" }, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
  [{ kind: "float64" }, fc.double()],
  [{ kind: "string" }, fc.string({ unit: "binary", maxLength: 6 })],
  [{ kind: "boolean" }, fc.boolean()],
  [{ kind: "date" }, fc.integer({ min: -1e6, max: 1e6 })],
  [{ kind: "timestamp", utc: true }, fc.maxSafeInteger()],
  [{ kind: "binary" }, fc.uint8Array({ maxLength: 4 })],
  [
    { kind: "decimal", precision: 20, scale: 2 },
    fc.bigInt({ min: -999n, max: 999n }).map((unscaled) => ({ unscaled, scale: 2 })),
  ],
];

test.each(VALUES)("I202 coordinates of %j never decrease with the value; nulls are 0", (type, values) => {
  const column = fc.array(fc.option(values, { freq: 8 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(column, column, (sampled, scalars) => {
      const bits = 10;
      const sample = sortSample(vectorFromScalars(type, sampled));
      const coordinates = coordinatesOf(sample, vectorFromScalars(type, scalars), bits);
      expect(Math.max(...coordinates)).toBeLessThan(2 ** bits);
      expect([...coordinates].filter((_, row) => scalars[row] === null).every((value) => value === 0)).toBe(true);
      const present = [...scalars.keys()].filter((row) => scalars[row] !== null);
      const ascending = present.toSorted((i, j) => compareScalars(type, scalars[i] ?? null, scalars[j] ?? null));
      const placed = ascending.map((row) => coordinates[row] ?? -1);
      expect(placed).toEqual(placed.toSorted((i, j) => i - j));
      const byValue = new Map<string, Set<number>>();
      for (const row of present) {
        const key = stringifyJson(scalarToJson(scalars[row] ?? null));
        byValue.set(key, (byValue.get(key) ?? new Set()).add(coordinates[row] ?? -1));
      }
      expect([...byValue.values()].every(({ size }) => size === 1)).toBe(true);
    }),
  );
});

test("a dictionary's rows get the coordinates of its entries", () => {
  const type = { kind: "string" } as const;
  const dictionary = vectorFromScalars(type, ["c", "a", "b"]);
  const codes = Int32Array.of(0, 1, 2, 1, 0, 0);
  const validity = Uint8Array.of(1, 1, 1, 1, 0, 1);
  const sample = sortSample(vectorFromScalars(type, ["a", "b", "c", "d"]));
  const vector = { encoding: "dictionary", type, length: 6, codes, dictionary, validity } as const;
  expect([...coordinatesOf(sample, vector, 2)]).toEqual([2, 0, 1, 0, 0, 2]);
});

test("values spread evenly whatever their range, prefix or frequency", () => {
  const type = { kind: "string" } as const;
  const texts = Array.from({ length: 1000 }, (_, i) => `https://example.test/a/long/common/prefix/${i}`);
  const sample = sortSample(vectorFromScalars(type, texts));
  const coordinates = coordinatesOf(sample, vectorFromScalars(type, texts), 2);
  for (const quarter of [0, 1, 2, 3]) expect(coordinates.filter((value) => value === quarter)).toHaveLength(250);
});

test("I203 a row sample stays within its bounds, repeats itself, and takes rows from everywhere alike", () => {
  const rowCount = 1000;
  const batches = Array.from({ length: 100 }, (_, batch) => ({
    rowCount,
    // A period of two, which sampling every n-th row would meet.
    columns: [
      vectorFromScalars(
        { kind: "int64" },
        Array.from({ length: rowCount }, (__, i) => (batch * rowCount + i) % 2),
      ),
    ],
  }));
  const sampleAll = (): number[] => {
    const sample = createRowSample({ maxRows: 512, maxBytes: 1e9 });
    for (const batch of batches) {
      sample.add(batch);
      expect(sample.rows()?.rowCount).toBeLessThanOrEqual(512);
    }
    const [column] = sample.rows()?.columns ?? [];
    if (column?.encoding !== "flat") throw new Error("a flat column");
    return Array.from(column.values as Float64Array);
  };
  const first = sampleAll();
  expect(sampleAll()).toEqual(first);
  expect(first.length).toBeGreaterThan(200);
  const odd = first.filter((value) => value === 1).length / first.length;
  expect(odd).toBeGreaterThan(0.4);
  expect(odd).toBeLessThan(0.6);
});

test("I203 a sample of long texts is bounded in bytes", () => {
  const sample = createRowSample({ maxRows: 10_000, maxBytes: 100_000 });
  const texts = vectorFromScalars(
    { kind: "string" },
    Array.from({ length: 100 }, (_, i) => `${i}`.repeat(5000)),
  );
  for (let i = 0; i < 5; i++) sample.add({ rowCount: 100, columns: [texts] });
  const rows = sample.rows();
  expect(rows?.rowCount).toBeGreaterThan(0);
  expect(rows?.rowCount).toBeLessThan(50);
});
