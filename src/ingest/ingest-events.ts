// The front door's side of ingest: body in, verdicts out, everything accepted durable in a shard.

import { LakeError, sha256Hex, uuidv7, type Clock, type RandomSource, type TableIdentifier } from "#core";
import { DEFAULT_BODY_LIMITS, parseEventsBody, type BodyLimits, type BodyShape, type ParsedBody } from "./body.ts";
import type { RejectionCode } from "./column-converters.ts";
import { createShardBatch, type ShardBatch, type ShardRequest } from "./event-batch.ts";
import { shardOf, steerToShard } from "./event-hash.ts";
import type { AppendReply, ShardClient } from "./shard-protocol.ts";
import { shardCountFor } from "./tables.ts";
import { createRowValidator, type IngestTable, type RowValidator, type ValidRow } from "./validate-events.ts";

/** What ingest needs from its surroundings. */
export interface IngestDeps {
  readonly shard: (table: TableIdentifier, shardIndex: number) => Pick<ShardClient, "append">;
  /** Shards of a table, as configured; see {@link shardCountFor} for the tables that have their own number. */
  readonly shardCount: number;
  /**
   * The table as ingest sees it; may be a few seconds old unless `fresh`. Creates the table when it is one of ours.
   * Errors: `table_not_found`.
   */
  readonly loadTableSchema: (table: TableIdentifier, options?: { readonly fresh?: boolean }) => Promise<IngestTable>;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly limits?: BodyLimits;
}

