// What manifests and footers prove of a scan's rows without reading them.
//
// Numbers of rows and of nulls in manifests are exact. Bounds are not: the specification asks only that every value
// lies between them, and there are writers that cut them (text, and times to milliseconds). So a manifest's bounds
// say only which files may hold the least or greatest value; whether a bound is a value, the Parquet footer says.

import type { Batch, Scalar } from "#columnar";
import {
  allFieldsById,
  isDeletionVector,
  singleValueToScalar,
  specById,
  tableNameMapping,
  type IcebergColumn,
  type IcebergSchema,
  type ScanFile,
  type TableMetadata,
} from "#iceberg";
import { withFieldIds } from "#parquet";
import type { FileFacts, ScanFact, ScanFacts, ScanStatistics } from "#sql";
import type { DataReader } from "./data-reader.ts";
import { compareValues, isComparable, type FieldPredicate } from "./field-predicate.ts";
import { createFileProof, isNanoseconds } from "./file-proof.ts";
import { comparableLeaf, leavesByFieldId } from "./row-group-pruning.ts";

/** After so many files whose footers prove nothing the others are read without asking theirs. */
const MAX_UNPROVEN = 4;

/** Whose rows are asked after. */
export interface FactsRequest {
  readonly metadata: TableMetadata;
  readonly schema: IcebergSchema;
  /** All columns of the table. */
  readonly columns: readonly IcebergColumn[];
  /** Say exactly which rows are wanted. */
  readonly predicates: readonly FieldPredicate[];
  readonly files: readonly ScanFile[];
  readonly reader: DataReader;
  readonly statistics: ScanStatistics;
  /** Streams the rows of some files, and those that are in none. */
  openRest(files: readonly ScanFile[], signal: AbortSignal): AsyncIterable<Batch>;
}

/** What is proven of the files' rows; undefined when it is nothing. */
export async function scanFacts(
  request: FactsRequest,
  facts: readonly ScanFact[],
  signal: AbortSignal,
): Promise<ScanFacts | undefined> {
  const proves = createFileProof(request.metadata, request.schema, request.predicates);
  const asksRowsOnly = facts.every(({ kind }) => kind === "rows");
  const covered = request.files.filter((file) => {
    const isCountable = asksRowsOnly ? hasCountableDeletes(file) : file.deletes.length === 0;
    return isCountable && facts.every((fact) => hasCounts(request, file, fact)) && proves(file);
  });
  if (covered.length === 0) return undefined;
  const unproven = new Set<ScanFile>();
  const extremes = new Map<ScanFact, Scalar>();
  for (const fact of facts) {
    if (fact.kind === "min" || fact.kind === "max") {
      extremes.set(fact, await extremeOf(request, covered, fact, unproven, signal));
    }
  }
  const known = new Set(covered.filter((file) => !unproven.has(file)));
  if (known.size === 0) return undefined;
  request.statistics.pruning.push({ reason: "answered from metadata", files: known.size, rowGroups: 0 });
  return {
    values: facts.map((fact) => {
      if (fact.kind === "min" || fact.kind === "max") return extremes.get(fact) ?? null;
      return [...known].reduce((sum, file) => sum + countIn(request, file, fact), 0);
    }),
    open: (inner) =>
      request.openRest(
        request.files.filter((file) => !known.has(file)),
        inner,
      ),
  };
}

/** Bounds and counts of files all of whose rows are wanted; undefined when there is none. Reads nothing. */
export function scanFileFacts(
  request: FactsRequest,
  columns: readonly number[],
  facts: readonly ScanFact[],
): FileFacts | undefined {
  const proves = createFileProof(request.metadata, request.schema, request.predicates);
  const told = request.files.flatMap((file) => {
    if (file.deletes.length > 0 || file.dataFile.recordCount === 0) return [];
    const bounds = columns.map((column) => keyBounds(request, file, column));
    const isTold =
      bounds.every((bound) => bound !== undefined) && facts.every((fact) => hasCounts(request, file, fact));
    return isTold && proves(file) ? [{ file, bounds, counts: facts.map((fact) => countIn(request, file, fact)) }] : [];
  });
  if (told.length === 0) return undefined;
  return {
    files: told,
    open(but, signal) {
      const known = new Set([...but].map((place) => told[place]?.file));
      return request.openRest(
        request.files.filter((file) => !known.has(file)),
        signal,
      );
    },
  };
}

/**
 * What a column's values in a file lie between when none is null: its partition value, or the manifest's bounds. Those of
 * text may be cut, so that equal bounds do not prove equal values.
 */
