// Spark, Trino, DuckDB, PyIceberg, Firn's SQL and ingest change one table at once while Firn compacts it: all append, all
// but ingest update and delete batches of their own. At the end each batch must be in a state that its writer was told.

import { readFileSync } from "node:fs";
import { ROWS_A_BATCH, UPDATE_STEP, judgeLedger, openLedger, rowId } from "../concurrent-ledger.ts";
import type { Ledger, Operation, SeenRow } from "../concurrent-ledger.ts";
import type { Engine, EngineName } from "../engines.ts";
import { engineIfAny, tableName } from "../scenario.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";

const NAMESPACE = "interop_concurrent";
const TABLE = `${NAMESPACE}.events`;
/** INTEROP_CONCURRENT_SECONDS is another. */
const DEFAULT_SECONDS = 300;
/** Writers that must have updated and deleted; PyIceberg takes any position deletes of others for a conflict. */
const LEAST_CHANGERS = 3;
/** A run that is short of time shortens this suite, down to here. */
const LEAST_SECONDS = 60;
/** For the last writes and the comparison afterwards. */
const AFTERWARDS_SECONDS = 150;
/** Between two changes of one writer, so that a run ends with hundreds of snapshots and not with thousands. */
const PAUSE_MS = 300;
const PAUSE_REFUSED_MS = 50;
/** Longer for each change that a writer is ahead of the slowest, whose commits would else lose to the fast ones' for ever. */
const PAUSE_AHEAD_MS = 200;
const MOST_PAUSE_MS = 5_000;
const COMPACTION_EVERY_MS = 45_000;

type WriterName = EngineName | "ingest";

