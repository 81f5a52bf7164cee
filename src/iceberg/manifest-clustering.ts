// The entries of manifests in another order, without ever holding all of them: a first pass over the manifests keeps one
// small number an entry, the order follows from those, and the manifests are read again for each stretch of it.

import type { Scalar } from "#columnar";
import { compareScalars } from "./compare.ts";
import { mapConcurrent } from "./concurrency.ts";
import type { ContentFile, DataFile, DeleteFile } from "./data-file.ts";
import type { FileIO } from "./file-io.ts";
import { toExisting } from "./manifest-merge.ts";
import { decodeLiveDeletes, decodeLiveEntries, type EntryTest } from "./manifest-read.ts";
import type { ManifestEntry, ManifestFile } from "./manifest.ts";
import { partitionKey } from "./snapshot-summary.ts";
import { specTuple } from "./spec-tuple.ts";
import type { TableMetadata } from "./table-metadata.ts";

type Entry = ManifestEntry<DataFile | DeleteFile>;

/** Entries held at once, some 1.5 KB each. One manifest to write may have more. */
const MAX_HELD_ENTRIES = 16_384;
/** Manifests decoded at once: each also holds its bytes and a decompressed block. */
const PARALLEL_DECODES = 2;
/** Entries whose reading costs as much as opening a manifest does. */
const OPENING_ENTRIES = 64;

/** Entries of manifests of one spec and kind, grouped by key and cut into even parts. */
export interface EntryOrder {
  readonly entries: number;
  /** What one scan of every key reads of the manifests as they are, and of one manifest a part. */
  readonly costBefore: number;
  readonly costAfter: number;
  /** The entries part by part, as later snapshots carry them. Cost: reads the manifests that have entries of a stretch. */
  readonly parts: () => AsyncIterable<readonly Entry[]>;
}

/**
 * Orders the live entries of manifests by key, those of one key oldest first. Without `clusterBy` keys are partitions, in
 * the order of their values with nulls first.
 *
 * Cost: reads every manifest; holds four bytes an entry and each distinct key.
 */
export async function orderEntries(
  io: FileIO,
  base: TableMetadata,
  group: readonly ManifestFile[],
  clusterBy: ((file: ContentFile) => string) | undefined,
  partCount: number,
): Promise<EntryOrder> {
  // Lists have the latest first.
  const manifests = group.toReversed().toSorted((a, b) => Number(a.minSequenceNumber - b.minSequenceNumber));
  const keys = createKeys();
  const keyOf: number[] = [];
  const starts: number[] = [];
  let costBefore = 0;
  for (const manifest of manifests) {
    starts.push(keyOf.length);
    for (const key of await keysOf(io, base, manifest, clusterBy, keys)) keyOf.push(key);
    const own = new Set(keyOf.slice(starts.at(-1)));
    costBefore += own.size * (keyOf.length - (starts.at(-1) ?? 0) + OPENING_ENTRIES);
  }
  const placeOf = placesByKey(keyOf, keys.ranks());
  const partSize = Math.max(1, Math.ceil(keyOf.length / Math.max(1, partCount)));
  return {
    entries: keyOf.length,
    costBefore,
    costAfter: costOfParts(keyOf, placeOf, partSize),
    parts: () => readParts(io, base, { manifests, starts, placeOf, partSize }),
  };
}

/** Distinct keys by number. */
interface Keys {
  add(text: string, partition: readonly Scalar[] | undefined): number;
  /** The place of each key among all, by number. */
  ranks(): Uint32Array;
}

function createKeys(): Keys {
  const numbers = new Map<string, number>();
  const partitions: (readonly Scalar[] | undefined)[] = [];
  return {
    add(text, partition) {
      const known = numbers.get(text);
      if (known !== undefined) return known;
      numbers.set(text, partitions.length);
      return partitions.push(partition) - 1;
    },
    ranks() {
      const sorted = [...numbers].toSorted(([a, first], [b, second]) => {
        const [left, right] = [partitions[first], partitions[second]];
        if (left !== undefined && right !== undefined) return comparePartitions(left, right);
        return a < b ? -1 : Number(a > b);
      });
      const ranks = new Uint32Array(sorted.length);
      for (const [rank, [, number]] of sorted.entries()) ranks[number] = rank;
      return ranks;
    },
  };
}

function comparePartitions(a: readonly Scalar[], b: readonly Scalar[]): number {
  for (const [index, left] of a.entries()) {
    const right = b[index] ?? null;
    if (left === null || right === null) {
      if (left !== right) return left === null ? -1 : 1;
      continue;
    }
    const order = compareScalars(left, right);
    if (order !== 0) return order;
  }
  return 0;
}

