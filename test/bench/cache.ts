// What the cache saves: dashboards over five million rows, asked again, and asked after one percent of new data arrived.
// The peer is Firn itself with the cache off, in the same run.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient, type FirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { median } from "../../scripts/lib/statistics.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { connectCatalog, createBenchTable, writeEventFiles } from "./events-table.ts";
import { timeMs, type BenchCase } from "./measure.ts";
import { runtimeUrl } from "./runtime-url.ts";

const OLD_DAYS = 100;
/** Each new day is one percent of the old ones. */
const NEW_DAYS = 5;
const DAYS = OLD_DAYS + NEW_DAYS;
const ROWS = Number(process.env["BENCH_ROWS"] ?? 5_000_000);
const SHAPE = { rows: (ROWS / OLD_DAYS) * DAYS, days: DAYS, filesPerDay: 1, users: 100_000 };
const REPEATS = 20;
const DIRECTORY = join(ROOT, ".cache", "bench-cache");

const DASHBOARDS: Readonly<Record<string, string>> = {
  "events by type": "SELECT event_type, count(*) AS n, max(timestamp) AS newest FROM events GROUP BY 1 ORDER BY 1",
  "events by day": "SELECT date_trunc('day', timestamp) AS d, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
  "purchases of a window":
    "SELECT date_trunc('day', timestamp) AS d, count(*) AS n, avg((properties ->> 'amount')::numeric) AS mean FROM events WHERE event_type = 'purchase' AND timestamp >= '2024-01-15' GROUP BY 1 ORDER BY 1",
};

interface Reply {
  readonly rows: readonly unknown[];
  readonly cache: string;
  readonly profile: { readonly stats: { readonly bytes_scanned: number } };
}

interface Figures {
  readonly repeatMs: number;
  readonly coldMs: number;
  readonly grown: {
    readonly ms: number;
    readonly bytes: number;
    readonly coldMs: number;
    readonly coldBytes: number;
  }[];
}

/** Measures repeats and growth; throws when a cached answer differs from a computed one. */
export async function run(): Promise<readonly BenchCase[]> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  try {
    const catalog = connectCatalog(firn);
    console.log(`writing ${ROWS.toLocaleString("en-US")} events and ${NEW_DAYS} times one percent more…`);
    const { files, bytes } = await writeEventFiles(firn, catalog, SHAPE, join(DIRECTORY, "files"));
    await createBenchTable(catalog, "events", files.slice(0, OLD_DAYS));
    console.log(`${(bytes / 1e6).toFixed(0)} MB of Parquet`);
    const client = createFirnClient(await runtimeUrl(firn), firn.tokens);
    const measured: [string, Figures][] = [];
    for (const [name, sql] of Object.entries(DASHBOARDS)) measured.push([name, await measureRepeats(client, sql)]);
    for (let day = OLD_DAYS; day < DAYS; day++) {
      await createBenchTable(catalog, "events", files.slice(day, day + 1));
      for (const [name, { grown }] of measured) grown.push(await measureGrown(client, DASHBOARDS[name] ?? ""));
    }
    return measured.flatMap(([name, figures]) => toCases(name, figures));
  } finally {
    await firn.stop();
  }
}

async function ask(client: FirnClient, sql: string, cache: "use" | "bypass"): Promise<{ reply: Reply; ms: number }> {
  let reply: Reply | undefined;
  const ms = await timeMs(async () => {
    reply = (await client.query(sql, { cache, profile: true })) as unknown as Reply;
  });
  if (reply === undefined) throw new Error("no reply");
  return { reply, ms };
}

async function measureRepeats(client: FirnClient, sql: string): Promise<Figures> {
  const cold: number[] = [];
  for (let round = 0; round <= 5; round++) {
    const { ms } = await ask(client, sql, "bypass");
    if (round > 0) cold.push(ms);
  }
  // The first is computed and kept; the next let the runtime compile what a repeat runs.
  for (let round = 0; round < REPEATS; round++) await client.query(sql);
  const repeats: number[] = [];
  for (let round = 0; round < REPEATS; round++) repeats.push(await timeMs(() => client.query(sql)));
  return { repeatMs: median(repeats), coldMs: median(cold), grown: [] };
}

async function measureGrown(client: FirnClient, sql: string): Promise<Figures["grown"][number]> {
  const cached = await ask(client, sql, "use");
  const cold = await ask(client, sql, "bypass");
  if (cached.reply.cache !== "partial") throw new Error(`answered from ${cached.reply.cache}: ${sql}`);
  if (JSON.stringify(cached.reply.rows) !== JSON.stringify(cold.reply.rows)) throw new Error(`answers differ: ${sql}`);
  return {
    ms: cached.ms,
    bytes: cached.reply.profile.stats.bytes_scanned,
    coldMs: cold.ms,
    coldBytes: cold.reply.profile.stats.bytes_scanned,
  };
}

function toCases(name: string, { repeatMs, coldMs, grown }: Figures): BenchCase[] {
  const middle = (pick: (figures: Figures["grown"][number]) => number): number => median(grown.map(pick));
  return [
    { name: `${name}, again`, unit: "ms", firn: repeatMs, peers: { uncached: coldMs } },
    {
      name: `${name}, 1 % more`,
      unit: "ms",
      firn: middle(({ ms }) => ms),
      peers: { uncached: middle((f) => f.coldMs) },
    },
    {
      name: `${name}, 1 % more, read`,
      unit: "bytes",
      firn: middle(({ bytes }) => bytes),
      peers: { uncached: middle((f) => f.coldBytes) },
    },
  ];
}
