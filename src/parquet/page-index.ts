// A chunk's page index: what every page holds at most (ColumnIndex) and where it lies (OffsetIndex).
// Source: https://github.com/apache/parquet-format/blob/master/PageIndex.md
//
// | ColumnIndex | | OffsetIndex | |
// |---|---|---|---|
// | 1 | null_pages: list of bool | 1 | page_locations: list of PageLocation |
// | 2, 3 | min_values, max_values: list of binary | PageLocation 1 | offset in the file |
// | 4 | boundary_order | PageLocation 2 | size, header included |
// | 5 | null_counts: list of i64, optional | PageLocation 3 | first row within the row group |

import {
  ByteCursor,
  corruptData,
  readThriftStruct,
  thriftInteger,
  thriftList,
  thriftStructs,
  type ThriftStruct,
} from "#codec";
import { LakeError } from "#core";
import type { Scalar } from "#columnar";
import { readSlices } from "./chunk-reads.ts";
import type {
  FileSlice,
  ParquetColumn,
  ParquetColumnChunk,
  ParquetMetadata,
  ParquetRowGroup,
  RangeReader,
} from "./metadata.ts";
import type { RowRange } from "./row-ranges.ts";
import { readBounds } from "./statistics.ts";

/** Where a data page lies. */
export interface PagePlacement extends RowRange {
  /** In the file; header included. */
  readonly offset: number;
  readonly length: number;
}

/** What is known of a page's values; undefined parts are unknown. */
export interface PageBounds {
  readonly nullCount: number | undefined;
  /** At or below every value that is neither null nor NaN. */
  readonly min: Scalar | undefined;
  readonly max: Scalar | undefined;
}

const COLUMN_INDEX = { nullPages: 1, minValues: 2, maxValues: 3, nullCounts: 5 } as const;
const LOCATIONS = 1;
const LOCATION = { offset: 1, size: 2, firstRow: 3 } as const;

/**
 * Parses an OffsetIndex: the data pages of a chunk in order, which together hold all rows of the row group.
 * Errors: `data_invalid` when pages lie outside the chunk, overlap, or their rows do not follow each other.
 */
export function parseOffsetIndex(
  bytes: Uint8Array,
  chunk: ParquetColumnChunk,
  group: ParquetRowGroup,
): PagePlacement[] {
  const locations = thriftStructs(readThriftStruct(new ByteCursor(bytes)), LOCATIONS);
  const chunkEnd = chunk.offset + chunk.compressedBytes;
  let previousEnd = chunk.offset;
  return locations.map((location, index) => {
    const next = locations[index + 1];
    const offset = integer(location, LOCATION.offset);
    const length = integer(location, LOCATION.size);
    const start = integer(location, LOCATION.firstRow);
    const end = next === undefined ? group.numRows : integer(next, LOCATION.firstRow);
    if (offset < previousEnd || length <= 0 || offset + length > chunkEnd) {
      throw corruptData("a page index points outside its column chunk");
    }
    if (start < 0 || end < start || end > group.numRows || (index === 0 && start !== 0)) {
      throw corruptData("the rows of a page index do not follow each other");
    }
    previousEnd = offset + length;
    return { offset, length, start, end };
  });
}

function integer(struct: ThriftStruct, id: number): number {
  const value = thriftInteger(struct, id);
  if (value === undefined) throw corruptData("a page index lacks a number");
  return value;
}

/**
 * Parses a ColumnIndex into one entry for each of the pages; undefined when it is for another number of
 * pages. Errors: `data_invalid` when it is no thrift.
 */
export function parseColumnIndex(
  bytes: Uint8Array,
  column: ParquetColumn,
  pages: readonly RowRange[],
): PageBounds[] | undefined {
  const struct = readThriftStruct(new ByteCursor(bytes));
  const nullPages = thriftList(struct, COLUMN_INDEX.nullPages)?.items ?? [];
  const lower = thriftList(struct, COLUMN_INDEX.minValues)?.items ?? [];
  const upper = thriftList(struct, COLUMN_INDEX.maxValues)?.items ?? [];
  const nullCounts = thriftList(struct, COLUMN_INDEX.nullCounts)?.items;
  if ([nullPages, lower, upper].some((list) => list.length !== pages.length)) return undefined;
  return pages.map(({ start, end }, page) => {
    const nullCount = nullCounts?.[page];
    const known = typeof nullCount === "number" && nullCount >= 0 ? nullCount : undefined;
    if (nullPages[page] === true) return { nullCount: end - start, min: undefined, max: undefined };
    return { nullCount: known, ...readBounds(lower[page], upper[page], column) };
  });
}

