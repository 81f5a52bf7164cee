// Bit-packed runs and deltas against encoders written from the specification, bit by bit.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ByteCursor,
  ByteSink,
  countHybrid,
  decodeDelta32,
  decodeDelta64,
  decodeHybrid,
  decodeDeltaDoubles,
  decodeValidity,
  gatherHybrid,
  unpackBits,
} from "#codec";

/** Least significant bit first, one bit at a time. */
function packBits(values: readonly bigint[], width: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((values.length * width) / 8));
  for (const [index, value] of values.entries()) {
    for (let bit = 0; bit < width; bit++) {
      const at = index * width + bit;
      if ((value >> BigInt(bit)) & 1n) bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (1 << (at & 7));
    }
  }
  return bytes;
}

interface Run {
  readonly repeated: boolean;
  readonly values: readonly number[];
}

function encodeRuns(runs: readonly Run[], width: number): Uint8Array {
  const sink = new ByteSink();
  for (const { repeated, values } of runs) {
    if (repeated) {
      sink.writeVarint32(values.length << 1);
      for (let i = 0; i < width; i += 8) sink.writeByte(((values[0] ?? 0) >>> i) & 255);
    } else {
      const groups = Math.ceil(values.length / 8);
      sink.writeVarint32((groups << 1) | 1);
      const padded = [...values, ...Array.from({ length: groups * 8 - values.length }, () => 0)];
      sink.writeBytes(
        packBits(
          padded.map((value) => BigInt(value)),
          width,
        ),
      );
    }
  }
  return sink.toBytes();
}

describe.each(Array.from({ length: 33 }, (_, width) => width))("width %i", (width) => {
  const value = fc.integer({ min: 0, max: width === 0 ? 0 : 2 ** width - 1 });

  test("unpackBits reads what a bit-by-bit packer wrote", () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 70 }), fc.nat(5), (values, offset) => {
        const packed = packBits(
          values.map((item) => BigInt(item)),
          width,
        );
        const bytes = new Uint8Array(offset + packed.length + 3).fill(0xff);
        bytes.set(packed, offset);
        const out = new Int32Array(values.length + 2).fill(-7);
        unpackBits(bytes, offset, packed.length, width, out, 1, values.length);
        expect([...out.subarray(1, 1 + values.length)].map((item) => item >>> 0)).toEqual(values);
        expect([out[0], out[values.length + 1]]).toEqual([-7, -7]);
      }),
      { numRuns: 20 },
    );
  });

  test("decodeHybrid reads mixed runs and stops behind them", () => {
    // Only the last bit-packed run may be padded: its length is not stored.
    const repeated = fc
      .tuple(value, fc.integer({ min: 1, max: 30 }))
      .map(([item, length]): Run => ({ repeated: true, values: Array.from({ length }, () => item) }));
    const packed = fc
      .integer({ min: 1, max: 4 })
      .chain((groups) =>
        fc
          .array(value, { minLength: groups * 8, maxLength: groups * 8 })
          .map((values): Run => ({ repeated: false, values })),
      );
    fc.assert(
      fc.property(fc.array(fc.oneof(repeated, packed), { minLength: 1, maxLength: 6 }), (runs) => {
        const expected = runs.flatMap((run) => run.values);
        const bytes = encodeRuns(runs, width);
        const cursor = new ByteCursor(bytes);
        const out = new Int32Array(expected.length);
        decodeHybrid(cursor, width, out, 0, expected.length);
        expect([...out].map((item) => item >>> 0)).toEqual(expected);
        expect(cursor.remaining).toBe(0);
        if (width > 25) return;
        const places = Int32Array.from(expected.keys()).filter((place) => (expected[place] as number) % 3 !== 1);
        const picked = new Int32Array(places.length);
        gatherHybrid(new ByteCursor(bytes), width, places, expected.length, picked);
        expect([...picked]).toEqual([...places].map((place) => expected[place]));
      }),
      { numRuns: 20 },
    );
  });
});

