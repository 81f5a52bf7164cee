// What the query service works with: state that lives as long as the isolate, and what each request brings.

import type { Clock, LakeError, RandomSource } from "#core";
import {
  createByteLru,
  createResultCache,
  createSingleFlight,
  type BlobStore,
  type ByteLru,
  type KeyValueStore,
  type ResultCache,
  type SingleFlight,
} from "#cache";
import { createByteCache, type ByteCache, type CatalogClient, type FileIO } from "#iceberg";
import type { ParquetMetadata } from "#parquet";
import type { ObjectStore } from "#storage";
import type { LogSink } from "#telemetry";
import { createAdmission, type Admission } from "./admission.ts";
import type { Answer } from "./answer.ts";
import type { FreshSource } from "./fresh-rows.ts";
import type { InputProbe, Repeatable, Repeats } from "./repeats.ts";
import { MAX_LIMITS } from "./request.ts";
import type { QueryCacheStatistics } from "./stats.ts";

// Shares of the isolate's 128 MB: queries get 96 MiB in all, so what is kept between them is small.
const RESULT_BYTES = 8 * 1024 * 1024;
const RESULT_ENTRY_BYTES = 2 * 1024 * 1024;
const FOOTER_BYTES = 4 * 1024 * 1024;
const MANIFEST_BYTES = 4 * 1024 * 1024;
/** Lists and manifests that queries come back to, ready to be looked through. */
const DECODED_MANIFEST_BYTES = 2 * 1024 * 1024;

/** What answered questions were planned from, bytes. */
const REPEAT_BYTES = 512 * 1024;

/** Aggregations of smaller tables are computed anew, bytes. */
const PARTIAL_MIN_BYTES = 1024 * 1024;
/** Queries that share the isolate while they wait for storage. */
const MAX_RUNNING = 4;
/** What a query may use beside others: with MAX_RUNNING of them 96 MiB. One that needs more runs alone. */
const SHARED_MEMORY_BYTES = 24 * 1024 * 1024;
/** Texts of queries known to need the isolate for themselves, bytes. */
const HEAVY_TEXT_BYTES = 256 * 1024;
const FAILURE_BYTES = 256 * 1024;
/** A burst of identical queries waits, and then takes the answer of the first. */
const MAX_QUEUED = 200;
const MAX_QUEUE_MS = 10_000;
const LEASE_MARGIN_MS = 30_000;
/** Large answers that leave from the cache at once: each holds about 3 MiB. */
const MAX_REPLAYS = 8;
const MAX_REPLAYS_QUEUED = 256;
const MAX_REPLAY_QUEUE_MS = 30_000;
const REPLAY_LEASE_MS = 600_000;

/** What queries of one isolate share. */
export interface IsolateState {
  readonly cache: ResultCache;
  /** Undefined: an answer that was too large to be kept. */
  readonly flights: SingleFlight<Answer | undefined>;
  readonly admission: Admission;
  /** Bounds how many large answers leave from the cache at once. */
  readonly replays: Admission;
  /** Questions that need no planning while their tables are as they were. */
  readonly repeats: Repeats;
  readonly footers: ByteLru<ParquetMetadata>;
  readonly manifests: ByteCache;
  /** Memory of a query that runs beside others, bytes. */
  readonly sharedMemoryBytes: number;
  /** Queries, by text, that needed more than that. */
  readonly heavy: ByteLru<true>;
  /** Questions, by cache key and limits, whose execution ended for want of memory: over the same rows it would again. */
  readonly failures: ByteLru<LakeError>;
  /** Tables from this size on have aggregations of their unchanged files kept, bytes. */
  readonly partialMinBytes: number;
}

/** Everything a query needs from its surroundings. */
export interface QueryDeps extends IsolateState {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  readonly store: ObjectStore;
  readonly bucket: string;
  /**
   * Makes the client of one query, whose metadata reads go through `io` and are counted. `refs`: tables may come with
   * only the snapshots that branches and tags name.
   */
  readonly createCatalog: (io: FileIO, snapshots: "refs" | "all") => CatalogClient;
  readonly fresh: FreshSource | undefined;
  /** Tells cheaply whether tables are what they were; absent: they are loaded to see. */
  readonly probe?: InputProbe | undefined;
  /** Makes the SQL parser ready; called before every query. */
  readonly initParser: () => Promise<void>;
  /** Makes parquet-wasm ready, which writes Parquet; called before something is written. */
  readonly initParquetWriter: () => void;
  readonly log: LogSink;
  /** Aborts when whoever asked has left. */
  readonly gone?: AbortSignal | undefined;
  /** Keeps work running after the answer is sent. */
  readonly defer: (work: Promise<void>) => void;
}

/** Where results are cached that all isolates see; without `kv` they are cached in memory only. */
export interface SharedTiers {
  readonly kv: KeyValueStore | undefined;
  /** Absent: results that are too large for the key-value tier are not cached. */
  readonly blobs?: BlobStore | undefined;
}

/** Creates the state of a fresh isolate. */
export function createIsolateState(
  clock: Clock,
  { kv, blobs }: SharedTiers,
  sharedMemoryBytes: number = SHARED_MEMORY_BYTES,
): IsolateState {
  const footers: ByteLru<ParquetMetadata> = createByteLru(FOOTER_BYTES);
  const manifests = createByteCache(MANIFEST_BYTES, DECODED_MANIFEST_BYTES);
  return {
    cache: createResultCache({
      clock,
      shared: kv,
      blobs,
      maxMemoryBytes: RESULT_BYTES,
      maxMemoryEntryBytes: RESULT_ENTRY_BYTES,
      // Footers and manifests hold bounds, which are values of rows.
      onPurged() {
        footers.clear();
        manifests.clear();
      },
    }),
    flights: createSingleFlight(),
    admission: createAdmission({
      maxRunning: MAX_RUNNING,
      maxQueued: MAX_QUEUED,
      maxWaitMs: MAX_QUEUE_MS,
      leaseMs: MAX_LIMITS.timeMs + LEASE_MARGIN_MS,
      clock,
    }),
    replays: createAdmission({
      maxRunning: MAX_REPLAYS,
      maxQueued: MAX_REPLAYS_QUEUED,
      maxWaitMs: MAX_REPLAY_QUEUE_MS,
      leaseMs: REPLAY_LEASE_MS,
      clock,
    }),
    repeats: createByteLru<Repeatable>(REPEAT_BYTES),
    footers,
    manifests,
    sharedMemoryBytes,
    heavy: createByteLru(HEAVY_TEXT_BYTES),
    failures: createByteLru(FAILURE_BYTES),
    partialMinBytes: PARTIAL_MIN_BYTES,
  };
}

/** What the caches of an isolate hold and did. */
export function queryCacheStatistics({ cache, footers, manifests }: IsolateState): QueryCacheStatistics {
  const { entries, bytes, maxBytes } = footers.statistics();
  const { maxBytes: maxManifestBytes, ...held } = manifests.statistics();
  return {
    ...cache.statistics(),
    footers: { entries, bytes, max_bytes: maxBytes },
    manifests: { ...held, max_bytes: maxManifestBytes },
  };
}
