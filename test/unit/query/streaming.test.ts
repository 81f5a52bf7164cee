// Results too large to be held: they leave while the query runs, break off visibly, and are cached on the way.

import { createHash } from "node:crypto";
import { beforeAll, expect, test, vi } from "vitest";
import { concatBytes, errorToProblem, utf8ToString, LakeError } from "#core";
import { arrowIpcToBatches, vectorFromScalars, type Batch } from "#columnar";
import {
  createIsolateState,
  createResultBlobs,
  executeQuery,
  type QueryDeps,
  type QueryReply,
  type QueryRequest,
} from "#query";
import { createMemoryStore, type ObjectStore } from "#storage";
import { withDuckDb } from "../../support/parquet-files.ts";
import { createQueryLake, type QueryLake } from "../../support/query-lake.ts";

// Megabytes in five formats take a while beside other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const FORMATS = ["json", "ndjson", "csv", "arrow", "parquet"] as const;
const ROWS = 80_000;
const BATCH = 10_000;
const SQL = "SELECT id, name FROM t";

/** Texts that do not compress: 128 hexadecimal digits. */
function noise(seed: number): string {
  return createHash("sha512").update(String(seed)).digest("hex");
}

function* batches(): Generator<Batch> {
  for (let start = 0; start < ROWS; start += BATCH) {
    const ids = Array.from({ length: BATCH }, (_, i) => start + i);
    const columns = [vectorFromScalars({ kind: "int64" }, ids), vectorFromScalars({ kind: "string" }, ids.map(noise))];
    yield { rowCount: BATCH, columns };
  }
}

async function createLake(): Promise<QueryLake> {
  const lake = await createQueryLake();
  await lake.createTable("t", [
    ["id", "long"],
    ["name", "string"],
  ]);
  for (const batch of batches()) await lake.appendBatches("t", [batch]);
  return lake;
}

let shared: QueryLake;
beforeAll(async () => {
  shared = await createLake();
});

const LIMITS = { rows: 1_000_000 };

function ask(lake: QueryLake, request: Partial<QueryRequest> = {}, deps: Partial<QueryDeps> = {}): Promise<QueryReply> {
  const asked = { sql: SQL, limits: LIMITS, ...request };
  return executeQuery({ ...lake.deps(), ...deps }, asked, { queryId: "q", userId: "u" });
}

type Streamed = Extract<QueryReply, { ok: true }> & {
  readonly body: ReadableStream<Uint8Array>;
  readonly finished: NonNullable<Extract<QueryReply, { ok: true }>["finished"]>;
};

function streamed(reply: QueryReply): Streamed {
  expect(reply).toMatchObject({ ok: true });
  if (!reply.ok || reply.body instanceof Uint8Array || reply.finished === undefined) throw new Error("no stream");
  return { ...reply, body: reply.body, finished: reply.finished };
}

/** Everything that came, and what broke it off. */
async function readAll(body: ReadableStream<Uint8Array>): Promise<{ bytes: Uint8Array; error: unknown }> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: concatBytes(parts), error: undefined };
      parts.push(value);
    }
  } catch (error) {
    return { bytes: concatBytes(parts), error };
  }
}

async function rowsOf(format: (typeof FORMATS)[number], bytes: Uint8Array): Promise<readonly (readonly unknown[])[]> {
  const text = (): string => utf8ToString(bytes);
  switch (format) {
    case "json": {
      const { rows } = JSON.parse(text()) as { rows: { id: number; name: string }[] };
      return rows.map(({ id, name }) => [id, name]);
    }
    case "ndjson":
      return text()
        .trimEnd()
        .split("\n")
        .map((line) => Object.values(JSON.parse(line) as object));
    case "csv":
      return text()
        .trimEnd()
        .split("\r\n")
        .slice(1)
        .map((line) => [Number(line.split(",")[0]), line.split(",")[1]]);
    case "arrow":
      return arrowIpcToBatches(bytes).flatMap(({ rowCount, columns }) => {
        const [ids, names] = columns as unknown as { values: ArrayLike<unknown> }[];
        return Array.from({ length: rowCount }, (_, i) => [Number(ids?.values[i]), names?.values[i]]);
      });
    case "parquet":
      return withDuckDb((duckdb) => duckdb.query("SELECT id::INTEGER, name FROM FILE", bytes));
  }
}

