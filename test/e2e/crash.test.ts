// Kills every process of a running Firn with SIGKILL, again and again, while clients send events and flushes, commits
// and compactions are under way. What was acknowledged must be there afterwards, once.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createFirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "../../scripts/lib/local-firn.ts";

const ROUNDS = 4;
const BATCH = 50;
/** Long enough for flushes by age to be under way at the moment of the kill, short enough to vary where it hits. */
const KILL_AFTER_MS = [1200, 2600, 700, 3800];

test(
  "I10 killing workerd repeatedly under load loses no acknowledged event and duplicates none",
  { timeout: 300_000 },
  async () => {
    const directory = mkdtempSync(join(tmpdir(), "firn-crash-"));
    const tokens = createTokens();
    const port = await freePort();
    const start = (): Promise<LocalFirn> =>
      startLocalFirn({
        port,
        directory,
        tokens,
        vars: { collector: { INGEST_FLUSH_AGE_MS: "500", INGEST_FLUSH_ROWS: "400" } },
      });
    const acknowledged = new Set<string>();
    let uncertain: string[][] = [];
    let next = 0;
    let firn = await start();
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const client = createFirnClient(firn.url, tokens);
        // A client repeats what got no answer: the server may or may not have it.
        for (const ids of uncertain) {
          await client.ingest(ids.map(toEvent));
          for (const id of ids) acknowledged.add(id);
        }
        uncertain = [];
        const sending = { isOn: true };
        const send = async (): Promise<void> => {
          while (sending.isOn) {
            const ids = Array.from({ length: BATCH }, () => `event-${next++}`);
            try {
              await client.ingest(ids.map(toEvent));
              for (const id of ids) acknowledged.add(id);
            } catch {
              uncertain.push(ids);
              return;
            }
          }
        };
        const senders = [send(), send(), send()];
        const compaction =
          round % 2 === 1
            ? client.runJob("/admin/compact", { aggressive: true, minFileSize: "50MB" })
            : Promise.resolve();
        const settled = compaction.then(
          () => "done",
          () => "cut off",
        );
        await new Promise((resolve) => setTimeout(resolve, KILL_AFTER_MS[round]));
        await firn.kill();
        sending.isOn = false;
        await Promise.all([...senders, settled]);
        firn = await start();
      }
      const client = createFirnClient(firn.url, tokens);
      for (const ids of uncertain) {
        await client.ingest(ids.map(toEvent));
        for (const id of ids) acknowledged.add(id);
      }
      expect(acknowledged.size).toBeGreaterThan(ROUNDS * BATCH);
      const count = async (): Promise<unknown> =>
        (
          await client.query("SELECT count(*)::int AS n, count(DISTINCT event_id)::int AS ids FROM events", {
            cache: "bypass",
          })
        ).rows[0];
      const expected = { n: acknowledged.size, ids: acknowledged.size };
      expect(await count()).toEqual(expected);
      await client.flush();
      expect(await count()).toEqual(expected);
      const { rows } = await client.query("SELECT event_id FROM events LIMIT 1000000", { cache: "bypass" });
      expect(rows.filter((row) => !acknowledged.has(String(row["event_id"])))).toEqual([]);
    } finally {
      await firn.stop();
      rmSync(directory, { recursive: true, force: true });
    }
  },
);

function toEvent(id: string): Record<string, unknown> {
  return { event_id: id, event_type: "crash", timestamp: "2024-03-01T12:00:00Z", user_id: "u" };
}
