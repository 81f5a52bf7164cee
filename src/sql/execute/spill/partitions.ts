// Rows by the hash of their keys: equal keys meet in one partition, whatever batches and encodings they came in.

import { stringToUtf8 } from "#core";
import {
  gatherBatch,
  looseTextOf,
  scalarAt,
  type Batch,
  type DataType,
  type FlatVector,
  type LooseText,
  type Scalar,
  type Vector,
} from "#columnar";
import { scalarKey } from "../../values/index.ts";
import type { ExecutionContext } from "../context.ts";
import { RowSpiller, type SpilledRows } from "./rows.ts";
import type { SpillSpace } from "./store.ts";

/** Partitions that rows are divided into at once. */
export const PARTITIONS = 16;
/** Divisions of a partition that is too large still; beyond it the keys are too few to divide. */
export const MAX_DIVISIONS = 6;

const GOLDEN = 0x9e37_79b1;
const NULL_HASH = 0x5bd1_e995;
const TEXT_FACTOR = 0x85eb_ca6b;

/** Hashes rows of some key types. Ids of one hasher and `division` are comparable with those of another one. */
export class RowHasher {
  readonly #division: number;
  readonly #dictionaries = new WeakMap<FlatVector, Int32Array>();

  /** Each `division` divides what an earlier one left together. */
  constructor(division: number) {
    this.#division = division;
  }

  /** The partition of each row. */
  partitions(keys: readonly Vector[], rowCount: number): Uint8Array {
    const hashes = new Int32Array(rowCount).fill(Math.imul(this.#division + 1, GOLDEN));
    for (const key of keys) this.#mix(key, hashes);
    return Uint8Array.from(hashes, (hash) => finish(hash) & (PARTITIONS - 1));
  }

  #mix(vector: Vector, hashes: Int32Array): void {
    const { length } = hashes;
    if (vector.encoding === "constant") {
      const hash = hashOf(vector.type, vector.value);
      for (let i = 0; i < length; i++) hashes[i] = step(hashes[i] as number, hash);
    } else if (vector.encoding === "flat" && isInteger(vector)) {
      const { values, validity } = vector;
      for (let i = 0; i < length; i++) {
        const hash = validity?.[i] === 0 ? NULL_HASH : hashNumber(values[i] as number);
        hashes[i] = step(hashes[i] as number, hash);
      }
    } else if (vector.encoding === "flat" && vector.type.kind === "string" && looseTextOf(vector) !== undefined) {
      const { bytes, starts, gap } = looseTextOf(vector) as LooseText;
      const { validity } = vector;
      for (let i = 0; i < length; i++) {
        const end = (starts[i + 1] as number) - gap;
        const hash = validity?.[i] === 0 ? NULL_HASH : hashUtf8(bytes, starts[i] as number, end);
        hashes[i] = step(hashes[i] as number, hash);
      }
    } else if (vector.encoding === "flat") {
      for (let i = 0; i < length; i++) hashes[i] = step(hashes[i] as number, hashOf(vector.type, scalarAt(vector, i)));
    } else {
      const { dictionary, codes, validity } = vector;
      let entries = this.#dictionaries.get(dictionary);
      if (entries === undefined) {
        entries = Int32Array.from({ length: dictionary.length }, (_, i) =>
          hashOf(vector.type, scalarAt(dictionary, i)),
        );
        this.#dictionaries.set(dictionary, entries);
      }
      for (let i = 0; i < length; i++) {
        const hash = validity?.[i] === 0 ? NULL_HASH : (entries[codes[i] as number] as number);
        hashes[i] = step(hashes[i] as number, hash);
      }
    }
  }
}

function step(hash: number, value: number): number {
  const mixed = Math.imul(hash ^ value, GOLDEN);
  return mixed ^ (mixed >>> 15);
}

function finish(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 13), 0x2c1b_3c6d);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

const doubles = new Float64Array(1);
const words = new Int32Array(doubles.buffer);

