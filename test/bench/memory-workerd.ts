// What the query Worker's isolate holds in workerd while its operators put rows aside: V8's own figures over the
// runtime's debugging port, heap in use and array buffers. That port cannot ask for a collection, and a local workerd,
// which has no limit, is slow to collect: what counts is what looks find right after V8 collected by itself. Events as the
// benchmark `query` has them, some 190 bytes a row in memory; BENCH_ROWS, BENCH_ONLY: other sizes, some cases.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "../../scripts/lib/local-firn.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { connectCatalog, createBenchTable, writeEventFiles } from "./events-table.ts";
import type { BenchCase } from "./measure.ts";
import { runtimePorts, runtimeUrl } from "./runtime-url.ts";

const ROWS = Number(process.env["BENCH_ROWS"] ?? 5_000_000);
const DIRECTORY = join(ROOT, ".cache", "bench-memory-workerd");
const MEGABYTE = 1024 * 1024;
const ISOLATE_MB = 128;
const LOOK_MS = 100;
/** A look that finds less than this part of what the one before found comes after a collection. */
const COLLECTED_PART = 0.9;
const WORKER = "analytics-query";
const WIDE = "event_id, user_id, session_id, properties";

const QUERIES: Readonly<Record<string, string>> = {
  "big result": `SELECT ${WIDE} FROM events`,
  sort: `SELECT ${WIDE} FROM events ORDER BY event_id`,
  aggregate: `SELECT event_id, properties, count(*) AS n FROM events GROUP BY event_id, properties`,
  distinct: `SELECT DISTINCT ${WIDE} FROM events`,
  join: "SELECT a.event_id, b.properties FROM events AS a JOIN events AS b ON a.event_id = b.event_id",
  "one partition": `SELECT event_id, user_id, row_number() OVER (ORDER BY event_id) AS n FROM events`,
};

/** Runs each operator over all events; throws when a query fails. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  try {
    const catalog = connectCatalog(firn);
    const shape = { rows: ROWS, days: 10, filesPerDay: Math.max(1, Math.round(ROWS / 10_000_000)), users: 100_000 };
    const table = await writeEventFiles(firn, catalog, shape);
    await createBenchTable(catalog, "events", table.files);
    const url = await runtimeUrl(firn);
    await answer(url, firn, "SELECT count(*) AS n FROM events WHERE event_id > 'e'");
    const address = await debuggerOf(firn);
    const cases: BenchCase[] = [];
    const only = process.env["BENCH_ONLY"]?.split(",");
    for (const [name, sql] of Object.entries(QUERIES)) {
      if (only !== undefined && !only.includes(name)) continue;
      const looks: number[] = [];
      const start = performance.now();
      // The runtime answers between two steps of the Worker, and not at all while that rests.
      const looking = setInterval(() => look(address, (bytes) => looks.push(bytes)), LOOK_MS);
      const answered = answer(url, firn, sql).finally(() => clearInterval(looking));
      const bytes = await answered;
      const peak = Math.max(...looks);
      // Where garbage was collected between two looks, what is left is held, and what was made since.
      const collected = looks.filter((bytes, i) => i > 0 && bytes < (looks[i - 1] ?? 0) * COLLECTED_PART);
      const held = Math.max(...collected);
      const seconds = (performance.now() - start) / 1000;
      console.log(
        `  ${name}: ${(bytes / MEGABYTE).toFixed(0)} MB of result in ${seconds.toFixed(0)} s, ` +
          `the isolate ${(held / MEGABYTE).toFixed(0)} MB after ${collected.length} collections, ` +
          `${(peak / MEGABYTE).toFixed(0)} MB with garbage, in ${looks.length} looks`,
      );
      cases.push({ name, unit: "MB", firn: held / MEGABYTE, peers: { isolate: ISOLATE_MB } });
    }
    return cases;
  } finally {
    await firn.stop();
  }
}

/** Asks and drops the answer; returns its bytes. */
async function answer(url: string, firn: LocalFirn, sql: string): Promise<number> {
  const response = await fetch(`${url}/v1/query`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${firn.tokens.QUERY_TOKEN}` },
    body: JSON.stringify({
      sql,
      format: "csv",
      cache: "bypass",
      limits: { rows: 1e9, resultBytes: 1e11, scannedBytes: 1e11, timeMs: 300_000 },
    }),
  });
  if (!response.ok || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
  let bytes = 0;
  for await (const piece of response.body) bytes += piece.length;
  return bytes;
}

/** V8's heap and the array buffers beside it, with the garbage that is not yet collected. */
interface HeapUsage {
  readonly usedSize: number;
  readonly backingStorageSize?: number;
}

/** Asks the runtime once; a connection that is kept is not always heard. */
function look(address: string, tell: (bytes: number) => void): void {
  const socket = new WebSocket(address);
  socket.addEventListener("open", () => socket.send(JSON.stringify({ id: 1, method: "Runtime.getHeapUsage" })));
  socket.addEventListener("message", ({ data }) => {
    const { id, result } = JSON.parse(String(data)) as { id?: number; result?: HeapUsage };
    if (id !== 1 || result === undefined) return;
    tell(result.usedSize + (result.backingStorageSize ?? 0));
    socket.close();
  });
  socket.addEventListener("error", () => socket.close());
}

/** Where the query Worker can be debugged. */
async function debuggerOf(firn: LocalFirn): Promise<string> {
  for (const port of runtimePorts(firn)) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/json`, { signal: AbortSignal.timeout(2000) });
      const targets = await response.json<{ readonly webSocketDebuggerUrl?: string; readonly id?: string }[]>();
      const target = targets.find(({ webSocketDebuggerUrl = "", id = "" }) =>
        [webSocketDebuggerUrl, id].some((name) => name.endsWith(WORKER)),
      );
      if (target?.webSocketDebuggerUrl !== undefined) return target.webSocketDebuggerUrl;
    } catch {
      // Not for debuggers.
    }
  }
  throw new Error(`no debugging port of ${WORKER}`);
}
