// Columns that are in no file and travel through a sort beside the rows: what rows are ordered by when that is not a
// column itself.

import { LakeError, stringifyJson } from "#core";
import { constantVector, scalarAt, vectorFromScalars, type Batch, type Scalar, type Vector } from "#columnar";
import {
  applyTransform,
  currentSchema,
  defaultSpec,
  fieldVector,
  findSingleValued,
  icebergTypeToStoredType,
  parseTransform,
  splitByPartition,
  transformResultType,
  type IcebergColumn,
  type IcebergSchema,
  type TableMetadata,
} from "#iceberg";
import type { ResolvedSortKey } from "./resolve.ts";
import type { SortKey } from "./sort-rows.ts";

/** A column computed from the others of its batch. */
export interface DerivedColumn {
  /** Its field id is in no file. */
  readonly column: IcebergColumn;
  compute(batch: Batch): Vector;
}

/** What a sort orders by: columns to add behind those there are, and keys over all of them. */
export interface SortColumns {
  readonly derived: readonly DerivedColumn[];
  readonly keys: readonly SortKey[];
}

/** Ids that no table gives its fields: they are reserved from the top, and derived columns take these downwards. */
const FIRST_DERIVED_FIELD_ID = 2_147_480_000;

/** Results remembered of a transform; a column of all different values should not be held twice. */
const MAX_REMEMBERED = 65_536;

/** The rows with the derived columns behind their own. */
export async function* withDerivedColumns(
  source: AsyncIterable<Batch>,
  derived: readonly DerivedColumn[],
): AsyncGenerator<Batch> {
  for await (const batch of source) {
    const added = derived.map((column) => column.compute(batch));
    yield { rowCount: batch.rowCount, columns: [...batch.columns, ...added] };
  }
}

/**
 * Orders by `first`, ascending, and then by the keys of a sort over columns that begin with those of the schema.
 *
 * Errors: `invalid_option` when a key's column was dropped.
 */
export function sortColumns(
  metadata: TableMetadata,
  columnCount: number,
  first: readonly DerivedColumn[],
  keys: readonly ResolvedSortKey[],
): SortColumns {
  const schema = currentSchema(metadata);
  const derived = [...first];
  const sortKeys: SortKey[] = first.map((_, index) => ({
    column: columnCount + index,
    direction: "asc",
    nullOrder: "nulls-first",
  }));
  for (const key of keys) {
    const { direction, nullOrder } = key;
    const plain = key.transform === "identity" ? schema.fields.findIndex(({ id }) => id === key.fieldId) : -1;
    if (plain >= 0) {
      sortKeys.push({ column: plain, direction, nullOrder });
      continue;
    }
    sortKeys.push({ column: columnCount + derived.length, direction, nullOrder });
    derived.push(transformColumn(schema, key, derived.length));
  }
  return { derived, keys: sortKeys };
}

/** Each row's partition path under the default spec. */
export function partitionPathColumn(metadata: TableMetadata, index: number): DerivedColumn {
  const schema = currentSchema(metadata);
  const spec = defaultSpec(metadata);
  const type = { kind: "string" } as const;
  return {
    column: derivedColumn("_partition_path", type, index),
    compute(batch) {
      const parts = splitByPartition(batch, schema, spec);
      const paths = parts.map(({ path }) => path);
      if (paths.length <= 1) return constantVector(type, paths[0] ?? "", batch.rowCount);
      const codes = new Int32Array(batch.rowCount);
      parts.forEach(({ rows }, code) => {
        for (const row of rows) codes[row] = code;
      });
      return {
        encoding: "dictionary",
        type,
        length: batch.rowCount,
        codes,
        dictionary: { encoding: "flat", type, length: paths.length, values: paths, validity: undefined },
        validity: undefined,
      };
    },
  };
}

/** A derived column's schema, `index` among those of one sort. */
export function derivedColumn(name: string, type: IcebergColumn["type"], index: number): IcebergColumn {
  return { name, fieldId: FIRST_DERIVED_FIELD_ID - index, type, nullable: true };
}

/** A transform of a field, or a field inside a struct. */
function transformColumn(schema: IcebergSchema, key: ResolvedSortKey, index: number): DerivedColumn {
  const field = findSingleValued(schema, key.fieldId);
  if (field === undefined) throw columnIsGone();
  const transform = parseTransform(key.transform);
  const type = icebergTypeToStoredType(transformResultType(transform, field.type));
  return {
    column: derivedColumn(`_sort_${index}`, type, index),
    compute(batch) {
      const source = fieldVector(batch, schema, key.fieldId);
      if (source === undefined) throw columnIsGone();
      if (transform.kind === "identity") return source.vector;
      return mapVector(source.vector, type, (value) => applyTransform(transform, field.type, value));
    },
  };
}

/** The error of a sort whose column the table no longer has. */
export function columnIsGone(): LakeError {
  return new LakeError("invalid_option", "A sort column was dropped from the table meanwhile.");
}

/** A function of each value; computed once for values that repeat. */
function mapVector(vector: Vector, type: IcebergColumn["type"], map: (value: Scalar) => Scalar): Vector {
  const { length } = vector;
  if (vector.encoding === "constant") return constantVector(type, map(vector.value), length);
  const known = new Map<unknown, Scalar>();
  const mapped: Scalar[] = [];
  for (let row = 0; row < length; row++) {
    const value = scalarAt(vector, row);
    const key = typeof value === "object" && value !== null ? objectKey(value) : value;
    let result = known.get(key);
    if (result === undefined) {
      result = map(value);
      if (known.size >= MAX_REMEMBERED) known.clear();
      known.set(key, result);
    }
    mapped.push(result);
  }
  return vectorFromScalars(type, mapped);
}

/** Equal for equal bytes and decimals. */
function objectKey(value: object): string {
  return value instanceof Uint8Array ? value.join(",") : stringifyJson(value);
}
