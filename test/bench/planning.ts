// Planning a scan over 10,000 and 100,000 data files, beside PyIceberg and DuckDB on the same metadata on local disk.
// Every engine starts from the metadata file each time and keeps nothing between runs but what it keeps by itself.

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { LakeError } from "#core";
import { readTableMetadata, type FileIO, type IcebergPredicate, type ScanPlan } from "#iceberg";
import { planTableScan } from "../../src/iceberg/scan-plan.ts";
import { preparePython } from "../interop/tools.ts";
import { interleave, timeMs, type BenchCase } from "./measure.ts";
import { DAY_MICROS, FIRST_DAY, userName, writePlanningTable } from "./planning-table.ts";

const SIZES = (process.env["BENCH_FILES"] ?? "10000,100000").split(",").map(Number);
const ROUNDS = 5;

const DAY = FIRST_DAY + 31;
const ONE_DAY: readonly IcebergPredicate[] = [
  { fieldId: 3, operator: ">=", values: [DAY * DAY_MICROS] },
  { fieldId: 3, operator: "<", values: [(DAY + 1) * DAY_MICROS] },
];
const ONE_USER: IcebergPredicate = { fieldId: 4, operator: "=", values: [userName(424_242)] };
const ONE_DAY_SQL = "timestamp >= '2024-02-01T00:00:00+00:00' AND timestamp < '2024-02-02T00:00:00+00:00'";
const ONE_USER_SQL = `user_id = '${userName(424_242)}'`;

const SCANS: Readonly<Record<string, { readonly predicates: readonly IcebergPredicate[]; readonly filter: string }>> = {
  "point query (day and user)": { predicates: [...ONE_DAY, ONE_USER], filter: `${ONE_DAY_SQL} AND ${ONE_USER_SQL}` },
  "one-day range": { predicates: ONE_DAY, filter: ONE_DAY_SQL },
  "one user of all days": { predicates: [ONE_USER], filter: ONE_USER_SQL },
};

function refuse(): never {
  throw new LakeError("unsupported_operation", "The benchmark only reads.");
}

/** Local files, with what was read of them. */
function createLocalIO(): FileIO & { readonly read: FileIO["read"]; reads: number; bytes: number } {
  const io = {
    reads: 0,
    bytes: 0,
    async read(location: string): Promise<Uint8Array> {
      const bytes = new Uint8Array(await readFile(location));
      io.reads += 1;
      io.bytes += bytes.length;
      return bytes;
    },
    reaches: refuse,
    write: refuse,
    delete: refuse,
    list: refuse,
  };
  return io;
}

interface PeerReply {
  readonly ms: number;
  readonly files: number | null;
}

/** The peers in one Python process that answers request by request. */
async function startPeers(): Promise<{
  ask(engine: string, metadata: string, filter: string): Promise<PeerReply>;
  stop(): void;
}> {
  const python = await preparePython(["requirements.txt"]);
  const script = join(import.meta.dirname, "peers", "planning.py");
  const child = spawn(python, [script], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(engine, metadata, filter) {
      child.stdin.write(`${JSON.stringify({ engine, metadata, filter })}\n`);
      const line = await lines.next();
      if (line.done === true) throw new LakeError("upstream_unavailable", "The peers' process ended.");
      return JSON.parse(line.value) as PeerReply;
    },
    stop: () => void child.kill(),
  };
}

/** Measures each scan of each size; throws when PyIceberg plans another number of files. */
export async function run(): Promise<readonly BenchCase[]> {
  const peers = await startPeers();
  const cases: BenchCase[] = [];
  try {
    for (const size of SIZES) {
      console.log(`writing metadata of ${size.toLocaleString("en-US")} files…`);
      const table = writePlanningTable(join(tmpdir(), `firn-bench-planning-${size}`), size);
      for (const [name, { predicates, filter }] of Object.entries(SCANS)) {
        const plan = async (io: FileIO): Promise<ScanPlan> =>
          planTableScan(io, await readTableMetadata(io, table.metadataPath), { predicates });
        const io = createLocalIO();
        const { files } = await plan(io);
        const reference = await peers.ask("pyiceberg", table.metadataPath, filter);
        if (reference.files !== files.length) {
          throw new LakeError(
            "data_invalid",
            `${name}: PyIceberg plans ${reference.files} files, not ${files.length}.`,
          );
        }
        const figures = await interleave(
          {
            firn: () => timeMs(() => plan(createLocalIO())),
            pyiceberg: async () => (await peers.ask("pyiceberg", table.metadataPath, filter)).ms,
            duckdb: async () => (await peers.ask("duckdb", table.metadataPath, filter)).ms,
          },
          ROUNDS,
        );
        const { firn = Number.NaN, pyiceberg = Number.NaN, duckdb = Number.NaN } = figures;
        cases.push({
          name: `${name}, ${size.toLocaleString("en-US")} files`,
          unit: "ms",
          firn,
          peers: { pyiceberg, duckdb },
        });
        console.log(
          `  ${name}: ${files.length} files planned with ${io.reads} requests, ${(io.bytes / 1000).toFixed(0)} kB of metadata`,
        );
      }
    }
    return cases;
  } finally {
    peers.stop();
  }
}
