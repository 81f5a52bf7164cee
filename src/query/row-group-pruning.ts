// Which row groups of a file a scan may leave out by their statistics: for its own predicates, and for what is found while
// the query runs.

import type { DataType, Scalar } from "#columnar";
import type { ScanFile } from "#iceberg";
import type { ParquetColumn, ParquetMetadata, ParquetRowGroup } from "#parquet";
import {
  isComparable,
  matchesValue,
  mightMatch,
  mustMatch,
  type FieldPredicate,
  type ValueBounds,
} from "./field-predicate.ts";
import type { PageNarrowing } from "./page-pruning.ts";
import { isRuledOut, isValueRuledOut, type FileNarrowing, type NarrowingPredicate } from "./scan-narrowing.ts";

/** The leaves of a file by the ids of their top-level fields. */
export function leavesByFieldId(metadata: ParquetMetadata): ReadonlyMap<number, ParquetColumn> {
  const leaves = new Map<number, ParquetColumn>();
  for (const column of metadata.columns) {
    if (column.rootFieldId !== undefined) leaves.set(column.rootFieldId, column);
  }
  return leaves;
}

/** Whether statistics leave a row of the row group possible that fulfils the predicate. */
export function rowGroupMightMatch(
  predicate: FieldPredicate,
  rowGroup: ParquetRowGroup,
  leaves: ReadonlyMap<number, ParquetColumn>,
  constants: ReadonlyMap<number, Scalar>,
): boolean {
  const leaf = leaves.get(predicate.fieldId);
  if (leaf === undefined) return matchesValue(predicate, constants.get(predicate.fieldId) ?? null);
  const chunk = rowGroup.columns[leaf.leafIndex];
  if (chunk === undefined || comparableLeaf(predicate, leaves) === undefined) return true;
  const { nullCount, min, max } = chunk;
  return mightMatch(predicate, { rowCount: rowGroup.numRows, nullCount, min, max });
}

/** What narrows the reading of one file's row groups. */
export interface RowGroupNarrowing extends PageNarrowing {
  /** Row groups, best first. */
  order(rowGroups: readonly number[]): readonly number[];
  /** What rules a row group out by now. */
  excludes(rowGroup: number): NarrowingPredicate | undefined;
  /** The conditions that ask for single values. */
  equalities(): readonly NarrowingPredicate[];
}

/** What a scan asks of row groups. */
interface RowGroupConditions {
  readonly predicates: readonly FieldPredicate[];
  readonly narrowing?: FileNarrowing;
}

/** What narrows the row groups of a file while it is read; undefined where nothing is found while the query runs. */
export function narrowRowGroups(
  { narrowing, predicates }: RowGroupConditions,
  file: ScanFile,
  metadata: ParquetMetadata,
  leaves: ReadonlyMap<number, ParquetColumn>,
  constants: ReadonlyMap<number, Scalar>,
): RowGroupNarrowing | undefined {
  if (narrowing === undefined) return undefined;
  const boundsOf = (predicate: FieldPredicate, rowGroup: number): ValueBounds => {
    const { numRows, columns } = metadata.rowGroups[rowGroup] as ParquetRowGroup;
    const leaf = comparableLeaf(predicate, leaves);
    const { nullCount, min, max } = (leaf === undefined ? undefined : columns[leaf.leafIndex]) ?? {};
    return { rowCount: numRows, nullCount, min, max };
  };
  const { order } = narrowing;
  const isWhole = narrowing.wantsAll(file);
  const wantsAll = (rowGroup: number): boolean =>
    file.deletes.length === 0 &&
    (isWhole || predicates.every((predicate) => mustMatch(predicate, boundsOf(predicate, rowGroup))));
  return {
    wantsAll,
    columns: () => [...(order === undefined ? [] : [order]), ...narrowing.predicates()],
    predicates: () => narrowing.predicates(),
    learn: (rows) => narrowing.learn(rows),
    orderOf: () => order,
    order(rowGroups) {
      if (order === undefined) return rowGroups;
      narrowing.learn(rowGroups.map((each) => ({ ...boundsOf(order, each), allWanted: wantsAll(each) })));
      return narrowing.bestFirst(rowGroups, (each) => boundsOf(order, each));
    },
    excludes: (rowGroup) =>
      narrowing.predicates().find((predicate) => {
        if (!leaves.has(predicate.fieldId)) {
          return isValueRuledOut(predicate, constants.get(predicate.fieldId) ?? null);
        }
        return isRuledOut(predicate, boundsOf(predicate, rowGroup));
      }),
    equalities: () =>
      narrowing
        .predicates()
        .filter(({ operator, keepsNulls }) => !keepsNulls && (operator === "=" || operator === "in")),
  };
}

/** The leaf of a predicate's column, when its bounds can be compared with the predicate's values. */
export function comparableLeaf(
  { fieldId, type }: Pick<FieldPredicate, "fieldId" | "type">,
  leaves: ReadonlyMap<number, ParquetColumn>,
): ParquetColumn | undefined {
  const leaf = leaves.get(fieldId);
  if (leaf === undefined || leaf.path.length > 1 || leaf.maxRepetitionLevel > 0) return undefined;
  return isComparable(type) && sameOrder(leaf.type, type) ? leaf : undefined;
}

/** Whether bounds of a file's column are in the order of the table's column: the same type or a promotion of it. */
function sameOrder(fileType: DataType | undefined, tableType: DataType): boolean {
  if (fileType === undefined) return false;
  const promoted = `${fileType.kind}→${tableType.kind}`;
  return fileType.kind === tableType.kind || promoted === "int32→int64" || promoted === "float32→float64";
}
