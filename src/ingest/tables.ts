// The tables Firn defines itself, the table properties that steer ingest, and creation on first use.

import { LakeError, tableNameToString, type TableIdentifier } from "#core";
import type { CatalogClient, IcebergSchema, PartitionSpec, Table } from "#iceberg";

/** Comma-separated string columns that take a JSON object and store its canonical text. */
export const JSON_OBJECT_COLUMNS_PROPERTY = "firn.ingest.json-object-columns";
/** Comma-separated string columns that take a JSON object or array and store its canonical text. */
export const JSON_COLUMNS_PROPERTY = "firn.ingest.json-columns";
/** The column whose value identifies an event for deduplication; `event_id` unless set. */
export const ID_COLUMN_PROPERTY = "firn.ingest.id-column";
/** The column that takes the time of receipt when an event leaves it out; `timestamp` unless set. */
export const TIME_COLUMN_PROPERTY = "firn.ingest.time-column";
/** The column that always holds the time of receipt; `received_at` unless set. */
export const RECEIVED_COLUMN_PROPERTY = "firn.ingest.received-column";

/** A table that Firn creates when it is first written to. */
export interface TableDefinition {
  readonly identifier: TableIdentifier;
  readonly schema: IcebergSchema;
  readonly partitionSpec: PartitionSpec;
  readonly properties: Readonly<Record<string, string>>;
}

type ColumnDefinition = readonly [name: string, type: string, required?: "required"];

function tableSchema(columns: readonly ColumnDefinition[]): IcebergSchema {
  return {
    type: "struct",
    "schema-id": 0,
    fields: columns.map(([name, type, required], position) => ({
      id: position + 1,
      name,
      type,
      required: required === "required",
    })),
  };
}

/** Partition field ids start here (Iceberg specification, "Partition Specs"). */
const FIRST_PARTITION_FIELD_ID = 1000;

function partitionByDay(schema: IcebergSchema, column: string): PartitionSpec {
  const source = schema.fields.find((field) => field.name === column);
  if (source === undefined) throw new LakeError("metadata_invalid", `The schema has no column ${column}.`);
  return {
    "spec-id": 0,
    fields: [{ "source-id": source.id, "field-id": FIRST_PARTITION_FIELD_ID, name: `${column}_day`, transform: "day" }],
  };
}

const eventsSchema = tableSchema([
  ["event_id", "string", "required"],
  ["event_type", "string", "required"],
  ["timestamp", "timestamptz", "required"],
  ["user_id", "string"],
  ["session_id", "string"],
  ["properties", "string"],
  ["received_at", "timestamptz", "required"],
]);

// A shard under load commits every few seconds and every snapshot costs each later commit about a kilobyte of metadata.
// These bounds are longer than any query or job; whoever wants to travel further back raises the property.
const EVENTS_HISTORY_MS = 6 * 3_600_000;
const QUERY_LOGS_HISTORY_MS = 3_600_000;

/** Snapshots go by age, and metadata files with the log that names them: else every commit leaves one for ever. */
function boundedMetadata(historyMs: number): Readonly<Record<string, string>> {
  return {
    "history.expire.max-snapshot-age-ms": String(historyMs),
    "write.metadata.delete-after-commit.enabled": "true",
  };
}

/** `default.events`: what `POST /v1/events` fills. */
export const EVENTS_TABLE: TableDefinition = {
  identifier: { namespace: ["default"], name: "events" },
  schema: eventsSchema,
  partitionSpec: partitionByDay(eventsSchema, "timestamp"),
  properties: {
    "write.parquet.compression-codec": "zstd",
    ...boundedMetadata(EVENTS_HISTORY_MS),
    [JSON_OBJECT_COLUMNS_PROPERTY]: "properties",
  },
};

const queryLogsSchema = tableSchema([
  ["query_id", "string", "required"],
  ["timestamp", "timestamptz", "required"],
  ["user_id", "string"],
  ["query_text", "string"],
  ["query_pattern", "string"],
  ["fingerprint", "string"],
  ["tables", "string"],
  ["operation", "string"],
  ["latency", "double"],
  ["queue_ms", "double"],
  ["plan_ms", "double"],
  ["exec_ms", "double"],
  ["files_total", "long"],
  ["files_scanned", "long"],
  ["row_groups_total", "long"],
  ["row_groups_scanned", "long"],
  ["bytes_total", "long"],
  ["bytes_scanned", "long"],
  ["rows_scanned", "long"],
  ["rows_returned", "long"],
  ["rows_inserted", "long"],
  ["rows_updated", "long"],
  ["rows_deleted", "long"],
  ["files_added", "long"],
  ["files_removed", "long"],
  ["snapshot_id", "string"],
  ["storage_reads", "long"],
  ["cache", "string"],
  ["engine", "string"],
  ["memory_peak_bytes", "long"],
  ["success", "boolean"],
  ["error_code", "string"],
  ["predicates", "string"],
  ["cost_usd", "double"],
]);

