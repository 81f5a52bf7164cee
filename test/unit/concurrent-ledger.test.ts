// The judge of the interop suite `concurrent` finds what it is there to find.

import { describe, expect, test } from "vitest";
import {
  ROWS_A_BATCH,
  UPDATE_STEP,
  judgeLedger,
  openLedger,
  rowId,
  type Ledger,
  type SeenRow,
} from "../interop/concurrent-ledger.ts";

const rowsOf = (batch: number, updates = 0): SeenRow[] =>
  Array.from({ length: ROWS_A_BATCH }, (_, n) => ({ id: rowId("w", batch, n), n: n + updates * UPDATE_STEP }));

/** Commits the next changes; returns them as text. */
function commitNext(ledger: Ledger, count: number): string[] {
  return Array.from({ length: count }, () => {
    const { operation, batch } = ledger.next();
    ledger.committed(operation, batch);
    return `${operation} ${batch}`;
  });
}

describe("a ledger of changes that were all committed", () => {
  const ledger = openLedger("w", false);
  const done = commitNext(ledger, 7);
  const withoutFirst = new Map([
    [1, rowsOf(1, 1)],
    [2, rowsOf(2)],
    [3, rowsOf(3)],
  ]);

  test("says which state each batch is in", () => {
    expect(done).toEqual(["append 0", "append 1", "update 1", "append 2", "delete 1", "append 3", "update 0"]);
  });

  test("accepts that state and names each other one", () => {
    const now = new Map([
      [0, rowsOf(0, 1)],
      [2, rowsOf(2)],
      [3, rowsOf(3)],
    ]);
    expect(judgeLedger(ledger, now)).toEqual({ lost: [], resurrected: [], torn: [], otherVersion: [] });
    const verdict = (batch: number, rows: readonly SeenRow[]) => judgeLedger(ledger, new Map([...now, [batch, rows]]));
    expect(verdict(2, [])).toMatchObject({ lost: ["2: absent, may be 0"] });
    expect(verdict(1, rowsOf(1, 1))).toMatchObject({ resurrected: ["1: 1, may be absent"] });
    expect(verdict(0, rowsOf(0))).toMatchObject({ otherVersion: ["0: 0, may be 1"] });
    expect(verdict(2, rowsOf(2).slice(1))).toMatchObject({ torn: ["2: 19 rows, may be 0"] });
    expect(verdict(2, [...rowsOf(2), ...rowsOf(2)])).toMatchObject({ torn: ["2: 40 rows, may be 0"] });
    expect(verdict(2, [...rowsOf(2).slice(1), ...rowsOf(2, 1).slice(0, 1)])).toMatchObject({
      torn: [expect.anything()],
    });
    expect(verdict(9, rowsOf(9))).toMatchObject({ resurrected: ["9: 0, may be absent"] });
    expect(judgeLedger(ledger, withoutFirst).lost).toEqual(["0: absent, may be 1"]);
  });
});

test("a refused change is tried again; one of unknown outcome may be in or not, and its batch is left alone", () => {
  const ledger = openLedger("w", false);
  commitNext(ledger, 2);
  const update = ledger.next();
  ledger.refused("update", "conflict");
  expect(ledger.next()).toEqual(update);
  ledger.unknown("update", 1, "no answer");
  for (const rows of [rowsOf(1), rowsOf(1, 1)]) {
    const seen = new Map([
      [0, rowsOf(0)],
      [1, rows],
    ]);
    expect(judgeLedger(ledger, seen)).toEqual({ lost: [], resurrected: [], torn: [], otherVersion: [] });
  }
  expect(judgeLedger(ledger, new Map([[0, rowsOf(0)]])).lost).toEqual(["1: absent, may be 0 or 1"]);
  expect(commitNext(ledger, 2)).toEqual(["append 2", "delete 0"]);
  expect([...ledger.reasons]).toEqual([
    ["update: conflict", 1],
    ["update: no answer", 1],
  ]);
});

test("a writer that only appends does", () => {
  const ledger = openLedger("w", true);
  expect(commitNext(ledger, 4)).toEqual(["append 0", "append 1", "append 2", "append 3"]);
});
