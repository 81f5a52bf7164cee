// Aggregations of immutable pieces of tables, kept in the result cache: one entry a plan holds the results of all its
// pieces, so that a query needs one read for a table of any size.

import { isLarge, partialCacheKey, type ResultCache } from "#cache";
import { required, stringToUtf8, utf8ToString } from "#core";
import {
  scalarAt,
  vectorFromScalars,
  type Batch,
  type DataType,
  type Decimal,
  type Interval,
  type Scalar,
} from "#columnar";
import type { PartialCache, PartialEntry } from "#sql";

/** Larger entries lose the pieces that the query did not use, bytes of JSON. */
const MAX_ENTRY_BYTES = 1536 * 1024;
/** Life of an entry in the shared tier, seconds; every query that adds to it starts it anew. */
const TTL_SECONDS = 86_400;

/** What the cache of one query's partial aggregations needs. */
export interface PartialCacheDeps {
  readonly cache: ResultCache;
  /** Tables the query reads, fully qualified; invalidating one drops the entry. */
  readonly tables: readonly string[];
  /** When the query began, milliseconds since 1970: what is invalidated later is not written again. */
  readonly startMs: number;
}

/** A cache for one query. */
export interface QueryPartials extends PartialCache {
  /** Whether a piece's result was taken from the cache. */
  readonly wasUsed: boolean;
  /** Keeps what the query added. Never fails. */
  save(): Promise<void>;
}

type Json = null | boolean | number | string | readonly Json[];
/** Rows, then one list of values for each column. */
type StoredPiece = readonly [number, ...(readonly Json[])[]];

/** Creates the cache of one query. */
export function createQueryPartials({ cache, tables, startMs }: PartialCacheDeps): QueryPartials {
  const opened: { readonly key: string; readonly entry: OpenEntry }[] = [];
  let wasUsed = false;
  return {
    get wasUsed() {
      return wasUsed;
    },
    async open(planText, types) {
      const key = await partialCacheKey(planText);
      const hit = await cache.lookup(key, true);
      const entry = new OpenEntry(
        types,
        hit === undefined || isLarge(hit.entry.payload) ? undefined : utf8ToString(hit.entry.payload),
        () => {
          wasUsed = true;
        },
      );
      opened.push({ key, entry });
      return entry;
    },
    async save() {
      await Promise.all(
        opened.map(async ({ key, entry }) => {
          const payload = entry.payload();
          if (payload === undefined) return;
          await cache.store(
            key,
            { tables, asOfMs: startMs, meta: null, payload },
            { shared: true, ttlSeconds: TTL_SECONDS },
          );
        }),
      );
    },
  };
}

class OpenEntry implements PartialEntry {
  private readonly types: readonly DataType[];
  private readonly known: ReadonlyMap<string, string>;
  private readonly used = new Set<string>();
  private readonly added = new Map<string, string>();
  private readonly onUsed: () => void;

  constructor(types: readonly DataType[], stored: string | undefined, onUsed: () => void) {
    this.types = types;
    this.known = new Map(stored === undefined ? [] : (JSON.parse(stored) as [string, string][]));
    this.onUsed = onUsed;
  }

  get(piece: string): readonly Batch[] | undefined {
    const stored = this.known.get(piece);
    if (stored === undefined) return undefined;
    this.used.add(piece);
    this.onUsed();
    const [rowCount, ...columns] = JSON.parse(stored) as unknown as StoredPiece;
    if (rowCount === 0) return [];
    return [
      {
        rowCount,
        columns: this.types.map((type, index) =>
          vectorFromScalars(
            type,
            required(columns[index], "a stored column").map((value) => decode(value, type)),
          ),
        ),
      },
    ];
  }

  put(piece: string, rows: readonly Batch[]): void {
    const rowCount = rows.reduce((sum, batch) => sum + batch.rowCount, 0);
    const columns = this.types.map((type, index) =>
      rows.flatMap((batch) => {
        const vector = required(batch.columns[index], "a column of a partial result");
        return Array.from({ length: batch.rowCount }, (_, row) => encode(scalarAt(vector, row), type));
      }),
    );
    this.added.set(piece, JSON.stringify([rowCount, ...columns]));
  }

  /** The entry with what was added; undefined when nothing was. */
  payload(): Uint8Array<ArrayBuffer> | undefined {
    if (this.added.size === 0) return undefined;
    let bytes = 0;
    const kept: [string, string][] = [];
    // Pieces of layouts long gone are used by no query: they are the first to go.
    const unused = [...this.known].filter(([piece]) => !this.used.has(piece));
    const used = [...this.known].filter(([piece]) => this.used.has(piece));
    for (const [piece, stored] of [...this.added, ...used, ...unused]) {
      bytes += piece.length + stored.length;
      if (bytes > MAX_ENTRY_BYTES) break;
      kept.push([piece, stored]);
    }
    return new Uint8Array(stringToUtf8(JSON.stringify(kept)));
  }
}

function encode(value: Scalar, type: DataType): Json {
  if (value === null) return null;
  switch (type.kind) {
    case "null":
      return null;
    case "boolean":
    case "string":
    case "json":
    case "uuid":
      return value as boolean | string;
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "date":
    case "time":
    case "timestamp":
      return encodeNumber(value as number | bigint);
    case "decimal": {
      const { unscaled, scale } = value as Decimal;
      return [String(unscaled), scale];
    }
    case "binary":
      return [...(value as Uint8Array)];
    case "interval": {
      const { months, days, micros } = value as Interval;
      return [months, days, encodeNumber(micros)];
    }
    case "list":
      return (value as readonly Scalar[]).map((item) => encode(item, type.element));
    case "struct":
      return type.fields.map((field) => encode((value as Record<string, Scalar>)[field.name] ?? null, field.type));
    case "map":
      return (value as readonly (readonly [Scalar, Scalar])[]).map(([key, item]) => [
        encode(key, type.key),
        encode(item, type.value),
      ]);
  }
}

function encodeNumber(value: number | bigint): Json {
  if (typeof value === "bigint") return `${value}n`;
  return Number.isFinite(value) && !Object.is(value, -0) ? value : Object.is(value, -0) ? "-0" : String(value);
}

function decode(value: Json, type: DataType): Scalar {
  if (value === null) return null;
  switch (type.kind) {
    case "null":
      return null;
    case "boolean":
    case "string":
    case "json":
    case "uuid":
      return value;
    case "int16":
    case "int32":
    case "int64":
    case "float32":
    case "float64":
    case "date":
    case "time":
    case "timestamp":
      if (typeof value !== "string") return value;
      return value.endsWith("n") ? BigInt(value.slice(0, -1)) : Number(value);
    case "decimal": {
      const [unscaled, scale] = value as readonly [string, number];
      return { unscaled: BigInt(unscaled), scale };
    }
    case "binary":
      return Uint8Array.from(value as readonly number[]);
    case "interval": {
      const [months, days, micros] = value as readonly [number, number, number | string];
      return { months, days, micros: Number(micros) };
    }
    case "list":
      return (value as readonly Json[]).map((item) => decode(item, type.element));
    case "struct":
      return Object.fromEntries(
        type.fields.map((field, index) => [field.name, decode((value as readonly Json[])[index] ?? null, field.type)]),
      );
    case "map":
      return (value as readonly (readonly [Json, Json])[]).map(([key, item]) => [
        decode(key, type.key),
        decode(item, type.value),
      ]);
  }
}
