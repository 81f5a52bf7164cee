// Resolution of a request against one table: defaults from its properties, sort columns against its schema.

import { LakeError, nearestName, unreachable } from "#core";
import type { DataType } from "#columnar";
import {
  canTransform,
  currentSchema,
  defaultSortOrder,
  fieldTransform,
  fieldsById,
  findColumn,
  findSingleValued,
  icebergTypeToStoredType,
  parseTransform,
  targetFileBytes,
  type IcebergField,
  type NullOrder,
  type SortField,
  type SortOrder,
  type TableMetadata,
} from "#iceberg";
import {
  invalidOption,
  requireMinBelowTarget,
  type CompactRequest,
  type LayoutRequest,
  type RewriteRequest,
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
  /** A column, or a field inside structs. */
  readonly fieldId: number;
  /** What of the field's value is ordered by: a transform's name, `identity` for the value. */
  readonly transform: string;
  readonly direction: "asc" | "desc";
  readonly nullOrder: NullOrder;
}

/** What a sort rewrite does. */
export interface ResolvedSort {
  readonly keys: readonly ResolvedSortKey[];
  /** The table's sort order that rows sorted so fulfil, if there is one. */
  readonly sortOrderId: number | undefined;
  /** Fields whose interleaved values order rows before the keys do; absent for a plain sort. */
  readonly zorder?: readonly number[];
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
      return { kind: "rewrite", sort: resolveSort(request, metadata), targetFileSizeBytes };
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

function resolveSort({ sort, zorder }: RewriteRequest, metadata: TableMetadata): ResolvedSort {
  if (zorder !== undefined) {
    // Rows that meet in one cell of the curve are sorted plainly, which packs well.
    const keys = zorder.map((column): ResolvedSortKey => {
      const field = findField(column, metadata, "zorder");
      requireSortable(field, column, "zorder");
      return { fieldId: field.id, transform: "identity", direction: "asc", nullOrder: "nulls-first" };
    });
    return { keys, sortOrderId: undefined, zorder: keys.map(({ fieldId }) => fieldId) };
  }
  const keys = sort === undefined ? tableSortKeys(metadata) : sort.map((key) => resolveKey(key, metadata));
  return { keys, sortOrderId: matchingSortOrder(keys, metadata) };
}

function resolveKey(key: SortColumn, metadata: TableMetadata): ResolvedSortKey {
  const { column, transform = "identity", direction, nullOrder } = key;
  const field = findField(column, metadata, "sort");
  const parsed = parseTransform(transform);
  if (parsed.kind === "void" || !canTransform(parsed, field.type)) {
    throw invalidOption("sort", `The column "${column}" cannot be sorted by ${transform}.`, { column });
  }
  if (parsed.kind === "identity") requireSortable(field, column, "sort");
  return { fieldId: field.id, transform, direction, nullOrder };
}

/** A column, or by its dotted path a field inside structs. Errors: `invalid_option`. */
function findField(path: string, metadata: TableMetadata, option: string): IcebergField {
  const schema = currentSchema(metadata);
  const column = findColumn(schema, path);
  if (column !== undefined) return column;
  const fields = [...fieldsById(schema).values()].filter(({ repeated }) => !repeated);
  const located = fields.find((candidate) => candidate.path === path);
  if (located !== undefined) return located.field;
  const nearest = nearestName(
    path,
    fields.map((candidate) => candidate.path),
  );
  throw invalidOption(
    option,
    `The table has no column "${path}".${nearest === undefined ? "" : ` Did you mean "${nearest}"?`}`,
    { column: path, ...(nearest === undefined ? {} : { nearest }) },
  );
}

function requireSortable(field: IcebergField, column: string, option: string): void {
  if (isSortable(icebergTypeToStoredType(field.type))) return;
  throw invalidOption(option, `The column "${column}" has a type without an order.`, { column });
}

/** Whether rows can be ordered by values of the type. */
function isSortable(type: DataType): boolean {
  const { kind } = type;
  if (kind === "binary") return type.stored === undefined;
  return kind !== "list" && kind !== "struct" && kind !== "map" && kind !== "interval" && kind !== "null";
}

/** The keys of the table's own order; `void` ones order nothing. Errors: `invalid_option`, `unsupported_operation`. */
function tableSortKeys(metadata: TableMetadata): ResolvedSortKey[] {
  const fields = orderingFields(defaultSortOrder(metadata));
  if (fields.length === 0) {
    throw invalidOption("sort", "The table has no sort order: name the columns to sort by.");
  }
  const schema = currentSchema(metadata);
  return fields.map((sortField): ResolvedSortKey => {
    const transform = fieldTransform(sortField);
    const field = findSingleValued(schema, sortField["source-id"]);
    if (field === undefined || !canTransform(transform, field.type)) {
      throw new LakeError(
        "unsupported_operation",
        `The table's sort order has ${sortField.transform} of field ${sortField["source-id"]}, which cannot be computed here: name the columns in sort. No job was started.`,
      );
    }
    if (transform.kind === "identity") requireSortable(field, field.name, "sort");
    return {
      fieldId: field.id,
      transform: sortField.transform,
      direction: sortField.direction,
      nullOrder: sortField["null-order"],
    };
  });
}

/** The fields of an order that order anything: `void` makes all rows equal. */
function orderingFields({ fields }: SortOrder): readonly SortField[] {
  return fields.filter((field) => fieldTransform(field).kind !== "void");
}

/**
 * The order that is fulfilled by rows sorted by `keys`: its fields are a prefix of the keys. The default order is
 * preferred, then the longest.
 */
function matchingSortOrder(keys: readonly ResolvedSortKey[], metadata: TableMetadata): number | undefined {
  const orders = metadata["sort-orders"].map((order) => ({ ...order, fields: orderingFields(order) }));
  const matching = orders.filter(
    ({ fields }) =>
      fields.length > 0 &&
      fields.length <= keys.length &&
      fields.every((field, index) => {
        const key = keys[index];
        return (
          key !== undefined &&
          field.transform === key.transform &&
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