interface Writer {
  readonly name: WriterName;
  readonly onlyAppends: boolean;
  change(operation: Operation, batch: number): Promise<void>;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * The partitions. In one all would conflict with all, for engines tell by partitions alone whether position deletes of
 * others concern them. Trino and DuckDB share theirs, and ingest writes into Spark's and Firn's: writers of one lane share
 * files once they are compacted. PyIceberg has its own: to it any file that others add to its partition is a conflict.
 */
const LANES: Readonly<Record<EngineName, string>> = { spark: "a", trino: "b", duckdb: "b", firn: "c", pyiceberg: "d" };

function laneOf(writer: WriterName, batch: number): string {
  if (writer !== "ingest") return LANES[writer];
  return batch % 2 === 0 ? LANES.spark : LANES.firn;
}

function insertSql(table: string, writer: WriterName, batch: number): string {
  const rows = Array.from(
    { length: ROWS_A_BATCH },
    (_, n) => `('${rowId(writer, batch, n)}', '${laneOf(writer, batch)}', '${writer}', ${batch}, ${n})`,
  );
  return `INSERT INTO ${table} VALUES ${rows.join(", ")}`;
}

const ofBatch = (writer: WriterName, batch: number): string =>
  `lane = '${laneOf(writer, batch)}' AND writer = '${writer}' AND batch = ${batch}`;

function changeSql(table: string, writer: WriterName, operation: Operation, batch: number): string {
  if (operation === "append") return insertSql(table, writer, batch);
  if (operation === "delete") return `DELETE FROM ${table} WHERE ${ofBatch(writer, batch)}`;
  // Spark merges every other time: by copying files, where its updates write position deletes.
  if (writer === "spark" && batch % 2 === 0) {
    return `MERGE INTO ${table} t USING (SELECT ${batch} AS wanted) s ON t.batch = s.wanted AND t.lane = 'a' AND t.writer = 'spark'
      WHEN MATCHED THEN UPDATE SET t.n = t.n + ${UPDATE_STEP}`;
  }
  return `UPDATE ${table} SET n = n + ${UPDATE_STEP} WHERE ${ofBatch(writer, batch)}`;
}

function sqlWriter(engine: Engine): Writer {
  const table = tableName(engine.name, TABLE);
  return {
    name: engine.name,
    onlyAppends: false,
    async change(operation, batch) {
      const sql = changeSql(table, engine.name, operation, batch);
      if (engine.name === "firn") await engine.call("change", { sql });
      else await engine.sql(sql);
    },
  };
}

function ingestWriter({ client }: InteropContext): Writer {
  return {
    name: "ingest",
    onlyAppends: true,
    async change(_operation, batch) {
      const events = Array.from({ length: ROWS_A_BATCH }, (_, n) => ({
        event_id: rowId("ingest", batch, n),
        lane: laneOf("ingest", batch),
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

function pyicebergWriter(pyiceberg: Engine): Writer {
  const members = { table: TABLE, lane: LANES.pyiceberg, writer: "pyiceberg", count: ROWS_A_BATCH };
  return {
    name: "pyiceberg",
    onlyAppends: false,
    change: (operation, batch) =>
      pyiceberg.call<void>(`${operation}_batch`, {
        ...members,
        batch,
        ...(operation === "update" ? { step: UPDATE_STEP } : {}),
      }),
  };
}

async function createWriters(context: InteropContext): Promise<readonly Writer[]> {
  const writers: Writer[] = [ingestWriter(context)];
  for (const name of ["spark", "trino"] as const) {
    const engine = await engineIfAny(context, name);
    if (engine !== undefined) writers.push(sqlWriter(engine));
  }
  writers.push(sqlWriter(await context.engines.start("duckdb")));
  writers.push(sqlWriter(await context.engines.start("firn")));
  writers.push(pyicebergWriter(await context.engines.start("pyiceberg")));
  return writers;
}

/** A failure's kind, without what differs from one to the next. */
function reasonOf(error: unknown): string {
  const [first = "", second = ""] = String(error instanceof Error ? error.message : error).split("\n");
  // Java's reason is in the line after Python's.
  const line = first.startsWith("Py4J") ? second : first;
  return line.replaceAll(/\d{4,}|[0-9a-f]{8}-[0-9a-f-]{27}|s3:\S+/g, "…").slice(0, 160);
}

function changesOf({ counts }: Ledger): number {
  return counts.append + counts.update + counts.delete;
}

function pauseOf(ledger: Ledger, all: readonly Ledger[]): number {
  const ahead = changesOf(ledger) - Math.min(...all.map(changesOf));
  return Math.min(MOST_PAUSE_MS, PAUSE_MS + ahead * PAUSE_AHEAD_MS);
}

/** What a writer says when it cannot tell whether its commit is in. */
const UNKNOWN_OUTCOME = /unknown|timed? ?out|aborted|socket|ECONN/i;

/** Writes until the deadline; `all` holds every writer's ledger, this one's too. What was refused is tried again. */
async function keepWriting(writer: Writer, ledger: Ledger, all: readonly Ledger[], deadline: number): Promise<void> {
  while (Date.now() < deadline) {
    const { operation, batch } = ledger.next();
    try {
      await writer.change(operation, batch);
      ledger.committed(operation, batch);
    } catch (error) {
      const reason = reasonOf(error);
      if (UNKNOWN_OUTCOME.test(reason)) ledger.unknown(operation, batch, reason);
      else ledger.refused(operation, reason);
      // Soon again: the catalog lets who lost go next.
      await sleep(PAUSE_REFUSED_MS);
      continue;
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

/** Commits of engines, of one table or in a transaction, that the catalog answered with such a status, from Firn's log. */
function countCommits(logPath: string, statuses: readonly number[]): number {
  return readFileSync(logPath, "utf8")
    .split("\n")
    .filter((line) => COMMIT_PATHS.some((path) => line.includes(`"path":"${path}"`)))
    .filter((line) => line.includes('"method":"POST"'))
    .filter((line) => statuses.some((status) => line.includes(`"status":${status},`))).length;
}

async function createTable({ client }: InteropContext): Promise<void> {
  await client.request("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", { namespace: [NAMESPACE] });
  const types = { event_id: "string", lane: "string", writer: "string", batch: "long", n: "long" };
  await client.request("POST", `/catalog/v1/namespaces/${NAMESPACE}/tables`, "CATALOG_TOKEN", {
    name: "events",
    schema: {
      type: "struct",
      "schema-id": 0,
      fields: Object.entries(types).map(([name, type], at) => ({ id: at + 1, name, type, required: false })),
    },
    "partition-spec": {
      "spec-id": 0,
      fields: [{ "source-id": 2, "field-id": 1000, name: "lane", transform: "identity" }],
    },
    properties: {
      "commit.retry.num-retries": "20",
      // With the default of a minute the slowest writer would spend the run asleep.
      "commit.retry.max-wait-ms": "2000",
      "write.metadata.delete-after-commit.enabled": "true",
      "write.metadata.previous-versions-max": "20",
      "write.delete.mode": "merge-on-read",
      "write.update.mode": "merge-on-read",
    },
  });
}

/** Rows as an engine sees them, sorted by name and number. */
async function rowsSeenBy(engine: Engine): Promise<readonly SeenRow[]> {
  const answer = await engine.sql(`SELECT * FROM ${tableName(engine.name, TABLE)}`);
  const [idAt, nAt] = ["event_id", "n"].map((name) => answer.columns.indexOf(name)) as [number, number];
  return answer.rows
    .map((row) => ({ id: row[idAt] as string, n: Number(row[nAt]) }))
    .toSorted((a, b) => (a.id === b.id ? a.n - b.n : a.id < b.id ? -1 : 1));
}

/** Rows by writer and batch, as their names have them. */
function byBatch(rows: readonly SeenRow[]): ReadonlyMap<string, ReadonlyMap<number, readonly SeenRow[]>> {
  const found = new Map<string, Map<number, SeenRow[]>>();
  for (const row of rows) {
    const [writer = "", batch = ""] = row.id.split("-");
    const ofWriter = found.get(writer) ?? new Map<number, SeenRow[]>();
    found.set(writer, ofWriter);
    ofWriter.set(Number(batch), [...(ofWriter.get(Number(batch)) ?? []), row]);
  }
  return found;
}

function judge(context: InteropContext, ledgers: readonly Ledger[], rows: readonly SeenRow[]): void {
  context.check("rows that are there twice", rows.length - new Set(rows.map(({ id }) => id)).size, 0);
  const found = byBatch(rows);
  const strangers = [...found.keys()].filter((name) => !ledgers.some(({ writer }) => writer === name));
  context.check("rows nobody wrote", strangers, []);
  for (const ledger of ledgers) {
    const { writer, counts, reasons } = ledger;
    const { lost, resurrected, torn, otherVersion } = judgeLedger(ledger, found.get(writer) ?? new Map());
    const held = [
      context.check(`${writer}: batches that are lost`, lost, []),
      context.check(`${writer}: batches that are there and must not be`, resurrected, []),
      context.check(`${writer}: batches that are torn`, torn, []),
      context.check(`${writer}: batches of another version than committed`, otherVersion, []),
      context.check(`${writer}: has appended`, counts.append > 0, true),
    ].every(Boolean);
    if (writer !== "ingest" && writer !== "firn") context.prove(writer as EngineName, "writes beside the others", held);
    const why = [...reasons].map(([reason, times]) => `${times} × ${reason}`).join("; ");
    context.note(
      `${writer}: ${counts.append} appends, ${counts.update} updates, ${counts.delete} deletes; ${ledger.refusals} refused, ${ledger.unknowns} unknown${why === "" ? "" : `: ${why}`}`,
    );
  }
}

/** Six writers at once. */
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
    const pairs = writers.map((writer) => ({ writer, ledger: openLedger(writer.name, writer.onlyAppends) }));
    const ledgers = pairs.map(({ ledger }) => ledger);
    const [compactions] = await Promise.all([
      keepCompacting(context, deadline),
      ...pairs.map(({ writer, ledger }) => keepWriting(writer, ledger, ledgers, deadline)),
    ]);
    await context.client.flush(TABLE);
    const rows = await rowsSeenBy(await context.engines.get("firn"));
    judge(context, ledgers, rows);
    const changers = ledgers.filter(({ counts }) => counts.update > 0 && counts.delete > 0).length;
    context.check("writers whose updates and deletes went through, at least", changers >= LEAST_CHANGERS, true);
    for (const name of ["spark", "trino", "duckdb", "pyiceberg"] as const) {
      const engine = await engineIfAny(context, name);
      if (engine === undefined) continue;
      const theirs = await rowsSeenBy(engine);
      context.check(`${name} sees what Firn sees`, JSON.stringify(theirs) === JSON.stringify(rows), true);
    }
    context.check("compactions that failed", [compactions.failed, compactions.reason], [0, ""]);
    const [committed, conflicts] = [[200, 204], [409]].map((statuses) => countCommits(context.firn.logPath, statuses));
    context.note(
      `${seconds} s: ${rows.length} rows; the catalog took ${committed ?? 0} commits of engines and refused ${conflicts ?? 0} as conflicts; ${compactions.succeeded} compactions`,
    );
  },
};