/** A request as it came in. */
export interface IngestRequest {
  readonly table: TableIdentifier;
  readonly body: Uint8Array;
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** What became of one event; `index` is its position in the body. */
export type EventVerdict =
  | { readonly index: number; readonly status: "accepted" | "duplicate"; readonly event_id: string }
  | {
      readonly index: number;
      readonly status: "rejected";
      readonly code: RejectionCode;
      /** RFC 6901, into the body when it is an array, else into the event. */
      readonly pointer: string;
      readonly message: string;
    };

/** The answer to a request: what is counted as accepted is durable. */
export interface IngestReply {
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
  readonly verdicts: readonly EventVerdict[];
  readonly durable: true;
}

/** Longest Idempotency-Key, characters. */
export const MAX_IDEMPOTENCY_KEY_LENGTH = 255;

/**
 * Accepts a body of events into a table.
 *
 * Repeating a failed request is safe when its events carry ids or it has an Idempotency-Key: what was stored is
 * recognised. Events without ids go to one shard, in one transaction, after all others are stored, so that a failure
 * leaves none of them behind.
 *
 * Errors: those of {@link parseEventsBody}, `table_not_found`, `idempotency_key_reused`, `ingest_overloaded`,
 * `storage_unavailable`. A rejected event is a verdict, not an error.
 */
export async function ingestEvents(deps: IngestDeps, request: IngestRequest): Promise<IngestReply> {
  const key = checkKey(request.idempotencyKey);
  const limits = deps.limits ?? DEFAULT_BODY_LIMITS;
  const body = parseEventsBody(request.body, request.contentType, request.contentEncoding, limits);
  const bodyHash = key === undefined ? "" : await hashBody(body.decoded);
  const idempotency = key === undefined ? undefined : { key, bodyHash };
  return withCurrentTable(deps, request.table, (table) => storeBody(deps, table, body, idempotency));
}

/**
 * Accepts rows from inside Firn, such as query log rows; the same validation, no body. Callers give ids when they may
 * repeat themselves.
 */
export async function ingestRows(
  deps: IngestDeps,
  table: TableIdentifier,
  rows: readonly Readonly<Record<string, unknown>>[],
): Promise<IngestReply> {
  const body: ParsedBody = {
    shape: "array",
    events: rows.map((value, index) => ({ index, value })),
    perLineErrors: [],
    decoded: new Uint8Array(0),
  };
  return withCurrentTable(deps, table, (current) => storeBody(deps, current, body, undefined));
}

function checkKey(key: string | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (!/^[\x20-\x7e]+$/.test(key) || key.length > MAX_IDEMPOTENCY_KEY_LENGTH) {
    throw new LakeError(
      "invalid_request",
      `The Idempotency-Key must be 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} printable ASCII characters.`,
    );
  }
  return key;
}

function hashBody(decoded: Uint8Array): Promise<string> {
  return sha256Hex(decoded as Uint8Array<ArrayBuffer>);
}

/** Runs with the table as known, and once more with a fresh copy when a shard says it was replaced (L11). */
async function withCurrentTable(
  deps: IngestDeps,
  identifier: TableIdentifier,
  run: (table: IngestTable) => Promise<IngestReply>,
): Promise<IngestReply> {
  try {
    return await run(await deps.loadTableSchema(identifier));
  } catch (error) {
    if (!(error instanceof LakeError && error.details["reason"] === "table_replaced")) throw error;
    return run(await deps.loadTableSchema(identifier, { fresh: true }));
  }
}

interface Idempotency {
  readonly key: string;
  readonly bodyHash: string;
}

async function storeBody(
  deps: IngestDeps,
  table: IngestTable,
  body: ParsedBody,
  idempotency: Idempotency | undefined,
): Promise<IngestReply> {
  const shardCount = shardCountFor(table.identifier, deps.shardCount);
  const verdicts: EventVerdict[] = [];
  for (const { index, code, message } of body.perLineErrors) {
    verdicts[index] = { index, status: "rejected", code, pointer: "", message };
  }
  const validator = createRowValidator(table);
  const batches = new Map<number, ShardBatch>();
  const ids = await createIdSource(deps, idempotency, table, shardCount);
  const receivedMicros = deps.clock.nowMs() * 1000;
  for (const { index, value } of body.events) {
    const row = validator.validate(value, receivedMicros);
    if (!row.ok) {
      const { code, pointer, message } = row;
      verdicts[index] = { index, status: "rejected", code, pointer: placed(body.shape, index, pointer), message };
      continue;
    }
    const eventId = row.eventId ?? ids.idFor(index);
    fillId(validator, row, eventId);
    const shardIndex = shardOf(eventId, shardCount);
    const batch = batches.get(shardIndex) ?? createShardBatch(table, shardIndex);
    batches.set(shardIndex, batch);
    batch.add(index, eventId, row, row.eventId === undefined && ids.isRandom);
    verdicts[index] = { index, status: "accepted", event_id: eventId };
  }
  const homeShard = idempotency === undefined ? undefined : shardOf(idempotency.key, shardCount);
  if (homeShard !== undefined && !batches.has(homeShard)) batches.set(homeShard, createShardBatch(table, homeShard));
  await sendBatches(deps, table, [...batches.values()], idempotency, homeShard, verdicts);
  return summarize(verdicts);
}

function placed(shape: BodyShape, index: number, pointer: string): string {
  return shape === "array" ? `/${index}${pointer}` : pointer;
}

function fillId(validator: RowValidator, row: ValidRow, eventId: string): void {
  if (validator.idPosition !== undefined) row.cells[validator.idPosition] = eventId;
}

interface IdSource {
  /** Whether repeating the request makes other ids. */
  readonly isRandom: boolean;
  idFor(index: number): string;
}

/** Ids for events that brought none: derived from key, body and position, or random and all of one shard. */
async function createIdSource(
  deps: IngestDeps,
  idempotency: Idempotency | undefined,
  table: IngestTable,
  shardCount: number,
): Promise<IdSource> {
  if (idempotency !== undefined) {
    const hash = await sha256Hex(JSON.stringify([table.tableUuid, idempotency.key, idempotency.bodyHash]));
    return { isRandom: false, idFor: (index) => derivedUuid(hash, index) };
  }
  const shard = Math.floor(deps.random.nextUnit() * shardCount);
  return { isRandom: true, idFor: () => steerToShard(uuidv7(deps.clock, deps.random), shard, shardCount) };
}

/** An RFC 9562 version 8 (custom) UUID: 82 bits of a hash, then 32 bits of position. */
function derivedUuid(hash: string, index: number): string {
  const position = index.toString(16).padStart(8, "0");
  const tail = `${hash.slice(20, 24)}${position}`;
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-a${hash.slice(17, 20)}-${tail}`;
}

/**
 * Sends every batch. The key's home shard goes first: it alone can refuse a key, before anything is stored. Batches
 * that would not be recognised when sent again go last, when all others are in.
 */
async function sendBatches(
  deps: IngestDeps,
  table: IngestTable,
  batches: readonly ShardBatch[],
  idempotency: Idempotency | undefined,
  homeShard: number | undefined,
  verdicts: EventVerdict[],
): Promise<void> {
  const requests = batches.flatMap((batch) => batch.toRequests(idempotency));
  const isHome = ({ request }: ShardRequest): boolean => request.shardIndex === homeShard;
  let stored = 0;
  const send = async (item: ShardRequest): Promise<void> => {
    const reply = await deps.shard(table.identifier, item.request.shardIndex).append(item.request);
    stored += reply.accepted;
    markDuplicates(item, reply, verdicts);
  };
  const sendAll = async (items: readonly ShardRequest[]): Promise<void> => {
    const outcomes = await Promise.allSettled(items.map(send));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  };
  try {
    for (const item of requests.filter(isHome)) await send(item);
    await sendAll(requests.filter((item) => !isHome(item) && item.repeatable));
    for (const item of requests.filter((item) => !isHome(item) && !item.repeatable)) await send(item);
  } catch (error) {
    throw stored === 0 ? error : partlyStored(error);
  }
}

/** A failure after some shards had stored their part. */
function partlyStored(error: unknown): unknown {
  if (!(error instanceof LakeError) || error.details["reason"] === "table_replaced") return error;
  return new LakeError(
    error.code,
    `${error.message} Some events were stored: send the whole request again, stored ones are recognised by their ids.`,
    { cause: error, details: error.details, context: error.context },
  );
}

function markDuplicates(item: ShardRequest, reply: AppendReply, verdicts: EventVerdict[]): void {
  for (const position of reply.duplicates) {
    const index = item.indexes[position];
    const eventId = item.request.eventIds[position];
    if (index !== undefined && eventId !== undefined) {
      verdicts[index] = { index, status: "duplicate", event_id: eventId };
    }
  }
}

function summarize(verdicts: readonly EventVerdict[]): IngestReply {
  const counts = { accepted: 0, rejected: 0, duplicate: 0 };
  for (const { status } of verdicts) counts[status] += 1;
  return {
    accepted: counts.accepted,
    rejected: counts.rejected,
    duplicates: counts.duplicate,
    verdicts,
    durable: true,
  };
}
