// Acknowledged rows that no snapshot holds yet: read from the ingest log, narrowed to a scan's columns and rows.

import type { TableIdentifier } from "#core";
import { arrowIpcToBatches, constantVector, gatherBatch, scalarAt, type Batch, type Vector } from "#columnar";
import { schemaById, type TableMetadata } from "#iceberg";
import { promoteVector } from "#parquet";
import type { ScanColumn } from "./file-scan.ts";
import { matchesValue, type FieldPredicate } from "./field-predicate.ts";

/** One page of acknowledged rows. */
export interface FreshPage {
  readonly rowCount: number;
  /** Arrow IPC stream in the column order of the schema. */
  readonly ipc: Uint8Array;
  readonly schemaId: number;
}

/** The rows of one shard above the watermark of the metadata they were asked for with. */
export interface FreshShard {
  readonly shardIndex: number;
  readonly watermark: number;
  readonly pages: readonly FreshPage[];
}

/** Where acknowledged rows come from. */
export interface FreshSource {
  /**
   * Every shard's rows above the metadata's watermarks, or undefined when rows went into the table since the
   * metadata was loaded: reload it and ask again. Cost: one call a shard.
   */
  readFresh(table: TableIdentifier, metadata: TableMetadata): Promise<readonly FreshShard[] | undefined>;
}

/** Fresh rows of one shard with their columns found by field id. */
export interface FreshBatch {
  readonly shardIndex: number;
  readonly watermark: number;
  readonly vectorsByFieldId: ReadonlyMap<number, Vector>;
  readonly rowCount: number;
}

/** Fresh rows that a scan may need. */
export interface FreshSelection {
  readonly batches: readonly Batch[];
  readonly rowCount: number;
  /** Names exactly these rows; empty when there are none. */
  readonly identity: string;
}

/**
 * Decodes the pages of all shards. Undefined when a page follows a schema that the metadata does not have: the table
 * changed since, reload it. Errors: `data_invalid`.
 */
export function decodeFreshShards(
  shards: readonly FreshShard[],
  metadata: TableMetadata,
): readonly FreshBatch[] | undefined {
  const decoded: FreshBatch[] = [];
  for (const { shardIndex, watermark, pages } of shards) {
    for (const { rowCount, ipc, schemaId } of pages) {
      if (rowCount === 0) continue;
      if (!metadata.schemas.some((schema) => schema["schema-id"] === schemaId)) return undefined;
      const { fields } = schemaById(metadata, schemaId);
      for (const batch of arrowIpcToBatches(ipc)) {
        const vectorsByFieldId = new Map(
          batch.columns.map((vector, index) => [fields[index]?.id ?? -index, vector] as const),
        );
        decoded.push({ shardIndex, watermark, vectorsByFieldId, rowCount: batch.rowCount });
      }
    }
  }
  return decoded;
}

/**
 * The rows that fulfil every predicate, with the wanted columns; a column that a batch lacks is null.
 *
 * The identity names each contributing shard, its watermark and how many rows fulfil the predicates: a shard only
 * appends, so for one plan these fix the rows. Rows that do not match leave the identity as it was.
 */
export function selectFresh(
  fresh: readonly FreshBatch[],
  columns: readonly ScanColumn[],
  predicates: readonly FieldPredicate[],
): FreshSelection {
  const batches: Batch[] = [];
  const countByShard = new Map<string, number>();
  let rowCount = 0;
  for (const source of fresh) {
    const rows = matchingRows(source, predicates);
    if (rows.length === 0) continue;
    const all: Batch = {
      rowCount: source.rowCount,
      columns: columns.map(({ fieldId, name, type }) => {
        const vector = source.vectorsByFieldId.get(fieldId);
        return vector === undefined ? constantVector(type, null, source.rowCount) : promoteVector(vector, type, name);
      }),
    };
    batches.push(rows.length === source.rowCount ? all : gatherBatch(all, rows));
    rowCount += rows.length;
    const shard = `${source.shardIndex}>${source.watermark}`;
    countByShard.set(shard, (countByShard.get(shard) ?? 0) + rows.length);
  }
  const identity = [...countByShard].map(([shard, count]) => `${shard}:${count}`).join(",");
  return { batches, rowCount, identity };
}

function matchingRows(source: FreshBatch, predicates: readonly FieldPredicate[]): Int32Array {
  let rows: Int32Array = Int32Array.from({ length: source.rowCount }, (_, index) => index);
  for (const predicate of predicates) {
    const vector = source.vectorsByFieldId.get(predicate.fieldId);
    if (vector === undefined) {
      if (!matchesValue(predicate, null)) return new Int32Array(0);
    } else {
      rows = rows.filter((row) => matchesValue(predicate, scalarAt(vector, row)));
    }
  }
  return rows;
}
