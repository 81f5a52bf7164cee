// Commits to one table: rate and latency with 1, 8 and 64 writers, and what 10,000 snapshots cost a load and a commit.
// Firn's catalog (front door, catalog Worker, Durable Object, R2, all in workerd) beside Apache Iceberg's reference
// REST catalog on the same storage, given the same requests by the same client in the same run.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createTokens, freePort, startLocalFirn } from "../../scripts/lib/local-firn.ts";
import { median } from "../../scripts/lib/statistics.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";
import { startReferenceCatalog, type ReferenceCatalog } from "../interop/foreign-catalog/reference-catalog.ts";
import { hasCommand } from "../interop/tools.ts";
import {
  createCatalogPeer,
  longTable,
  writeConcurrently,
  type CatalogPeer,
  type WriterFigures,
} from "./commit-peers.ts";
import { timeMs, type BenchCase } from "./measure.ts";

const DIRECTORY = join(ROOT, ".cache", "bench-commit");
const WRITERS = [1, 8, 64] as const;
const COMMITS = 200;
const ROUNDS = 3;
const WARM_UP_COMMITS = 60;
/** A run ends after this time however few commits are in. */
const RUN_MS = 8_000;
const LONG_HISTORY = 10_000;
const LOADS = 15;

async function startPeer(s3Endpoint: string): Promise<ReferenceCatalog | undefined> {
  if (!(await hasCommand("mvn", ["--version"]))) {
    console.log("Apache's reference catalog is left out: no Maven on this machine.");
    return undefined;
  }
  try {
    return await startReferenceCatalog({
      port: await freePort(),
      s3Endpoint,
      warehouse: "s3://firn-lake/reference",
      directory: DIRECTORY,
    });
  } catch (error) {
    console.log(`Apache's reference catalog is left out: ${String(error)}`);
    return undefined;
  }
}

/** Runs `measure` on every contender in turn, round by round, and returns each figure's median. */
async function inTurn<Figures extends Readonly<Record<string, number>>>(
  contenders: readonly CatalogPeer[],
  rounds: number,
  measure: (peer: CatalogPeer, round: number) => Promise<Figures>,
): Promise<ReadonlyMap<string, Figures>> {
  const all = new Map<string, Figures[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const peer of contenders) all.get(peer.name)?.push(await measure(peer, round));
  }
  return new Map(
    [...all].map(([name, rows]) => {
      const names = Object.keys(rows[0] ?? {});
      const entries = names.map((figure) => [figure, median(rows.map((row) => row[figure] ?? Number.NaN))] as const);
      return [name, Object.fromEntries(entries) as Figures];
    }),
  );
}

function toCase(
  name: string,
  unit: string,
  figures: ReadonlyMap<string, Readonly<Record<string, number>>>,
  figure: string,
): BenchCase {
  const values = [...figures].map(([peer, row]) => [peer, row[figure] ?? Number.NaN] as const);
  const firn = values.find(([peer]) => peer === "firn")?.[1] ?? Number.NaN;
  return { name, unit, firn, peers: Object.fromEntries(values.filter(([peer]) => peer !== "firn")) };
}

async function concurrentWriters(contenders: readonly CatalogPeer[]): Promise<BenchCase[]> {
  for (const peer of contenders) {
    await writeConcurrently(peer, await peer.createTable(), { writers: 4, commits: WARM_UP_COMMITS, maxMs: RUN_MS });
  }
  const cases: BenchCase[] = [];
  for (const writers of WRITERS) {
    const figures = await inTurn<WriterFigures>(contenders, ROUNDS, async (peer) =>
      writeConcurrently(peer, await peer.createTable(), { writers, commits: COMMITS, maxMs: RUN_MS }),
    );
    const who = `${writers} writer${writers === 1 ? "" : "s"}`;
    cases.push(
      toCase(`appends, ${who}`, "commits/s", figures, "commitsPerSecond"),
      toCase(`append, ${who}, p50`, "ms", figures, "p50Ms"),
      toCase(`append, ${who}, p99`, "ms", figures, "p99Ms"),
    );
    for (const [name, { attemptsPerCommit }] of figures) {
      console.log(`${who}: ${name} needed ${attemptsPerCommit.toFixed(2)} attempts a commit`);
    }
  }
  return cases;
}

async function longHistory(contenders: readonly CatalogPeer[]): Promise<BenchCase[]> {
  const tables = new Map<string, string>();
  for (const peer of contenders) tables.set(peer.name, await longTable(peer, LONG_HISTORY));
  const figures = await inTurn(contenders, LOADS, async (peer) => {
    const table = tables.get(peer.name) ?? "";
    let bytes = 0;
    let etag: string | undefined;
    const fullMs = await timeMs(async () => ({ bytes, etag } = await peer.load(table)));
    let refsBytes = 0;
    const refsMs = await timeMs(async () => ({ bytes: refsBytes } = await peer.load(table, "snapshots=refs")));
    const unchangedMs = await timeMs(() => peer.load(table, "", etag));
    return { fullMs, bytes, refsMs, refsBytes, unchangedMs };
  });
  const commits = await inTurn<WriterFigures>(contenders, ROUNDS, (peer) =>
    writeConcurrently(peer, tables.get(peer.name) ?? "", { writers: 1, commits: 20, maxMs: RUN_MS }),
  );
  const after = `after ${LONG_HISTORY.toLocaleString("en-US")} snapshots`;
  for (const [name, { bytes, refsBytes }] of figures) {
    console.log(`${name} sends ${Math.round(bytes / 1024)} KiB for the whole table, ${refsBytes} bytes for refs`);
  }
  return [
    toCase(`load ${after}`, "ms", figures, "fullMs"),
    toCase(`load ${after}, refs`, "ms", figures, "refsMs"),
    toCase(`load ${after}, unchanged`, "ms", figures, "unchangedMs"),
    toCase(`append ${after}, p50`, "ms", commits, "p50Ms"),
  ];
}

/** Measures both catalogs. */
export async function run(): Promise<readonly BenchCase[]> {
  if (existsSync(DIRECTORY)) rmSync(DIRECTORY, { recursive: true });
  const firn = await startLocalFirn({ port: await freePort(), directory: DIRECTORY, tokens: createTokens() });
  let reference: ReferenceCatalog | undefined;
  try {
    reference = await startPeer(firn.s3Endpoint);
    const contenders = [
      createCatalogPeer("firn", `${firn.url}/catalog`, firn, firn.tokens.CATALOG_TOKEN),
      ...(reference === undefined ? [] : [createCatalogPeer("apache reference", reference.url, firn)]),
    ];
    for (const peer of contenders) await peer.prepare();
    return [...(await concurrentWriters(contenders)), ...(await longHistory(contenders))];
  } finally {
    await reference?.stop();
    await firn.stop();
  }
}
