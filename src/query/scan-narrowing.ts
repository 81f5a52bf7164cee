// What a scan of files leaves out because of what operators above it find while they run: files, row groups and pages
// behind the bound of a top-N sort, or without any key of a join's other side.

import type { DataType, Scalar } from "#columnar";
import {
  allFieldsById,
  singleValueToScalar,
  type DataFile,
  type IcebergColumn,
  type IcebergSchema,
  type ScanFile,
  type TableMetadata,
} from "#iceberg";
import type { ScanNarrowing, ScanOrder, ScanStatistics } from "#sql";
import {
  compareValues,
  isComparable,
  matchesValue,
  mightMatch,
  type FieldPredicate,
  type ValueBounds,
} from "./field-predicate.ts";
import { createFileProof, isNanoseconds } from "./file-proof.ts";

/** A condition found while the query runs, by field id. */
export interface NarrowingPredicate extends FieldPredicate {
  /** Rows whose column is NULL are wanted too. */
  readonly keepsNulls: boolean;
  readonly reason: string;
}

/** Some rows and what is known of them in the column of the order. */
export interface OrderedRows extends ValueBounds {
  /** Whether all of them live and fulfil the scan's own predicates. */
  readonly allWanted: boolean;
}

/** What narrows one scan of files while it runs. */
export interface FileNarrowing {
  /** The column whose first values are wanted. */
  readonly order: FieldPredicate | undefined;
  /** Few rows will do, or the first rows tell which others are needed: reading far ahead is waste. */
  readonly readsLittleAhead: boolean;
  /** What is known by now. */
  predicates(): readonly NarrowingPredicate[];
  /** The files with their indices, best first. */
  inOrder(files: readonly ScanFile[]): readonly (readonly [number, ScanFile])[];
  /** Sorts what has bounds in the order's column, best first. */
  bestFirst<T>(items: readonly T[], boundsOf: (item: T) => ValueBounds): readonly T[];
  /** Learns a bound from rows that come before others whatever they are. */
  learn(rows: readonly OrderedRows[]): void;
  /** The condition that rules out a file by its manifest entry; noted in the statistics. */
  excludesFile(file: ScanFile): boolean;
  /** Whether the scan's own predicates hold for all live rows of a file, and no row of it was deleted. */
  wantsAll(file: ScanFile): boolean;
}

/** What a narrowing is made for. */
export interface FileNarrowingRequest {
  readonly narrowing: ScanNarrowing;
  readonly metadata: TableMetadata;
  readonly schema: IcebergSchema;
  /** All columns of the table. */
  readonly columns: readonly IcebergColumn[];
  /** The scan's own predicates. */
  readonly predicates: readonly FieldPredicate[];
  readonly statistics: ScanStatistics;
}

/** Whether no row within the bounds is wanted: a proof. */
export function isRuledOut(predicate: NarrowingPredicate, bounds: ValueBounds): boolean {
  if (predicate.keepsNulls && bounds.nullCount !== 0) return false;
  return !mightMatch(predicate, bounds);
}

/** Whether rows whose column is the value are unwanted. */
export function isValueRuledOut(predicate: NarrowingPredicate, value: Scalar): boolean {
  if (predicate.keepsNulls && value === null) return false;
  return !matchesValue(predicate, value);
}

