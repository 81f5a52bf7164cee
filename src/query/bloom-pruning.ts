// Row groups whose bloom filters rule out every value that an equality asks for.

import { bloomProbe, chunkMightHold, type ParquetColumn, type ParquetRowGroup, type RangeReader } from "#parquet";
import { isComparable, type FieldPredicate } from "./field-predicate.ts";

/**
 * The first predicate that a bloom filter of the row group proves false for all rows; undefined when none does.
 *
 * Cost: one request for each filter asked, two and more for filters over 128 KiB; filters larger than the `savedBytes`
 * that the row group costs are not asked. Errors: those of the reader; `data_invalid`.
 */
export async function predicateRuledOut(
  predicates: readonly FieldPredicate[],
  rowGroup: ParquetRowGroup,
  leaves: ReadonlyMap<number, ParquetColumn>,
  reader: RangeReader,
  savedBytes: number,
): Promise<FieldPredicate | undefined> {
  for (const predicate of predicates) {
    const leaf = leaves.get(predicate.fieldId);
    if (leaf === undefined || leaf.path.length > 1 || leaf.maxRepetitionLevel > 0) continue;
    if ((predicate.operator !== "=" && predicate.operator !== "in") || !isComparable(predicate.type)) continue;
    const chunk = rowGroup.columns[leaf.leafIndex];
    if (chunk?.bloomFilterOffset === undefined || (chunk.bloomFilterBytes ?? 0) > savedBytes) continue;
    const probe = bloomProbe(predicate.values, leaf);
    if (probe !== undefined && !(await chunkMightHold(reader, chunk, probe))) return predicate;
  }
  return undefined;
}
