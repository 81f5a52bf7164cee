// Plans an admitted query, takes its answer from the cache when the plan's inputs are unchanged, else executes it.

import { LakeError, stringifyJson, uuidv7 } from "#core";
import { exactCacheKey, looseCacheKey, type CacheEntry, type CacheTier } from "#cache";
import { createFileIO } from "#iceberg";
import { prepareQuery, type PartialCache, type PreparedQuery, type ScanStatistics, type SpillStore } from "#sql";
import { createCountingStore } from "#storage";
import { entryToAnswer, type Answer } from "./answer.ts";
import { createChangeSession } from "./change/change-session.ts";
import { createDataReader } from "./data-reader.ts";
import { createResultEncoder } from "./encode-result.ts";
import { MAX_BYTES_AHEAD } from "./file-scan.ts";
import type { QueryProfile, QueryTimings } from "./json-body.ts";
import { createLakeCatalog } from "./lake-catalog.ts";
import { createQueryPartials } from "./partial-cache.ts";
import type { QueryDeps } from "./query-deps.ts";
import { MIN_SHARED_AGE_SECONDS, tooManyRows, type ValidQuery } from "./request.ts";
import { createSpillStore } from "./spill-store.ts";
import { applyScans, type MutableStats } from "./stats.ts";
import { createTableReads } from "./table-reads.ts";

/** Life of an exact entry in the shared tier, seconds: a day, so that layouts long gone do not pile up. */
const EXACT_TTL_SECONDS = 86_400;

/** The plan and what its operators and scans did. */
export type RunProfile = Omit<QueryProfile, "stats">;

/** An answer with what may be shown of how it was made. */
export interface RunOutcome {
  readonly answer: Answer;
  readonly timings: QueryTimings;
  readonly profile: RunProfile;
}

/** Where a planned query's answer may be kept. */
interface CachePolicy {
  readonly exactKey: string;
  readonly looseKey: string;
  /** Equal inputs give the equal answer: the exact key may be used. */
  readonly exact: boolean;
  /** Worth the shared tier: files were read, and no fresh rows took part that the next second outdates. */
  readonly shared: boolean;
}

/** Runs an admitted query. `stats` holds what was done also when it fails. */
export async function runQuery(
  deps: QueryDeps,
  query: ValidQuery,
  namespaces: readonly string[] | undefined,
  stats: MutableStats,
): Promise<RunOutcome> {
  const { clock } = deps;
  if (deps.gone?.aborted === true) throw cancelled();
  const startMs = clock.nowMs();
  const counting = createCountingStore(deps.store);
  const reads = createTableReads(counting);
  const { store } = reads;
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(timeExceeded(query.limits.timeMs)), query.limits.timeMs);
  const leave = (): void => deadline.abort(cancelled());
  deps.gone?.addEventListener("abort", leave, { once: true });
  let scans: readonly ScanStatistics[] = [];
  let started: PreparedQuery | undefined;
  try {
    await deps.initParser();
    const io = createFileIO(store, deps.bucket, deps.manifests);
    const reader = createDataReader({
      store,
      bucket: deps.bucket,
      footers: deps.footers,
      maxScannedBytes: query.limits.maxScannedBytes,
      signal: deadline.signal,
    });
    const catalog = deps.createCatalog(io, "refs");
    const prepared = await prepareQuery(query.sql, {
      catalog: createLakeCatalog({
        catalog,
        history: () => deps.createCatalog(io, "all"),
        io,
        reader,
        namespaces,
        onRead: (table, snapshot) => reads.note(table, snapshot),
        // For EXPLAIN of a change, which plans it and goes no further.
        changes: (table, branch) =>
          createChangeSession(table, { ...deps, store, reader }, undefined, branch === undefined ? {} : { branch })
            .changes,
        fresh: deps.fresh,
        retry: deps,
      }),
      params: query.params,
      clock,
    });
    describe(stats, prepared);
    started = prepared;
    const boundMs = clock.nowMs();
    const planned = await prepared.planScans();
    scans = planned.statistics;
    const plannedMs = clock.nowMs();
    stats.plan_ms = plannedMs - startMs;

    const policy = await cachePolicy(query, prepared, planned.identity, scans);
    const timings: { execute_ms?: number; encode_ms?: number } = {};
    const partials = mayUsePartials(deps, query, scans)
      ? createQueryPartials({ cache: deps.cache, tables: prepared.tables, startMs })
      : undefined;
    const execute = async (): Promise<Answer> => {
      const spill = createSpillStore(store, uuidv7(deps.clock, deps.random));
      const run = { startMs, scans, timings, signal: deadline.signal, partials, spill };
      const answer = await collect(deps, query, prepared, run);
      keep(deps, query, policy, answer);
      if (partials !== undefined) deps.defer(partials.save());
      return answer;
    };
    const { answer, cache } = await obtain(deps, query, policy, startMs, execute);
    stats.cache = cache === "miss" && partials?.wasUsed === true ? "partial" : cache;
    const endMs = clock.nowMs();
    return {
      answer,
      timings: {
        queue_ms: stats.queue_ms,
        plan_ms: boundMs - startMs,
        scan_planning_ms: plannedMs - boundMs,
        cache_lookup_ms: Math.max(0, endMs - plannedMs - (timings.execute_ms ?? 0) - (timings.encode_ms ?? 0)),
        ...timings,
        total_ms: endMs - startMs + stats.queue_ms,
      },
      profile: { plan: prepared.explain(), operators: prepared.profile(), scans },
    };
  } catch (error) {
    // Whatever an abort interrupted, the reason is what the client must hear.
    if (deadline.signal.aborted && deadline.signal.reason instanceof LakeError) throw deadline.signal.reason;
    throw await reads.explain(error, () => deps.createCatalog(createFileIO(store, deps.bucket, deps.manifests), "all"));
  } finally {
    clearTimeout(timer);
    deps.gone?.removeEventListener("abort", leave);
    applyScans(stats, scans);
    // A query that runs again, alone, has made both runs' requests.
    stats.storage_reads += counting.counters.reads;
    stats.memory_peak_bytes = started?.memoryPeakBytes() ?? 0;
    stats.exec_ms = clock.nowMs() - startMs - stats.plan_ms;
  }
}

