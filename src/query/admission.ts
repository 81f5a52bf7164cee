// Admission: how many queries an isolate runs at once. More than a few only share its 128 MB and its one thread.

import { LakeError, type Clock } from "#core";

/** The right to run; `release` may be called more than once. */
export interface AdmissionLease {
  /** Milliseconds spent in the queue. */
  readonly waitedMs: number;
  release(): void;
}

/** A bounded queue in front of a bounded number of running queries. */
export interface Admission {
  /**
   * Waits for a place, first come first served. An exclusive lease is granted once nothing else runs, and nothing
   * else starts while it is held or waits at the head of the queue.
   *
   * Errors: `rate_limited` when the queue is full or no place came free within the waiting time.
   */
  acquire(kind?: "shared" | "exclusive"): Promise<AdmissionLease>;
  readonly running: number;
  readonly queued: number;
}

/** How much is admitted. */
export interface AdmissionOptions {
  readonly maxRunning: number;
  readonly maxQueued: number;
  readonly maxWaitMs: number;
  /**
   * A place is taken back after this time: the platform may cancel a request without running its `finally`.
   * Longer than any query may run.
   */
  readonly leaseMs: number;
  readonly clock: Clock;
}

interface Waiter {
  readonly exclusive: boolean;
  readonly admit: () => void;
}

interface Running {
  readonly exclusive: boolean;
  readonly expiresMs: number;
}

/** Creates an empty admission queue. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { clock } = options;
  const running = new Map<symbol, Running>();
  const waiting: Waiter[] = [];

  function reclaimExpired(): void {
    const now = clock.nowMs();
    for (const [lease, { expiresMs }] of running) if (expiresMs <= now) running.delete(lease);
  }

  function mayStart(exclusive: boolean): boolean {
    if (exclusive) return running.size === 0;
    return running.size < options.maxRunning && ![...running.values()].some((lease) => lease.exclusive);
  }

  function start(exclusive: boolean, waitedMs: number): AdmissionLease {
    const lease = Symbol("lease");
    running.set(lease, { exclusive, expiresMs: clock.nowMs() + options.leaseMs });
    return {
      waitedMs,
      release() {
        if (running.delete(lease)) admitWaiting();
      },
    };
  }

  function admitWaiting(): void {
    for (;;) {
      const next = waiting[0];
      if (next === undefined || !mayStart(next.exclusive)) return;
      waiting.shift();
      next.admit();
    }
  }

  return {
    get running() {
      return running.size;
    },
    get queued() {
      return waiting.length;
    },
    acquire(kind = "shared") {
      const exclusive = kind === "exclusive";
      reclaimExpired();
      admitWaiting();
      if (waiting.length === 0 && mayStart(exclusive)) return Promise.resolve(start(exclusive, 0));
      if (waiting.length >= options.maxQueued) {
        return Promise.reject(
          new LakeError("rate_limited", "Too many queries are waiting; the query was not started.", {
            details: { retry_after_seconds: 1 },
          }),
        );
      }
      const queuedMs = clock.nowMs();
      return new Promise((resolve, reject) => {
        const waiter: Waiter = {
          exclusive,
          admit() {
            clearTimeout(timer);
            resolve(start(exclusive, clock.nowMs() - queuedMs));
          },
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(waiter), 1);
          admitWaiting();
          reject(
            new LakeError(
              "rate_limited",
              `No place came free within ${options.maxWaitMs} ms; the query was not started.`,
              {
                details: { retry_after_seconds: 1 },
              },
            ),
          );
        }, options.maxWaitMs);
        waiting.push(waiter);
      });
    },
  };
}
