// When a shard flushes, what it refuses, how it retries.

import type { AppendLimits } from "./append.ts";

/** When a shard flushes and what it refuses. */
export interface ShardOptions extends AppendLimits {
  /** Rows wait at most this long for company. */
  readonly flushAgeMs: number;
  /** Encoded bytes that make a flush due at once. */
  readonly flushBytes: number;
  readonly flushRows: number;
  /** A flush of more chunks than one that would write more files than this is made smaller. */
  readonly maxFilesPerFlush: number;
  /** Encoded bytes of rows in one readFresh reply. */
  readonly freshPageBytes: number;
  /** An alarm this far ahead is stored while one runs, so that a killed process resumes. */
  readonly alarmLeaseMs: number;
  readonly retryBaseMs: number;
  readonly retryMaxMs: number;
}

const MIB = 1024 * 1024;
const DAY_MS = 86_400_000;

/** Sized so that a flush's rows, their decoded columns and the Parquet writer fit one isolate together. */
export const DEFAULT_SHARD_OPTIONS: ShardOptions = {
  flushAgeMs: 10_000,
  flushBytes: 8 * MIB,
  flushRows: 100_000,
  maxPendingBytes: 64 * MIB,
  dedupeWindowMs: DAY_MS,
  idempotencyMs: DAY_MS,
  maxFilesPerFlush: 256,
  freshPageBytes: 12 * MIB,
  alarmLeaseMs: 30_000,
  retryBaseMs: 1000,
  retryMaxMs: 60_000,
};