/** Small scans are read faster than what is known of them is looked up. */
function mayUsePartials(deps: QueryDeps, query: ValidQuery, scans: readonly ScanStatistics[]): boolean {
  if (query.cache !== "use" || query.explainAnalyze) return false;
  return scans.some(({ bytesTotal }) => bytesTotal >= deps.partialMinBytes);
}

async function cachePolicy(
  query: ValidQuery,
  prepared: PreparedQuery,
  scanIdentity: string,
  scans: readonly ScanStatistics[],
): Promise<CachePolicy> {
  const { params, format } = query;
  const plannedFiles = scans.some((scan) => scan.filesTotal > scan.pruning.reduce((sum, { files }) => sum + files, 0));
  return {
    exactKey: await exactCacheKey({ planText: planText(prepared), params, scanIdentity, format }),
    looseKey: await looseCacheKey(query),
    exact: query.cache === "use" && !query.explainAnalyze && prepared.isDeterministic,
    shared: plannedFiles && scans.every((scan) => scan.freshRows === 0),
  };
}

/** The plan and the names its columns go by: a payload holds both. */
function planText(prepared: PreparedQuery): string {
  return JSON.stringify([prepared.cacheText, prepared.columns.map(({ name, type }) => [name, type])]);
}

async function obtain(
  deps: QueryDeps,
  query: ValidQuery,
  policy: CachePolicy,
  asOfMs: number,
  execute: () => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly cache: MutableStats["cache"] }> {
  if (query.cache === "bypass" || query.explainAnalyze) return { answer: await execute(), cache: "bypass" };
  if (!policy.exact) return { answer: await execute(), cache: "miss" };
  let tier: CacheTier | undefined;
  // The limits decide whether an execution fails, so only requests with equal limits share one.
  const flightKey = `${policy.exactKey} ${stringifyJson(query.limits)}`;
  const flight = await deps.flights.run(flightKey, query.limits.timeMs / 2, async () => {
    const hit = await deps.cache.lookup(policy.exactKey, policy.shared);
    const answer = hit === undefined ? undefined : entryToAnswer(hit.entry);
    if (hit === undefined || answer === undefined) return execute();
    tier = hit.tier;
    // Equal inputs: what was right then is right now.
    const current = { ...answer, asOfMs };
    await deps.cache.store(policy.looseKey, answerToEntry(query, current), { shared: false, ttlSeconds: 0 });
    return current;
  });
  return { answer: flight.value, cache: tier ?? (flight.shared ? "memory" : "miss") };
}

