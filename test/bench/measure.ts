// How benchmarks measure and report: interleaved rounds, medians, ratios to a named peer in the same run.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { median } from "../../scripts/lib/statistics.ts";

/** One thing measured: Firn's figure and those of its peers in the same unit. */
export interface BenchCase {
  readonly name: string;
  /** A time (ms) counts lower as better; a rate (anything per second) counts higher as better. */
  readonly unit: string;
  readonly firn: number;
  readonly peers: Readonly<Record<string, number>>;
  /** Bytes read from files, where they were counted. */
  readonly read?: { readonly firn: number; readonly peer: number };
}

/** What `--json FILE` writes. `geomean` holds Firn's time over the peer's: 1 is equal, lower is faster. */
export interface BenchReport {
  readonly bench: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cases: readonly BenchCase[];
  readonly geomean: Readonly<Record<string, number>>;
}

/** Milliseconds a run took. */
export async function timeMs(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/**
 * Runs every contender once a round, in turn, so that a noisy moment hits all of them; returns each one's median.
 * The first round warms up and is not counted.
 */
export async function interleave(
  contenders: Readonly<Record<string, () => Promise<number>>>,
  rounds = 5,
): Promise<Record<string, number>> {
  const figures: Record<string, number[]> = {};
  for (let round = 0; round <= rounds; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      const figure = await run();
      if (round > 0) (figures[name] ??= []).push(figure);
    }
  }
  return Object.fromEntries(Object.entries(figures).map(([name, values]) => [name, median(values)]));
}

/** Rounds for contenders of which the slowest takes so long: many for what is short and noisy, few for what is long. */
export function roundsFor(slowestMs: number): number {
  if (slowestMs < 50) return 21;
  if (slowestMs < 300) return 9;
  return slowestMs < 2000 ? 5 : 3;
}

function isRate(unit: string): boolean {
  return unit.endsWith("/s");
}

/** Firn's time over the peer's, whichever way the unit counts. */
function ratio(unit: string, firn: number, peer: number): number {
  return isRate(unit) ? peer / firn : firn / peer;
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en-US") : value.toFixed(value >= 10 ? 1 : 2);
}

/** Two places, and for what is far below one two digits. */
function formatRatio(value: number): string {
  return value < 0.1 ? value.toPrecision(2) : value.toFixed(2);
}

function kilobytes(bytes: number): string {
  return `${Math.round(bytes / 1000).toLocaleString("en-US")} kB`;
}

function readCells(read: BenchCase["read"]): string[] {
  if (read === undefined) return ["—", "—", "—"];
  const { firn, peer } = read;
  return [kilobytes(firn), kilobytes(peer), peer === 0 ? "—" : (firn / peer).toFixed(2)];
}

/** Prints the table and, when asked, writes the report. */
export function report(bench: string, cases: readonly BenchCase[], jsonPath: string | undefined): void {
  const peers = [...new Set(cases.flatMap((entry) => Object.keys(entry.peers)))];
  const geomean: Record<string, number> = {};
  for (const peer of peers) {
    const ratios = cases.flatMap(({ unit, firn, peers: figures }) =>
      figures[peer] === undefined ? [] : [ratio(unit, firn, figures[peer])],
    );
    geomean[peer] = Math.exp(ratios.reduce((sum, value) => sum + Math.log(value), 0) / ratios.length);
  }
  const withReads = cases.some(({ read }) => read !== undefined);
  const readHeader = withReads ? ["read", "peer's", "ratio"] : [];
  const header = ["case", "unit", "firn", ...peers.flatMap((peer) => [peer, "ratio"]), ...readHeader];
  const rows = cases.map(({ name, unit, firn, peers: figures, read }) => [
    name,
    unit,
    format(firn),
    ...peers.flatMap((peer) =>
      figures[peer] === undefined ? ["—", "—"] : [format(figures[peer]), formatRatio(ratio(unit, firn, figures[peer]))],
    ),
    ...(withReads ? readCells(read) : []),
  ]);
  const total = (side: "firn" | "peer"): number => cases.reduce((sum, { read }) => sum + (read?.[side] ?? 0), 0);
  rows.push([
    withReads ? "geometric mean; bytes read in all" : "geometric mean",
    "",
    "",
    ...peers.flatMap((peer) => ["", formatRatio(geomean[peer] ?? Number.NaN)]),
    ...(withReads ? readCells({ firn: total("firn"), peer: total("peer") }) : []),
  ]);
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of [header, ...rows]) {
    console.log(
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join("  "),
    );
  }
  console.log("ratio: Firn's time over the peer's; 1.00 is equal, lower is faster.");
  if (jsonPath === undefined) return;
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  const full: BenchReport = { bench, commit, cpu: cpus()[0]?.model ?? "unknown", cases, geomean };
  writeFileSync(jsonPath, `${JSON.stringify(full, null, 2)}\n`);
}
