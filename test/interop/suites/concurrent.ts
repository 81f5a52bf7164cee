// Spark, Trino, DuckDB, PyIceberg and Firn's ingest append to one table at once while Firn compacts it. Every batch that
// a writer was told is in must be there once, and no batch that it was told failed may be there.

import { readFileSync } from "node:fs";
import type { Engine, EngineName } from "../engines.ts";
import { engineIfAny, tableName } from "../scenario.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";

const NAMESPACE = "interop_concurrent";
const TABLE = `${NAMESPACE}.events`;
/** INTEROP_CONCURRENT_SECONDS is another. */
const DEFAULT_SECONDS = 300;
/** A run that is short of time shortens this suite, down to here. */
const LEAST_SECONDS = 60;
/** For the last writes and the comparison afterwards. */
const AFTERWARDS_SECONDS = 150;
const ROWS_A_BATCH = 20;
/** Between two batches of one writer, so that a run ends with hundreds of snapshots and not with thousands. */
const PAUSE_MS = 300;
/** Longer for each batch that a writer is ahead of the slowest, whose commits would else lose to the fast ones' for ever. */
const PAUSE_AHEAD_MS = 100;
const MOST_PAUSE_MS = 5_000;
const COMPACTION_EVERY_MS = 45_000;

type WriterName = EngineName | "ingest";

interface Writer {
  readonly name: WriterName;
  write(batch: number): Promise<void>;
}

/** What became of a writer's batches. */
interface Ledger {
  readonly writer: WriterName;
  readonly committed: number[];
  readonly refused: number[];
  /** The writer does not know whether these are in. */
  readonly unknown: number[];
  readonly reasons: Map<string, number>;
}