test("I360 gatherHybrid refuses runs that end before a place", () => {
  const bytes = encodeRuns([{ repeated: false, values: [1, 2, 3, 4, 5, 6, 7, 8] }], 4);
  const out = new Int32Array(1);
  expect(() => gatherHybrid(new ByteCursor(bytes), 4, Int32Array.of(8), 16, out)).toThrow(REFUSED);
  expect(() => gatherHybrid(new ByteCursor(bytes.subarray(0, 3)), 4, Int32Array.of(1), 8, out)).toThrow(REFUSED);
  gatherHybrid(new ByteCursor(bytes), 4, Int32Array.of(7), 8, out);
  expect(out[0]).toBe(8);
});

const shortRun = fc.record({ repeated: fc.boolean(), groups: fc.integer({ min: 1, max: 3 }), more: fc.nat(7) });

test.each([0, 1, 2, 3, 4, 5, 7, 8, 11, 14])("I311 countHybrid counts what decodeHybrid reads: %i bits", (width) => {
  fc.assert(
    fc.property(fc.array(shortRun, { minLength: 1, maxLength: 5 }), fc.nat(), fc.nat(30), (shapes, seed, less) => {
      const limit = 2 ** width;
      let next = seed % 65_521;
      const value = (): number => (next = (next * 17 + 11) % 65_521) % limit;
      const runs = shapes.map(({ repeated, groups, more }): Run => {
        if (!repeated) return { repeated, values: Array.from({ length: groups * 8 }, value) };
        const same = value();
        return { repeated, values: Array.from({ length: groups * 8 + more }, () => same) };
      });
      const all = runs.flatMap((run) => run.values);
      const count = Math.max(1, all.length - less);
      const bytes = encodeRuns(runs, width);
      const decoded = new Int32Array(count);
      decodeHybrid(new ByteCursor(bytes), width, decoded, 0, count);
      const expected = new Int32Array(limit).fill(3);
      for (const code of decoded) expected[code] = (expected[code] as number) + 1;
      const counts = new Int32Array(limit).fill(3);
      countHybrid(new ByteCursor(bytes), width, counts, count);
      expect(counts).toEqual(expected);
      const largest = Math.max(...decoded);
      expect(() => countHybrid(new ByteCursor(bytes), width, new Int32Array(largest), count)).toThrow(REFUSED);
      const short = new ByteCursor(bytes.subarray(0, 0));
      expect(() => countHybrid(short, width, counts, count)).toThrow(REFUSED);
    }),
    { numRuns: 40 },
  );
});

test("countHybrid counts runs longer than it unpacks at a time", () => {
  const values = Array.from({ length: 20_000 }, (_, i) => (i * 7) % 13);
  const bytes = encodeRuns([{ repeated: false, values }], 5);
  const counts = new Int32Array(13);
  countHybrid(new ByteCursor(bytes), 5, counts, 19_999);
  const expected = new Int32Array(13);
  for (const value of values.slice(0, 19_999)) expected[value] = (expected[value] as number) + 1;
  expect(counts).toEqual(expected);
});

const REFUSED = expect.objectContaining({ code: "data_invalid" });

test("decodeValidity gives nothing when all are present, else one byte a row", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 40 })), { minLength: 1 }), (spans) => {
      const flags = spans.flatMap(([present, length]) => Array.from({ length }, () => Number(present)));
      const asRuns = encodeRuns(
        spans.map(([present, length]) => ({
          repeated: true,
          values: Array.from({ length }, () => Number(present)),
        })),
        1,
      );
      const asBits = encodeRuns([{ repeated: false, values: flags }], 1);
      const allPresent = !flags.includes(0);
      const expected = allPresent ? undefined : flags;
      expect(decodeValidity(new ByteCursor(asRuns), flags.length)?.values().toArray()).toEqual(expected);
      expect(decodeValidity(new ByteCursor(asBits), flags.length)?.values().toArray()).toEqual(flags);
    }),
    { numRuns: 100 },
  );
});

