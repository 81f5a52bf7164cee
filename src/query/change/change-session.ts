// One attempt at changing a table: scans its files with the places of their rows, writes what replaces them, and
// commits all of it as one snapshot.

import { required, tableNameToString, type RandomSource } from "#core";
import type { Batch, DataType, Scalar, Vector } from "#columnar";
import {
  allFieldsById,
  allRowsMatch,
  createTableWriter,
  hasNanoseconds,
  isDeletionVector,
  schemaToColumns,
  specById,
  sqlWriteDefault,
  toProvingPredicates,
  toStoredPredicates,
  writeDeletionVectors,
  type CommitOutcome,
  type DataFile,
  type DeleteFile,
  type IcebergPredicate,
  type ScanFile,
  type ScanPlan,
  type SnapshotUpdate,
  type Table,
  type TableWriter,
  type TableWriterOptions,
} from "#iceberg";
import type { ChangeableTable, ChangeOperation, ChangeSink, FileChange, ScanRequest, ScanStatistics } from "#sql";
import { locationToKey, type ObjectStore } from "#storage";
import type { DataReader } from "../data-reader.ts";
import type { FieldPredicate } from "../field-predicate.ts";
import { scanFiles, type ScanColumn, type ScannedBatch } from "../file-scan.ts";
import { fieldPredicate, initialStatistics, scanFileIdentity } from "../lake-table.ts";
import { hasLineage, rewriteColumns, rewriteFile, writeUpdated } from "./file-rewrite.ts";
import { isolationOf, writeMode, type WriteMode } from "./write-mode.ts";

/** What an attempt works with. */
export interface ChangeDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly random: RandomSource;
  readonly reader: DataReader;
  /** Makes the Parquet writer ready. */
  readonly initParquetWriter: () => void;
}

/** What became of one file, as far as it is known before the commit. */
export type FileEffect =
  | { readonly kind: "unchanged" }
  | {
      readonly kind: "changed";
      readonly updates: number;
      readonly deletes: number;
      /** Files that hold the rows that stay, of copy-on-write; with merge-on-read only those that were updated. */
      readonly added: readonly DataFile[];
      /** Rows that go; undefined when the whole file does. */
      readonly positions: Int32Array | undefined;
      /** Deletes what was written. */
      discard(): Promise<void>;
    };

/** Effects that need not be computed again while the file and its deletes are the same, by the file's identity. */
export type KnownEffects = Map<string, FileEffect>;

/** What a committed change did to files. */
export interface FileCounts {
  readonly added: number;
  readonly removed: number;
  readonly deleteFilesAdded: number;
}

/** One attempt. */
export interface ChangeSession {
  readonly table: Table;
  readonly changes: ChangeableTable;
  readonly sink: ChangeSink;
  /** Rows changed by effects that were known before. */
  readonly known: { updated: number; deleted: number };
  /**
   * Commits everything as one snapshot; undefined when there is nothing to commit. Errors: those of writing.
   */
  commit(operation: ChangeOperation, summary: ReadonlyMap<string, string>): Promise<CommitOutcome | undefined>;
  files(): FileCounts;
  /** The effects that are part of this attempt. */
  used(): ReadonlySet<FileEffect>;
  /** Deletes what this attempt wrote and `effects` does not hold. */
  discard(): Promise<void>;
}

const INT32: DataType = { kind: "int32" };

/** What an attempt may be told. */
export interface ChangeSessionOptions {
  /** What earlier attempts found out; grows by what this one does. */
  readonly effects?: KnownEffects;
  /** The branch that changes, which exists; default main. */
  readonly branch?: string;
}

/** The branch that a table's name alone means. */
const MAIN = "main";

