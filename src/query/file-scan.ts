// Reads the surviving files of a scan: row groups pruned by their statistics, only the wanted columns, several units
// ahead, columns matched by field id.

import { BATCH_ROWS, type Batch, type DataType, type Scalar } from "#columnar";
import {
  createFileProjection,
  createRowDeletesLoader,
  fileConstants,
  isDeletionVector,
  tableNameMapping,
  type DataFile,
  type FileProjection,
  type RowDeletes,
  type RowDeletesLoader,
  type ScanFile,
  type TableMetadata,
} from "#iceberg";
import { scanParquet, withFieldIds, type ParquetColumn, type ParquetRowGroup, type RangeReader } from "#parquet";
import type { ScanStatistics } from "#sql";
import { predicateRuledOut } from "./bloom-pruning.ts";
import type { DataReader, OpenDataFile } from "./data-reader.ts";
import type { FieldPredicate } from "./field-predicate.ts";
import { planPagePruning, type PagePruning } from "./page-pruning.ts";
import { mapAhead, prefetchUnits, type ScanUnit } from "./prefetch.ts";
import {
  comparableLeaf,
  leavesByFieldId,
  narrowRowGroups,
  rowGroupMightMatch,
  type RowGroupNarrowing,
} from "./row-group-pruning.ts";
import { narrowingReason, type FileNarrowing } from "./scan-narrowing.ts";

/** Row groups read at once. */
const MAX_UNITS_AHEAD = 6;
/** Compressed bytes of row groups read at once; taken off the query's memory. */
export const MAX_BYTES_AHEAD = 12 * 1024 * 1024;
/** Files whose footers are read ahead. */
const MAX_FOOTERS_AHEAD = 6;

/** A column a scan returns. */
export interface ScanColumn {
  readonly fieldId: number;
  readonly name: string;
  readonly type: DataType;
}

/** What to read of which files. */
export interface FileScan {
  readonly metadata: TableMetadata;
  readonly files: readonly ScanFile[];
  readonly columns: readonly ScanColumn[];
  readonly predicates: readonly FieldPredicate[];
  /** Rows wanted at most, when known: reads less ahead. */
  readonly limit: number | undefined;
  /** Batches tell where their rows lie. */
  readonly positions?: boolean;
  /** Timestamps that no double holds come as 64-bit integers and are not refused: for copying rows. */
  readonly wideTimestamps?: boolean;
  /** Times with nanoseconds are refused where microseconds are asked for: for statements that write what they read. */
  readonly exactTimes?: boolean;
  readonly statistics: ScanStatistics;
  readonly reader: DataReader;
  /** What is found while the query runs; files then come best first. */
  readonly narrowing?: FileNarrowing;
  readonly signal: AbortSignal;
}

/** Live rows of one file. */
export interface ScannedBatch extends Batch {
  /** Index into the scan's files. */
  readonly file: number;
  /** Positions of the rows in the file, ascending; only when the scan asks for them. */
  readonly positions?: Int32Array;
}

/**
 * Streams the live rows of the files in file order. Memory: {@link MAX_BYTES_AHEAD} or the largest row group, and what
 * deletes take. Errors: those of the reader and of loading deletes.
 */
export function scanFiles(scan: FileScan): AsyncIterable<ScannedBatch> {
  const deletes = createRowDeletesLoader(
    { open: (location, sizeBytes) => openShared(scan, location, sizeBytes) },
    scan.metadata,
  );
  if (scan.columns.length === 0 && scan.positions !== true) return countRows(scan, deletes);
  // A limit is often met by the first batches: what lies further ahead may never be needed.
  const { limit, narrowing, files } = scan;
  const maxUnits = limit === undefined && narrowing?.readsLittleAhead !== true ? MAX_UNITS_AHEAD : 2;
  return prefetchUnits(fileUnits(scan, narrowing?.inOrder(files) ?? files.entries(), deletes, maxUnits), {
    maxUnits,
    maxBytes: MAX_BYTES_AHEAD,
  });
}

/** Readers of delete files by scan: the vectors of many data files lie in one small file. */
const sharedReaders = new WeakMap<FileScan, Map<string, RangeReader>>();
/** Delete files that stay open for a scan; the small ones among them are held whole. */
const MAX_SHARED_READERS = 16;

function openShared(scan: FileScan, location: string, sizeBytes: number): RangeReader {
  const readers = sharedReaders.get(scan) ?? new Map<string, RangeReader>();
  sharedReaders.set(scan, readers);
  const known = readers.get(location);
  if (known !== undefined) return known;
  const reader = scan.reader.range(location, sizeBytes, scan.statistics);
  readers.set(location, reader);
  for (const oldest of readers.keys()) {
    if (readers.size <= MAX_SHARED_READERS) break;
    readers.delete(oldest);
  }
  return reader;
}