/**
 * `system.query_logs`: one row for each query. `tables` and `predicates` hold JSON text; times are milliseconds.
 */
export const QUERY_LOGS_TABLE: TableDefinition = {
  identifier: { namespace: ["system"], name: "query_logs" },
  schema: queryLogsSchema,
  partitionSpec: partitionByDay(queryLogsSchema, "timestamp"),
  properties: {
    "write.parquet.compression-codec": "zstd",
    ...boundedMetadata(QUERY_LOGS_HISTORY_MS),
    [ID_COLUMN_PROPERTY]: "query_id",
    [JSON_COLUMNS_PROPERTY]: "tables,predicates",
  },
};

const scanMetricsSchema = tableSchema([
  ["report_id", "string", "required"],
  ["timestamp", "timestamptz", "required"],
  ["report_type", "string", "required"],
  ["user_id", "string"],
  ["table_name", "string", "required"],
  ["engine", "string"],
  ["snapshot_id", "string"],
  ["operation", "string"],
  ["filter", "string"],
  ["columns", "string"],
  ["planning_ms", "double"],
  ["files_scanned", "long"],
  ["files_skipped", "long"],
  ["manifests_scanned", "long"],
  ["manifests_skipped", "long"],
  ["bytes_scanned", "long"],
  ["metrics", "string"],
]);

/** `system.scan_metrics`: what other engines report of their scans of our tables and commits to them. */
export const SCAN_METRICS_TABLE: TableDefinition = {
  identifier: { namespace: ["system"], name: "scan_metrics" },
  schema: scanMetricsSchema,
  partitionSpec: partitionByDay(scanMetricsSchema, "timestamp"),
  properties: {
    "write.parquet.compression-codec": "zstd",
    ...boundedMetadata(QUERY_LOGS_HISTORY_MS),
    [ID_COLUMN_PROPERTY]: "report_id",
    [JSON_COLUMNS_PROPERTY]: "filter,columns,metrics",
  },
};

/** Low in volume: one shard holds each. */
const SINGLE_SHARD_TABLES: ReadonlySet<string> = new Set(
  [QUERY_LOGS_TABLE, SCAN_METRICS_TABLE].map(({ identifier }) => tableNameToString(identifier)),
);

const DEFINITIONS: ReadonlyMap<string, TableDefinition> = new Map(
  [EVENTS_TABLE, QUERY_LOGS_TABLE, SCAN_METRICS_TABLE].map((table) => [tableNameToString(table.identifier), table]),
);

/** The definition of a table that Firn creates itself, or undefined for a table that only the catalog knows. */
export function tableDefinition(table: TableIdentifier): TableDefinition | undefined {
  return DEFINITIONS.get(tableNameToString(table));
}

/**
 * Shards a table's events are spread over. The query log is low in volume and read by every incident query, so
 * it has one; so have other engines' reports.
 */
export function shardCountFor(table: TableIdentifier, configured: number): number {
  return SINGLE_SHARD_TABLES.has(tableNameToString(table)) ? 1 : configured;
}

/**
 * Loads a table, creating it first when it is one of ours and absent, and giving it the columns that its definition
 * has gained since. Idempotent: of two creators one wins and both get the same table. Errors: `table_not_found` for any
 * other absent table.
 */
export async function ensureTable(catalog: CatalogClient, identifier: TableIdentifier): Promise<Table> {
  const definition = tableDefinition(identifier);
  try {
    const table = await catalog.loadTable(identifier);
    return definition === undefined ? table : await addMissingColumns(table, definition);
  } catch (error) {
    if (definition === undefined || !isAbsent(error)) throw error;
    await catalog.createNamespace(definition.identifier.namespace, {}, { ifNotExists: true });
    return catalog.createTable(
      {
        identifier: definition.identifier,
        schema: definition.schema,
        partitionSpec: definition.partitionSpec,
        properties: definition.properties,
      },
      { ifNotExists: true },
    );
  }
}

/** Columns of later versions of a definition are optional. A lost race leaves the table as the winner made it. */
async function addMissingColumns(table: Table, { schema }: TableDefinition): Promise<Table> {
  const present = new Set(table.schema().fields.map(({ name }) => name));
  const missing = schema.fields.filter(({ name, required }) => !present.has(name) && !required);
  if (missing.length === 0) return table;
  const update = table.updateSchema();
  for (const { name, type } of missing) update.addColumn(name, type);
  const outcome = await update.commit();
  return outcome.outcome === "committed" ? outcome.table : table.refresh();
}

function isAbsent(error: unknown): boolean {
  return error instanceof LakeError && (error.code === "table_not_found" || error.code === "namespace_not_found");
}