test.each(FORMATS)("I330 a large %s result leaves as a stream with every row", async (format) => {
  const reply = streamed(await ask(shared, { format, cache: "bypass" }));
  const { bytes, error } = await readAll(reply.body);
  expect(error).toBeUndefined();
  const rows = await rowsOf(format, bytes);
  expect(rows).toHaveLength(ROWS);
  expect(rows.toSorted((a, b) => Number(a[0]) - Number(b[0])).slice(1000, 1003)).toEqual(
    [1000, 1001, 1002].map((id) => [id, noise(id)]),
  );
  const { stats, problem } = await reply.finished();
  expect(problem).toBeUndefined();
  expect(stats).toMatchObject({ success: true, rows_returned: ROWS, rows_scanned: ROWS, error_code: null });
  expect(shared.deps().admission.running).toBe(0);
});

test("I330 a small result is a plain body, with the status that its query ended with", async () => {
  const sql = `${SQL} WHERE id < 5000`;
  expect(await ask(shared, { sql })).toMatchObject({ ok: true, body: expect.any(Uint8Array) as unknown });
  const failed = await ask(shared, { sql, limits: { rows: 4999 }, cache: "bypass" });
  expect(failed).toMatchObject({ ok: false, problem: { code: "rows_limit_exceeded", status: 422 } });
});

test("I330 a result whose rows are remembered leaves only from a run that has all of the memory", async () => {
  const isolate = shared.newIsolate(24_000_000);
  const sql = "SELECT DISTINCT name FROM t";
  const reply = streamed(await ask(shared, { sql, format: "csv", cache: "bypass" }, isolate));
  const { bytes, error } = await readAll(reply.body);
  expect(error).toBeUndefined();
  const names = utf8ToString(bytes).trimEnd().split("\r\n").slice(1);
  expect([names.length, new Set(names).size]).toEqual([ROWS, ROWS]);
  expect(isolate.heavy.get(sql)).toBe(true);
  expect((await shared.store.list("spill/")).objects).toEqual([]);
});

test.each(FORMATS)("I331 a %s result that breaks off reads as no success", async (format) => {
  const limits = { rows: 50_000 };
  const reply = streamed(await ask(shared, { format, limits, cache: "bypass" }));
  const { bytes, error } = await readAll(reply.body);
  expect(errorToProblem(error)).toMatchObject({ code: "rows_limit_exceeded" });
  expect(bytes.length).toBeGreaterThan(1_000_000);
  const { stats, problem } = await reply.finished();
  expect(problem).toMatchObject({ code: "rows_limit_exceeded" });
  expect(stats).toMatchObject({ success: false, error_code: "rows_limit_exceeded" });
  expect(await readsAsSuccess(format, bytes)).toBe(false);
});

/** Whether who reads the bytes by the format's rules takes them for a whole result. */
async function readsAsSuccess(format: (typeof FORMATS)[number], bytes: Uint8Array): Promise<boolean> {
  const text = utf8ToString(bytes);
  // The quote that opens the last record has no other.
  if (format === "csv") return !/\r\n"error: [^"]*rows_limit_exceeded[^"]*$/.test(text);
  if (format === "ndjson") {
    const last = JSON.parse(text.trimEnd().split("\n").at(-1) ?? "") as { readonly error?: { readonly code?: string } };
    return last.error?.code !== "rows_limit_exceeded";
  }
  return rowsOf(format, bytes).then(
    () => true,
    () => false,
  );
}

test("I331 the limits on a result's bytes and on time hold while it leaves", async () => {
  const limits = { rows: ROWS, resultBytes: 5_000_000 };
  const large = await readAll(streamed(await ask(shared, { limits, cache: "bypass" })).body);
  expect(errorToProblem(large.error)).toMatchObject({ code: "rows_limit_exceeded", max_bytes: 5_000_000 });
  const slow = streamed(await ask(shared, { limits: { rows: ROWS, timeMs: 1000 }, cache: "bypass" }));
  // A reader who reads nothing does not keep the query's place for longer than it has time.
  const report = await slow.finished();
  expect(report.problem).toMatchObject({ code: "time_limit_exceeded" });
  expect(shared.deps().admission.running).toBe(0);
});

test("I332 a reader who leaves stops the query, and what it held is free", async () => {
  const lake = await createLake();
  lake.dataReads.length = 0;
  const reply = streamed(await ask(lake));
  const reader = reply.body.getReader();
  await reader.read();
  await new Promise((resolve) => setTimeout(resolve, 50));
  const read = lake.dataReads.length;
  expect(read).toBeLessThan(8 * 3);
  await reader.cancel();
  expect(await reply.finished()).toMatchObject({ problem: { code: "query_cancelled" }, stats: { success: false } });
  await lake.settle();
  expect(lake.deps().admission.running).toBe(0);
  expect(lake.dataReads.length).toBeLessThanOrEqual(read + 2);
  expect((await lake.store.list("cache/")).objects).toEqual([]);
});

