// Resolution of a request against one table: defaults from its properties, sort columns against its schema.

import { LakeError, nearestName, unreachable } from "#core";
import type { DataType } from "#columnar";
import {
  currentSchema,
  defaultSortOrder,
  findColumn,
  icebergTypeToDataType,
  targetFileBytes,
  type IcebergField,
  type NullOrder,
  type TableMetadata,
} from "#iceberg";
import {
  invalidOption,
  requireMinBelowTarget,
  type CompactRequest,
  type LayoutRequest,
  type SortColumn,
} from "./options.ts";
import type { CompactPlanOptions } from "./plan.ts";

/** Iceberg's min-file-size-default-ratio: smaller files are worth merging. */
const MIN_SIZE_RATIO = 0.75;

/** Iceberg's max-file-size-default-ratio: larger files are worth splitting. */
const MAX_SIZE_RATIO = 1.8;

/** Iceberg's min-input-files default. */
const DEFAULT_MIN_INPUT_FILES = 5;

/** Delete files of a data file that cost a scan about what reading the file does. */
const DEFAULT_DELETE_FILES = 5;

/** Iceberg's delete-ratio-threshold default. */
const DEFAULT_DELETE_RATIO = 0.3;

/** The fewest files whose merge removes one. */
const AGGRESSIVE_MIN_INPUT_FILES = 2;

/** One key to sort by, resolved to a field. */
export interface ResolvedSortKey {
  readonly fieldId: number;
  readonly direction: "asc" | "desc";
  readonly nullOrder: NullOrder;
}

/** What a sort rewrite does. */
export interface ResolvedSort {
  readonly keys: readonly ResolvedSortKey[];
  /** The table's sort order that rows sorted so fulfil, if there is one. */
  readonly sortOrderId: number | undefined;
}

/** A request with every default decided. */
export type ResolvedRequest =
  | { readonly kind: "compact"; readonly plan: CompactPlanOptions }
  | { readonly kind: "rewrite"; readonly sort: ResolvedSort; readonly targetFileSizeBytes: number };

/**
 * Decides every default of a request for a table.
 *
 * Errors: `invalid_option` for unknown or unsortable columns, a minimum above the target, or a sort rewrite
 * without keys on an unsorted table.
 */
export function resolveRequest(request: LayoutRequest, metadata: TableMetadata): ResolvedRequest {
  const targetFileSizeBytes = request.targetFileSizeBytes ?? targetFileBytes(metadata.properties);
  switch (request.kind) {
    case "compact":
      return { kind: "compact", plan: resolveCompact(request, metadata, targetFileSizeBytes) };
    case "rewrite":
      return { kind: "rewrite", sort: resolveSort(request.sort, metadata), targetFileSizeBytes };
    default:
      return unreachable(request);
  }
}

function resolveCompact(
  request: CompactRequest,
  metadata: TableMetadata,
  targetFileSizeBytes: number,
): CompactPlanOptions {
  if (request.minFileSizeBytes !== undefined) requireMinBelowTarget(request.minFileSizeBytes, targetFileSizeBytes);
  return {
    targetFileSizeBytes,
    minFileSizeBytes: request.minFileSizeBytes ?? Math.floor(targetFileSizeBytes * MIN_SIZE_RATIO),
    maxFileSizeBytes: Math.floor(targetFileSizeBytes * MAX_SIZE_RATIO),
    minInputFiles: request.minInputFiles ?? (request.aggressive ? AGGRESSIVE_MIN_INPUT_FILES : DEFAULT_MIN_INPUT_FILES),
    outputSpecId: metadata["default-spec-id"],
    deleteFileThreshold: request.deleteFileThreshold ?? (request.aggressive ? 1 : DEFAULT_DELETE_FILES),
    deleteRatio: request.deleteRatio ?? DEFAULT_DELETE_RATIO,
  };
}

function resolveSort(requested: readonly SortColumn[] | undefined, metadata: TableMetadata): ResolvedSort {
  const keys = requested === undefined ? tableSortKeys(metadata) : requested.map((key) => resolveKey(key, metadata));
  return { keys, sortOrderId: matchingSortOrder(keys, metadata) };
}

function resolveKey(key: SortColumn, metadata: TableMetadata): ResolvedSortKey {
  const schema = currentSchema(metadata);
  const field = findColumn(schema, key.column);
  if (field === undefined) {
    const nearest = nearestName(
      key.column,
      schema.fields.map(({ name }) => name),
    );
    throw invalidOption(
      "sort",
      `The table has no column "${key.column}".${nearest === undefined ? "" : ` Did you mean "${nearest}"?`}`,
      { column: key.column, ...(nearest === undefined ? {} : { nearest }) },
    );
  }
  requireSortable(field);
  return { fieldId: field.id, direction: key.direction, nullOrder: key.nullOrder };
}

function requireSortable(field: IcebergField): void {
  if (isSortable(icebergTypeToDataType(field.type))) return;
  throw invalidOption("sort", `The column "${field.name}" has a type without an order.`, { column: field.name });
}

/** Whether rows can be ordered by values of the type. */
function isSortable(type: DataType): boolean {
  return type.kind !== "list" && type.kind !== "struct" && type.kind !== "map" && type.kind !== "interval";
}

function tableSortKeys(metadata: TableMetadata): ResolvedSortKey[] {
  const { fields } = defaultSortOrder(metadata);
  if (fields.length === 0) {
    throw invalidOption("sort", "The table has no sort order: name the columns to sort by.");
  }
  const schema = currentSchema(metadata);
  return fields.map((sortField) => {
    const field = schema.fields.find(({ id }) => id === sortField["source-id"]);
    if (field === undefined || sortField.transform !== "identity") {
      throw new LakeError(
        "unsupported_operation",
        "The table's sort order uses a transform or nested column: name plain columns in sort. No job was started.",
      );
    }
    requireSortable(field);
    return { fieldId: field.id, direction: sortField.direction, nullOrder: sortField["null-order"] };
  });
}

/**
 * The order that is fulfilled by rows sorted by `keys`: its fields are a prefix of the keys. The default order is
 * preferred, then the longest.
 */
function matchingSortOrder(keys: readonly ResolvedSortKey[], metadata: TableMetadata): number | undefined {
  const matching = metadata["sort-orders"].filter(
    ({ fields }) =>
      fields.length > 0 &&
      fields.length <= keys.length &&
      fields.every((field, index) => {
        const key = keys[index];
        return (
          field.transform === "identity" &&
          key !== undefined &&
          field["source-id"] === key.fieldId &&
          field.direction === key.direction &&
          field["null-order"] === key.nullOrder
        );
      }),
  );
  const isDefault = (orderId: number): boolean => orderId === metadata["default-sort-order-id"];
  return matching.toSorted(
    (a, b) => Number(isDefault(b["order-id"])) - Number(isDefault(a["order-id"])) || b.fields.length - a.fields.length,
  )[0]?.["order-id"];
}
