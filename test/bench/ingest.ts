// Durable events a second through HTTP, beside an empty Hono route and a bare SQLite Durable Object given the same
// bytes. All three run in workerd behind the same HTTP client.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createTestHarness } from "wrangler";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { interleave, timeMs, type BenchCase } from "./measure.ts";

const DIRECTORY = join(ROOT, ".cache", "bench-ingest");
const BATCH = 1_000;
const BATCHES = 60;
const SINGLES = 600;
const CONCURRENCY = 8;

let next = 0;

/** Bodies are made before the clock starts; every event has an id of its own, so nothing is a duplicate. */
function makeBodies(count: number, batchSize: number): string[] {
  return Array.from({ length: count }, () =>
    Array.from({ length: batchSize }, () => {
      const i = next++;
      return JSON.stringify({
        event_id: `bench-${i}`,
        event_type: "page_view",
        timestamp: new Date(Date.UTC(2024, 0, 1) + i).toISOString(),
        user_id: `user-${i % 10_000}`,
        session_id: `session-${i % 50_000}`,
        properties: { path: "/products", position: i % 100 },
      });
    }).join("\n"),
  );
}

/** Posts all bodies, CONCURRENCY at a time; returns requests a second. */
async function postAll(
  url: string,
  headers: Readonly<Record<string, string>>,
  bodies: readonly string[],
): Promise<number> {
  let index = 0;
  const worker = async (): Promise<void> => {
    for (let body = bodies[index++]; body !== undefined; body = bodies[index++]) {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/x-ndjson", ...headers },
        body,
      });
      if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
      await response.arrayBuffer();
    }
  };
  const ms = await timeMs(() => Promise.all(Array.from({ length: CONCURRENCY }, worker)));
  return bodies.length / (ms / 1000);
}

/** A case from requests a second; `scale` turns requests into events. */
function toCase(
  name: string,
  unit: string,
  scale: number,
  { firn = Number.NaN, ...others }: Readonly<Record<string, number>>,
): BenchCase {
  const peers = Object.fromEntries(Object.entries(others).map(([peer, rate]) => [peer, rate * scale]));
  return { name, unit, firn: firn * scale, peers };
}

/** Measures batches and single events. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const peers = createTestHarness({
    root: ROOT,
    workers: [
      {
        config: {
          name: "bench-peers",
          main: "test/bench/peers/worker.ts",
          compatibility_date: "2026-11-01",
          durable_objects: { bindings: [{ name: "STORE", class_name: "BareStore" }] },
          migrations: [{ tag: "v1", new_sqlite_classes: ["BareStore"] }],
        },
      },
    ],
  });
  const { url: peerUrl } = await peers.listen();
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  const auth = { authorization: `Bearer ${firn.tokens.INGEST_TOKEN}` };
  const measure = (requests: number, batchSize: number): Promise<Record<string, number>> =>
    interleave({
      firn: () => postAll(`${firn.url}/v1/events`, auth, makeBodies(requests, batchSize)),
      "empty hono": () => postAll(new URL("/empty", peerUrl).href, {}, makeBodies(requests, batchSize)),
      "bare sqlite do": () => postAll(new URL("/insert", peerUrl).href, {}, makeBodies(requests, batchSize)),
    });
  try {
    return [
      toCase(`batches of ${BATCH.toLocaleString("en-US")}`, "events/s", BATCH, await measure(BATCHES, BATCH)),
      toCase("single events", "requests/s", 1, await measure(SINGLES, 1)),
    ];
  } finally {
    await firn.stop();
    await peers.close();
  }
}