function openLedger(writer: WriterName): Ledger {
  return { writer, committed: [], refused: [], unknown: [], reasons: new Map() };
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function rowsSql(writer: string, batch: number, first: (n: number) => string): string {
  return Array.from({ length: ROWS_A_BATCH }, (_, n) => first(n))
    .map((id, n) => `('${id}', '${writer}', ${batch}, ${n})`)
    .join(", ");
}

function sqlWriter(engine: Engine): Writer {
  const table = tableName(engine.name, TABLE);
  return {
    name: engine.name,
    async write(batch) {
      const values = rowsSql(engine.name, batch, (n) => `${engine.name}-${batch}-${n}`);
      await engine.sql(`INSERT INTO ${table} VALUES ${values}`);
    },
  };
}

function ingestWriter({ client }: InteropContext): Writer {
  return {
    name: "ingest",
    async write(batch) {
      const events = Array.from({ length: ROWS_A_BATCH }, (_, n) => ({
        event_id: `ingest-${batch}-${n}`,
        writer: "ingest",
        batch,
        n,
      }));
      const reply = await client.ingest(events, { table: TABLE });
      if (reply.accepted !== ROWS_A_BATCH) throw new Error(`ingest took ${reply.accepted} of ${ROWS_A_BATCH}`);
      await client.flush(TABLE);
    },
  };
}

async function createWriters(context: InteropContext): Promise<readonly Writer[]> {
  const writers: Writer[] = [ingestWriter(context)];
  for (const name of ["spark", "trino"] as const) {
    const engine = await engineIfAny(context, name);
    if (engine !== undefined) writers.push(sqlWriter(engine));
  }
  writers.push(sqlWriter(await context.engines.start("duckdb")));
  const pyiceberg = await context.engines.start("pyiceberg");
  writers.push({
    name: "pyiceberg",
    write: (batch) =>
      pyiceberg.call<void>("append_batch", { table: TABLE, writer: "pyiceberg", batch, count: ROWS_A_BATCH }),
  });
  return writers;
}

/** A failure's kind, without what differs from one to the next. */
function reasonOf(error: unknown): string {
  const [line = ""] = String(error instanceof Error ? error.message : error).split("\n");
  return line.replaceAll(/\d{4,}|[0-9a-f]{8}-[0-9a-f-]{27}|s3:\S+/g, "…").slice(0, 160);
}

function pauseOf(ledger: Ledger, all: readonly Ledger[]): number {
  const ahead = ledger.committed.length - Math.min(...all.map(({ committed }) => committed.length));
  return Math.min(MOST_PAUSE_MS, PAUSE_MS + ahead * PAUSE_AHEAD_MS);
}

/** Writes until the deadline; `all` holds every writer's ledger, this one's too. */
async function keepWriting(writer: Writer, ledger: Ledger, all: readonly Ledger[], deadline: number): Promise<void> {
  for (let batch = 0; Date.now() < deadline; batch++) {
    try {
      await writer.write(batch);
      ledger.committed.push(batch);
    } catch (error) {
      const reason = reasonOf(error);
      const isUnknown = /unknown/i.test(reason) && /state|outcome/i.test(reason);
      (isUnknown ? ledger.unknown : ledger.refused).push(batch);
      ledger.reasons.set(reason, (ledger.reasons.get(reason) ?? 0) + 1);
    }
    await sleep(pauseOf(ledger, all));
  }
}

interface Compactions {
  succeeded: number;
  failed: number;
  reason: string;
}

async function keepCompacting({ client }: InteropContext, deadline: number): Promise<Compactions> {
  const outcome: Compactions = { succeeded: 0, failed: 0, reason: "" };
  while (Date.now() + COMPACTION_EVERY_MS / 3 < deadline) {
    await sleep(COMPACTION_EVERY_MS / 3);
    try {
      await client.runJob("/admin/compact", { table: TABLE, aggressive: true, minFileSize: "50MB" });
      outcome.succeeded += 1;
    } catch (error) {
      outcome.failed += 1;
      outcome.reason = reasonOf(error);
    }
    await sleep((COMPACTION_EVERY_MS * 2) / 3);
  }
  return outcome;
}

const COMMIT_PATHS = [`/catalog/v1/namespaces/${NAMESPACE}/tables/events`, "/catalog/v1/transactions/commit"];

/** Commits of engines, of one table or in a transaction, that the catalog answered with the status, from Firn's log. */
function countCommits(logPath: string, status: number): number {
  return readFileSync(logPath, "utf8")
    .split("\n")
    .filter((line) => COMMIT_PATHS.some((path) => line.includes(`"path":"${path}"`)))
    .filter((line) => line.includes('"method":"POST"') && line.includes(`"status":${status},`)).length;
}

async function createTable({ client }: InteropContext): Promise<void> {
  await client.request("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", { namespace: [NAMESPACE] });
  const types = { event_id: "string", writer: "string", batch: "long", n: "long" };
  await client.request("POST", `/catalog/v1/namespaces/${NAMESPACE}/tables`, "CATALOG_TOKEN", {
    name: "events",
    schema: {
      type: "struct",
      "schema-id": 0,
      fields: Object.entries(types).map(([name, type], at) => ({ id: at + 1, name, type, required: false })),
    },
    properties: {
      "commit.retry.num-retries": "20",
      // With the default of a minute the slowest writer would spend the run asleep.
      "commit.retry.max-wait-ms": "2000",
      "write.metadata.delete-after-commit.enabled": "true",
      "write.metadata.previous-versions-max": "20",
    },
  });
}

/** Event ids as an engine sees them, sorted. */
async function idsSeenBy(engine: Engine): Promise<readonly string[]> {
  const answer = await engine.sql(`SELECT * FROM ${tableName(engine.name, TABLE)}`);
  const at = answer.columns.indexOf("event_id");
  return answer.rows.map((row) => row[at] as string).toSorted();
}

function judge(context: InteropContext, ledgers: readonly Ledger[], ids: readonly string[]): void {
  const seen = new Set(ids);
  context.check("duplicates", ids.length - seen.size, 0);
  let expected = 0;
  for (const { writer, committed, refused, unknown, reasons } of ledgers) {
    const count = (batch: number): number =>
      Array.from({ length: ROWS_A_BATCH }, (_, n) => seen.has(`${writer}-${batch}-${n}`)).filter(Boolean).length;
    const lost = committed.filter((batch) => count(batch) !== ROWS_A_BATCH);
    const unwanted = refused.filter((batch) => count(batch) !== 0);
    const torn = unknown.filter((batch) => count(batch) !== 0 && count(batch) !== ROWS_A_BATCH);
    const held = [
      context.check(`${writer}: batches that were acknowledged and are not whole`, lost, []),
      context.check(`${writer}: batches that were reported as failed and are there`, unwanted, []),
      context.check(`${writer}: batches of unknown outcome that are torn`, torn, []),
      context.check(`${writer}: has committed`, committed.length > 0, true),
    ].every(Boolean);
    if (writer !== "ingest") context.prove(writer, "writes beside the others", held);
    expected += [...committed, ...unknown].reduce((sum, batch) => sum + count(batch), 0);
    const why = [...reasons].map(([reason, times]) => `${times} × ${reason}`).join("; ");
    context.note(
      `${writer}: ${committed.length} batches committed, ${refused.length} reported as failed, ${unknown.length} unknown${why === "" ? "" : `: ${why}`}`,
    );
  }
  context.check("rows nobody wrote", ids.length - expected, 0);
}

/** Five writers at once. */
export const concurrentSuite: InteropSuite = {
  name: "concurrent",
  needs: ["python"],
  limitSeconds: 720,
  async run(context) {
    await createTable(context);
    const writers = await createWriters(context);
    const wanted = Number(process.env["INTEROP_CONCURRENT_SECONDS"] ?? DEFAULT_SECONDS);
    const seconds = Math.max(LEAST_SECONDS, Math.min(wanted, context.secondsLeft() - AFTERWARDS_SECONDS));
    const deadline = Date.now() + seconds * 1000;
    const pairs = writers.map((writer) => ({ writer, ledger: openLedger(writer.name) }));
    const ledgers = pairs.map(({ ledger }) => ledger);
    const [compactions] = await Promise.all([
      keepCompacting(context, deadline),
      ...pairs.map(({ writer, ledger }) => keepWriting(writer, ledger, ledgers, deadline)),
    ]);
    await context.client.flush(TABLE);
    const firn = await context.engines.get("firn");
    const ids = await idsSeenBy(firn);
    judge(context, ledgers, ids);
    for (const name of ["spark", "trino", "duckdb", "pyiceberg"] as const) {
      const engine = await engineIfAny(context, name);
      if (engine === undefined) continue;
      const theirs = await idsSeenBy(engine);
      context.check(`${name} sees what Firn sees`, theirs.length === ids.length && theirs.join() === ids.join(), true);
    }
    context.check("compactions that failed", [compactions.failed, compactions.reason], [0, ""]);
    const [committed, conflicts] = [200, 409].map((status) => countCommits(context.firn.logPath, status));
    context.note(
      `${seconds} s: ${ids.length} rows; the catalog took ${committed ?? 0} commits of engines and refused ${conflicts ?? 0} as conflicts; ${compactions.succeeded} compactions`,
    );
  },
};
