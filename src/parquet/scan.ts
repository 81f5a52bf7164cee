// Scanning a file: few large reads, dictionary codes kept, rows in batches.

import { invariant } from "#core";
import { BATCH_ROWS, nullVector, type Batch, type DataType, type Vector } from "#columnar";
import { ChunkDecoder } from "./chunk-decoder.ts";
import { readChunks, type ChunkBytes, type ChunkRead } from "./chunk-reads.ts";
import { LeafCursor } from "./leaf-cursor.ts";
import type {
  ParquetColumn,
  ParquetColumnChunk,
  ParquetMetadata,
  ParquetNode,
  ParquetRowGroup,
  RangeReader,
} from "./metadata.ts";
import type { Keep } from "./page-decoder.ts";
import { planNested, type NestedPlan } from "./nested.ts";
import type { PagePlacement } from "./page-index.ts";
import type { RowRange } from "./row-ranges.ts";
import { SparseReader } from "./sparse-reader.ts";

/**
 * A column wanted of a file: a top-level field by id, or a leaf by its index in `metadata.columns`. `type` is what
 * it shall be read as (see promoteVector); a field id that the file lacks gives nulls of that type.
 */
export type ScanColumn =
  | { readonly fieldId: number; readonly type?: DataType }
  | { readonly leafIndex: number; readonly type?: DataType };

/** What to read of a file. */
export interface ScanOptions {
  /** Output columns in order; may be empty, then batches only count rows. */
  readonly columns?: readonly ScanColumn[];
  /** Short for `columns` by field id with the file's own types; ignored when `columns` is given. */
  readonly fieldIds?: readonly number[];
  /** Indices of row groups, read in this order; default all. */
  readonly rowGroups?: readonly number[];
  /** The rows wanted of row groups by their index: others are not read, and their pages not fetched. */
  readonly rows?: ReadonlyMap<number, WantedRows>;
  /** Rows a batch has, but the last of a row group; by default about BATCH_ROWS, so that batches end with pages. */
  readonly batchRows?: number;
  /** Leaves text as UTF-8 for readers that move it on (see textVector); its strings are made when asked for. */
  readonly keepText?: boolean;
  /**
   * Gives timestamps that are not exact as a double as a BigInt64Array, for readers that move them on; by default the
   * scan refuses them.
   */
  readonly wideTimestamps?: boolean;
  /** Refuses nanoseconds that are asked for as microseconds and are not whole ones; by default they are rounded down. */
  readonly exactTimes?: boolean;
  /**
   * Only rows whose column at `position` of `columns` is this text are wanted; needs `keepText`. Batches without one
   * are left out and what only they need is not decoded. Rows that do not match may come, and their text may be null.
   */
  readonly equals?: { readonly position: number; readonly text: string };
  readonly signal?: AbortSignal;
}

/** Some rows of a row group. */
export interface WantedRows {
  /** Rows within the row group, ascending and apart. */
  readonly ranges: readonly RowRange[];
  /** The pages of a leaf, all in order; undefined when they are not known, and its chunk is fetched whole. */
  pagesOf(leafIndex: number): readonly PagePlacement[] | undefined;
}

/** A batch and where it comes from. */
export interface ScanBatch extends Batch {
  readonly rowGroup: number;
  /** Position of the batch's first row in the file. */
  readonly firstRow: number;
}

const encoder = new TextEncoder();

/** How one output column is produced. */
type ColumnPlan =
  | { readonly kind: "missing"; readonly type: DataType }
  | { readonly kind: "flat"; readonly column: ParquetColumn; readonly type: DataType | undefined }
  | { readonly kind: "nested"; readonly plan: NestedPlan };

type Chunks = ReadonlyMap<ParquetColumnChunk, ChunkBytes>;

/**
 * Streams the rows of a file. Dictionary-encoded chunks give dictionary vectors that share one dictionary object
 * over the chunk; where a chunk leaves its dictionary, batches from there on are flat.
 *
 * Cost: reads only the needed chunks, neighbours within 64 KiB in one request; the next row group is fetched once
 * a second batch is asked for. Holds the compressed bytes of two row groups and one decoded
 * page a column. Errors: those of the reader, the signal's reason, `data_invalid` for corrupt or unreadable data,
 * `numeric_out_of_range` for timestamps that are not exact as a double.
 */