/** Starts an attempt on a loaded table. */
export function createChangeSession(
  table: Table,
  deps: ChangeDeps,
  operation: ChangeOperation | undefined,
  { effects = new Map(), branch = MAIN }: ChangeSessionOptions = {},
): ChangeSession {
  const { metadata } = table;
  const head = metadata.refs[branch]?.["snapshot-id"];
  const schema = table.schema();
  const columns = schemaToColumns(schema);
  const name = tableNameToString(table.identifier);
  const mode: WriteMode = operation === undefined ? "copy-on-write" : writeMode(metadata, operation);
  const lineage = hasLineage(metadata);
  // Effects are the same only for the same columns, partitions and mode.
  const effectKey = (file: ScanFile): string =>
    JSON.stringify([schema["schema-id"], metadata["default-spec-id"], mode, scanFileIdentity(file)]);
  const known = { updated: 0, deleted: 0 };
  // A statement that only deletes stores nothing that it reads; microseconds are all that other tables hold.
  const exactTimes = operation !== "delete" && hasNanoseconds(schema);

  let scanned: readonly ScanFile[] = [];
  let statistics: ScanStatistics | undefined;
  let filter: readonly IcebergPredicate[] = [];
  const whole: ScanFile[] = [];
  const changed: { readonly file: ScanFile; readonly effect: FileEffect & { readonly kind: "changed" } }[] = [];
  let inserts: TableWriter | undefined;
  let inserted: readonly DataFile[] = [];
  let writtenDeletes: { readonly added: readonly DeleteFile[]; readonly removed: readonly DeleteFile[] } = {
    added: [],
    removed: [],
  };

  function newWriter(options: TableWriterOptions = {}): TableWriter {
    deps.initParquetWriter();
    return createTableWriter(deps, metadata, options);
  }

  function read(
    files: readonly ScanFile[],
    wanted: readonly ScanColumn[],
    signal: AbortSignal,
  ): AsyncIterable<ScannedBatch> {
    return scanFiles({
      metadata,
      files,
      columns: wanted,
      predicates: [],
      limit: undefined,
      positions: true,
      wideTimestamps: true,
      statistics: required(statistics, "the scan's statistics"),
      reader: deps.reader,
      signal,
    });
  }

  const planBranch = (predicates: readonly IcebergPredicate[]): Promise<ScanPlan> =>
    table.planScan(head === undefined ? { predicates } : { predicates, snapshotId: head });

  /** Live rows of files with their place. */
  async function* open({ request, ...scan }: OpenScan): AsyncGenerator<Batch, void, undefined> {
    const wanted = request.columns.flatMap((index) => columns[index] ?? []);
    const batches = scanFiles({
      ...scan,
      metadata,
      columns: wanted,
      limit: undefined,
      positions: true,
      reader: deps.reader,
    });
    for await (const batch of batches) yield withPlaces(batch, request.columns, columns.length);
  }

  const changes: ChangeableTable = {
    defaults: new Map(
      schema.fields.flatMap((field, index): (readonly [number, Scalar])[] => {
        const value = sqlWriteDefault(field);
        return value === null ? [] : [[index, value]];
      }),
    ),
    describe: (asked) => [`Mode: ${asked === "insert" ? "append" : writeMode(metadata, asked)}`],
    async planScan(request) {
      const predicates = request.predicates.map((predicate) => fieldPredicate(columns, predicate));
      const stored = toStoredPredicates(schema, predicates);
      const proving = toProvingPredicates(schema, predicates);
      filter = stored;
      const plan = await planBranch(stored);
      const stats = initialStatistics(name, plan, 0);
      statistics = stats;
      const rest: ScanFile[] = [];
      for (const file of plan.files) {
        const isWhole = proving !== undefined && isWholeMatch(table, file, proving);
        if (request.removesMatches && isWhole) whole.push(file);
        else if (!applyKnown(file)) rest.push(file);
      }
      if (whole.length > 0) stats.pruning.push({ reason: "every row matches", files: whole.length, rowGroups: 0 });
      scanned = rest;
      return {
        identity: "change",
        statistics: stats,
        rowsRemoved: whole.reduce((sum, { dataFile }) => sum + dataFile.recordCount, 0),
        open: (signal) => open({ request, files: rest, predicates, statistics: stats, signal }),
      };
    },
    async planReading(request) {
      const predicates = request.predicates.map((predicate) => fieldPredicate(columns, predicate));
      const plan = await planBranch(toStoredPredicates(schema, predicates));
      const stats = initialStatistics(name, plan, 0);
      return {
        identity: "change",
        statistics: stats,
        open: (signal) => open({ request, files: plan.files, predicates, statistics: stats, signal, exactTimes }),
      };
    },
  };

  /** Applies what an earlier attempt found out about the file. */
  function applyKnown(file: ScanFile): boolean {
    const effect = effects.get(effectKey(file));
    if (effect === undefined) return false;
    if (effect.kind === "changed") {
      known.updated += effect.updates;
      known.deleted += effect.deletes;
      changed.push({ file, effect });
    }
    return true;
  }

  async function rewrite(file: ScanFile, change: FileChange): Promise<FileEffect & { readonly kind: "changed" }> {
    const { dataFile } = file;
    const deletes = change.positions.length - change.updates;
    const isWhole = change.positions.length === dataFile.recordCount;
    const base = { kind: "changed", updates: change.updates, deletes } as const;
    if (isWhole && change.updates === 0) return { ...base, added: [], positions: undefined, discard: nothing };
    const onlyNew = mode === "merge-on-read" && !isWhole;
    if (onlyNew && change.updates === 0) return { ...base, added: [], positions: change.positions, discard: nothing };
    // Rows that are only deleted leave the others in their order.
    const sortOrderId = change.updates === 0 ? dataFile.sortOrderId : undefined;
    const writer = newWriter({ rowLineage: lineage, ...(sortOrderId === undefined ? {} : { sortOrderId }) });
    try {
      const batches = read([file], rewriteColumns(metadata, schema), NEVER_ABORTED);
      const copy = onlyNew ? writeUpdated : rewriteFile;
      await copy(batches, change, columns, writer);
      const added = await writer.close();
      return { ...base, added, positions: onlyNew ? change.positions : undefined, discard: () => writer.abort() };
    } catch (error) {
      await writer.abort();
      throw error;
    }
  }

  const sink: ChangeSink = {
    async insert(batch) {
      inserts ??= newWriter();
      await inserts.write(batch);
    },
    async change(number, change) {
      const file = required(scanned[number], `file ${number} of the scan`);
      const effect = await rewrite(file, change);
      effects.set(effectKey(file), effect);
      changed.push({ file, effect });
    },
  };

  /** Data files that go whole, and those that rows go from. */
  function removedFiles(): readonly ScanFile[] {
    return [...whole, ...changed.filter(({ effect }) => effect.positions === undefined).map(({ file }) => file)];
  }

  const addedFiles = (): readonly DataFile[] => [...inserted, ...changed.flatMap(({ effect }) => effect.added)];

  return {
    table,
    changes,
    sink,
    known,
    files: () => ({
      added: addedFiles().length,
      removed: removedFiles().length,
      deleteFilesAdded: writtenDeletes.added.length,
    }),
    used: () => new Set(changed.map(({ effect }) => effect)),
    async commit(done, summary) {
      const prepared = <T extends SnapshotUpdate<T>>(operation: T): T => {
        let result = onlyTo(table, operation);
        for (const [key, value] of summary) result = result.set(key, value);
        return branch === MAIN ? result : result.toBranch(branch);
      };
      const seen = new Set(changed.map(({ file }) => file));
      for (const file of scanned) if (!seen.has(file)) effects.set(effectKey(file), { kind: "unchanged" });
      inserted = inserts === undefined ? [] : await inserts.close();
      const added = addedFiles();
      const removed = removedFiles();
      const partly = changed.filter(({ effect }) => effect.positions !== undefined);
      if (added.length === 0 && removed.length === 0 && partly.length === 0) return undefined;
      if (removed.length === 0 && partly.length === 0 && done === "insert") {
        return prepared(table.newAppend().addFiles(added)).commit();
      }
      const data = removed.map(({ dataFile }) => dataFile);
      const dangling = removed.flatMap((file) => deletesOfFileAlone(file));
      const isSerializable = isolationOf(metadata, done) === "serializable";
      if (partly.length === 0) {
        const overwrite = prepared(table.newOverwrite())
          .deleteFiles(data)
          .deleteDeleteFiles(dangling)
          .addFiles(added)
          .conflictDetectionFilter(filter)
          .validateNoConflictingDeletes();
        if (head !== undefined) overwrite.validateFromSnapshot(head);
        if (isSerializable) overwrite.validateNoConflictingData();
        return overwrite.commit();
      }
      const rows = new Map(
        partly.map(({ file, effect }) => [file.dataFile.filePath, { file, positions: effect.positions ?? [] }]),
      );
      writtenDeletes = await writeDeletionVectors(deps, metadata, rows);
      const delta = prepared(table.newRowDelta())
        .addRows(added)
        .addDeletes(writtenDeletes.added)
        .removeDeletes([...writtenDeletes.removed, ...dangling])
        .removeRows(data)
        .conflictDetectionFilter(filter)
        .validateDeletedFiles()
        .validateNoConflictingDeleteFiles();
      if (head !== undefined) delta.validateFromSnapshot(head);
      if (isSerializable) delta.validateNoConflictingDataFiles();
      return delta.commit();
    },
    async discard() {
      await inserts?.abort();
      const { added } = writtenDeletes;
      const keys = new Set(added.map(({ filePath }) => filePath));
      if (keys.size === 0) return;
      // What cannot be deleted now falls to orphan removal.
      await deps.store.delete([...keys].map((location) => locationToKey(location, deps.bucket))).catch(() => {});
    },
  };
}

