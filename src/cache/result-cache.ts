// The query result cache: isolate memory in front of a shared key-value store, with payloads too large for it as blobs.
//
// Entries under exact keys are immutable truths (equal keys mean equal answers), so neither tier can make them
// stale. Entries under loose keys carry their own age, which is checked on every read, so a late or old value in
// the shared tier is at worst a miss.

import type { Clock } from "#core";
import type { BlobStore } from "./blob-store.ts";
import { createByteLru } from "./byte-lru.ts";
import { decodeEntry, encodeEntry, entrySizeBytes, type CacheEntry } from "./entry.ts";
import { concerns, createInvalidationMarks, type InvalidationTarget } from "./invalidation.ts";
import { MAX_LABEL_BYTES, MAX_VALUE_BYTES, MIN_TTL_SECONDS, type KeyValueStore } from "./key-value-store.ts";
import { createPayloadRecorder, type PayloadRecorder } from "./payload-recorder.ts";
import { isLarge, type StoredPayload } from "./payload.ts";

/** Where a hit was found; `r2`: its payload is a blob. */
export type CacheTier = "memory" | "kv" | "r2";

/** A found entry. */
export interface CacheHit {
  readonly tier: CacheTier;
  readonly entry: CacheEntry;
}

/** What the cache did since the isolate started. Counts are of this isolate only; KV's contents are shared. */
export interface CacheStatistics {
  readonly memory: {
    readonly entries: number;
    readonly bytes: number;
    readonly max_bytes: number;
    readonly hits: number;
    readonly evictions: number;
    readonly saved: SavedCost;
  };
  readonly kv: {
    readonly hits: number;
    readonly saved: SavedCost;
    readonly reads: number;
    readonly bytes_read: number;
    readonly writes: number;
    readonly bytes_written: number;
    readonly skipped_too_large: number;
    readonly errors: number;
  };
  /** Payloads that are blobs. Their bytes are gzipped ones. */
  readonly r2: {
    readonly hits: number;
    readonly saved: SavedCost;
    readonly bytes_read: number;
    readonly writes: number;
    readonly bytes_written: number;
    /** Removed because what they hold was invalidated or is of no use. */
    readonly deleted: number;
    readonly errors: number;
  };
  readonly misses: number;
  readonly invalidations: number;
  /** What hits of all tiers would have cost, by what their answers took when they were computed. */
  readonly saved: SavedCost;
}

/** Bytes read from storage and milliseconds. */
export interface SavedCost {
  readonly bytes: number;
  readonly ms: number;
}

/** How an entry is kept. */
export interface StoreOptions {
  /** Also in the shared tier. */
  readonly shared: boolean;
  /** Life in the shared tier, seconds; raised to KV's minimum. */
  readonly ttlSeconds: number;
}

/** What can be deleted: keys of the shared tier tell the tables of their answers. */
export type PurgeTarget = Extract<InvalidationTarget, { readonly all: true } | { readonly table: string }>;

/** The two-tier cache. No method but `invalidate` fails: a cache that is down is a cache that misses. */
export interface ResultCache {
  /** The entry under a key, whatever its age; `shared` false looks in memory only. */
  lookup(key: string, shared: boolean): Promise<CacheHit | undefined>;
  /** The entry under a key if it is at most `maxAgeMs` old. */
  lookupWithin(key: string, maxAgeMs: number, shared: boolean): Promise<CacheHit | undefined>;
  /** Keeps an entry in memory and, when asked and small enough, in the shared tier; resolves when both are done. */
  store(key: string, entry: CacheEntry, options: StoreOptions): Promise<void>;
  /**
   * Makes earlier answers unusable: at once in this isolate, elsewhere once KV shows the mark (about a minute)
   * and the isolate looks again (30 s). Errors: `storage_unavailable`.
   */
  invalidate(target: InvalidationTarget): Promise<void>;
  /**
   * Invalidates, and deletes the answers themselves: at once in this isolate and in the shared tier, in other isolates
   * when they next look for an answer more than 30 s after they last saw the marks.
   *
   * Cost: one list call a 1,000 keys of the shared tier, one call a deleted key. Errors: `storage_unavailable`.
   */
  purge(target: PurgeTarget): Promise<void>;
  /**
   * Starts a copy of a payload that goes by, for an entry to be stored under the key. `id` tells copies of one key
   * apart, so that none is written over while it is read; absent, a copy that needs a blob is not kept.
   */
  record(key: string, id?: string): PayloadRecorder;
  statistics(): CacheStatistics;
}