export async function* scanParquet(
  reader: RangeReader,
  metadata: ParquetMetadata,
  options: ScanOptions,
): AsyncGenerator<ScanBatch, void, void> {
  const { signal, equals } = options;
  const wantedText = equals !== undefined && canSearch(equals.text) ? encoder.encode(equals.text) : undefined;
  const wanted = options.columns ?? (options.fieldIds ?? []).map((fieldId) => ({ fieldId }));
  const plans = wanted.map((column) => planColumn(metadata, column));
  const selected = options.rowGroups ?? metadata.rowGroups.map((_, index) => index);
  const firstRows = firstRowOfEach(metadata);
  const fetchGroup = (position: number): Promise<Chunks> | undefined => {
    const index = selected[position];
    if (index === undefined) return undefined;
    const fetching = fetchRowGroup(reader, metadata, index, plans, options.rows?.get(index));
    // A failed prefetch surfaces when its row group is reached, or never if the scan ends before.
    fetching.catch(() => undefined);
    return fetching;
  };

  let next: Promise<Chunks> | undefined;
  for (const [position, index] of selected.entries()) {
    signal?.throwIfAborted();
    const group = rowGroupAt(metadata, index);
    const fetched = await (next ?? fetchGroup(position));
    next = undefined;
    invariant(fetched !== undefined, "a selected row group is fetched");
    const readers = plans.map((plan) => columnReader(plan, group, fetched, options));
    const tested = wantedText === undefined ? undefined : readers[equals?.position ?? -1];
    if (wantedText !== undefined) tested?.wantOnly(wantedText);
    const lead = readers[largestColumn(plans, group)];
    let row = 0;
    for (const { start, end } of options.rows?.get(index)?.ranges ?? [{ start: 0, end: group.numRows }]) {
      if (start > row) for (const each of readers) each.skip(start - row);
      for (row = start; row < end;) {
        signal?.throwIfAborted();
        if (row > 0 || position > 0) next ??= fetchGroup(position + 1);
        const firstRow = (firstRows[index] ?? 0) + row;
        const rowCount = Math.min(end - row, options.batchRows ?? rowsOfBatch(lead?.rowsAhead() ?? 0));
        row += rowCount;
        const first = tested?.read(rowCount);
        if (first?.encoding === "constant" && first.value === null) {
          for (const other of readers) if (other !== tested) other.skip(rowCount);
          continue;
        }
        const columns = readers.map((each) => (each === tested && first !== undefined ? first : each.read(rowCount)));
        yield { rowCount, columns, rowGroup: index, firstRow };
      }
    }
  }
}

/** The column of which most bytes are stored: joining pages costs most there, so batches end with its pages. */
function largestColumn(plans: readonly ColumnPlan[], group: ParquetRowGroup): number {
  const sizes = plans.map((plan) => (plan.kind === "flat" ? chunkOf(group, plan.column).compressedBytes : 0));
  return sizes.indexOf(Math.max(...sizes));
}

/** Pages of one column mostly end where those of the others do, and rows that end with pages need no joining. */
function rowsOfBatch(ahead: number): number {
  return ahead >= BATCH_ROWS / 2 && ahead <= BATCH_ROWS * 2 ? ahead : BATCH_ROWS;
}

function rowGroupAt(metadata: ParquetMetadata, index: number): ParquetRowGroup {
  const group = metadata.rowGroups[index];
  invariant(group !== undefined, `row group ${index} exists`);
  return group;
}

function firstRowOfEach(metadata: ParquetMetadata): number[] {
  let first = 0;
  return metadata.rowGroups.map((group) => {
    const start = first;
    first += group.numRows;
    return start;
  });
}

function planColumn(metadata: ParquetMetadata, wanted: ScanColumn): ColumnPlan {
  const { type } = wanted;
  const node =
    "fieldId" in wanted
      ? metadata.fields.find(({ fieldId }) => fieldId === wanted.fieldId)
      : metadata.fields.find((field) => holdsLeaf(field, wanted.leafIndex));
  if (node === undefined) {
    invariant("fieldId" in wanted, "a leaf to read exists");
    return { kind: "missing", type: type ?? { kind: "null" } };
  }
  const { column } = node;
  return column === undefined || node.repetition === "repeated"
    ? { kind: "nested", plan: planNested(node, type) }
    : { kind: "flat", column, type };
}

