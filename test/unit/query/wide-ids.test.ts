// Snapshot ids are 64-bit integers: no reply, table or statement rounds them.

import { expect, test } from "vitest";
import { createQueryLake } from "../../support/query-lake.ts";

const IDS = [9_223_372_036_854_775_807n, 9_007_199_254_740_993n];

test("I183 ids beyond 2^53 come through the catalog, metadata tables and time travel as they are", async () => {
  const lake = await createQueryLake();
  await lake.createTable("t", [["id", "long"]]);
  await lake.append("t", [{ id: 1 }]);
  const table = await lake.catalog.loadTable("default.t");
  const [snapshot] = table.metadata.snapshots;
  for (const id of IDS) {
    // As another engine would commit it: REST bodies hold the id as a JSON integer.
    const text = JSON.stringify({ ...snapshot, "snapshot-id": 0, "sequence-number": 0 }, (_key, value: unknown) =>
      typeof value === "bigint" ? String(value) : value,
    );
    const sequence = table.metadata["last-sequence-number"] + BigInt(IDS.indexOf(id)) + 1n;
    await lake.update("t", [
      { action: "add-snapshot", snapshot: raw(text, id, sequence) },
      { action: "set-snapshot-ref", "ref-name": "main", type: "branch", "snapshot-id": rawInteger(String(id)) },
    ]);
    const { metadata } = await lake.catalog.loadTable("default.t");
    expect(metadata["current-snapshot-id"]).toBe(id);
    const rows = async (sql: string): Promise<unknown> => {
      const answer = await lake.query(sql);
      expect(answer.problem).toBeUndefined();
      return answer.body?.rows;
    };
    expect(await rows("SELECT snapshot_id FROM t.refs")).toEqual([{ snapshot_id: String(id) }]);
    expect(await rows(`SELECT count(*) AS n FROM t.snapshots WHERE snapshot_id = ${id}`)).toEqual([{ n: 1 }]);
    expect(await rows(`SELECT count(*) AS n FROM t.snapshots WHERE snapshot_id = ${id - 1n}`)).toEqual([{ n: 0 }]);
    expect(await rows(`SELECT id FROM t FOR SYSTEM_VERSION AS OF ${id}`)).toEqual([{ id: 1 }]);
    expect((await lake.query(`SELECT id FROM t FOR SYSTEM_VERSION AS OF ${id - 1n}`)).problem).toMatchObject({
      code: "undefined_snapshot",
    });
  }
});

/** A number that JSON.stringify writes digit by digit; present in V8, not yet in TypeScript's library types. */
function rawInteger(digits: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);
}

/** The snapshot with ids that JSON.stringify writes as integers, digit by digit. */
function raw(text: string, id: bigint, sequence: bigint): Record<string, unknown> {
  return {
    ...(JSON.parse(text) as Record<string, unknown>),
    "snapshot-id": rawInteger(String(id)),
    "sequence-number": rawInteger(String(sequence)),
    "schema-id": 0,
  };
}
