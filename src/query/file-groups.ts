// Groups of a table's data files whose rows are aggregated and remembered together. Groups must stay what they are while
// a table grows: appended files come last, so they change at most the last group of their partition.

import { stringifyJson } from "#core";
import type { ScanFile } from "#iceberg";

/** Small files are grouped up to about this size. */
const GROUP_BYTES = 1024 * 1024;
/** A group of small files ends at one in so many files, whatever comes after it. */
const FILES_PER_GROUP = 16;
/** More groups than this are made coarser. */
const MAX_GROUPS = 1000;
const COARSER = 8;

/**
 * Splits files into groups: by partition, in the order the files were added. Where a group ends depends only on the
 * files in it and before it, so groups of a growing table keep their identity.
 */
export function groupFiles(files: readonly ScanFile[]): readonly (readonly ScanFile[])[] {
  const ordered = files.toSorted((a, b) => compareTexts(partitionOf(a), partitionOf(b)) || compareAge(a, b));
  for (let scale = 1; ; scale *= COARSER) {
    const groups = groupOrdered(ordered, GROUP_BYTES * scale, FILES_PER_GROUP * scale);
    if (groups.length <= MAX_GROUPS || scale > files.length) return groups;
  }
}

function groupOrdered(files: readonly ScanFile[], maxBytes: number, filesPerGroup: number): ScanFile[][] {
  const groups: ScanFile[][] = [];
  let group: ScanFile[] = [];
  let bytes = 0;
  let partition: string | undefined;
  const end = (): void => {
    if (group.length > 0) groups.push(group);
    group = [];
    bytes = 0;
  };
  for (const file of files) {
    const own = partitionOf(file);
    if (own !== partition || bytes + file.dataFile.fileSizeBytes > maxBytes) end();
    partition = own;
    group.push(file);
    bytes += file.dataFile.fileSizeBytes;
    if (hashOf(file.dataFile.filePath) % filesPerGroup === 0) end();
  }
  end();
  return groups;
}

function partitionOf({ dataFile: { specId, partition } }: ScanFile): string {
  return `${specId} ${stringifyJson(partition)}`;
}

function compareAge(a: ScanFile, b: ScanFile): number {
  if (a.sequenceNumber !== b.sequenceNumber) return a.sequenceNumber < b.sequenceNumber ? -1 : 1;
  return compareTexts(a.dataFile.filePath, b.dataFile.filePath);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
