// The one retry loop: bounded, exponential, with full jitter. Every use is a row of docs/invariants.md.

import type { RandomSource } from "./time.ts";

/** How often and how long to retry. */
export interface RetryPolicy {
  /** Attempts in all, the first included; at least 1. */
  readonly attempts: number;
  /** Upper bound of the first wait, milliseconds; doubles each time. */
  readonly baseDelayMs: number;
  /** Upper bound of any wait, milliseconds. */
  readonly maxDelayMs: number;
}

/** What a retry loop needs from its surroundings. */
export interface RetryDeps {
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Waits with the platform's timer. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * Runs `operation` until it succeeds, `shouldRetry` says no, or the attempts are used up; then rethrows the
 * last error. `operation` gets the attempt's number, from 1.
 */
export async function retry<T>(
  operation: (attempt: number) => Promise<T>,
  shouldRetry: (error: unknown) => boolean,
  policy: RetryPolicy,
  deps: RetryDeps,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await operation(attempt);
    } catch (error) {
      if (attempt >= policy.attempts || !shouldRetry(error)) throw error;
      const ceiling = Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (attempt - 1));
      await deps.sleep(deps.random.nextUnit() * ceiling);
    }
  }
}
