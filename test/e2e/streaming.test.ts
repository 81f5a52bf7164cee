// Large results through all Workers as one reads them over HTTP: whole, broken off, left by their reader, from R2.

import { connect } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHarness, type Harness } from "../support/harness.ts";

let firn: Harness;
beforeAll(async () => {
  firn = await startHarness();
});
afterAll(() => firn.close());

const series = (rows: number): string => `SELECT i, md5(i::text) AS hash FROM generate_series(1, ${rows}) AS s(i)`;

function ask(body: Readonly<Record<string, unknown>>): Promise<Response> {
  return firn.fetch("/v1/query", {
    method: "POST",
    headers: { authorization: `Bearer ${firn.tokens.ADMIN_TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

/** The bytes of a response as a socket sees them, until the server or `enough` ends it. */
function rawAsk(body: string, enough = Number.POSITIVE_INFINITY): Promise<{ readonly text: string; bytes: number }> {
  const { hostname, port } = new URL(firn.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname);
    const parts: Buffer[] = [];
    let bytes = 0;
    socket.on("data", (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
      if (bytes > enough) socket.destroy();
    });
    socket.on("error", reject);
    socket.on("close", () => resolve({ text: Buffer.concat(parts).toString("latin1"), bytes }));
    socket.write(
      `POST /v1/query HTTP/1.1\r\nHost: firn\r\nConnection: close\r\nContent-Type: application/json\r\n` +
        `Authorization: Bearer ${firn.tokens.ADMIN_TOKEN}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
  });
}

/** The log line of a query, once it is written. */
async function recordOf(sql: string): Promise<Readonly<Record<string, unknown>>> {
  for (let tries = 0; tries < 100; tries++) {
    const line = firn.logEvents().find((event) => event["event"] === "query_latency" && event["query_text"] === sql);
    if (line !== undefined) return line;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`no record of ${sql}`);
}

test("I330 a result of 20 MB arrives over HTTP, row for row, and is recorded when it has", async () => {
  const sql = series(300_000);
  const response = await ask({ sql, limits: { rows: 1_000_000 } });
  expect(response.status).toBe(200);
  const { rows, row_count: count } = await response.json<{
    readonly rows: readonly { readonly i: number; readonly hash: string }[];
    readonly row_count: number;
  }>();
  expect([count, rows.length, rows[0]?.hash]).toEqual([300_000, 300_000, "c4ca4238a0b923820dcc509a6f75849b"]);
  expect(await recordOf(sql)).toMatchObject({ success: true, rows_returned: 300_000 });
});

test("I331 a limit that is met when bytes have left breaks the HTTP body off", async () => {
  const sql = series(300_001);
  const { text } = await rawAsk(JSON.stringify({ sql, format: "ndjson", limits: { rows: 200_000 } }));
  expect(text).toMatch(/^HTTP\/1.1 200 /);
  // A chunked body ends with a chunk of length zero.
  expect(text.endsWith("0\r\n\r\n")).toBe(false);
  expect(text).toContain('{"error":{');
  expect(await recordOf(sql)).toMatchObject({ success: false, error_code: "rows_limit_exceeded" });
  const parsed = ask({ sql, limits: { rows: 200_000 } }).then((response) => response.json());
  await expect(parsed).rejects.toThrow(/terminated|JSON|closed/);
});

test("I332 a reader who leaves in the middle stops the query", async () => {
  const sql = series(200_000_000);
  const body = JSON.stringify({ sql, limits: { rows: 1_000_000_000, timeMs: 300_000 } });
  const { bytes } = await rawAsk(body, 3_000_000);
  expect(bytes).toBeGreaterThan(3_000_000);
  expect(await recordOf(sql)).toMatchObject({ success: false, error_code: "cancelled" });
  expect(firn.logEvents()).toContainEqual(expect.objectContaining({ event: "query_stopped" }));
});

test("I333 a large result comes from R2 the next time", async () => {
  await firn.client.request("POST", "/catalog/v1/namespaces", "ADMIN_TOKEN", { namespace: ["default"] });
  const made = await ask({ sql: `CREATE TABLE big AS ${series(400_000)}` });
  expect(made.status).toBe(200);
  const request = { sql: "SELECT i, hash FROM big", format: "csv", limits: { rows: 1_000_000 } };
  const first = await (await ask(request)).text();
  let cache: unknown;
  for (let tries = 0; tries < 20 && cache !== "r2"; tries++) {
    const again = await ask(request);
    expect((await again.text()).length).toBe(first.length);
    const lines = firn.logEvents().filter(({ query_id: id }) => id === again.headers.get("x-query-id"));
    cache = lines.find(({ event }) => event === "query_latency")?.["cache"];
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(cache).toBe("r2");
  const statistics = await firn.client.request<{ r2: { writes: number; hits: number } }>(
    "GET",
    "/admin/cache/statistics",
    "ADMIN_TOKEN",
  );
  expect(statistics.r2.writes).toBe(1);
  expect(statistics.r2.hits).toBeGreaterThan(0);
});
