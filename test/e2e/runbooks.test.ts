// Executes every command block of runbooks/ as printed, against a running Firn.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFirnClient, type FirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "../../scripts/lib/local-firn.ts";
import { installJqWhereMissing } from "../support/jq.ts";

const RUNBOOKS = resolve(import.meta.dirname, "../../runbooks");
/** Frames as `wrangler tail --format json` prints them; see the ORIGIN.md beside it. */
const CAPTURED_TAIL = resolve(import.meta.dirname, "../golden/tail/collector.json");

interface Block {
  readonly runbook: string;
  readonly index: number;
  readonly language: "bash" | "sql";
  readonly text: string;
}

function extractBlocks(): Block[] {
  return readdirSync(RUNBOOKS)
    .filter((name) => name.endsWith(".md"))
    .flatMap((runbook) => {
      const text = readFileSync(join(RUNBOOKS, runbook), "utf8");
      return [...text.matchAll(/^( *)```(\w+)\n([\s\S]*?)^ *```$/gm)].map((match, index) => {
        const language = match[2];
        if (language !== "bash" && language !== "sql")
          throw new Error(`${runbook}: a ${language} block cannot be executed`);
        return {
          runbook,
          index: index + 1,
          language,
          text: (match[3] ?? "").replaceAll(new RegExp(`^${match[1]}`, "gm"), ""),
        };
      });
    });
}

const blocks = extractBlocks();
let directory: string;
let firn: LocalFirn;
let client: FirnClient;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "firn-runbooks-"));
  // `wrangler tail` needs a deployed Worker: here it replays what one printed. Everything else is the real command.
  const wrangler = join(directory, "wrangler");
  writeFileSync(
    wrangler,
    `#!/bin/sh\ntest "$1" = tail || { echo "unexpected: wrangler $*" >&2; exit 1; }\ncat "${CAPTURED_TAIL}"\n`,
  );
  chmodSync(wrangler, 0o755);
  installJqWhereMissing(directory);
  firn = await startLocalFirn({ port: await freePort(), directory: join(directory, "firn"), tokens: createTokens() });
  client = createFirnClient(firn.url, firn.tokens);
  for (let i = 0; i < 3; i++) {
    await client.ingest([{ event_type: "page_view", timestamp: `2024-01-15T0${i}:00:00Z`, user_id: `u${i}` }]);
    await client.flush();
  }
  await client.query("SELECT count(*) FROM events WHERE timestamp >= '2024-01-15'");
}, 120_000);

afterAll(async () => {
  await firn.stop();
  rmSync(directory, { recursive: true, force: true });
});

function runShell(text: string): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
  return spawnSync("bash", ["--norc", "-euo", "pipefail", "-c", text], {
    // A socket as standard input makes bash think of a remote shell and read start-up files.
    stdio: ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    timeout: 60_000,
    env: {
      ...process.env,
      ...firn.tokens,
      FIRN: firn.url,
      PATH: `${directory}${delimiter}${process.env["PATH"] ?? ""}`,
    },
  });
}

describe("runbook commands work as printed", () => {
  test.each(blocks.filter(({ language }) => language === "bash"))("$runbook block $index", ({ text }) => {
    const { status, stdout, stderr } = runShell(text);
    expect(stderr).toBe("");
    expect({ status, stdout }).toMatchObject({ status: 0 });
    // curl -sS is silent about HTTP errors: a problem answer must not pass for a good one.
    expect(stdout).not.toMatch(/"code": "/);
    expect(stdout).not.toMatch(/^null$/m);
  });

  test.each(blocks.filter(({ language }) => language === "sql"))("$runbook block $index (SQL)", async ({ text }) => {
    const { rows, columns } = await client.query(text);
    expect(rows.length).toBeGreaterThan(0);
    expect(columns).not.toEqual([]);
  });
});

test("the tail pipeline shows exactly the captured queries slower than two seconds", () => {
  const pipeline = blocks.find(({ text }) => text.startsWith("wrangler tail"));
  const { stdout } = runShell(pipeline?.text ?? "exit 1");
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { latency: number }).latency),
  ).toEqual([2417, 5120]);
});

test("the commands that need results to be seen print them", () => {
  expect(blocks.length).toBeGreaterThan(12);
});