function keep(deps: QueryDeps, query: ValidQuery, policy: CachePolicy, answer: Answer): void {
  const entry = answerToEntry(query, answer);
  const writes: Promise<void>[] = [];
  if (policy.exact) {
    writes.push(deps.cache.store(policy.exactKey, entry, { shared: policy.shared, ttlSeconds: EXACT_TTL_SECONDS }));
  }
  if (query.cache === "use" && !query.explainAnalyze) {
    const shared = query.maxAgeSeconds >= MIN_SHARED_AGE_SECONDS;
    writes.push(deps.cache.store(policy.looseKey, entry, { shared, ttlSeconds: query.maxAgeSeconds }));
  }
  if (writes.length > 0) deps.defer(Promise.all(writes).then(() => {}));
}

/** As much of a text as patterns are matched with, UTF-16 units. */
const MAX_PATTERN_TEXT = 4096;

function answerToEntry(query: ValidQuery, answer: Answer): CacheEntry {
  const text = query.sql.slice(0, MAX_PATTERN_TEXT).trim().replaceAll(/\s+/g, " ");
  return { ...answer, text, ...(query.tags.length === 0 ? {} : { tags: query.tags }) };
}

interface Collection {
  readonly startMs: number;
  readonly scans: readonly ScanStatistics[];
  readonly timings: { execute_ms?: number; encode_ms?: number };
  readonly signal: AbortSignal;
  readonly partials: PartialCache | undefined;
  readonly spill: SpillStore;
}

async function collect(
  deps: QueryDeps,
  query: ValidQuery,
  prepared: PreparedQuery,
  collection: Collection,
): Promise<Answer> {
  const { clock } = deps;
  const { limits } = query;
  if (query.format === "parquet") deps.initParquetWriter();
  const encoder = createResultEncoder(query.format, prepared.columns, limits.maxResultBytes);
  const executeStartMs = clock.nowMs();
  let encodeMs = 0;
  let rowCount = 0;
  const batches = prepared.execute({
    signal: collection.signal,
    memoryLimitBytes: Math.max(limits.memoryBytes - MAX_BYTES_AHEAD, limits.memoryBytes / 2),
    timeLimitMs: Math.max(1, limits.timeMs - (executeStartMs - collection.startMs)),
    clock,
    profile: query.profile || query.explainAnalyze,
    ...(query.maySpill === false ? {} : { spill: collection.spill }),
    ...(collection.partials === undefined ? {} : { partials: collection.partials }),
  });
  for await (const batch of batches) {
    collection.signal.throwIfAborted();
    rowCount += batch.rowCount;
    if (rowCount > limits.maxRows) throw tooManyRows(limits.maxRows);
    const encodeStartMs = clock.nowMs();
    encoder.add(batch);
    encodeMs += clock.nowMs() - encodeStartMs;
  }
  const finishMs = clock.nowMs();
  const payload = encoder.finish();
  const endMs = clock.nowMs();
  collection.timings.execute_ms = finishMs - executeStartMs - encodeMs;
  collection.timings.encode_ms = encodeMs + endMs - finishMs;
  const sum = (pick: (scan: ScanStatistics) => number): number =>
    collection.scans.reduce((total, scan) => total + pick(scan), 0);
  return {
    tables: prepared.tables,
    asOfMs: collection.startMs,
    payload,
    cost: { bytes: sum((scan) => scan.bytesScanned), ms: endMs - executeStartMs },
    meta: {
      rowCount,
      pattern: prepared.pattern,
      fingerprint: prepared.fingerprint,
      predicates: prepared.predicates,
      filesTotal: sum((scan) => scan.filesTotal),
      rowGroupsTotal: sum((scan) => scan.rowGroupsTotal),
      bytesTotal: sum((scan) => scan.bytesTotal),
    },
  };
}

function describe(stats: MutableStats, prepared: PreparedQuery): void {
  stats.query_pattern = prepared.pattern;
  stats.fingerprint = prepared.fingerprint;
  stats.tables = prepared.tables;
  stats.predicates = prepared.predicates;
}

function cancelled(): LakeError {
  return new LakeError("query_cancelled", "Whoever asked has left; the query was stopped.");
}

function timeExceeded(timeMs: number): LakeError {
  return new LakeError("time_limit_exceeded", `The query ran longer than its limit of ${timeMs} ms; it was stopped.`, {
    details: { time_limit_ms: timeMs },
  });
}
