// Rewriting one group: its files' rows, optionally sorted, into new files of about the target size.

import { systemRandom } from "#core";
import type { Batch } from "#columnar";
import {
  LINEAGE_COLUMNS,
  createTableWriter,
  currentSchema,
  schemaToParquetFields,
  storedConstants,
  type DataFile,
  type IcebergColumn,
  type Table,
} from "#iceberg";
import type { ObjectStore } from "#storage";
import { readDataFiles } from "./data-input.ts";
import { partitionPathColumn, sortColumns, withDerivedColumns, type DerivedColumn } from "./derived-columns.ts";
import { DEFAULT_SORT_LIMITS, sortBatches, type RunStore, type SortLimits } from "./external-sort.ts";
import { outputFileName, type JobFiles } from "./job-files.ts";
import type { RewriteGroup } from "./plan.ts";
import type { ResolvedSort } from "./resolve.ts";
import { createSpilledRuns } from "./spilled-runs.ts";
import { createContentTally, requireSameContent } from "./verify.ts";
import { zOrderColumn } from "./z-order-column.ts";

/** Work done since the last report. */
export interface GroupProgress {
  /** Input files read to their end. */
  readonly files: number;
  /** Input bytes, by share of rows: counted when written; a sort counts half when read and half when written. */
  readonly bytes: number;
  /** Rows written. */
  readonly rows: number;
}

/** What rewriting needs. */
export interface RewriteDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  readonly jobFiles: JobFiles;
  readonly sortLimits?: SortLimits;
  /** Waits; called with 0 now and then, so that other work of the isolate (status requests) gets its turn. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Ends the rewrite early when it aborts. */
  readonly signal?: AbortSignal;
  onProgress?(progress: GroupProgress): Promise<void> | void;
}

/** One group and how to rewrite it. */
export interface RewriteTask {
  readonly jobId: string;
  readonly group: RewriteGroup;
  readonly targetFileSizeBytes: number;
  /** Absent for bin-packing, which keeps the order of the inputs. */
  readonly sort?: ResolvedSort;
}

/** The files written for a group. */
export interface RewriteGroupResult {
  readonly files: readonly DataFile[];
  readonly rows: number;
  readonly bytes: number;
  /** Rows of the inputs that deletes had removed. */
  readonly deletedRows: number;
}

/** Rows may be wider than the inputs' average: a file is closed at this multiple of the target. */
const MAX_FILE_RATIO = 1.5;

/** Rows between turns given to other work: some tens of milliseconds. */
const YIELD_ROWS = 65_536;

/** Format version from which rows have an identity that a rewrite keeps. */
const LINEAGE_VERSION = 3;

/**
 * Rewrites the live rows of a group into new files and proves that they hold them. Nothing is committed. Deterministic:
 * another attempt writes the same rows under the same names.
 *
 * Cost: memory of one row group, one multipart part, the deletes and, when sorting, the sort's bound; every input byte
 * is read once, and sorted rows beyond one run are written and read again. Errors: `data_invalid`,
 * `storage_unavailable`, `unsupported_operation` for column types that cannot be written, those of loading deletes.
 */
