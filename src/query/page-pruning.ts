// Rows of a file's row groups that the bounds of their pages rule out.

import {
  intersectRows,
  joinRows,
  loadPageIndexes,
  type PageIndexes,
  type PageIndexWant,
  type ParquetColumn,
  type ParquetColumnChunk,
  type ParquetMetadata,
  type ParquetRowGroup,
  type RangeReader,
  type RowRange,
  type WantedRows,
} from "#parquet";
import { mightMatch, mustMatch, type FieldPredicate, type ValueBounds } from "./field-predicate.ts";
import { isRuledOut, type NarrowingPredicate, type OrderedRows } from "./scan-narrowing.ts";

/** Row groups whose wanted chunks take less than this together are read whole: indexes cost a request, bytes. */
const MIN_PAGED_BYTES = 128 * 1024;
/** Indexes are read when they take at most this part of the chunks. */
const MAX_INDEX_SHARE = 0.25;

/** What may be skipped within a file's row groups. */
export interface PagePruning {
  /** Undefined when nothing of the row group is ruled out. */
  wantedRows(rowGroup: number): Promise<PrunedRows | undefined>;
}

/** The rows of a row group that remain; `ranges` may be empty. */
export interface PrunedRows extends WantedRows {
  /** The predicates that ruled rows out. */
  readonly by: readonly FieldPredicate[];
  readonly rowsSkipped: number;
  /** Pages of the wanted columns that need not be fetched. */
  readonly pagesSkipped: number;
}

/** What to prune, of which file. */
export interface PagePruningRequest {
  readonly reader: RangeReader;
  readonly metadata: ParquetMetadata;
  /** Row groups that may hold matching rows. */
  readonly rowGroups: readonly number[];
  readonly predicates: readonly FieldPredicate[];
  /** Leaf of a field whose stored bounds are in the order of the predicate's values; undefined when there is none. */
  leafOf(predicate: FieldPredicate): ParquetColumn | undefined;
  /** Leaves that will be read. */
  readonly leaves: readonly ParquetColumn[];
  /** What is found while the query runs. */
  readonly narrowing?: PageNarrowing;
}

/** What narrows the pages of a file while its row groups are read. */
export interface PageNarrowing {
  /** The columns on which there are conditions, or may be before the file is read to its end. */
  columns(): readonly FieldPredicate[];
  /** The conditions known by now. */
  predicates(): readonly NarrowingPredicate[];
  /** The column whose first values are wanted. */
  orderOf(): FieldPredicate | undefined;
  /** Whether all rows of a row group live and fulfil the scan's own predicates. */
  wantsAll(rowGroup: number): boolean;
  learn(rows: readonly OrderedRows[]): void;
}

/**
 * Plans skipping pages. Nothing is read before the first call of `wantedRows`, which reads the indexes of all row
 * groups at once, where they can help: see loadPageIndexes for the cost.
 */