function hashOf(type: DataType, value: Scalar): number {
  if (value === null) return NULL_HASH;
  const key = scalarKey(type, value);
  if (typeof key === "string") return hashText(key);
  // A number and the same number as a bigint are equal.
  return hashNumber(Number(key));
}

function hashNumber(value: number): number {
  doubles[0] = value + 0;
  if (Number.isNaN(doubles[0])) return GOLDEN;
  return step(words[0] as number, words[1] as number);
}

const INTEGER_KINDS = new Set(["int16", "int32", "int64", "date"]);

/** Whether the vector's values are integers in an array of numbers, each of which is its own key. */
function isInteger({ type, values }: FlatVector): boolean {
  return INTEGER_KINDS.has(type.kind) && (values instanceof Float64Array || values instanceof Int32Array);
}

/** As {@link hashUtf8} of the text's UTF-8. */
function hashText(text: string): number {
  let hash = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) {
      const bytes = stringToUtf8(text);
      return hashUtf8(bytes, 0, bytes.length);
    }
    hash = Math.imul(hash ^ unit, TEXT_FACTOR) ^ (hash >>> 13);
  }
  return hash;
}

function hashUtf8(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), TEXT_FACTOR) ^ (hash >>> 13);
  return hash;
}

/** Divides rows by their keys and puts them aside. */
export class PartitionSpiller {
  readonly #hasher: RowHasher;
  readonly #spillers: readonly RowSpiller[];

  constructor(
    space: SpillSpace,
    types: readonly DataType[],
    division: number,
    operator: string,
    context: ExecutionContext,
  ) {
    this.#hasher = new RowHasher(division);
    this.#spillers = Array.from({ length: PARTITIONS }, () => new RowSpiller(space, types, operator, context));
  }

  /** Takes `rows` of a batch, all without; `keys` are the keys of all its rows. */
  async add(batch: Batch, keys: readonly Vector[], rows?: Int32Array): Promise<void> {
    const partitions = this.#hasher.partitions(keys, batch.rowCount);
    const count = rows?.length ?? batch.rowCount;
    const counts = new Int32Array(PARTITIONS);
    const rowOf = (i: number): number => (rows === undefined ? i : (rows[i] as number));
    for (let i = 0; i < count; i++) {
      const partition = partitions[rowOf(i)] as number;
      counts[partition] = (counts[partition] as number) + 1;
    }
    const lists = Array.from(counts, (size) => new Int32Array(size));
    counts.fill(0);
    for (let i = 0; i < count; i++) {
      const row = rowOf(i);
      const partition = partitions[row] as number;
      (lists[partition] as Int32Array)[counts[partition] as number] = row;
      counts[partition] = (counts[partition] as number) + 1;
    }
    for (const [partition, list] of lists.entries()) {
      if (list.length > 0) await this.#spillers[partition]?.add(gatherBatch(batch, list));
    }
  }

  /** Ends writing; one entry for each partition. */
  async finish(): Promise<readonly SpilledRows[]> {
    const partitions: SpilledRows[] = [];
    for (const spiller of this.#spillers) partitions.push(await spiller.finish());
    return partitions;
  }
}

/** Rows that have an id, with their ids, and rows whose id is negative. */
export function splitKnown(ids: Int32Array): {
  readonly known: { readonly rows: Int32Array; readonly ids: Int32Array };
  readonly unknown: Int32Array;
} {
  const rows = new Int32Array(ids.length);
  const knownIds = new Int32Array(ids.length);
  const unknown = new Int32Array(ids.length);
  let knownCount = 0;
  let unknownCount = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id < 0) unknown[unknownCount++] = i;
    else {
      rows[knownCount] = i;
      knownIds[knownCount++] = id;
    }
  }
  return {
    known: { rows: rows.subarray(0, knownCount), ids: knownIds.subarray(0, knownCount) },
    unknown: unknown.subarray(0, unknownCount),
  };
}