/**
 * No column is wanted: row counts answer without reading the data files. A manifest gives the rows of a file and of a
 * deletion vector; position deletes are read, and equality deletes need the columns they compare.
 */
async function* countRows(scan: FileScan, deletes: RowDeletesLoader): AsyncGenerator<ScannedBatch, void, undefined> {
  for (const entry of scan.files.entries()) {
    scan.signal.throwIfAborted();
    const [index, file] = entry;
    if (file.deletes.some(({ deleteFile }) => deleteFile.content === 2)) {
      yield* prefetchUnits(fileUnits(scan, [entry], deletes, 1), { maxUnits: 1, maxBytes: MAX_BYTES_AHEAD });
      continue;
    }
    for (let left = await countLiveRows(file, deletes); left > 0; left -= BATCH_ROWS) {
      yield { rowCount: Math.min(left, BATCH_ROWS), columns: [], file: index };
    }
  }
}

/** Rows left by position deletes and vectors. */
async function countLiveRows(file: ScanFile, deletes: RowDeletesLoader): Promise<number> {
  const { recordCount } = file.dataFile;
  const [only, ...others] = file.deletes;
  if (only === undefined) return recordCount;
  if (others.length === 0 && isDeletionVector(only.deleteFile)) return recordCount - only.deleteFile.recordCount;
  let deleted = 0;
  (await deletes.load(file))?.positions.forEachIn(0, recordCount, () => {
    deleted += 1;
  });
  return recordCount - deleted;
}

/** A file ready to be read. */
interface OpenedFile {
  readonly index: number;
  readonly file: ScanFile;
  readonly open: OpenDataFile;
  readonly deletes: RowDeletes | undefined;
}

async function* fileUnits(
  scan: FileScan,
  files: Iterable<readonly [number, ScanFile]>,
  deletes: RowDeletesLoader,
  maxUnits: number,
): AsyncGenerator<ScanUnit<ScannedBatch>, void, undefined> {
  const footersAhead = Math.min(MAX_FOOTERS_AHEAD, maxUnits);
  const mapping = tableNameMapping(scan.metadata) ?? [];
  const opened = mapAhead([...files], footersAhead, async ([index, file]): Promise<OpenedFile | undefined> => {
    if (scan.narrowing?.excludesFile(file) === true) return undefined;
    const { filePath, fileSizeBytes } = file.dataFile;
    const opening = scan.reader.open(filePath, fileSizeBytes, scan.statistics);
    // Both travel at once; a failure of either ends the scan.
    const [open, loaded] = await Promise.all([opening, deletes.load(file)]);
    // Footers are remembered without regard to the table, the mapping is the table's.
    return { index, file, open: { ...open, metadata: withFieldIds(open.metadata, mapping) }, deletes: loaded };
  });
  for await (const each of opened) {
    scan.signal.throwIfAborted();
    if (each !== undefined) yield* rowGroupUnits(scan, each);
  }
}

function* rowGroupUnits(scan: FileScan, opened: OpenedFile): Generator<ScanUnit<ScannedBatch>> {
  const { statistics } = scan;
  const { dataFile } = opened.file;
  const { metadata } = opened.open;
  // Planning counted the file's row groups by its split offsets.
  statistics.rowGroupsTotal += metadata.rowGroups.length - plannedRowGroups(dataFile);
  const constants = fileConstants(scan.metadata, dataFile);
  const leaves = leavesByFieldId(metadata);
  const projection = createFileProjection({
    metadata: scan.metadata,
    file: opened.file,
    parquet: metadata,
    columns: scan.columns,
    deletes: opened.deletes,
    exactTimes: scan.exactTimes === true,
  });
  const surviving = [...metadata.rowGroups.keys()].filter((index) => {
    const rowGroup = metadata.rowGroups[index] as ParquetRowGroup;
    const failing = scan.predicates.find((predicate) => !rowGroupMightMatch(predicate, rowGroup, leaves, constants));
    if (failing !== undefined) notePruned(statistics, `row group statistics of ${failing.name}`);
    return failing === undefined;
  });
  if (surviving.length > 0) statistics.filesScanned += 1;
  const wanted = new Set(projection.scanColumns.map((column) => ("fieldId" in column ? column.fieldId : -1)));
  const narrowed = narrowRowGroups(scan, opened.file, metadata, leaves, constants);
  const pages = planPagePruning({
    reader: opened.open.reader,
    metadata,
    rowGroups: surviving,
    predicates: scan.predicates,
    leafOf: (predicate) => comparableLeaf(predicate, leaves),
    leaves: metadata.columns.filter(({ rootFieldId }) => rootFieldId !== undefined && wanted.has(rootFieldId)),
    ...(narrowed === undefined ? {} : { narrowing: narrowed }),
  });
  for (const index of narrowed?.order(surviving) ?? surviving) {
    const rowGroup = metadata.rowGroups[index] as ParquetRowGroup;
    statistics.rowGroupsScanned += 1;
    const estimatedBytes = rowGroup.columns.reduce((sum, chunk, leaf) => {
      const fieldId = metadata.columns[leaf]?.rootFieldId;
      return fieldId !== undefined && wanted.has(fieldId) ? sum + chunk.compressedBytes : sum;
    }, 0);
    yield {
      estimatedBytes,
      open: () => readRowGroup(scan, opened, projection, { index, leaves, pages, narrowed, estimatedBytes }, constants),
    };
  }
}

