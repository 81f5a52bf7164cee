// Which files a layout job rewrites together. Pure: files and sizes in, groups out.
// Bin-packing follows Iceberg's BinPackRewriteFilePlanner (core, org.apache.iceberg.actions).

import type { Scalar } from "#columnar";
import { stringifyJson } from "#core";
import type { DataFile } from "#iceberg";

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
  readonly files: readonly DataFile[];
  readonly bytes: number;
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
export function planCompaction(files: readonly DataFile[], options: CompactPlanOptions): RewriteGroup[] {
  const candidates = files.filter(
    (file) =>
      file.fileSizeBytes < options.minFileSizeBytes ||
      file.fileSizeBytes > options.maxFileSizeBytes ||
      file.specId !== options.outputSpecId,
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

/** One group for each partition, holding all its files; partitions already in order as one file are left out. */
export function planSortRewrite(files: readonly DataFile[], options: SortPlanOptions): RewriteGroup[] {
  const groups: RewriteGroup[] = [];
  for (const partitionFiles of filesByPartition(files).values()) {
    const [only] = partitionFiles;
    const isSorted =
      partitionFiles.length === 1 &&
      only !== undefined &&
      options.sortOrderId !== undefined &&
      only.sortOrderId === options.sortOrderId &&
      only.specId === options.outputSpecId &&
      only.fileSizeBytes <= options.targetFileSizeBytes;
    if (!isSorted) groups.push(toGroup(partitionFiles, groups.length, options.outputSpecId));
  }
  return groups;
}

/** Files by partition and spec, in first-seen order. */
function filesByPartition(files: readonly DataFile[]): Map<string, DataFile[]> {
  const byPartition = new Map<string, DataFile[]>();
  for (const file of files) {
    const key = partitionKey(file);
    const known = byPartition.get(key);
    if (known === undefined) byPartition.set(key, [file]);
    else known.push(file);
  }
  return byPartition;
}

/** A string equal for files of the same partition and different otherwise. */
function partitionKey(file: DataFile): string {
  return stringifyJson([
    file.specId,
    ...file.partition.map((value) =>
      value instanceof Uint8Array ? { bytes: [...value] } : Object.is(value, -0) ? { negativeZero: true } : value,
    ),
  ]);
}

/** Cuts a list into runs of at most `groupBytes`; a larger file is a run of its own. Keeps the order. */
function packInOrder(files: readonly DataFile[], groupBytes: number): DataFile[][] {
  const packs: DataFile[][] = [];
  let pack: DataFile[] = [];
  let packBytes = 0;
  for (const file of files) {
    if (pack.length > 0 && (packBytes + file.fileSizeBytes > groupBytes || pack.length === MAX_GROUP_FILES)) {
      packs.push(pack);
      pack = [];
      packBytes = 0;
    }
    pack.push(file);
    packBytes += file.fileSizeBytes;
  }
  if (pack.length > 0) packs.push(pack);
  return packs;
}

function isWorthRewriting(files: readonly DataFile[], options: CompactPlanOptions): boolean {
  const bytes = totalBytes(files);
  const hasOldSpec = files.some((file) => file.specId !== options.outputSpecId);
  const hasEnoughFiles = files.length > 1 && files.length >= options.minInputFiles;
  const hasEnoughContent = files.length > 1 && bytes > options.targetFileSizeBytes;
  const hasTooMuchContent = bytes > options.maxFileSizeBytes;
  return hasOldSpec || hasEnoughFiles || hasEnoughContent || hasTooMuchContent;
}

function toGroup(files: readonly DataFile[], index: number, outputSpecId: number): RewriteGroup {
  const specId = files[0]?.specId ?? outputSpecId;
  return {
    index,
    specId,
    partition: files[0]?.partition ?? [],
    repartition: specId !== outputSpecId,
    files,
    bytes: totalBytes(files),
    rows: files.reduce((sum, file) => sum + file.recordCount, 0),
  };
}

function totalBytes(files: readonly DataFile[]): number {
  return files.reduce((sum, file) => sum + file.fileSizeBytes, 0);
}