function holdsLeaf(node: ParquetNode, leafIndex: number): boolean {
  return node.column?.leafIndex === leafIndex || node.children.some((child) => holdsLeaf(child, leafIndex));
}

function fetchRowGroup(
  reader: RangeReader,
  metadata: ParquetMetadata,
  index: number,
  plans: readonly ColumnPlan[],
  wanted: WantedRows | undefined,
): Promise<Chunks> {
  const rowGroup = rowGroupAt(metadata, index);
  const reads = new Map<ParquetColumnChunk, ChunkRead>();
  for (const plan of plans) {
    if (plan.kind === "flat") {
      const chunk = chunkOf(rowGroup, plan.column);
      reads.set(chunk, { chunk, pages: wantedPages(chunk, plan.column, wanted) });
    } else if (plan.kind === "nested") {
      for (const { column } of plan.plan.leaves) {
        const chunk = chunkOf(rowGroup, column);
        reads.set(chunk, { chunk, pages: undefined });
      }
    }
  }
  return readChunks(reader, reads.values());
}

function wantedPages(
  chunk: ParquetColumnChunk,
  { leafIndex }: ParquetColumn,
  wanted: WantedRows | undefined,
): ChunkRead["pages"] {
  const all = wanted?.pagesOf(leafIndex);
  const [first] = all ?? [];
  if (wanted === undefined || all === undefined || first === undefined) return undefined;
  const { ranges } = wanted;
  let at = 0;
  const pages = all.filter(({ start, end }) => {
    while (at < ranges.length && (ranges[at] as RowRange).end <= start) at += 1;
    const range = ranges[at];
    return range !== undefined && range.start < end;
  });
  return pages.length === all.length ? undefined : { leadBytes: first.offset - chunk.offset, pages };
}

function chunkOf(group: ParquetRowGroup, column: ParquetColumn): ParquetColumnChunk {
  const chunk = group.columns[column.leafIndex];
  invariant(chunk !== undefined, "a row group has every leaf");
  return chunk;
}

/** Hands out a column of a row group, rows in order. See {@link ChunkDecoder}. */
interface ColumnReader {
  read(rows: number): Vector;
  skip(rows: number): void;
  /** Rows that can be read without joining pages; 0 when that is not known. */
  rowsAhead(): number;
  wantOnly(text: Uint8Array): void;
}

/** Malformed bytes are read as U+FFFD, so a text with one cannot be looked for as bytes. */
function canSearch(text: string): boolean {
  return text.isWellFormed() && !text.includes("\ufffd");
}

function columnReader(plan: ColumnPlan, group: ParquetRowGroup, fetched: Chunks, keep: Keep): ColumnReader {
  const readOf = (chunk: ParquetColumnChunk): ChunkBytes => {
    const read = fetched.get(chunk);
    invariant(read !== undefined, "a needed chunk was read");
    return read;
  };
  switch (plan.kind) {
    case "missing":
      return { read: (rows) => nullVector(plan.type, rows), skip: () => {}, rowsAhead: () => 0, wantOnly: () => {} };
    case "flat": {
      const chunk = chunkOf(group, plan.column);
      const { bytes, rows } = readOf(chunk);
      const valueCount =
        rows === undefined ? chunk.valueCount : rows.reduce((sum, { start, end }) => sum + end - start, 0);
      const decoder = new ChunkDecoder(bytes, { codec: chunk.codec, valueCount }, plan.column, plan.type, keep);
      return rows === undefined ? decoder : new SparseReader(decoder, rows);
    }
    case "nested": {
      const cursors = plan.plan.leaves.map(({ column, type }) => {
        const chunk = chunkOf(group, column);
        return new LeafCursor(readOf(chunk).bytes, chunk, column, type, keep);
      });
      return { ...plan.plan.open(cursors), rowsAhead: () => 0, wantOnly: () => {} };
    }
  }
}