/** Creates what narrows one scan. */
export function createFileNarrowing(request: FileNarrowingRequest): FileNarrowing {
  const { narrowing, metadata, schema, columns, statistics } = request;
  const fields = allFieldsById(metadata);
  const order = orderOf(narrowing.order, columns);
  let seed: Scalar | undefined;

  const boundsOf = (file: DataFile, { fieldId, type }: FieldPredicate): ValueBounds => {
    const nullCount = file.nullValueCounts.get(fieldId);
    const icebergType = fields.get(fieldId)?.field.type;
    const lower = file.lowerBounds.get(fieldId);
    const upper = file.upperBounds.get(fieldId);
    const bound = (bytes: Uint8Array | undefined): Scalar | undefined => {
      if (bytes === undefined || typeof icebergType !== "string" || !hasOrderedBounds(icebergType, type))
        return undefined;
      const value = singleValueToScalar(icebergType, bytes);
      return Number.isNaN(value) ? undefined : value;
    };
    return { rowCount: file.recordCount, nullCount, min: bound(lower), max: bound(upper) };
  };

  const told = (): readonly NarrowingPredicate[] => {
    const seeded: NarrowingPredicate[] =
      order === undefined || seed === undefined
        ? []
        : [
            {
              ...order.column,
              operator: order.descending ? ">=" : "<=",
              values: [seed],
              keepsNulls: order.nullsFirst,
              reason: "top-N bound",
            },
          ];
    return [
      ...seeded,
      ...narrowing.predicates().flatMap(({ column, operator, values, keepsNulls, reason }) => {
        const found = columns[column];
        if (found === undefined || !isComparable(found.type)) return [];
        const { fieldId, name, type } = found;
        return [{ fieldId, name, type, operator, values, keepsNulls, reason }];
      }),
    ];
  };

  /** At or behind every row in the order; undefined when it is not known. */
  const worstOf = ({ min, max }: ValueBounds): Scalar | undefined => (order?.descending === true ? min : max);

  const proves = createFileProof(metadata, schema, request.predicates);
  const wantsAll = (file: ScanFile): boolean => file.deletes.length === 0 && proves(file);

  const narrower: FileNarrowing = {
    order: order?.column,
    readsLittleAhead: narrowing.stopsEarly || order !== undefined,
    predicates: told,
    wantsAll,
    inOrder(files) {
      const entries = [...files.entries()];
      if (order === undefined) return entries;
      const known = new Map(files.map((file) => [file, boundsOf(file.dataFile, order.column)]));
      const bounds = (file: ScanFile): ValueBounds => known.get(file) ?? UNKNOWN;
      narrower.learn(files.map((file) => ({ ...bounds(file), allWanted: order.countsAll && wantsAll(file) })));
      return narrower.bestFirst(entries, ([, file]) => bounds(file));
    },
    bestFirst(items, boundsOfItem) {
      if (order === undefined) return items;
      const { descending, nullsFirst } = order;
      const keyed = items.map((item) => {
        const { min, max, nullCount } = boundsOfItem(item);
        const best = descending ? max : min;
        return { item, best, rank: nullsFirst && nullCount !== 0 ? 0 : best === undefined ? 2 : 1 };
      });
      return keyed
        .toSorted((a, b) => {
          if (a.rank !== b.rank) return a.rank - b.rank;
          if (a.best === undefined || b.best === undefined) return 0;
          return compareValues(a.best, b.best) * (descending ? -1 : 1);
        })
        .map(({ item }) => item);
    },
    learn(rows) {
      if (order === undefined || !order.countsAll) return;
      const { descending, nullsFirst } = order;
      // NaN lies behind every bound of an ascending order.
      if (!descending && (order.column.type.kind === "float32" || order.column.type.kind === "float64")) return;
      const counted = rows.flatMap((each) => {
        const worst = worstOf(each);
        const count = nullsFirst ? each.rowCount : each.nullCount === undefined ? 0 : each.rowCount - each.nullCount;
        return each.allWanted && worst !== undefined && count > 0 ? [{ worst, count }] : [];
      });
      const direction = descending ? -1 : 1;
      let left = order.rows;
      for (const { worst, count } of counted.toSorted((a, b) => compareValues(a.worst, b.worst) * direction)) {
        left -= count;
        if (left > 0) continue;
        if (seed === undefined || compareValues(worst, seed) * direction < 0) seed = worst;
        return;
      }
    },
    excludesFile({ dataFile }) {
      const failing = told().find((predicate) => isRuledOut(predicate, boundsOf(dataFile, predicate)));
      if (failing !== undefined) notePrunedFile(statistics, narrowingReason(failing));
      return failing !== undefined;
    },
  };
  return narrower;
}

const UNKNOWN: ValueBounds = { rowCount: 0, nullCount: undefined, min: undefined, max: undefined };

/** How a condition is named where it left something out. */
export function narrowingReason({ reason, name }: NarrowingPredicate): string {
  return `${reason} of ${name}`;
}

/** Whether the bounds in manifests are in the order of the engine's values, and in their unit. */
function hasOrderedBounds(icebergType: string, type: DataType): boolean {
  // Engines order uuids differently; nanoseconds are not what the engine counts in.
  return isComparable(type) && icebergType !== "uuid" && !isNanoseconds(icebergType);
}

interface FieldOrder extends Omit<ScanOrder, "column"> {
  readonly column: FieldPredicate;
}

function orderOf(order: ScanOrder | undefined, columns: readonly IcebergColumn[]): FieldOrder | undefined {
  const column = order === undefined ? undefined : columns[order.column];
  if (order === undefined || column === undefined || !isComparable(column.type)) return undefined;
  const { fieldId, name, type } = column;
  return { ...order, column: { fieldId, name, type, operator: "is_not_null", values: [] } };
}

function notePrunedFile(statistics: ScanStatistics, reason: string): void {
  const at = statistics.pruning.findIndex((entry) => entry.reason === reason);
  const before = statistics.pruning[at];
  if (before === undefined) statistics.pruning.push({ reason, files: 1, rowGroups: 0 });
  else statistics.pruning[at] = { ...before, files: before.files + 1 };
}
