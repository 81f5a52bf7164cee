// Where the values of a column part a scan's files: tables that are written in the order of a key have files whose
// ranges of it hardly overlap, so what is known of the lower keys is final once a file with higher ones begins.

import { allFieldsById, singleValueToScalar, type ScanFile, type TableMetadata } from "#iceberg";
import type { ScanCut } from "#sql";

/** Stored types whose bounds are integers. */
const INTEGER_TYPES: ReadonlySet<unknown> = new Set(["int", "long", "date"]);

/** Files in an order, and where one ends and the next begins. */
export interface FileClusters {
  readonly files: readonly ScanFile[];
  readonly cuts: readonly ScanCut[];
}

interface Bounded {
  readonly file: ScanFile;
  readonly min: number;
  readonly max: number;
}

/**
 * The files by the column's least values, with the cuts between those that follow each other. Undefined where no two
 * files are parted: when manifests do not bound the column, when it has nulls, or when all ranges overlap.
 */
export function clusterFiles(
  metadata: TableMetadata,
  files: readonly ScanFile[],
  fieldId: number,
): FileClusters | undefined {
  const type = allFieldsById(metadata).get(fieldId)?.field.type;
  if (files.length < 2 || typeof type !== "string" || !INTEGER_TYPES.has(type)) return undefined;
  const bounded: Bounded[] = [];
  for (const file of files) {
    const bounds = boundsOf(file, fieldId, type);
    if (bounds === undefined) return undefined;
    bounded.push(bounds);
  }
  const sorted = bounded.toSorted((a, b) => a.min - b.min || a.max - b.max);
  const cuts: ScanCut[] = [];
  let after = Number.NEGATIVE_INFINITY;
  for (const [i, { max }] of sorted.entries()) {
    after = Math.max(after, max);
    const next = sorted[i + 1];
    const isNew = next !== undefined && cuts.at(-1)?.below !== next.min;
    if (isNew && after <= next.min) cuts.push({ after, below: next.min });
  }
  return cuts.length === 0 ? undefined : { files: sorted.map(({ file }) => file), cuts };
}

function boundsOf(file: ScanFile, fieldId: number, type: string): Bounded | undefined {
  const { lowerBounds, upperBounds, nullValueCounts } = file.dataFile;
  const lower = lowerBounds.get(fieldId);
  const upper = upperBounds.get(fieldId);
  if (lower === undefined || upper === undefined || nullValueCounts.get(fieldId) !== 0) return undefined;
  const min = singleValueToScalar(type, lower);
  const max = singleValueToScalar(type, upper);
  const areNumbers = typeof min === "number" && typeof max === "number" && min <= max;
  return areNumbers ? { file, min, max } : undefined;
}
