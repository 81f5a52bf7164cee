// Acknowledged rows that no snapshot holds yet: read from the ingest log, narrowed to a scan's columns and rows.

import { LakeError, type TableIdentifier } from "#core";
import {
  arrowIpcToBatches,
  constantVector,
  gatherBatch,
  scalarAt,
  vectorByteSize,
  type Batch,
  type Vector,
} from "#columnar";
import { fromStoredVector, schemaById, type TableMetadata } from "#iceberg";
import { promoteVector } from "#parquet";
import type { ScanColumn } from "./file-scan.ts";
import { matchesValue, type FieldPredicate } from "./field-predicate.ts";

/** One page of acknowledged rows. */
export interface FreshPage {
  /** Rows before this sequence are in the table. */
  readonly firstRetainedSequence: number;
  /** Last sequence of the page; the asked-for one when it is empty. */
  readonly lastSequence: number;
  readonly rowCount: number;
  /** Arrow IPC stream in the column order of the schema, columns as files hold them. */
  readonly ipc: Uint8Array;
  readonly schemaId: number;
  readonly hasMore: boolean;
}

/** One shard of the ingest log, to be read from a table's watermark on. */
export interface FreshShard {
  readonly shardIndex: number;
  /** Last sequence that the table's snapshot holds. */
  readonly watermark: number;
  readFresh(request: { readonly afterSequence: number }): Promise<FreshPage>;
}

/** Where acknowledged rows come from. */
export interface FreshSource {
  /** Every shard of the table with the metadata's watermark. Makes no call itself. */
  shards(table: TableIdentifier, metadata: TableMetadata): readonly FreshShard[];
  /** Told that a table of this name is being loaded to be read, if there is one. May ask its shards already. */
  ahead?(table: TableIdentifier): void;
  /** Brings every row acknowledged before into the table. Errors: those of a flush; rows then stay where they are. */
  flush(table: TableIdentifier): Promise<void>;
}

/** Decoded fresh rows a query may hold, bytes. Shards flush well below; more means that flushes fail. */
const MAX_FRESH_BYTES = 24 * 1024 * 1024;

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
 * Reads all shards above their watermarks, keeping only the fields asked for. Undefined when rows went into the table
 * since the metadata was loaded, or follow a schema it does not have: reload the table and ask again.
 *
 * Cost: one call a shard while its rows fit a page; holds one page a shard while it is decoded. Errors:
 * `memory_limit_exceeded`, `data_invalid`.
 */
export async function readFreshRows(
  shards: readonly FreshShard[],
  metadata: TableMetadata,
  fieldIds: ReadonlySet<number>,
): Promise<readonly FreshBatch[] | undefined> {
  let heldBytes = 0;
  const readShard = async (shard: FreshShard): Promise<FreshBatch[] | undefined> => {
    const batches: FreshBatch[] = [];
    let afterSequence = shard.watermark;
    for (;;) {
      const page = await shard.readFresh({ afterSequence });
      if (page.firstRetainedSequence > afterSequence + 1) return undefined;
      if (page.rowCount > 0) {
        const decoded = decodePage(page, shard, metadata, fieldIds);
        if (decoded === undefined) return undefined;
        for (const { vectorsByFieldId } of decoded) {
          for (const vector of vectorsByFieldId.values()) heldBytes += vectorByteSize(vector);
        }
        if (heldBytes > MAX_FRESH_BYTES) throw tooManyFreshRows();
        batches.push(...decoded);
      }
      if (!page.hasMore) return batches;
      afterSequence = page.lastSequence;
    }
  };
  const perShard = await Promise.all(shards.map(readShard));
  const complete = perShard.filter((batches) => batches !== undefined);
  return complete.length === shards.length ? complete.flat() : undefined;
}

function decodePage(
  { ipc, schemaId }: FreshPage,
  { shardIndex, watermark }: FreshShard,
  metadata: TableMetadata,
  fieldIds: ReadonlySet<number>,
): FreshBatch[] | undefined {
  if (!metadata.schemas.some((schema) => schema["schema-id"] === schemaId)) return undefined;
  const { fields } = schemaById(metadata, schemaId);
  return arrowIpcToBatches(ipc).map((batch) => {
    const vectorsByFieldId = new Map<number, Vector>();
    for (const [index, vector] of batch.columns.entries()) {
      const fieldId = fields[index]?.id;
      if (fieldId !== undefined && fieldIds.has(fieldId)) vectorsByFieldId.set(fieldId, vector);
    }
    return { shardIndex, watermark, vectorsByFieldId, rowCount: batch.rowCount };
  });
}

function tooManyFreshRows(): LakeError {
  return new LakeError(
    "memory_limit_exceeded",
    "More acknowledged rows wait for their flush than a query can hold; nothing was returned. Retry after the flush.",
    { details: { max_fresh_bytes: MAX_FRESH_BYTES } },
  );
}

/**
 * The rows that fulfil every predicate, with the wanted columns; a column that a batch lacks is null.
 *
 * `exactTimes` refuses times that SQL would round (`numeric_out_of_range`).
 *
 * The identity names each contributing shard, its watermark and how many rows fulfil the predicates: a shard only
 * appends, so for one plan these fix the rows. Rows that do not match leave the identity as it was.
 */
export function selectFresh(
  fresh: readonly FreshBatch[],
  columns: readonly ScanColumn[],
  predicates: readonly FieldPredicate[],
  exactTimes = false,
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
        if (vector === undefined) return constantVector(type, null, source.rowCount);
        return promoteVector(fromStoredVector(vector, type, name, exactTimes), type, name);
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
    const stored = source.vectorsByFieldId.get(predicate.fieldId);
    if (stored === undefined) {
      if (!matchesValue(predicate, null)) return new Int32Array(0);
    } else {
      const vector = fromStoredVector(stored, predicate.type, predicate.name, false);
      rows = rows.filter((row) => matchesValue(predicate, scalarAt(vector, row)));
    }
  }
  return rows;
}
