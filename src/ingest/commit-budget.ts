// How often a table may be committed to: some catalogs limit commits a minute and table, for all writers together.

import type { Clock } from "#core";

/** Share of a catalog's limit that ingest uses; the rest is left to maintenance, SQL and other engines. */
const INGEST_SHARE = 0.75;
const MINUTE_MS = 60_000;

/** Counts the commits of one table. */
export interface CommitBudget {
  /** Milliseconds until the next commit may be sent; 0 when it may be now. */
  waitMs(): number;
  /** Counts a commit that is about to be sent. */
  take(): void;
}

/**
 * A token bucket that allows at most ingest's share of `commitsPerMinute` in any minute, a quarter of it at once;
 * undefined: no limit.
 */
export function createCommitBudget(commitsPerMinute: number | undefined, clock: Clock): CommitBudget {
  if (commitsPerMinute === undefined) return { waitMs: () => 0, take: () => {} };
  const allowed = Math.max(1, Math.floor(commitsPerMinute * INGEST_SHARE));
  const burst = Math.max(1, Math.floor(allowed / 4));
  // What may be saved up counts against the minute it is spent in.
  const perMs = (burst === 1 ? allowed : allowed - burst) / MINUTE_MS;
  let tokens = burst;
  let countedMs = clock.nowMs();
  const refill = (): void => {
    const nowMs = clock.nowMs();
    tokens = Math.min(burst, tokens + Math.max(0, nowMs - countedMs) * perMs);
    countedMs = nowMs;
  };
  return {
    waitMs() {
      refill();
      return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / perMs);
    },
    take() {
      refill();
      tokens -= 1;
    },
  };
}