export async function runRewriteGroup(deps: RewriteDeps, table: Table, task: RewriteTask): Promise<RewriteGroupResult> {
  const { group, jobId, sort } = task;
  const { metadata } = table;
  const schemaColumns = schemaToParquetFields(currentSchema(metadata));
  const rowLineage = metadata["format-version"] >= LINEAGE_VERSION;
  const columns = rowLineage ? [...schemaColumns, ...LINEAGE_COLUMNS] : schemaColumns;
  const bytesPerRow = group.bytes / Math.max(1, group.rows);
  const isSorting = sort !== undefined || group.repartition;
  const inputs = createContentTally(schemaColumns);
  const outputs = createContentTally(schemaColumns);
  const writer = createTableWriter({ ...deps, random: systemRandom }, table, {
    specId: group.repartition ? metadata["default-spec-id"] : group.specId,
    rowLineage,
    rowsPerFile: rowsPerFile(group, task.targetFileSizeBytes),
    targetFileBytes: task.targetFileSizeBytes * MAX_FILE_RATIO,
    rowBytes: bytesPerRow,
    // Rows of a partition come together.
    openFiles: 1,
    fileName: (index) => outputFileName(jobId, group.index, index),
    onStart: (index, location) => deps.jobFiles.announceOutput(group.index, index, location),
    onFile: (_file, footer) => outputs.add(footer),
    ...(sort?.sortOrderId === undefined ? {} : { sortOrderId: sort.sortOrderId }),
  });
  let rowsSinceYield = 0;
  async function advance(rows: number, progress: GroupProgress): Promise<void> {
    await deps.onProgress?.(progress);
    rowsSinceYield += rows;
    if (rowsSinceYield < YIELD_ROWS) return;
    rowsSinceYield = 0;
    await deps.sleep(0);
  }
  let readRows = 0;
  const source = readDataFiles(
    {
      ...deps,
      metadata,
      onFile: ({ dataFile, deletes }, footer) => {
        if (deletes.length === 0) inputs.add(footer, storedConstants(metadata, dataFile));
      },
      onRows: async (rows, live, { deletes }) => {
        readRows += rows;
        if (deletes.length > 0) inputs.addRows(live);
        // Reading is half of a sort's work; rows that are not written are done when read.
        const share = isSorting ? 0.5 : 0;
        const gone = rows - live.rowCount;
        await advance(rows, { files: 0, bytes: (rows * share + gone * (1 - share)) * bytesPerRow, rows: 0 });
      },
      onFileDone: () => deps.onProgress?.({ files: 1, bytes: 0, rows: 0 }),
    },
    group.files,
    columns,
  );
  try {
    for await (const batch of arrange(deps, task, source, columns, table)) {
      deps.signal?.throwIfAborted();
      await writer.write(batch);
      const rows = batch.rowCount;
      await advance(rows, { files: 0, bytes: (rows * bytesPerRow) / (isSorting ? 2 : 1), rows });
    }
    const files = await writer.close();
    requireSameContent(inputs, outputs, schemaColumns);
    return {
      files,
      rows: outputs.rows,
      bytes: files.reduce((sum, file) => sum + file.fileSizeBytes, 0),
      deletedRows: readRows - inputs.rows,
    };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** The source in output order: as it is, sorted, or gathered by the partitions of another spec and sorted there. */
async function* arrange(
  deps: RewriteDeps,
  task: RewriteTask,
  source: AsyncIterable<Batch>,
  columns: readonly IcebergColumn[],
  table: Table,
): AsyncGenerator<Batch> {
  const { metadata } = table;
  const first: DerivedColumn[] = task.group.repartition ? [partitionPathColumn(metadata, 0)] : [];
  if (task.sort?.zorder !== undefined) {
    first.push(await zOrderColumn({ ...deps, metadata }, task.group.files, task.sort.zorder, first.length));
  }
  const { derived, keys } = sortColumns(metadata, columns.length, first, task.sort?.keys ?? []);
  if (keys.length === 0) {
    yield* source;
    return;
  }
  const runs = createRuns(deps, task.group.index, [...columns, ...derived.map(({ column }) => column)]);
  const limits = deps.sortLimits ?? DEFAULT_SORT_LIMITS;
  for await (const batch of sortBatches(withDerivedColumns(source, derived), keys, runs, limits)) {
    yield { rowCount: batch.rowCount, columns: batch.columns.slice(0, columns.length) };
  }
}

function createRuns(deps: RewriteDeps, group: number, columns: readonly IcebergColumn[]): RunStore {
  return createSpilledRuns(deps.store, columns, (runId) => deps.jobFiles.runKey(group, runId));
}

/** Rows a file gets so that the group's files come out even and near the target. */
function rowsPerFile(group: RewriteGroup, targetFileSizeBytes: number): number {
  if (group.repartition) {
    return Math.max(1, Math.ceil((group.rows * targetFileSizeBytes) / Math.max(1, group.bytes)));
  }
  const fileCount = Math.max(1, Math.round(group.bytes / targetFileSizeBytes));
  return Math.max(1, Math.ceil(group.rows / fileCount));
}
