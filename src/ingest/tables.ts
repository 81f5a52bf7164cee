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

/** `default.events`: what `POST /v1/events` fills. */
export const EVENTS_TABLE: TableDefinition = {
  identifier: { namespace: ["default"], name: "events" },
  schema: eventsSchema,
  partitionSpec: partitionByDay(eventsSchema, "timestamp"),
  properties: {
    "write.parquet.compression-codec": "zstd",
    "history.expire.max-snapshot-age-ms": String(EVENTS_HISTORY_MS),
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
    "history.expire.max-snapshot-age-ms": String(QUERY_LOGS_HISTORY_MS),
    [ID_COLUMN_PROPERTY]: "query_id",
    [JSON_COLUMNS_PROPERTY]: "tables,predicates",
  },
};

const DEFINITIONS: ReadonlyMap<string, TableDefinition> = new Map(
  [EVENTS_TABLE, QUERY_LOGS_TABLE].map((table) => [tableNameToString(table.identifier), table]),
);

/** The definition of a table that Firn creates itself, or undefined for a table that only the catalog knows. */
export function tableDefinition(table: TableIdentifier): TableDefinition | undefined {
  return DEFINITIONS.get(tableNameToString(table));
}

/**
 * Shards a table's events are spread over. The query log is low in volume and read by every incident query, so
 * it has one.
 */
export function shardCountFor(table: TableIdentifier, configured: number): number {
  return tableNameToString(table) === tableNameToString(QUERY_LOGS_TABLE.identifier) ? 1 : configured;
}

/**
 * Loads a table, creating it first when it is one of ours and absent. Idempotent: of two creators one wins and
 * both get the same table. Errors: `table_not_found` for any other absent table.
 */
export async function ensureTable(catalog: CatalogClient, identifier: TableIdentifier): Promise<Table> {
  try {
    return await catalog.loadTable(identifier);
  } catch (error) {
    const definition = tableDefinition(identifier);
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

function isAbsent(error: unknown): boolean {
  return error instanceof LakeError && (error.code === "table_not_found" || error.code === "namespace_not_found");
}
