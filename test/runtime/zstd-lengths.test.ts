// Bodies and sorted runs compressed with zstd, at lengths that workerd's node:zlib trips over.

import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { zstdCompress } from "#codec";
import { scalarAt, vectorFromScalars } from "#columnar";
import { parseEventsBody } from "#ingest";
import { createMemoryStore } from "#storage";
import { DEFAULT_BODY_LIMITS } from "../../src/ingest/body.ts";
import { createSpilledRuns } from "../../src/maintenance/spilled-runs.ts";

const LINE = `${JSON.stringify({ event_type: "click", said: "x".repeat(90) })}\n`;

test.each([65_536, 131_072, 327_680, 327_681, 500_000])("a zstd body of %i bytes is read whole", (length) => {
  const lines = Math.floor(length / LINE.length);
  const text = LINE.repeat(lines).padEnd(length, " ");
  const body = zstdCompress(new TextEncoder().encode(text), 3);
  expect(parseEventsBody(body, "application/x-ndjson", "zstd").events).toHaveLength(lines);
});

test.each(["gzip", "zstd"])("a %s body is accepted up to the limit, and refused beyond it", (encoding) => {
  const compress = (text: string): Uint8Array => {
    const bytes = new TextEncoder().encode(text);
    return encoding === "gzip" ? new Uint8Array(gzipSync(bytes)) : zstdCompress(bytes, 3);
  };
  const limits = { ...DEFAULT_BODY_LIMITS, decodedBytes: 300_000 };
  const read = (length: number): number =>
    parseEventsBody(compress(LINE.padEnd(length, "\n")), "application/x-ndjson", encoding, limits).events.length;
  expect(read(300_000)).toBe(1);
  expect(() => read(300_001)).toThrow("over 300000 bytes");
});

test("a zstd body that is cut off is refused", () => {
  const body = zstdCompress(new TextEncoder().encode(LINE.repeat(5000)), 3);
  expect(() => parseEventsBody(body.subarray(0, body.length - 5), "application/x-ndjson", "zstd")).toThrow("zstd");
});

test("sorted runs come back as they were written, whatever the length of their blocks", async () => {
  const type = { kind: "int64" } as const;
  const runs = createSpilledRuns(createMemoryStore(), [{ name: "n", type, nullable: true }], (run) => `runs/${run}`);
  for (const rows of [1000, 8192, 40_960, 60_000]) {
    const values = Array.from({ length: rows }, (_, row) => (row % 7 === 0 ? null : row * 3));
    await runs.write(1, [{ rowCount: rows, columns: [vectorFromScalars(type, values)] }], 8);
    const back: unknown[] = [];
    for await (const { rowCount, columns } of runs.read(1)) {
      for (let row = 0; row < rowCount; row++) back.push(columns[0] === undefined ? null : scalarAt(columns[0], row));
    }
    expect(back).toEqual(values);
    await runs.delete(1);
  }
});