export function planPagePruning(request: PagePruningRequest): PagePruning {
  const { metadata, reader, leaves } = request;
  const tests = request.rowGroups.flatMap((rowGroup) => {
    const group = metadata.rowGroups[rowGroup] as ParquetRowGroup;
    return request.predicates.flatMap((predicate) => {
      const column = request.leafOf(predicate);
      const chunk = column === undefined ? undefined : group.columns[column.leafIndex];
      const canHelp = chunk?.columnIndex !== undefined && chunk.offsetIndex !== undefined && group.numRows > 1;
      if (column === undefined || !canHelp || mustMatch(predicate, chunkBounds(group, chunk))) return [];
      return [{ rowGroup, predicate, column }];
    });
  });
  const { narrowing } = request;
  const narrowable = request.rowGroups.flatMap((rowGroup) => {
    const group = metadata.rowGroups[rowGroup] as ParquetRowGroup;
    return (narrowing?.columns() ?? []).flatMap((predicate) => {
      const column = request.leafOf(predicate);
      const chunk = column === undefined ? undefined : group.columns[column.leafIndex];
      const canHelp = chunk?.columnIndex !== undefined && chunk.offsetIndex !== undefined && group.numRows > 1;
      return column !== undefined && canHelp ? [{ rowGroup, predicate, column }] : [];
    });
  });
  const indexed = [...tests, ...narrowable];
  const tested = new Set(indexed.map(({ rowGroup }) => rowGroup));
  let loading: Promise<PageIndexes | undefined> | undefined;

  function load(): Promise<PageIndexes | undefined> {
    const wants = new Map<string, PageIndexWant>();
    for (const rowGroup of tested) {
      for (const { leafIndex } of leaves) wants.set(`${rowGroup}.${leafIndex}`, { rowGroup, leafIndex, bounds: false });
    }
    for (const { rowGroup, column } of indexed) {
      const { leafIndex } = column;
      wants.set(`${rowGroup}.${leafIndex}`, { rowGroup, leafIndex, bounds: true });
    }
    const chunks = [...wants.values()].map((want) => ({ want, chunk: chunkOf(metadata, want) }));
    const dataBytes = chunks.reduce((sum, { chunk }) => sum + (chunk?.compressedBytes ?? 0), 0);
    const indexBytes = chunks.reduce((sum, { want, chunk }) => {
      return sum + (chunk?.offsetIndex?.length ?? 0) + (want.bounds ? (chunk?.columnIndex?.length ?? 0) : 0);
    }, 0);
    if (dataBytes < MIN_PAGED_BYTES || indexBytes > dataBytes * MAX_INDEX_SHARE) return Promise.resolve(undefined);
    return loadPageIndexes(reader, metadata, [...wants.values()]);
  }

  return {
    async wantedRows(rowGroup) {
      if (!tested.has(rowGroup)) return undefined;
      loading ??= load();
      const indexes = await loading;
      if (indexes === undefined) return undefined;
      const { numRows } = metadata.rowGroups[rowGroup] as ParquetRowGroup;
      let ranges: readonly RowRange[] = [{ start: 0, end: numRows }];
      const by: FieldPredicate[] = [];
      const keep = (predicate: FieldPredicate, left: readonly RowRange[] | undefined): void => {
        if (left === undefined) return;
        const remaining = intersectRows(ranges, left);
        if (countRows(remaining) < countRows(ranges)) by.push(predicate);
        ranges = remaining;
      };
      for (const test of tests) {
        if (test.rowGroup === rowGroup) {
          keep(
            test.predicate,
            remainingRows(indexes, test, (bounds) => mightMatch(test.predicate, bounds)),
          );
        }
      }
      if (narrowing !== undefined) {
        learnFromPages(narrowing, indexes, rowGroup, request);
        for (const predicate of narrowing.predicates()) {
          const column = request.leafOf(predicate);
          if (column === undefined) continue;
          keep(
            predicate,
            remainingRows(indexes, { rowGroup, column }, (bounds) => !isRuledOut(predicate, bounds)),
          );
        }
      }
      if (by.length === 0) return undefined;
      const pagesOf = (leafIndex: number): ReturnType<WantedRows["pagesOf"]> => indexes.pagesOf(rowGroup, leafIndex);
      return {
        by,
        ranges,
        pagesOf,
        rowsSkipped: numRows - countRows(ranges),
        pagesSkipped: leaves.reduce((sum, { leafIndex }) => sum + pagesOutside(pagesOf(leafIndex) ?? [], ranges), 0),
      };
    },
  };
}

function chunkOf(metadata: ParquetMetadata, { rowGroup, leafIndex }: PageIndexWant): ParquetColumnChunk | undefined {
  return metadata.rowGroups[rowGroup]?.columns[leafIndex];
}

function chunkBounds({ numRows }: ParquetRowGroup, { nullCount, min, max }: ParquetColumnChunk): ValueBounds {
  return { rowCount: numRows, nullCount, min, max };
}

/** Rows of the pages that may hold a matching one; undefined when the index says nothing. */
function remainingRows(
  indexes: PageIndexes,
  { rowGroup, column }: { readonly rowGroup: number; readonly column: ParquetColumn },
  might: (bounds: ValueBounds) => boolean,
): RowRange[] | undefined {
  const pages = indexes.pagesOf(rowGroup, column.leafIndex);
  const bounds = indexes.boundsOf(rowGroup, column.leafIndex);
  if (pages === undefined || bounds === undefined) return undefined;
  const remaining = pages.filter(({ start, end }, page) => {
    const known = bounds[page];
    return known === undefined || might({ rowCount: end - start, ...known });
  });
  return joinRows(remaining);
}

/** The pages of a row group tell where enough rows of an order are. */
function learnFromPages(
  narrowing: PageNarrowing,
  indexes: PageIndexes,
  rowGroup: number,
  request: PagePruningRequest,
): void {
  const order = narrowing.orderOf();
  const leafIndex = order === undefined ? undefined : request.leafOf(order)?.leafIndex;
  if (order === undefined || leafIndex === undefined) return;
  const pages = indexes.pagesOf(rowGroup, leafIndex);
  const bounds = indexes.boundsOf(rowGroup, leafIndex);
  if (pages === undefined || bounds === undefined) return;
  const isWhole = narrowing.wantsAll(rowGroup);
  narrowing.learn(
    pages.flatMap(({ start, end }, page) => {
      const known = bounds[page];
      return known === undefined ? [] : [{ rowCount: end - start, ...known, allWanted: isWhole }];
    }),
  );
}

function countRows(ranges: readonly RowRange[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0);
}

function pagesOutside(pages: readonly RowRange[], ranges: readonly RowRange[]): number {
  return pages.filter((page) => !ranges.some(({ start, end }) => start < page.end && page.start < end)).length;
}
