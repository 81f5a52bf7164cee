// Which files a layout job rewrites together. Pure: files and sizes in, groups out.
// Bin-packing follows Iceberg's BinPackRewriteFilePlanner (core, org.apache.iceberg.actions).

import type { Scalar } from "#columnar";
import { stringifyJson } from "#core";
import type { DeleteFile, ScanFile } from "#iceberg";

/** Sizes and counts that decide what is worth rewriting. */
export interface CompactPlanOptions {
  readonly targetFileSizeBytes: number;
  /** Files below are candidates. */
  readonly minFileSizeBytes: number;
  /** Files above are candidates: they are split. */
  readonly maxFileSizeBytes: number;
  /** Groups of fewer files are left alone unless they hold more than the target. */
  readonly minInputFiles: number;
  /** The table's default partition spec: files of older specs are candidates and are repartitioned. */
  readonly outputSpecId: number;
  /** Files that at least so many delete files apply to are candidates, and reason enough for a group. */
  readonly deleteFileThreshold: number;
  /** As are files of whose rows at least this share is known to be deleted. */
  readonly deleteRatio: number;
}

/** What decides which files a sort rewrite takes. */
export interface SortPlanOptions {
  readonly targetFileSizeBytes: number;
  readonly outputSpecId: number;
  /** A partition that is one file already sorted by this order is left alone. */
  readonly sortOrderId: number | undefined;
}

/** Files of one partition that are rewritten together into one or more files. */
export interface RewriteGroup {
  /** Position in the plan, from 0; part of the output files' names. */
  readonly index: number;
  /** The spec the input files were written with. */
  readonly specId: number;
  readonly partition: readonly Scalar[];
  /** Whether rows must be distributed over the partitions of another spec. */
  readonly repartition: boolean;
  readonly files: readonly ScanFile[];
  readonly bytes: number;
  /** Rows stored, deleted ones included. */
  readonly rows: number;
}

/**
 * Bytes a bin-pack group holds at most, as a multiple of the target and absolutely. A group is one workflow step:
 * it is retried as a whole and must end within a step's CPU time; several targets' worth lets files that do not
 * divide evenly be cut into even ones.
 */
const GROUP_TARGETS = 8;
const MAX_GROUP_BYTES = 1024 ** 3;

/** Files a group holds at most, so that its file list stays far below a step result's limit of memory. */
const MAX_GROUP_FILES = 2000;

/**
 * Groups the files worth compacting, in the order given, one partition at a time. Empty when there is nothing to
 * do. A file is in at most one group; groups never mix partitions or specs.
 */
export function planCompaction(files: readonly ScanFile[], options: CompactPlanOptions): RewriteGroup[] {
  const candidates = files.filter(
    (file) =>
      file.dataFile.fileSizeBytes < options.minFileSizeBytes ||
      file.dataFile.fileSizeBytes > options.maxFileSizeBytes ||
      file.dataFile.specId !== options.outputSpecId ||
      hasManyDeletes(file, options),
  );
  const groupBytes = Math.max(
    options.targetFileSizeBytes,
    Math.min(options.targetFileSizeBytes * GROUP_TARGETS, MAX_GROUP_BYTES),
  );
  const groups: RewriteGroup[] = [];
  for (const partitionFiles of filesByPartition(candidates).values()) {
    for (const packed of packInOrder(partitionFiles, groupBytes)) {
      if (isWorthRewriting(packed, options)) groups.push(toGroup(packed, groups.length, options.outputSpecId));
    }
  }
  return groups;
}

/** Whether deletes are reason enough to write a file anew. */
function hasManyDeletes({ dataFile, deletes }: ScanFile, options: CompactPlanOptions): boolean {
  if (deletes.length === 0) return false;
  if (deletes.length >= options.deleteFileThreshold) return true;
  const known = deletes.reduce(
    (sum, { deleteFile }) => sum + (isOnlyOneFiles(deleteFile) ? deleteFile.recordCount : 0),
    0,
  );
  return known >= options.deleteRatio * dataFile.recordCount && known > 0;
}

