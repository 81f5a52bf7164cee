// Counting what a job has read and reporting it, at most once a second.

import type { Clock } from "#core";
import type { JobCounters } from "./job.ts";
import type { GroupSize } from "./plan-job.ts";
import type { GroupProgress } from "./rewrite-group.ts";

/** Takes progress and says whether the job should stop. */
export interface ProgressMeter {
  /** Restarts a group's count: an attempt that failed does not count twice. */
  groupStarted(index: number): void;
  groupDone(index: number): void;
  add(progress: GroupProgress): Promise<{ readonly cancelRequested: boolean }>;
  /** Reports now. */
  report(): Promise<{ readonly cancelRequested: boolean }>;
}

/** Between reports; each is a call to the ledger's Durable Object. */
const REPORT_INTERVAL_MS = 1000;

interface ProgressTarget {
  progress(jobId: string, counters: JobCounters): Promise<{ readonly cancelRequested: boolean }>;
}

/** Starts at zero of the plan's totals. */
export function createProgressMeter(
  reporter: ProgressTarget,
  clock: Clock,
  jobId: string,
  groups: readonly GroupSize[],
): ProgressMeter {
  const total = addSizes(groups);
  let finished: GroupSize = { files: 0, bytes: 0, rows: 0 };
  let current: GroupSize = { files: 0, bytes: 0, rows: 0 };
  let reportedMs = clock.nowMs();

  function report(): Promise<{ readonly cancelRequested: boolean }> {
    reportedMs = clock.nowMs();
    const done = addSizes([finished, current]);
    return reporter.progress(jobId, {
      files_done: done.files,
      files_total: total.files,
      bytes_done: Math.round(done.bytes),
      bytes_total: total.bytes,
      rows_done: done.rows,
      rows_total: total.rows,
    });
  }

  return {
    report,
    groupStarted(index) {
      finished = addSizes(groups.slice(0, index));
      current = { files: 0, bytes: 0, rows: 0 };
    },
    groupDone(index) {
      finished = addSizes(groups.slice(0, index + 1));
      current = { files: 0, bytes: 0, rows: 0 };
    },
    async add(progress) {
      current = addSizes([current, progress]);
      if (clock.nowMs() - reportedMs < REPORT_INTERVAL_MS) return { cancelRequested: false };
      return report();
    },
  };
}

function addSizes(sizes: readonly GroupSize[]): GroupSize {
  let files = 0;
  let bytes = 0;
  let rows = 0;
  for (const size of sizes) {
    files += size.files;
    bytes += size.bytes;
    rows += size.rows;
  }
  return { files, bytes, rows };
}