function payloadOf(bytes: Uint8Array): string {
  const text = utf8ToString(bytes);
  return text.slice(text.indexOf('"columns"'));
}

test("I333 a large result is in the cache once it has left: as a blob, for every isolate", async () => {
  const lake = await createLake();
  const first = await readAll(streamed(await ask(lake)).body);
  await lake.settle();
  expect((await lake.store.list("cache/result/exact/")).objects).toHaveLength(1);
  lake.dataReads.length = 0;
  for (const isolate of [lake.newIsolate(), undefined]) {
    const again = streamed(await ask(lake, {}, isolate ?? {}));
    expect(again.stats).toMatchObject({ cache: "r2", rows_returned: ROWS });
    const { bytes } = await readAll(again.body);
    expect(payloadOf(bytes)).toBe(payloadOf(first.bytes));
  }
  expect(lake.dataReads).toEqual([]);
  const { r2, saved } = lake.deps().cache.statistics();
  expect(r2).toMatchObject({ hits: 1, writes: 1, errors: 0 });
  expect(r2.saved.bytes).toBeGreaterThan(1_000_000);
  expect(saved).toEqual(r2.saved);
  // An answer of some age is the same blob.
  const older = streamed(await ask(lake, { maxAge: 300 }));
  expect(older.stats.cache).toBe("stale-r2");
  await readAll(older.body);
  await lake.deps().cache.purge({ table: "default.t" });
  expect((await lake.store.list("cache/")).objects).toEqual([]);
  expect(streamed(await ask(lake)).stats.cache).toBe("miss");
});

test("I333 what compresses well stays with the key-value tier", async () => {
  const lake = await createLake();
  const sql = "SELECT id, 'the same text in every row of the result' AS text FROM t";
  await readAll(streamed(await ask(lake, { sql })).body);
  await lake.settle();
  expect((await lake.store.list("cache/")).objects).toEqual([]);
  const again = streamed(await ask(lake, { sql }, lake.newIsolate()));
  expect(again.stats.cache).toBe("kv");
  const { bytes } = await readAll(again.body);
  expect((JSON.parse(utf8ToString(bytes)) as { rows: unknown[] }).rows).toHaveLength(ROWS);
});

const refuse = (): Promise<never> => Promise.reject(new LakeError("storage_unavailable", "no"));

/** A store whose uploads fail at a step. */
function failingStore(inner: ObjectStore, step: "start" | "write" | "complete"): ObjectStore {
  return {
    ...inner,
    async startMultipart(key, options) {
      if (step === "start") return refuse();
      const upload = await inner.startMultipart(key, options);
      return { ...upload, [step]: refuse };
    },
  };
}

test.each(["start", "write", "complete"] as const)(
  "I333 an upload that fails at %s costs the copy, not the answer",
  async (step) => {
    const blobs = createResultBlobs(failingStore(createMemoryStore(), step));
    const isolate = createIsolateState(shared.clock, { kv: undefined, blobs });
    const sql = `${SQL} WHERE id >= 0`;
    for (let time = 0; time < 2; time++) {
      const reply = streamed(await ask(shared, { sql }, isolate));
      expect(reply.stats.cache).toBe("miss");
      const { bytes, error } = await readAll(reply.body);
      expect(error).toBeUndefined();
      expect(await rowsOf("json", bytes)).toHaveLength(ROWS);
      await shared.settle();
    }
    expect(isolate.cache.statistics().r2).toMatchObject({ writes: 0, errors: 2 });
  },
);

test("I334 identical large queries at once run once, and all have the rows", async () => {
  const lake = await createLake();
  let alone = 0;
  // The second time footers are known.
  for (let time = 0; time < 2; time++) {
    lake.dataReads.length = 0;
    await readAll(streamed(await ask(lake, { cache: "bypass" })).body);
    alone = lake.dataReads.length;
  }
  lake.dataReads.length = 0;
  const replies = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const reply = streamed(await ask(lake));
      return { reply, ...(await readAll(reply.body)) };
    }),
  );
  expect(lake.dataReads.length).toBe(alone);
  expect(replies.map(({ reply }) => reply.stats.cache).toSorted()).toEqual(["miss", "r2", "r2", "r2", "r2", "r2"]);
  for (const { bytes, error } of replies) {
    expect(error).toBeUndefined();
    expect(bytes.length).toBeGreaterThan(10_000_000);
  }
});