/** DELTA_BINARY_PACKED with blocks of 128 in four miniblocks, wrapping in `bits`. */
function encodeDelta(values: readonly bigint[], bits: 32 | 64): Uint8Array {
  const sink = new ByteSink();
  sink.writeVarint32(128);
  sink.writeVarint32(4);
  sink.writeVarint32(values.length);
  sink.writeZigzag64(values[0] ?? 0n);
  const deltas = values.slice(1).map((value, i) => BigInt.asIntN(bits, value - (values[i] ?? 0n)));
  for (let start = 0; start < deltas.length; start += 128) {
    const block = deltas.slice(start, start + 128);
    const minimum = block.reduce((low, delta) => (delta < low ? delta : low));
    sink.writeZigzag64(minimum);
    const minis = [0, 32, 64, 96].map((from) =>
      block.slice(from, from + 32).map((delta) => BigInt.asUintN(bits, delta - minimum)),
    );
    const widths = minis.map((mini) => mini.reduce((width, step) => Math.max(width, step.toString(2).length), 0));
    const trimmed = widths.map((width, i) => (minis[i]?.every((step) => step === 0n) ? 0 : width));
    for (const width of trimmed) sink.writeByte(width);
    for (const [i, mini] of minis.entries()) {
      if (mini.length === 0) continue;
      sink.writeBytes(packBits([...mini, ...Array.from({ length: 32 - mini.length }, () => 0n)], trimmed[i] ?? 0));
    }
  }
  return sink.toBytes();
}

test("decodeDelta32 reads every 32-bit sequence, wrapping included", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.integer(), fc.nat(10)), { maxLength: 300 }), (values) => {
      const bytes = encodeDelta(values.map(BigInt), 32);
      expect([...decodeDelta32(new ByteCursor(bytes), values.length)]).toEqual(values);
    }),
    { numRuns: 150 },
  );
});

test("decodeDelta64 reads every 64-bit sequence: doubles where they are exact, else bigints", () => {
  const wide = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  const safe = fc.maxSafeInteger().map(BigInt);
  const middle = fc.bigInt({ min: -(2n ** 45n), max: 2n ** 45n });
  const small = fc.bigInt({ min: 1_700_000_000_000_000n, max: 1_700_000_000_100_000n });
  fc.assert(
    fc.property(
      fc.oneof(...[wide, safe, middle, small].map((value) => fc.array(value, { maxLength: 200 }))),
      (values) => {
        const decoded = decodeDelta64(new ByteCursor(encodeDelta(values, 64)), values.length);
        expect(Array.from(decoded as ArrayLike<number | bigint>, (value) => BigInt(value))).toEqual(values);
        const doubles = new Float64Array(values.length + 1).fill(-7);
        const fits = decodeDeltaDoubles(new ByteCursor(encodeDelta(values, 64)), values.length, doubles);
        const expected = [...values, -7n];
        expect(fits ? [...doubles].map((value) => BigInt(value)) : expected).toEqual(expected);
      },
    ),
    { numRuns: 300 },
  );
  const micros = Array.from({ length: 200 }, (_, i) => 1_700_000_000_000_000n + BigInt(i * i));
  expect(decodeDelta64(new ByteCursor(encodeDelta(micros, 64)), 200)).toBeInstanceOf(Float64Array);
  expect(decodeDeltaDoubles(new ByteCursor(encodeDelta(micros, 64)), 200, new Float64Array(200))).toBe(true);
});

test("C100 runs and deltas cut short, empty or of a false size are refused", () => {
  const out = new Int32Array(100);
  expect(() => decodeHybrid(new ByteCursor(new Uint8Array([0])), 3, out, 0, 1)).toThrow(REFUSED);
  expect(() => decodeHybrid(new ByteCursor(new Uint8Array([1])), 3, out, 0, 1)).toThrow(REFUSED);
  expect(() => decodeHybrid(new ByteCursor(new Uint8Array([3, 1])), 3, out, 0, 8)).toThrow(REFUSED);
  expect(() => decodeHybrid(new ByteCursor(new Uint8Array([4, 1])), 40, out, 0, 2)).toThrow(REFUSED);
  expect(() => decodeValidity(new ByteCursor(new Uint8Array([4, 2])), 2)).toThrow(REFUSED);
  const bytes = encodeDelta([1n, 5n, 100n], 64);
  expect(() => decodeDelta64(new ByteCursor(bytes), 4)).toThrow(REFUSED);
  expect(() => decodeDelta64(new ByteCursor(bytes.subarray(0, bytes.length - 30)), 3)).toThrow(REFUSED);
  expect(() => decodeDelta32(new ByteCursor(new Uint8Array([128, 1, 0, 3, 0])), 3)).toThrow(REFUSED);
});
