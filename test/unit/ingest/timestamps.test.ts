import * as fc from "fast-check";
import { expect, test } from "vitest";
import { timestampToMicros } from "../../../src/ingest/timestamps.ts";

test("what toISOString writes reads as the same instant, whatever came before", () => {
  const instant = fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(2200, 0, 1) - 1 });
  fc.assert(
    fc.property(fc.array(instant, { maxLength: 5 }), (instants) => {
      const texts = instants.map((ms) => new Date(ms).toISOString());
      expect(texts.map((text) => timestampToMicros(text, "utc"))).toEqual(instants.map((ms) => ms * 1000));
      // The same instants in forms that only the general reader takes.
      expect(texts.map((text) => timestampToMicros(text.replace("Z", "+00:00"), "utc"))).toEqual(
        instants.map((ms) => ms * 1000),
      );
    }),
  );
});

test.each([
  "2024-02-30T00:00:00.000Z",
  "2024-01-15T24:00:00.000Z",
  "2024-01-15T00:60:00.000Z",
  "2024-01-15T00:00:60.000Z",
  "2024-01-15T00:00:00.00xZ",
  "2024-01-15T0x:00:00.000Z",
  "2024x01-15T00:00:00.000Z",
  "2024-01-15T00:00:00.0000",
  "1899-12-31T23:59:59.999Z",
])("%s is no instant", (text) => {
  expect(timestampToMicros("2024-01-15T00:00:00.000Z", "utc")).toBe(Date.UTC(2024, 0, 15) * 1000);
  expect(timestampToMicros(text, "utc")).toBeUndefined();
});