/** Whether all of the deletes are about the file they apply to, so that their number is that of its deleted rows. */
function isOnlyOneFiles({ content, referencedDataFile }: DeleteFile): boolean {
  return content === 1 && referencedDataFile !== undefined;
}

/** One group for each partition, holding all its files; partitions already in order as one file are left out. */
export function planSortRewrite(files: readonly ScanFile[], options: SortPlanOptions): RewriteGroup[] {
  const groups: RewriteGroup[] = [];
  for (const partitionFiles of filesByPartition(files).values()) {
    const [only] = partitionFiles;
    const isSorted =
      partitionFiles.length === 1 &&
      only !== undefined &&
      only.deletes.length === 0 &&
      options.sortOrderId !== undefined &&
      only.dataFile.sortOrderId === options.sortOrderId &&
      only.dataFile.specId === options.outputSpecId &&
      only.dataFile.fileSizeBytes <= options.targetFileSizeBytes;
    if (!isSorted) groups.push(toGroup(partitionFiles, groups.length, options.outputSpecId));
  }
  return groups;
}

/** Files by partition and spec, in first-seen order. */
function filesByPartition(files: readonly ScanFile[]): Map<string, ScanFile[]> {
  const byPartition = new Map<string, ScanFile[]>();
  for (const file of files) {
    const key = partitionKey(file);
    const known = byPartition.get(key);
    if (known === undefined) byPartition.set(key, [file]);
    else known.push(file);
  }
  return byPartition;
}

/** A string equal for files of the same partition and different otherwise. */
function partitionKey({ dataFile }: ScanFile): string {
  return stringifyJson([
    dataFile.specId,
    ...dataFile.partition.map((value) =>
      value instanceof Uint8Array ? { bytes: [...value] } : Object.is(value, -0) ? { negativeZero: true } : value,
    ),
  ]);
}

/** Cuts a list into runs of at most `groupBytes`; a larger file is a run of its own. Keeps the order. */
function packInOrder(files: readonly ScanFile[], groupBytes: number): ScanFile[][] {
  const packs: ScanFile[][] = [];
  let pack: ScanFile[] = [];
  let packBytes = 0;
  for (const file of files) {
    if (pack.length > 0 && (packBytes + file.dataFile.fileSizeBytes > groupBytes || pack.length === MAX_GROUP_FILES)) {
      packs.push(pack);
      pack = [];
      packBytes = 0;
    }
    pack.push(file);
    packBytes += file.dataFile.fileSizeBytes;
  }
  if (pack.length > 0) packs.push(pack);
  return packs;
}

function isWorthRewriting(files: readonly ScanFile[], options: CompactPlanOptions): boolean {
  const bytes = totalBytes(files);
  const hasOldSpec = files.some(({ dataFile }) => dataFile.specId !== options.outputSpecId);
  const hasDeletes = files.some((file) => hasManyDeletes(file, options));
  const hasEnoughFiles = files.length > 1 && files.length >= options.minInputFiles;
  const hasEnoughContent = files.length > 1 && bytes > options.targetFileSizeBytes;
  const hasTooMuchContent = bytes > options.maxFileSizeBytes;
  return hasOldSpec || hasDeletes || hasEnoughFiles || hasEnoughContent || hasTooMuchContent;
}

function toGroup(files: readonly ScanFile[], index: number, outputSpecId: number): RewriteGroup {
  const first = files[0]?.dataFile;
  const specId = first?.specId ?? outputSpecId;
  return {
    index,
    specId,
    partition: first?.partition ?? [],
    repartition: specId !== outputSpecId,
    files,
    bytes: totalBytes(files),
    rows: files.reduce((sum, { dataFile }) => sum + dataFile.recordCount, 0),
  };
}

function totalBytes(files: readonly ScanFile[]): number {
  return files.reduce((sum, { dataFile }) => sum + dataFile.fileSizeBytes, 0);
}