/** What the cache is made of. */
export interface ResultCacheDeps {
  readonly clock: Clock;
  /** Undefined: memory only. */
  readonly shared: KeyValueStore | undefined;
  /** Where payloads go that are larger than a part of a multipart upload; absent: those are not kept. */
  readonly blobs?: BlobStore | undefined;
  readonly maxMemoryBytes: number;
  /** Larger entries are kept in the shared tier only, bytes. */
  readonly maxMemoryEntryBytes: number;
  /** Called when answers were dropped because another isolate purged them. */
  readonly onPurged?: () => void;
}

/** How often an isolate looks whether answers it holds were invalidated elsewhere, milliseconds. */
const SWEEP_MS = 30_000;
/** Every result's key starts with this. */
const RESULT_PREFIX = "result/";
/** Blobs of a key: `cache/<key>/<id>`. */
const BLOB_PREFIX = "cache/";

/** Creates an empty cache. */
export function createResultCache(deps: ResultCacheDeps): ResultCache {
  const { clock, shared, blobs } = deps;
  const memory = createByteLru<CacheEntry>(deps.maxMemoryBytes);
  const marks = createInvalidationMarks(shared, clock);
  const counts = {
    memoryHits: 0,
    misses: 0,
    invalidations: 0,
    kvHits: 0,
    kvReads: 0,
    kvBytesRead: 0,
    kvWrites: 0,
    kvBytesWritten: 0,
    kvSkipped: 0,
    kvErrors: 0,
    blobHits: 0,
    blobBytesRead: 0,
    blobWrites: 0,
    blobBytesWritten: 0,
    blobsDeleted: 0,
    blobErrors: 0,
  };
  const saved: Readonly<Record<CacheTier, { bytes: number; ms: number }>> = {
    memory: { bytes: 0, ms: 0 },
    kv: { bytes: 0, ms: 0 },
    r2: { bytes: 0, ms: 0 },
  };

  /** The tier that the bytes of an entry come from, which was found in one. */
  function countHit(entry: CacheEntry, foundIn: "memory" | "kv"): CacheHit {
    const blob = blobOf(entry);
    const tier = blob === undefined ? foundIn : "r2";
    if (tier === "memory") counts.memoryHits += 1;
    else if (tier === "kv") counts.kvHits += 1;
    else counts.blobHits += 1;
    counts.blobBytesRead += blob?.bytes ?? 0;
    saved[tier].bytes += entry.cost?.bytes ?? 0;
    saved[tier].ms += entry.cost?.ms ?? 0;
    return { tier, entry };
  }

  /** Whether the payload can be read: a blob may have been deleted. */
  async function isThere(entry: CacheEntry): Promise<boolean> {
    const blob = blobOf(entry);
    if (blob === undefined) return true;
    try {
      return (await blobs?.has(blob.key, blob.bytes)) === true;
    } catch {
      counts.blobErrors += 1;
      return false;
    }
  }

  function keepInMemory(key: string, entry: CacheEntry): void {
    const sizeBytes = entrySizeBytes(entry);
    if (sizeBytes <= deps.maxMemoryEntryBytes) memory.set(key, entry, sizeBytes);
  }

  async function readShared(key: string): Promise<CacheEntry | undefined> {
    if (shared === undefined) return undefined;
    counts.kvReads += 1;
    try {
      const bytes = await shared.get(key);
      counts.kvBytesRead += bytes?.length ?? 0;
      return bytes === undefined ? undefined : await decodeEntry(bytes, blobs);
    } catch {
      counts.kvErrors += 1;
      return undefined;
    }
  }

  async function find(
    key: string,
    lookInShared: boolean,
    usable: (entry: CacheEntry) => boolean,
  ): Promise<CacheHit | undefined> {
    await sweep();
    const remembered = memory.get(key);
    if (remembered !== undefined && usable(remembered) && (await marks.allows(remembered))) {
      if (await isThere(remembered)) return countHit(remembered, "memory");
      memory.delete(key);
    }
    const stored = lookInShared ? await readShared(key) : undefined;
    if (stored === undefined || !usable(stored) || !(await marks.allows(stored)) || !(await isThere(stored))) {
      counts.misses += 1;
      return undefined;
    }
    keepInMemory(key, stored);
    return countHit(stored, "kv");
  }

  let sweptMs = clock.nowMs();

  /** Drops what marks of other isolates concern, so that purged answers do not stay in memory. */
  async function sweep(): Promise<void> {
    if (clock.nowMs() - sweptMs < SWEEP_MS) return;
    sweptMs = clock.nowMs();
    const doomed = new Set<CacheEntry>();
    for (const entry of memory.values()) if (!(await marks.allows(entry))) doomed.add(entry);
    if (doomed.size === 0) return;
    memory.deleteWhere((entry) => doomed.has(entry));
    deps.onPurged?.();
  }

  async function purgeShared(target: PurgeTarget): Promise<void> {
    const isMeant = (labels: readonly string[] | undefined): boolean =>
      "all" in target || labels === undefined || labels.includes(target.table);
    const kept = new Set<string>();
    if (shared !== undefined) {
      for await (const { key, labels } of shared.list(RESULT_PREFIX)) {
        if (isMeant(labels)) await shared.delete(key);
        else kept.add(key);
      }
    }
    if (blobs === undefined) return;
    const doomed: string[] = [];
    // A blob whose entry is gone may hold anything.
    for await (const key of blobs.list(BLOB_PREFIX)) if (!kept.has(entryKeyOf(key))) doomed.push(key);
    if (doomed.length > 0) await blobs.delete(doomed);
    counts.blobsDeleted += doomed.length;
  }

  async function writeShared(key: string, entry: CacheEntry, ttlSeconds: number): Promise<void> {
    if (shared === undefined) return;
    try {
      const bytes = await encodeEntry(entry);
      if (bytes.length > MAX_VALUE_BYTES) {
        counts.kvSkipped += 1;
        return;
      }
      counts.kvWrites += 1;
      counts.kvBytesWritten += bytes.length;
      const labels = JSON.stringify({ labels: entry.tables }).length <= MAX_LABEL_BYTES ? entry.tables : undefined;
      await shared.put(key, bytes, {
        ttlSeconds: Math.max(MIN_TTL_SECONDS, Math.ceil(ttlSeconds)),
        ...(labels === undefined ? {} : { labels }),
      });
    } catch {
      counts.kvErrors += 1;
    }
  }

  async function invalidate(target: InvalidationTarget): Promise<void> {
    counts.invalidations += 1;
    memory.deleteWhere((entry) => concerns(target, entry));
    await marks.set(target);
  }

  return {
    lookup: (key, lookInShared) => find(key, lookInShared, () => true),
    lookupWithin: (key, maxAgeMs, lookInShared) =>
      find(key, lookInShared, (entry) => clock.nowMs() - entry.asOfMs <= maxAgeMs),
    record: (key, id) =>
      createPayloadRecorder({
        blobs: id === undefined ? undefined : blobs,
        blobKey: `${BLOB_PREFIX}${key}/${id ?? ""}`,
        onError() {
          counts.blobErrors += 1;
        },
        onWritten(bytes) {
          counts.blobWrites += 1;
          counts.blobBytesWritten += bytes;
        },
      }),
    async store(key, entry, options) {
      keepInMemory(key, entry);
      if (options.shared) await writeShared(key, entry, options.ttlSeconds);
    },
    invalidate,
    async purge(target) {
      await invalidate(target);
      await purgeShared(target);
    },
    statistics() {
      const { entries, bytes, maxBytes, evictions } = memory.statistics();
      const tiers = Object.values(saved);
      return {
        memory: {
          entries,
          bytes,
          max_bytes: maxBytes,
          hits: counts.memoryHits,
          evictions,
          saved: { ...saved.memory },
        },
        kv: {
          hits: counts.kvHits,
          saved: { ...saved.kv },
          reads: counts.kvReads,
          bytes_read: counts.kvBytesRead,
          writes: counts.kvWrites,
          bytes_written: counts.kvBytesWritten,
          skipped_too_large: counts.kvSkipped,
          errors: counts.kvErrors,
        },
        r2: {
          hits: counts.blobHits,
          saved: { ...saved.r2 },
          bytes_read: counts.blobBytesRead,
          writes: counts.blobWrites,
          bytes_written: counts.blobBytesWritten,
          deleted: counts.blobsDeleted,
          errors: counts.blobErrors,
        },
        misses: counts.misses,
        invalidations: counts.invalidations,
        saved: {
          bytes: tiers.reduce((sum, tier) => sum + tier.bytes, 0),
          ms: tiers.reduce((sum, tier) => sum + tier.ms, 0),
        },
      };
    },
  };
}

function blobOf({ payload }: CacheEntry): Extract<StoredPayload, { kind: "blob" }> | undefined {
  return isLarge(payload) && payload.stored.kind === "blob" ? payload.stored : undefined;
}

/** The key of the entry that a blob belongs to. */
function entryKeyOf(blobKey: string): string {
  return blobKey.slice(BLOB_PREFIX.length, blobKey.lastIndexOf("/"));
}
