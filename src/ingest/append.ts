// One append, inside one transaction: idempotency, back-pressure, deduplication, sequences, rows.

import { LakeError } from "#core";
import type { IdIndex } from "./id-index.ts";
import { decodeRows, dropRows, encodeRows, type RowChunk } from "./row-chunk.ts";
import type { AppendReply, AppendRequest } from "./shard-protocol.ts";
import type { ShardState, ShardStorage } from "./shard-storage.ts";

/** What an append refuses and remembers. */
export interface AppendLimits {
  /** Encoded bytes of rows not yet in the table; above it appends are refused until a flush has made room. */
  readonly maxPendingBytes: number;
  /** An accepted id is recognised for at least this long. */
  readonly dedupeWindowMs: number;
  readonly idempotencyMs: number;
}

/** What an append made of its request. */
export interface Appended {
  readonly state: ShardState;
  readonly reply: AppendReply;
  /** Ids of the stored rows, for the index in memory once the transaction is through. */
  readonly acceptedIds: readonly string[];
}

/** Seconds a refused client should wait: about one flush. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Stores the request's rows; must run inside a transaction of the shard's storage, after which the returned state is
 * the shard's.
 *
 * Errors: `idempotency_key_reused`, `ingest_overloaded`; nothing is stored then.
 */
export function appendRows(
  storage: ShardStorage,
  ids: Pick<IdIndex, "findKnown">,
  state: ShardState,
  request: AppendRequest,
  limits: AppendLimits,
  nowMs: number,
): Appended {
  const { idempotency } = request;
  const stored = idempotency === undefined ? undefined : storage.findReply(idempotency.key, nowMs);
  if (stored !== undefined) {
    if (stored.bodyHash !== idempotency?.bodyHash) {
      throw new LakeError("idempotency_key_reused", "The Idempotency-Key was used with another body.");
    }
    return { state, reply: stored.reply, acceptedIds: [] };
  }
  if (request.chunks.length > 0 && state.pendingBytes >= limits.maxPendingBytes) {
    throw new LakeError("ingest_overloaded", "Too many accepted events wait to be written to the table.", {
      details: { retry_after_seconds: RETRY_AFTER_SECONDS },
    });
  }
  checkShape(request);
  const result = storeRows(storage, ids, state, request, nowMs);
  if (idempotency !== undefined) {
    const entry = { bodyHash: idempotency.bodyHash, reply: result.reply };
    storage.saveReply(idempotency.key, entry, nowMs + limits.idempotencyMs);
  }
  storage.saveState(result.state);
  return result;
}

function checkShape(request: AppendRequest): void {
  const rows = request.chunks.reduce((sum, chunk) => sum + chunk.rowCount, 0);
  if (rows !== request.eventIds.length) {
    throw new LakeError("invalid_request", `${request.eventIds.length} ids came with ${rows} rows.`);
  }
}

function storeRows(
  storage: ShardStorage,
  ids: Pick<IdIndex, "findKnown">,
  state: ShardState,
  request: AppendRequest,
  nowMs: number,
): Appended {
  const duplicates = findDuplicates(ids, state, request.eventIds);
  const acceptedIds =
    duplicates.size === 0 ? request.eventIds : request.eventIds.filter((_, position) => !duplicates.has(position));
  const accepted = request.eventIds.length - duplicates.size;
  let sequence = state.nextSequence;
  let addedBytes = 0;
  let position = 0;
  for (const chunk of request.chunks) {
    for (const kept of withoutDuplicates(chunk, position, duplicates)) {
      const taken = sequence - state.nextSequence;
      const chunkIds = acceptedIds.slice(taken, taken + kept.rowCount);
      addedBytes += storage.addChunk({ ...kept, firstSequence: sequence }, chunkIds, nowMs);
      sequence += kept.rowCount;
    }
    position += chunk.rowCount;
  }
  const schemaId = request.schema["schema-id"];
  // Replacing a schema already kept with its equal costs one small write; only a change of id pays it.
  if (accepted > 0 && (schemaId !== state.schemaId || state.rowsAccepted === 0 || state.pendingRows === 0)) {
    storage.saveSchema(request.schema);
  }
  return {
    acceptedIds,
    reply: {
      accepted,
      duplicates: [...duplicates].toSorted((a, b) => a - b),
      ...(accepted === 0 ? {} : { firstSequence: state.nextSequence, lastSequence: sequence - 1 }),
    },
    state: {
      ...state,
      nextSequence: sequence,
      schemaId: accepted > 0 ? Math.max(schemaId, state.pendingRows === 0 ? 0 : state.schemaId) : state.schemaId,
      pendingRows: state.pendingRows + accepted,
      pendingBytes: state.pendingBytes + addedBytes,
      rowsAccepted: state.rowsAccepted + accepted,
      rowsDuplicate: state.rowsDuplicate + duplicates.size,
    },
  };
}

/** Positions of ids that are known already or came earlier in this request. */
function findDuplicates(ids: Pick<IdIndex, "findKnown">, state: ShardState, eventIds: readonly string[]): Set<number> {
  const duplicates = new Set<number>();
  if (eventIds.length === 0) return duplicates;
  const positions = new Map<string, number>();
  for (const [position, id] of eventIds.entries()) {
    if (positions.has(id)) duplicates.add(position);
    else positions.set(id, position);
  }
  const distinct = duplicates.size === 0 ? eventIds : [...positions.keys()];
  for (const known of ids.findKnown(distinct, state.seenIds[0] + state.seenIds[1])) {
    duplicates.add(positions.get(distinct[known] as string) as number);
  }
  return duplicates;
}

/** The chunk as it came when all its rows are kept, else encoded again without the dropped ones. */
function withoutDuplicates(chunk: RowChunk, start: number, duplicates: ReadonlySet<number>): readonly RowChunk[] {
  const dropped = new Set<number>();
  for (const position of duplicates) {
    if (position >= start && position < start + chunk.rowCount) dropped.add(position - start);
  }
  if (dropped.size === 0) return chunk.rowCount === 0 ? [] : [chunk];
  return dropped.size === chunk.rowCount ? [] : encodeRows(dropRows(decodeRows(chunk), dropped));
}
