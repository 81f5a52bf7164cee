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
   * Waits for a place, first come first served.
   *
   * Errors: `rate_limited` when the queue is full or no place came free within the waiting time.
   */
  acquire(): Promise<AdmissionLease>;
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
  readonly admit: () => void;
}

/** Creates an empty admission queue. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { clock } = options;
  const running = new Map<symbol, number>();
  const waiting: Waiter[] = [];

  function reclaimExpired(): void {
    const now = clock.nowMs();
    for (const [lease, expiresMs] of running) if (expiresMs <= now) running.delete(lease);
  }

  function start(waitedMs: number): AdmissionLease {
    const lease = Symbol("lease");
    running.set(lease, clock.nowMs() + options.leaseMs);
    return {
      waitedMs,
      release() {
        if (running.delete(lease)) admitWaiting();
      },
    };
  }

  function admitWaiting(): void {
    while (running.size < options.maxRunning) {
      const next = waiting.shift();
      if (next === undefined) return;
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
    acquire() {
      reclaimExpired();
      admitWaiting();
      if (running.size < options.maxRunning) return Promise.resolve(start(0));
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
          admit() {
            clearTimeout(timer);
            resolve(start(clock.nowMs() - queuedMs));
          },
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(waiter), 1);
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