/** The keys of a manifest's live entries, in their order. */
async function keysOf(
  io: FileIO,
  base: TableMetadata,
  manifest: ManifestFile,
  clusterBy: ((file: ContentFile) => string) | undefined,
  keys: Keys,
): Promise<readonly number[]> {
  const bytes = await io.read(manifest.path);
  const found: number[] = [];
  if (clusterBy === undefined) {
    const { specId } = manifest;
    decode(bytes, base, manifest, ({ partition }) => {
      found.push(keys.add(partitionKey({ specId, partition }), partition));
      return false;
    });
    return found;
  }
  // A key of the caller's needs whole files: a stretch of them at a time.
  for (let from = 0; ; from += MAX_HELD_ENTRIES) {
    let index = -1;
    const files = decode(bytes, base, manifest, () => {
      index += 1;
      return index >= from && index < from + MAX_HELD_ENTRIES;
    });
    for (const { dataFile } of files) found.push(keys.add(clusterBy(dataFile), undefined));
    if (index < from + MAX_HELD_ENTRIES) return found;
  }
}

function decode(bytes: Uint8Array, base: TableMetadata, manifest: ManifestFile, test: EntryTest): readonly Entry[] {
  const { spec, tuple } = specTuple(base, manifest.specId);
  return manifest.content === "data"
    ? decodeLiveEntries(bytes, manifest, spec, tuple, test)
    : decodeLiveDeletes(bytes, manifest, spec, tuple, test);
}

/** The place of every entry: by the rank of its key, entries of one key as they were. */
function placesByKey(keyOf: readonly number[], ranks: Uint32Array): Uint32Array {
  const next = new Uint32Array(ranks.length + 1);
  for (const key of keyOf) next[(ranks[key] ?? 0) + 1] = (next[(ranks[key] ?? 0) + 1] ?? 0) + 1;
  for (let rank = 1; rank < next.length; rank++) next[rank] = (next[rank] ?? 0) + (next[rank - 1] ?? 0);
  const places = new Uint32Array(keyOf.length);
  for (const [entry, key] of keyOf.entries()) {
    const rank = ranks[key] ?? 0;
    const place = next[rank] ?? 0;
    places[entry] = place;
    next[rank] = place + 1;
  }
  return places;
}

/** What one scan of every key reads: the parts that hold it, each whole. */
function costOfParts(keyOf: readonly number[], placeOf: Uint32Array, partSize: number): number {
  const seen = new Set<string>();
  let cost = 0;
  for (const [entry, key] of keyOf.entries()) {
    const part = Math.floor((placeOf[entry] ?? 0) / partSize);
    const id = `${part} ${key}`;
    if (seen.has(id)) continue;
    seen.add(id);
    cost += Math.min(partSize, keyOf.length - part * partSize) + OPENING_ENTRIES;
  }
  return cost;
}

interface Layout {
  readonly manifests: readonly ManifestFile[];
  /** Number of the first entry of each manifest. */
  readonly starts: readonly number[];
  readonly placeOf: Uint32Array;
  readonly partSize: number;
}

async function* readParts(io: FileIO, base: TableMetadata, layout: Layout): AsyncGenerator<readonly Entry[]> {
  const { placeOf, partSize } = layout;
  const stretch = Math.max(1, Math.floor(MAX_HELD_ENTRIES / partSize)) * partSize;
  for (let from = 0; from < placeOf.length; from += stretch) {
    let held = await readStretch(io, base, layout, from, Math.min(placeOf.length, from + stretch));
    // A part that was handed out, and the stretch before the next one is read, are let go.
    while (held.length > 0) {
      const part = held.slice(0, partSize);
      held = held.slice(partSize);
      yield part;
    }
  }
}

async function readStretch(
  io: FileIO,
  base: TableMetadata,
  { manifests, starts, placeOf }: Layout,
  from: number,
  to: number,
): Promise<readonly Entry[]> {
  const held = Array.from<Entry>({ length: to - from });
  const isWanted = (place: number): boolean => place >= from && place < to;
  await mapConcurrent([...manifests.entries()], PARALLEL_DECODES, async ([index, manifest]) => {
    const start = starts[index] ?? 0;
    if (!placeOf.subarray(start, starts[index + 1]).some(isWanted)) return;
    const places: number[] = [];
    let entry = start - 1;
    const entries = decode(await io.read(manifest.path), base, manifest, () => {
      entry += 1;
      const place = placeOf[entry] ?? 0;
      if (!isWanted(place)) return false;
      places.push(place);
      return true;
    });
    for (const [at, found] of entries.entries())
      held[(places[at] ?? 0) - from] = toExisting<DataFile | DeleteFile>(found);
  });
  return held;
}
