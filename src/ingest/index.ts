// Ingest: from request bodies to durable rows to table commits, exactly once.

export {
  DEFAULT_BODY_LIMITS,
  parseEventsBody,
  type BodyLimits,
  type BodyShape,
  type LineError,
  type ParsedBody,
  type ParsedEvent,
} from "./body.ts";
export type { RejectionCode } from "./column-converters.ts";
export {
  createTableCommitter,
  DEFAULT_COMMITTER_OPTIONS,
  type CommitterDeps,
  type CommitterOptions,
} from "./committer.ts";
export {
  ingestEvents,
  ingestRows,
  MAX_IDEMPOTENCY_KEY_LENGTH,
  type EventVerdict,
  type IngestDeps,
  type IngestReply,
  type IngestRequest,
} from "./ingest-events.ts";
export { createIngestShard, type IngestShardCore, type ShardDeps } from "./shard.ts";
export { DEFAULT_SHARD_OPTIONS, type ShardOptions } from "./shard-options.ts";
export {
  committerName,
  createCommitterClient,
  createShardClient,
  readAllFresh,
  shardName,
  type AppendReply,
  type AppendRequest,
  type CommitSubmission,
  type CommitterClient,
  type CommitterRpc,
  type CommitterStatus,
  type FlushReport,
  type FreshRequest,
  type FreshRows,
  type ShardClient,
  type ShardRpc,
  type ShardStatus,
  type SubmissionReply,
} from "./shard-protocol.ts";
export type { AlarmClock, SqlDatabase, SqlRow, SqlValue } from "./sql-database.ts";
export {
  ensureTable,
  EVENTS_TABLE,
  ID_COLUMN_PROPERTY,
  JSON_COLUMNS_PROPERTY,
  JSON_OBJECT_COLUMNS_PROPERTY,
  QUERY_LOGS_TABLE,
  SCAN_METRICS_TABLE,
  RECEIVED_COLUMN_PROPERTY,
  shardCountFor,
  tableDefinition,
  TIME_COLUMN_PROPERTY,
  type TableDefinition,
} from "./tables.ts";
export {
  createRowValidator,
  MAX_EVENT_ID_LENGTH,
  validateEvents,
  type IngestTable,
  type Rejection,
  type RowValidator,
  type RowVerdict,
  type ValidRow,
} from "./validate-events.ts";
export {
  freshWatermarks,
  isWatermarkProperty,
  recordedWatermarks,
  shardWatermark,
  WATERMARKS_SUMMARY_KEY,
  watermarkProperty,
} from "./watermarks.ts";
