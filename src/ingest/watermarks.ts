// Watermarks: how far each shard's rows are in the table. They are written in the same commit as the rows, in two
// places: the summary of the snapshot, which every later snapshot of ours carries on, and table properties, which
// outlive snapshots made by others and snapshot expiry. A catalog that refuses the properties has the summary alone.

import { LakeError } from "#core";
import { newestWithSummary, type TableMetadata } from "#iceberg";

const WATERMARK_PREFIX = "firn.ingest.watermark.";

/** The summary key with every shard's watermark as a JSON object: {"0": 120, "1": 80}. */
export const WATERMARKS_SUMMARY_KEY = "firn.ingest.watermarks";

/** The part of a table's metadata that holds watermarks. */
export interface WatermarkSource {
  readonly properties: TableMetadata["properties"];
  readonly snapshots?: TableMetadata["snapshots"];
}

/** Whether a table property or summary key holds watermarks. Only ingest's own commits may change it. */
export function isWatermarkProperty(name: string): boolean {
  return name.startsWith(WATERMARK_PREFIX) || name === WATERMARKS_SUMMARY_KEY;
}

/** The table property that holds a shard's last committed sequence as a decimal string. */
export function watermarkProperty(shardIndex: number): string {
  return `${WATERMARK_PREFIX}${shardIndex}`;
}

/**
 * The watermark of every shard that has committed, by index: the greater of property and summary, since both only ever
 * grow. Errors: `metadata_invalid` for a summary that is not ours to read: guessing would repeat rows.
 */
export function recordedWatermarks(source: WatermarkSource): ReadonlyMap<number, number> {
  const marks = new Map<number, number>();
  const raise = (index: string, value: unknown): void => {
    const shardIndex = Number(index);
    const mark = Number(value);
    if (!Number.isSafeInteger(shardIndex) || !Number.isSafeInteger(mark)) return;
    if (mark > (marks.get(shardIndex) ?? 0)) marks.set(shardIndex, mark);
  };
  for (const [name, value] of Object.entries(source.properties ?? {})) {
    if (name.startsWith(WATERMARK_PREFIX)) raise(name.slice(WATERMARK_PREFIX.length), value);
  }
  const text = newestWithSummary(source, WATERMARKS_SUMMARY_KEY)?.summary[WATERMARKS_SUMMARY_KEY];
  if (text !== undefined) for (const [index, value] of Object.entries(parseSummary(text))) raise(index, value);
  return marks;
}

function parseSummary(text: string): object {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw new LakeError("metadata_invalid", `The snapshot summary ${WATERMARKS_SUMMARY_KEY} is not a JSON object.`);
}

/** The value of {@link WATERMARKS_SUMMARY_KEY} for these watermarks, in order of the shards. */
export function watermarksToSummary(marks: ReadonlyMap<number, number>): string {
  return JSON.stringify(Object.fromEntries(marks));
}

/** The last sequence of a shard that is in the table; 0 when it has committed nothing. */
export function shardWatermark(source: WatermarkSource, shardIndex: number): number {
  return recordedWatermarks(source).get(shardIndex) ?? 0;
}

/** The watermark of every shard, by index. Rows with a greater sequence are fresh: acknowledged, not in the table. */
export function freshWatermarks(source: WatermarkSource, shardCount: number): number[] {
  const marks = recordedWatermarks(source);
  return Array.from({ length: shardCount }, (_, shardIndex) => marks.get(shardIndex) ?? 0);
}
