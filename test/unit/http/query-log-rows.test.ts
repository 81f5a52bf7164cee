import { expect, test } from "vitest";
import { LakeError } from "#core";
import { createMemorySink } from "#telemetry";
import { createQueryLogRows } from "../../../workers/collector/query-log-rows.ts";
import { createFakeApp } from "../../support/fake-services.ts";

function createRows(ingestRows: (rows: readonly unknown[]) => Promise<unknown>) {
  const log = createMemorySink();
  const wakes: (() => void)[] = [];
  const rows = createQueryLogRows({
    log,
    sleep: () => new Promise((resolve) => wakes.push(resolve)),
    ingest: { ingestRows: (_table: unknown, written: readonly unknown[]) => ingestRows(written) } as never,
  });
  return { log, rows, wakes };
}

test("I400 rows of one moment are one write, and whichever request wakes first writes those of all", async () => {
  const writes: (readonly unknown[])[] = [];
  const { rows, wakes } = createRows((written) => Promise.resolve(writes.push(written)));
  const ids = ["a", "b", "c"];
  const added = ids.map((id) => rows.add({ query_id: id }));
  // The platform may end a request while it waits: its row is written by the next.
  wakes[1]?.();
  await added[1];
  expect(writes).toEqual([[{ query_id: "a" }, { query_id: "b" }, { query_id: "c" }]]);
  wakes[0]?.();
  wakes[2]?.();
  await Promise.all(added);
  expect(writes).toHaveLength(1);
});

test("many rows do not wait", async () => {
  const writes: (readonly unknown[])[] = [];
  const { rows } = createRows((written) => Promise.resolve(writes.push(written)));
  const added = Array.from({ length: 200 }, (_, index) => rows.add({ query_id: String(index) }));
  await added.at(-1);
  expect(writes.map(({ length }) => length)).toEqual([200]);
});

test("rows that cannot be written are one internal_error line each", async () => {
  const { log, rows, wakes } = createRows(() => Promise.reject(new LakeError("ingest_overloaded", "full")));
  const added = [rows.add({ query_id: "a" }), rows.add({ query_id: "b" })];
  for (const wake of wakes) wake();
  await Promise.all(added);
  expect(log.events).toMatchObject([
    { event: "internal_error", query_id: "a" },
    { event: "internal_error", query_id: "b" },
  ]);
});

test("I400 a query over query_logs finds the queries that were answered before it", async () => {
  const order: string[] = [];
  const { request } = await createFakeApp({
    // Nobody is woken: only the second query can have written the first one's row.
    sleep: () => new Promise(() => {}),
    ingest: { ingestRows: () => Promise.resolve(order.push("written")) } as never,
    query: {
      execute: ({ sql }: { readonly sql: string }) => {
        order.push(sql);
        const body = new TextEncoder().encode("{}");
        return Promise.resolve({ ok: true, contentType: "application/json", body, stats: {} });
      },
    } as never,
  });
  const ask = (sql: string) => request("POST", "/v1/query", { token: "query-secret", body: JSON.stringify({ sql }) });
  await ask("SELECT 1");
  await ask("SELECT count(*) FROM System.Query_Logs");
  expect(order).toEqual(["SELECT 1", "written", "SELECT count(*) FROM System.Query_Logs"]);
});
