// Queries over the lake: SQL bound to Iceberg tables and fresh rows, limits, caching, results, statistics.

export { RESULT_FORMATS, type ResultFormat } from "./encode-result.ts";
export { askAhead, createFreshMemory, type FreshMemory } from "./fresh-ahead.ts";
export { type FreshPage, type FreshShard, type FreshSource } from "./fresh-rows.ts";
export { answerKnown } from "./known-answer.ts";
export { createLakeCatalog, type LakeCatalogDeps } from "./lake-catalog.ts";
export { deleteLeftovers } from "./leftovers.ts";
export { createDataReader, type DataReader, type DataReaderDeps } from "./data-reader.ts";
export {
  createIsolateState,
  queryCacheStatistics,
  type IsolateState,
  type QueryDeps,
  type SharedTiers,
} from "./query-deps.ts";
export {
  DEFAULT_LIMITS,
  MAX_LIMITS,
  MAX_TAGS,
  MAX_TAG_LENGTH,
  validateQueryRequest,
  type QueryLimits,
  type QueryRequest,
  type ValidQuery,
} from "./request.ts";
export { type InputProbe, type ShardQuestion } from "./repeats.ts";
export { bodyToBytes, drainBody } from "./result-body.ts";
export { createResultBlobs } from "./result-blobs.ts";
export { executeQuery, type QueryContext, type QueryReply, type QueryReport } from "./service.ts";
export { INGEST_ENABLED_PROPERTY } from "./table-view.ts";
export { type CacheOutcome, type QueryCacheStatistics, type QueryPredicate, type QueryStats } from "./stats.ts";
