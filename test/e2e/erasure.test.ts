// Erasure as docs/erasure.md prints it, run against real Workers; then every stored byte is read.

import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startHarness, type Harness } from "../support/harness.ts";
import { installJqWhereMissing } from "../support/jq.ts";
import { readableContent } from "../support/stored-content.ts";
import { storedThings } from "../support/stored-state.ts";

const DOCUMENT = resolve(import.meta.dirname, "../../docs/erasure.md");
/** As long as what bounds and logs hold whole. */
const ERASED = "erase-me~4711";
const KEPT = "keep-me~0815";
const USERS = [ERASED, KEPT, "user-a", "user-b"];

let firn: Harness;
let bin: string;

beforeAll(async () => {
  bin = mkdtempSync(join(tmpdir(), "firn-erasure-"));
  installJqWhereMissing(bin);
  // Rows stay in the shards until the statement flushes them.
  firn = await startHarness({ collector: { INGEST_FLUSH_AGE_MS: "600000" } });
});
afterAll(async () => {
  await firn.close();
  rmSync(bin, { recursive: true, force: true });
});

/** The page's commands, in order, as one script. */
function commands(): string {
  const text = readFileSync(DOCUMENT, "utf8");
  return [...text.matchAll(/^( *)```bash\n([\s\S]*?)^ *```$/gm)]
    .map(([, indent = "", block = ""]) => block.replaceAll(new RegExp(`^${indent}`, "gm"), ""))
    .join("\necho\n");
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function runShell(script: string, variables: Readonly<Record<string, string>>): Promise<Ended> {
  const child = spawn("bash", ["--norc", "-euo", "pipefail", "-c", script], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      ...firn.tokens,
      FIRN: firn.url,
      PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}`,
      ...variables,
    },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((done) => child.on("close", (status) => done({ status, stdout, stderr })));
}

/** Names of what holds a text, in a key or anywhere in a value. */
async function holdersOf(text: string): Promise<string[]> {
  const holders: string[] = [];
  for await (const { name, parts } of storedThings(firn)) {
    const contents = await Promise.all(parts.map(readableContent));
    if ([name, ...contents].some((content) => content.includes(text))) holders.push(name);
  }
  return holders;
}

/** Noise, because aggregations are remembered of tables from 1 MiB on. */
const said = (user: string): object => ({ said: `hello from ${user}`, noise: randomBytes(20_000).toString("hex") });

/** Sends events of all users; only the last round is left in the shards. */
async function ingestRounds(table: string, rounds: readonly number[]): Promise<void> {
  for (const round of rounds) {
    const events = USERS.flatMap((user, at) =>
      Array.from({ length: 20 }, (_, i) => ({
        event_id: `${table}-${round}-${at}-${i}`,
        event_type: "click",
        timestamp: new Date(Date.UTC(2024, 0, 15 + (i % 2), round, i)).toISOString(),
        user_id: user,
        properties: table === "default.events" ? said(user) : JSON.stringify(said(user)),
      })),
    );
    await firn.client.ingest(events, { table });
    if (round < 2) await firn.client.flush(table);
  }
}

/** Fills every tier of the cache with answers that hold the rows, and the log with texts that hold the ids. */
async function askForAll(table: string): Promise<void> {
  for (const user of [ERASED, KEPT]) {
    const literal = `SELECT event_id, user_id FROM ${table} WHERE user_id = '${user}'`;
    for (let again = 0; again < 2; again++) await firn.client.query(literal, { maxAge: 300 });
  }
  for (let again = 0; again < 2; again++) {
    await firn.client.query(`SELECT user_id, count(*) AS n FROM ${table} GROUP BY 1`);
  }
}

/** Marks deleted rows and leaves files, as format version 3 allows. */
async function createMarkedTable(name: string): Promise<void> {
  const source = await firn.client.request<{ readonly metadata: { readonly schemas: readonly unknown[] } }>(
    "GET",
    "/catalog/v1/namespaces/default/tables/events",
    "CATALOG_TOKEN",
  );
  await firn.client.request("POST", "/catalog/v1/namespaces/default/tables", "CATALOG_TOKEN", {
    name,
    schema: source.metadata.schemas[0],
    properties: { "format-version": "3", "write.delete.mode": "merge-on-read" },
  });
}

describe("I200 erasure as documented", () => {
  test.each([
    ["files are written anew", "default.events"],
    ["rows are marked", "default.marked"],
  ])(
    "%s: nothing stored holds the person, and the others are whole",
    async (_how, table) => {
      if (table === "default.marked") await createMarkedTable("marked");
      await ingestRounds(table, [0, 1]);
      await askForAll(table);
      await ingestRounds(table, [2]);
      await askForAll(table);
      await firn.client.flush("system.query_logs");
      await firn.client.query(`SELECT query_text FROM system.query_logs WHERE success AND latency > ${Math.random()}`);
      const before = await holdersOf(ERASED);
      expect(before.filter((name) => name.startsWith("R2 "))).not.toEqual([]);
      const cached = new Set(before.flatMap((name) => /^KV result\/(\w+)\//.exec(name)?.[1] ?? []));
      expect(cached).toEqual(new Set(["exact", "loose", "partial"]));
      expect(before.filter((name) => name.startsWith("IngestShard row_chunks"))).not.toEqual([]);

      const { status, stdout, stderr } = await runShell(commands(), { TABLE: table, ERASED });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain('"rows_deleted":60');
      expect(stdout).toContain('"rows":[{"rows":0}]');
      expect(stdout).toContain('"rows":[{"texts":0}]');
      expect(stdout).toContain('"rows":[{"snapshots":1}]');
      expect(stdout.match(/^[a-z-]+ succeeded$/gm)).toHaveLength(7);

      expect(await holdersOf(ERASED)).toEqual([]);
      expect(await holdersOf(KEPT)).not.toEqual([]);
      const { rows } = await firn.client.query(`SELECT user_id, count(*) AS n FROM ${table} GROUP BY 1 ORDER BY 1`);
      expect(rows).toEqual([
        { user_id: KEPT, n: 60 },
        { user_id: "user-a", n: 60 },
        { user_id: "user-b", n: 60 },
      ]);
    },
    300_000,
  );
});
