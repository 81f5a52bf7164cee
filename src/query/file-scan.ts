// Reads the surviving files of a scan: row groups pruned by their statistics, only the wanted columns, several units
// ahead, columns matched by field id.

import { BATCH_ROWS, constantVector, type Batch, type DataType, type Scalar } from "#columnar";
import { specById, type DataFile, type TableMetadata } from "#iceberg";
import { scanParquet, type ParquetColumn, type ParquetMetadata, type ParquetRowGroup } from "#parquet";
import type { ScanStatistics } from "#sql";
import type { DataReader, OpenDataFile } from "./data-reader.ts";
import { isComparable, mightMatch, matchesValue, type FieldPredicate } from "./field-predicate.ts";
import { mapAhead, prefetchUnits, type ScanUnit } from "./prefetch.ts";

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
  readonly files: readonly DataFile[];
  readonly columns: readonly ScanColumn[];
  readonly predicates: readonly FieldPredicate[];
  /** Rows wanted at most, when known: reads less ahead. */
  readonly limit: number | undefined;
  readonly statistics: ScanStatistics;
  readonly reader: DataReader;
  readonly signal: AbortSignal;
}

/** Streams the rows of the files in file order. Memory: {@link MAX_BYTES_AHEAD} or the largest row group. */
export function scanFiles(scan: FileScan): AsyncIterable<Batch> {
  if (scan.columns.length === 0) return countRows(scan);
  // A limit is often met by the first batches: what lies further ahead may never be needed.
  const maxUnits = scan.limit === undefined ? MAX_UNITS_AHEAD : 2;
  return prefetchUnits(fileUnits(scan, maxUnits), { maxUnits, maxBytes: MAX_BYTES_AHEAD });
}

/** No column is wanted: the manifest's row counts answer without reading the files. */
async function* countRows(scan: FileScan): AsyncGenerator<Batch, void, undefined> {
  for (const file of scan.files) {
    scan.signal.throwIfAborted();
    for (let left = file.recordCount; left > 0; left -= BATCH_ROWS) {
      yield { rowCount: Math.min(left, BATCH_ROWS), columns: [] };
    }
  }
}

async function* fileUnits(scan: FileScan, maxUnits: number): AsyncGenerator<ScanUnit, void, undefined> {
  const footersAhead = Math.min(MAX_FOOTERS_AHEAD, maxUnits);
  const opened = mapAhead(scan.files, footersAhead, async (file) => ({
    file,
    open: await scan.reader.open(file.filePath, file.fileSizeBytes, scan.statistics),
  }));
  for await (const { file, open } of opened) {
    scan.signal.throwIfAborted();
    yield* rowGroupUnits(scan, file, open);
  }
}

function* rowGroupUnits(scan: FileScan, file: DataFile, { metadata, reader }: OpenDataFile): Generator<ScanUnit> {
  const { statistics } = scan;
  // Planning counted the file's row groups by its split offsets.
  statistics.rowGroupsTotal += metadata.rowGroups.length - plannedRowGroups(file);
  const constants = partitionConstants(scan.metadata, file);
  const leaves = leavesByFieldId(metadata);
  let filesScanned = 0;
  for (const [index, rowGroup] of metadata.rowGroups.entries()) {
    const failing = scan.predicates.find((predicate) => !rowGroupMightMatch(predicate, rowGroup, leaves, constants));
    if (failing !== undefined) {
      notePruned(statistics, `row group statistics of ${failing.name}`);
      continue;
    }
    statistics.rowGroupsScanned += 1;
    if (filesScanned === 0) {
      filesScanned = 1;
      statistics.filesScanned += 1;
    }
    const wanted = new Set(scan.columns.map((column) => column.fieldId));
    const estimatedBytes = rowGroup.columns.reduce((sum, chunk, leaf) => {
      const fieldId = metadata.columns[leaf]?.rootFieldId;
      return fieldId !== undefined && wanted.has(fieldId) ? sum + chunk.compressedBytes : sum;
    }, 0);
    yield {
      estimatedBytes,
      open: () => readRowGroup(scan, { metadata, reader }, index, constants),
    };
  }
}

