// Watermarks: how far each shard's rows are in the table. They live in table properties, set in the same commit
// as the rows, so neither compaction nor snapshot expiry nor a foreign writer can part the two.

import type { TableMetadata } from "#iceberg";

const WATERMARK_PREFIX = "firn.ingest.watermark.";

/** Whether a table property is a shard's watermark. Only ingest's own commits may change it. */
export function isWatermarkProperty(name: string): boolean {
  return name.startsWith(WATERMARK_PREFIX);
}

/** The table property that holds a shard's last committed sequence as a decimal string. */
export function watermarkProperty(shardIndex: number): string {
  return `${WATERMARK_PREFIX}${shardIndex}`;
}

/** The last sequence of a shard that is in the table; 0 when it has committed nothing. */
export function shardWatermark(metadata: Pick<TableMetadata, "properties">, shardIndex: number): number {
  const value = Number(metadata.properties?.[watermarkProperty(shardIndex)] ?? "0");
  return Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** The watermark of every shard, by index. Rows with a greater sequence are fresh: acknowledged, not in the table. */
export function freshWatermarks(metadata: Pick<TableMetadata, "properties">, shardCount: number): number[] {
  return Array.from({ length: shardCount }, (_, shardIndex) => shardWatermark(metadata, shardIndex));
}
