// PyIceberg and DuckDB list, load and read a table that Firn's ingest wrote, after each kind of change. Every row is
// compared with what was sent.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import type { FirnClient } from "../../../scripts/lib/firn-client.ts";
import { flightEvents, type FlightEvent } from "../../../scripts/lib/flights.ts";
import { ROOT } from "../../../scripts/lib/worker-configs.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";

const run = promisify(execFile);
const EVENTS_EACH = 5_000;
const BATCH = 1_000;

interface EngineView {
  readonly listed: readonly string[];
  readonly rows: number;
  readonly sha256: string;
  readonly count?: number;
  readonly files?: number;
  readonly snapshots?: number;
}

/** What any engine must see: the rows sent, with received_at as Firn answers it. */
async function expectedDigest(
  client: FirnClient,
  sent: readonly FlightEvent[],
): Promise<{ rows: number; sha256: string }> {
  const reply = await client.query(
    "SELECT event_id, properties, (extract(epoch FROM received_at) * 1000000)::bigint AS received_us FROM events LIMIT 1000000",
    { cache: "bypass" },
  );
  const answered = new Map(reply.rows.map((row) => [String(row["event_id"]), row]));
  const lines = sent.map((event) => {
    const row = answered.get(event.event_id);
    if (row === undefined) throw new Error(`Firn does not return ${event.event_id}`);
    const properties = JSON.parse(String(row["properties"])) as Record<string, unknown>;
    for (const [name, value] of Object.entries(event.properties)) {
      if (properties[name] !== value)
        throw new Error(`${event.event_id}: property ${name} is ${String(properties[name])}, sent ${value}`);
    }
    return JSON.stringify([
      event.event_id,
      event.event_type,
      Date.parse(event.timestamp) * 1000,
      event.user_id,
      event.session_id,
      row["properties"],
      Number(row["received_us"]),
    ]);
  });
  // Python sorts strings by code point; these lines are ASCII, where both orders agree.
  const text = lines.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)).join("\n");
  return { rows: lines.length, sha256: createHash("sha256").update(text).digest("hex") };
}

async function send(client: FirnClient, from: number, count: number): Promise<FlightEvent[]> {
  const sent: FlightEvent[] = [];
  let seen = 0;
  for await (const batch of flightEvents(from + count, BATCH)) {
    seen += batch.length;
    if (seen <= from) continue;
    await client.ingest(batch);
    sent.push(...batch);
  }
  await client.flush();
  return sent;
}

async function compare(context: InteropContext, step: string, sent: readonly FlightEvent[]): Promise<void> {
  const { firn, client, python } = context;
  const expected = await expectedDigest(client, sent);
  const args = [
    join(ROOT, "test/interop/python/read_table.py"),
    `${firn.url}/catalog`,
    firn.tokens.CATALOG_TOKEN,
    "default",
    "events",
  ];
  // Not waited for synchronously: the S3 endpoint the readers fetch from is served by this very process.
  const { stdout } = await run(python, args, { maxBuffer: 1 << 26 });
  const views = JSON.parse(stdout) as Record<"pyiceberg" | "duckdb", EngineView>;
  for (const [engine, view] of Object.entries(views)) {
    context.check(`${step}: ${engine} lists the table`, view.listed.includes("default.events"), true);
    context.check(`${step}: ${engine} rows`, view.rows, expected.rows);
    context.check(`${step}: ${engine} every row`, view.sha256, expected.sha256);
    if (view.count !== undefined) context.check(`${step}: ${engine} count(*)`, view.count, expected.rows);
  }
  context.note(
    `${step}: ${expected.rows} rows, ${views.pyiceberg.files ?? "?"} files, ${views.pyiceberg.snapshots ?? "?"} snapshots`,
  );
}

/** Ingested events through PyIceberg and DuckDB: appends, compaction, sort. */
export const readsSuite: InteropSuite = {
  name: "reads",
  needs: ["python"],
  limitSeconds: 300,
  async run(context) {
    const { client } = context;
    const first = await send(client, 0, EVENTS_EACH);
    await compare(context, "append", first);
    const all = [...first, ...(await send(client, EVENTS_EACH, EVENTS_EACH))];
    await compare(context, "second append", all);
    await client.runJob("/admin/compact", { aggressive: true, minFileSize: "50MB" });
    await compare(context, "compaction", all);
    await client.runJob("/admin/rewrite", { sort: ["user_id", "timestamp"], targetFileSize: "128MB" });
    await compare(context, "sort rewrite", all);
  },
};