async function* readRowGroup(
  scan: FileScan,
  { metadata, reader }: OpenDataFile,
  rowGroup: number,
  constants: ReadonlyMap<number, Scalar>,
): AsyncGenerator<Batch, void, undefined> {
  const equals = wantedText(scan, constants);
  const batches = scanParquet(reader, metadata, {
    columns: scan.columns.map(({ fieldId, type }) => ({ fieldId, type })),
    rowGroups: [rowGroup],
    keepText: true,
    ...(equals === undefined ? {} : { equals }),
    signal: scan.signal,
  });
  const present = new Set(metadata.columns.map((column) => column.rootFieldId));
  for await (const batch of batches) {
    scan.statistics.rowsScanned += batch.rowCount;
    const columns = batch.columns.map((vector, index) => {
      const { fieldId, type } = scan.columns[index] as ScanColumn;
      const constant = constants.get(fieldId);
      return constant === undefined || present.has(fieldId) ? vector : constantVector(type, constant, batch.rowCount);
    });
    yield { rowCount: batch.rowCount, columns };
  }
}

/** A text that a column of every wanted row equals. The filter above drops the other rows whatever they hold. */
function wantedText(
  { predicates, columns }: FileScan,
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

/**
 * Values of columns that the file itself may lack: identity partition columns have them in the manifest (Iceberg
 * specification, "Column Projection").
 */
function partitionConstants(metadata: TableMetadata, file: DataFile): ReadonlyMap<number, Scalar> {
  const constants = new Map<number, Scalar>();
  for (const [index, field] of specById(metadata, file.specId).fields.entries()) {
    if (field.transform === "identity") constants.set(field["source-id"], file.partition[index] ?? null);
  }
  return constants;
}

function leavesByFieldId(metadata: ParquetMetadata): ReadonlyMap<number, ParquetColumn> {
  const leaves = new Map<number, ParquetColumn>();
  for (const column of metadata.columns) {
    if (column.rootFieldId !== undefined) leaves.set(column.rootFieldId, column);
  }
  return leaves;
}

function rowGroupMightMatch(
  predicate: FieldPredicate,
  rowGroup: ParquetRowGroup,
  leaves: ReadonlyMap<number, ParquetColumn>,
  constants: ReadonlyMap<number, Scalar>,
): boolean {
  const leaf = leaves.get(predicate.fieldId);
  if (leaf === undefined) return matchesValue(predicate, constants.get(predicate.fieldId) ?? null);
  const chunk = rowGroup.columns[leaf.leafIndex];
  const nested = leaf.path.length > 1 || leaf.maxRepetitionLevel > 0;
  if (chunk === undefined || nested || !isComparable(predicate.type) || !sameOrder(leaf.type, predicate.type)) {
    return true;
  }
  const { nullCount, min, max } = chunk;
  return mightMatch(predicate, { rowCount: rowGroup.numRows, nullCount, min, max });
}

/** Whether bounds of a file's column are in the order of the table's column: the same type or a promotion of it. */
function sameOrder(fileType: DataType | undefined, tableType: DataType): boolean {
  if (fileType === undefined) return false;
  const promoted = `${fileType.kind}→${tableType.kind}`;
  return fileType.kind === tableType.kind || promoted === "int32→int64" || promoted === "float32→float64";
}

function notePruned(statistics: ScanStatistics, reason: string): void {
  const at = statistics.pruning.findIndex((entry) => entry.reason === reason);
  const before = statistics.pruning[at];
  if (before === undefined) statistics.pruning.push({ reason, files: 0, rowGroups: 1 });
  else statistics.pruning[at] = { ...before, rowGroups: before.rowGroups + 1 };
}