/** A row group that statistics did not rule out. */
interface PlannedRowGroup {
  readonly index: number;
  readonly leaves: ReadonlyMap<number, ParquetColumn>;
  readonly pages: PagePruning;
  readonly narrowed: RowGroupNarrowing | undefined;
  readonly estimatedBytes: number;
}

async function* readRowGroup(
  scan: FileScan,
  { index, open: { metadata, reader } }: OpenedFile,
  projection: FileProjection,
  rowGroup: PlannedRowGroup,
  constants: ReadonlyMap<number, Scalar>,
): AsyncGenerator<ScannedBatch, void, undefined> {
  const stored = metadata.rowGroups[rowGroup.index] as ParquetRowGroup;
  const { leaves, estimatedBytes, narrowed } = rowGroup;
  const unneeded = narrowed?.excludes(rowGroup.index);
  if (unneeded !== undefined) {
    notePruned(scan.statistics, narrowingReason(unneeded));
    scan.statistics.rowGroupsScanned -= 1;
    return;
  }
  const found = narrowed?.equalities() ?? [];
  const absent = await predicateRuledOut([...scan.predicates, ...found], stored, leaves, reader, estimatedBytes);
  if (absent !== undefined) {
    notePruned(scan.statistics, `bloom filter of ${absent.name}`);
    scan.statistics.rowGroupsScanned -= 1;
    return;
  }
  const wanted = await rowGroup.pages.wantedRows(rowGroup.index);
  if (wanted !== undefined) {
    scan.statistics.rowsSkipped += wanted.rowsSkipped;
    scan.statistics.pagesSkipped += wanted.pagesSkipped;
    if (wanted.ranges.length === 0) {
      notePruned(scan.statistics, `page index of ${wanted.by.map(({ name }) => name).join(", ")}`);
      scan.statistics.rowGroupsScanned -= 1;
      return;
    }
  }
  const equals = wantedText([...scan.predicates, ...found], scan.columns, constants);
  const batches = scanParquet(reader, metadata, {
    columns: projection.scanColumns,
    rowGroups: [rowGroup.index],
    keepText: true,
    wideTimestamps: scan.wideTimestamps === true,
    exactTimes: scan.exactTimes === true,
    ...(wanted === undefined ? {} : { rows: new Map([[rowGroup.index, wanted]]) }),
    ...(equals === undefined ? {} : { equals }),
    signal: scan.signal,
  });
  for await (const scanned of batches) {
    scan.statistics.rowsScanned += scanned.rowCount;
    const { batch, rows } = projection.project(scanned);
    if (batch.rowCount === 0) continue;
    const positions = scan.positions === true ? { positions: positionsOf(scanned, rows) } : {};
    yield { ...batch, file: index, ...positions };
  }
}

function positionsOf(
  { rowCount, firstRow }: { readonly rowCount: number; readonly firstRow: number },
  rows: Int32Array | undefined,
): Int32Array {
  if (rows !== undefined) return rows.map((row) => row + firstRow);
  return Int32Array.from({ length: rowCount }, (_, row) => row + firstRow);
}

/** A text that a column of every wanted row equals. The filter above drops the other rows whatever they hold. */
function wantedText(
  predicates: readonly FieldPredicate[],
  columns: readonly ScanColumn[],
  constants: ReadonlyMap<number, Scalar>,
): { readonly position: number; readonly text: string } | undefined {
  for (const { fieldId, type, operator, values } of predicates) {
    const [text] = values;
    const position = columns.findIndex((column) => column.fieldId === fieldId);
    if (operator === "=" && type.kind === "string" && typeof text === "string" && position >= 0) {
      // A file without the column has its value from the manifest.
      if (constants.has(fieldId)) continue;
      return { position, text };
    }
  }
  return undefined;
}

/** Row groups of a file as its manifest entry tells; every file has at least one. */
export function plannedRowGroups(file: DataFile): number {
  return Math.max(1, file.splitOffsets.length);
}

function notePruned(statistics: ScanStatistics, reason: string): void {
  const at = statistics.pruning.findIndex((entry) => entry.reason === reason);
  const before = statistics.pruning[at];
  if (before === undefined) statistics.pruning.push({ reason, files: 0, rowGroups: 1 });
  else statistics.pruning[at] = { ...before, rowGroups: before.rowGroups + 1 };
}
