// `npm run interop`: PyIceberg and DuckDB list, load and read a table that Firn wrote, after each kind of change.
// Every row is compared with what was sent.

import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createFirnClient, type FirnClient } from "../../scripts/lib/firn-client.ts";
import { flightEvents, type FlightEvent } from "../../scripts/lib/flights.ts";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "../../scripts/lib/local-firn.ts";
import { ROOT } from "../../scripts/lib/worker-configs.ts";

const EVENTS_EACH = 5_000;
const BATCH = 1_000;
const CACHE = join(ROOT, ".cache", "interop");
const REQUIREMENTS = join(ROOT, "test/interop/requirements.txt");

interface EngineView {
  readonly listed: readonly string[];
  readonly rows: number;
  readonly sha256: string;
  readonly count?: number;
  readonly files?: number;
  readonly snapshots?: number;
}

/** A virtual environment with the pinned engines; made once, remade when the pins change. */
function preparePython(): string {
  const venv = join(CACHE, "venv");
  const stamp = join(venv, "requirements.sha256");
  const wanted = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
  const python = join(venv, "bin", "python");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  console.log("Installing PyIceberg and DuckDB into .cache/interop/venv…");
  rmSync(venv, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  execFileSync("python3", ["-m", "venv", venv], { stdio: "inherit" });
  execFileSync(python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS], {
    stdio: "inherit",
  });
  writeFileSync(stamp, wanted);
  return python;
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

let failures = 0;
let passes = 0;

function check(step: string, engine: string, what: string, actual: unknown, expected: unknown): void {
  const isEqual = JSON.stringify(actual) === JSON.stringify(expected);
  if (isEqual) passes += 1;
  else failures += 1;
  if (!isEqual)
    console.error(`  ✗ ${step}: ${engine} ${what}: got ${JSON.stringify(actual)}, want ${JSON.stringify(expected)}`);
}

async function compare(
  step: string,
  python: string,
  firn: LocalFirn,
  client: FirnClient,
  sent: readonly FlightEvent[],
): Promise<void> {
  const expected = await expectedDigest(client, sent);
  const run = spawnSync(
    python,
    [join(ROOT, "test/interop/read_table.py"), `${firn.url}/catalog`, firn.tokens.CATALOG_TOKEN, "default", "events"],
    {
      encoding: "utf8",
      maxBuffer: 1 << 26,
    },
  );
  if (run.status !== 0) {
    failures += 1;
    console.error(`  ✗ ${step}: reader failed\n${run.stderr.split("\n").slice(-25).join("\n")}`);
    return;
  }
  const views = JSON.parse(run.stdout) as Record<"pyiceberg" | "duckdb", EngineView>;
  for (const [engine, view] of Object.entries(views)) {
    check(step, engine, "lists the table", view.listed.includes("default.events"), true);
    check(step, engine, "rows", view.rows, expected.rows);
    check(step, engine, "every row", view.sha256, expected.sha256);
    if (view.count !== undefined) check(step, engine, "count(*)", view.count, expected.rows);
  }
  console.log(
    `  ${step}: ${expected.rows} rows, ${views.pyiceberg.files ?? "?"} files, ${views.pyiceberg.snapshots ?? "?"} snapshots; PyIceberg and DuckDB compared`,
  );
}

const python = preparePython();
const directory = join(CACHE, "firn");
rmSync(directory, { recursive: true, force: true });
const firn = await startLocalFirn({ port: await freePort(), directory, tokens: createTokens() });
try {
  const client = createFirnClient(firn.url, firn.tokens);
  console.log(`Firn runs at ${firn.url}`);
  const first = await send(client, 0, EVENTS_EACH);
  await compare("append", python, firn, client, first);
  const all = [...first, ...(await send(client, EVENTS_EACH, EVENTS_EACH))];
  await compare("second append", python, firn, client, all);
  await client.runJob("/admin/compact", { aggressive: true, minFileSize: "50MB" });
  await compare("compaction", python, firn, client, all);
  await client.runJob("/admin/rewrite", { sort: ["user_id", "timestamp"], targetFileSize: "128MB" });
  await compare("sort rewrite", python, firn, client, all);
} finally {
  await firn.stop();
}
console.log(`interop: ${passes} passed, ${failures} failed`);
process.exit(failures === 0 && passes > 0 ? 0 : 1);