/** A scan of the target that is opened. */
interface OpenScan {
  readonly request: ScanRequest;
  readonly files: readonly ScanFile[];
  readonly predicates: readonly FieldPredicate[];
  readonly statistics: ScanStatistics;
  readonly signal: AbortSignal;
  /** What is read may be stored. */
  readonly exactTimes?: boolean;
}

const NEVER_ABORTED = new AbortController().signal;

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** Deletes that are about this file alone, and so go with it. */
function deletesOfFileAlone({ dataFile, deletes }: ScanFile): readonly DeleteFile[] {
  return deletes
    .map(({ deleteFile }) => deleteFile)
    .filter((file) => isDeletionVector(file) || file.referencedDataFile === dataFile.filePath);
}

/** Whether metadata proves that every row of a file without deletes fulfils all predicates. */
function isWholeMatch({ metadata }: Table, file: ScanFile, predicates: readonly IcebergPredicate[]): boolean {
  if (file.deletes.length > 0) return false;
  const { dataFile } = file;
  return allRowsMatch(dataFile, specById(metadata, dataFile.specId), allFieldsById(metadata), predicates);
}

/** The batch with the columns a change asked for: the table's, the file's number and the rows' positions. */
function withPlaces(batch: ScannedBatch, wanted: readonly number[], width: number): Batch {
  let next = 0;
  const columns = wanted.map((index): Vector => {
    if (index < width) return required(batch.columns[next++], "a scanned column");
    if (index === width) return { encoding: "constant", type: INT32, length: batch.rowCount, value: batch.file };
    const values = required(batch.positions, "the rows' positions");
    return { encoding: "flat", type: INT32, length: batch.rowCount, values, validity: undefined };
  });
  return { rowCount: batch.rowCount, columns };
}

/** An operation that commits to this very table, not to another that took its name. */
function onlyTo<T extends SnapshotUpdate<T>>({ metadata }: Table, operation: T): T {
  return operation.validate((base) =>
    base["table-uuid"] === metadata["table-uuid"] ? undefined : "the table was dropped and created anew",
  );
}