/** A chunk whose page index is wanted. */
export interface PageIndexWant {
  readonly rowGroup: number;
  readonly leafIndex: number;
  /** Whether bounds are wanted beside places. */
  readonly bounds: boolean;
}

/** What page indexes say of a file's chunks; undefined where they say nothing, or nothing sensible. */
export interface PageIndexes {
  pagesOf(rowGroup: number, leafIndex: number): readonly PagePlacement[] | undefined;
  boundsOf(rowGroup: number, leafIndex: number): readonly PageBounds[] | undefined;
}

/** What was parsed of a chunk's index; null where it made no sense. */
interface KnownIndex {
  places?: readonly PagePlacement[] | null;
  bounds?: readonly PageBounds[] | null;
}

/** Lives as long as the footers do, whose keepers count {@link knownIndexBytes}. */
const known = new WeakMap<ParquetColumnChunk, KnownIndex>();

/** Encoded size of the page indexes that were read of a file so far. */
export function knownIndexBytes({ rowGroups }: ParquetMetadata): number {
  let bytes = 0;
  for (const { columns } of rowGroups) {
    for (const chunk of columns) {
      const index = known.get(chunk);
      if (index?.places !== undefined) bytes += chunk.offsetIndex?.length ?? 0;
      if (index?.bounds !== undefined) bytes += chunk.columnIndex?.length ?? 0;
    }
  }
  return bytes;
}

/**
 * The page indexes of some chunks. Cost: at most one request for each run of indexes with gaps of at most 64 KiB, which
 * is one a file as writers place them; none for those read before, which are remembered as long as `metadata` lives.
 * Errors: those of the reader.
 */
export async function loadPageIndexes(
  reader: RangeReader,
  metadata: ParquetMetadata,
  wants: readonly PageIndexWant[],
): Promise<PageIndexes> {
  const slices = new Set<FileSlice>();
  for (const want of wants) {
    const chunk = chunkAt(metadata, want.rowGroup, want.leafIndex);
    if (chunk?.offsetIndex === undefined) continue;
    const index = known.get(chunk);
    if (index?.places === undefined) slices.add(chunk.offsetIndex);
    if (want.bounds && index?.bounds === undefined && chunk.columnIndex !== undefined) slices.add(chunk.columnIndex);
  }
  const bytesBySlice = slices.size === 0 ? new Map<FileSlice, Uint8Array>() : await readSlices(reader, slices);
  for (const want of wants) remember(metadata, want, bytesBySlice);
  const indexOf = (rowGroup: number, leafIndex: number): KnownIndex | undefined => {
    const chunk = chunkAt(metadata, rowGroup, leafIndex);
    return chunk === undefined ? undefined : known.get(chunk);
  };
  return {
    pagesOf: (rowGroup, leafIndex) => indexOf(rowGroup, leafIndex)?.places ?? undefined,
    boundsOf: (rowGroup, leafIndex) => indexOf(rowGroup, leafIndex)?.bounds ?? undefined,
  };
}

function chunkAt(metadata: ParquetMetadata, rowGroup: number, leafIndex: number): ParquetColumnChunk | undefined {
  return metadata.rowGroups[rowGroup]?.columns[leafIndex];
}

function remember(
  metadata: ParquetMetadata,
  { rowGroup, leafIndex }: PageIndexWant,
  bytesBySlice: ReadonlyMap<FileSlice, Uint8Array>,
): void {
  const group = metadata.rowGroups[rowGroup];
  const chunk = group?.columns[leafIndex];
  const column = metadata.columns[leafIndex];
  if (group === undefined || chunk === undefined || column === undefined) return;
  const index = known.get(chunk) ?? {};
  const { offsetIndex, columnIndex } = chunk;
  const placeBytes = offsetIndex === undefined ? undefined : bytesBySlice.get(offsetIndex);
  if (placeBytes !== undefined) index.places = orNull(() => parseOffsetIndex(placeBytes, chunk, group));
  const boundBytes = columnIndex === undefined ? undefined : bytesBySlice.get(columnIndex);
  const { places } = index;
  if (boundBytes !== undefined && places !== undefined) {
    index.bounds = places === null ? null : orNull(() => parseColumnIndex(boundBytes, column, places));
  }
  known.set(chunk, index);
}

/** An index is a help only: without it the whole chunk is read. */
function orNull<T>(parse: () => T | undefined): T | null {
  try {
    return parse() ?? null;
  } catch (error) {
    if (error instanceof LakeError && error.code === "data_invalid") return null;
    throw error;
  }
}