function keyBounds(
  request: FactsRequest,
  file: ScanFile,
  column: number,
): { readonly low: Scalar; readonly high: Scalar } | undefined {
  const fieldId = request.columns[column]?.fieldId;
  if (fieldId === undefined || nullsIn(request, file, column) !== 0) return undefined;
  const { specId, partition } = file.dataFile;
  const place = specById(request.metadata, specId).fields.findIndex(
    (field) => field["source-id"] === fieldId && field.transform === "identity",
  );
  const kind = request.columns[column]?.type.kind;
  if (kind === "string") {
    const value = partition[place];
    return typeof value === "string" ? { low: value, high: value } : undefined;
  }
  if (kind === undefined || !ORDERED_KEYS.has(kind)) return undefined;
  const low = manifestBound(request, file, { kind: "min", column });
  const high = manifestBound(request, file, { kind: "max", column });
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** Kinds whose manifest bounds are values as the engine has them. */
const ORDERED_KEYS = new Set(["boolean", "int16", "int32", "int64", "date", "timestamp"]);

/** Whether the manifest tells how many rows of a file are deleted. */
function hasCountableDeletes({ deletes }: ScanFile): boolean {
  const [only, ...others] = deletes;
  return only === undefined || (others.length === 0 && isDeletionVector(only.deleteFile));
}

function nullsIn({ columns }: FactsRequest, { dataFile }: ScanFile, column: number): number | undefined {
  const found = columns[column];
  if (found === undefined || !isComparable(found.type)) return undefined;
  const nulls = dataFile.nullValueCounts.get(found.fieldId);
  return nulls !== undefined && nulls >= 0 && nulls <= dataFile.recordCount ? nulls : undefined;
}

function hasCounts(request: FactsRequest, file: ScanFile, fact: ScanFact): boolean {
  return fact.kind === "rows" || nullsIn(request, file, fact.column) !== undefined;
}

function countIn(request: FactsRequest, file: ScanFile, fact: ScanFact): number {
  const { recordCount } = file.dataFile;
  if (fact.kind !== "rows") return recordCount - (nullsIn(request, file, fact.column) ?? 0);
  return file.deletes.reduce((left, { deleteFile }) => left - deleteFile.recordCount, recordCount);
}

/**
 * The least or greatest value of the files, those left out that are added to `unproven`: files are asked in the order
 * of their bounds until none of the others can do better.
 */
async function extremeOf(
  request: FactsRequest,
  files: readonly ScanFile[],
  fact: Extract<ScanFact, { column: number }>,
  unproven: Set<ScanFile>,
  signal: AbortSignal,
): Promise<Scalar> {
  const sign = fact.kind === "min" ? 1 : -1;
  const bounded: { readonly file: ScanFile; readonly bound: Scalar }[] = [];
  for (const file of files) {
    if (nullsIn(request, file, fact.column) === file.dataFile.recordCount) continue;
    const bound = manifestBound(request, file, fact);
    if (bound === undefined) unproven.add(file);
    else bounded.push({ file, bound });
  }
  let best: Scalar = null;
  let failures = 0;
  for (const { file, bound } of bounded.toSorted((a, b) => compareValues(a.bound, b.bound) * sign)) {
    signal.throwIfAborted();
    if (best !== null && compareValues(bound, best) * sign >= 0) break;
    const value = failures > MAX_UNPROVEN ? undefined : await exactBound(request, file, fact);
    if (value === undefined) {
      failures += 1;
      unproven.add(file);
    } else if (best === null || compareValues(value, best) * sign < 0) best = value;
  }
  return best;
}

function manifestBound(
  { metadata, columns }: FactsRequest,
  { dataFile }: ScanFile,
  { kind, column }: Extract<ScanFact, { column: number }>,
): Scalar | undefined {
  const fieldId = columns[column]?.fieldId;
  const type = fieldId === undefined ? undefined : allFieldsById(metadata).get(fieldId)?.field.type;
  if (fieldId === undefined || typeof type !== "string" || isNanoseconds(type)) return undefined;
  const bytes = (kind === "min" ? dataFile.lowerBounds : dataFile.upperBounds).get(fieldId);
  return bytes === undefined ? undefined : singleValueToScalar(type, bytes);
}

/** The bound in a file's footer that is a value of the file; undefined when the footer does not say so. */
async function exactBound(
  { metadata, columns, reader, statistics }: FactsRequest,
  { dataFile }: ScanFile,
  { kind, column }: Extract<ScanFact, { column: number }>,
): Promise<Scalar | undefined> {
  const found = columns[column];
  if (found === undefined) return undefined;
  const opened = await reader.open(dataFile.filePath, dataFile.fileSizeBytes, statistics);
  const parquet = withFieldIds(opened.metadata, tableNameMapping(metadata) ?? []);
  const leaf = comparableLeaf(found, leavesByFieldId(parquet));
  if (leaf === undefined || parquet.numRows !== dataFile.recordCount) return undefined;
  const sign = kind === "min" ? 1 : -1;
  let best: Scalar | undefined;
  for (const { columns: chunks } of parquet.rowGroups) {
    const chunk = chunks[leaf.leafIndex];
    if (chunk === undefined) return undefined;
    if (chunk.nullCount === chunk.valueCount) continue;
    const bound = kind === "min" ? chunk.min : chunk.max;
    if (bound === undefined || !(kind === "min" ? chunk.isMinExact : chunk.isMaxExact)) return undefined;
    // Beyond what a double counts exactly, reading the value is an error.
    if (found.type.kind === "timestamp" && typeof bound === "bigint") return undefined;
    if (best === undefined || compareValues(bound, best) * sign < 0) best = bound;
  }
  return best;
}
