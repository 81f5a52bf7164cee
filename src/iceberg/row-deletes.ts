// Which rows of a data file live: deletion vectors, position deletes and equality deletes put together.

import { LakeError } from "#core";
import type { Batch, DataType, DictionaryVector, FlatVector, Vector } from "#columnar";
import type { RangeReader } from "#parquet";
import { isDeletionVector, type DeleteFile } from "./data-file.ts";
import { readDeletionVector } from "./deletion-vector-file.ts";
import {
  addEqualityKeys,
  createKeyReader,
  equalityColumns,
  rootColumns,
  type EqualityColumn,
  type EqualityKeys,
  type ValueKey,
} from "./equality-deletes.ts";
import { readPositionDeletes } from "./position-deletes.ts";
import { createPositionBitmap, type PositionBitmap } from "./roaring.ts";
import { partitionKey } from "./snapshot-summary.ts";
import { specById, type TableMetadata } from "./table-metadata.ts";
import type { ScanFile } from "./table.ts";

/** How delete files are read. */
export interface RowDeletesDeps {
  open(location: string, sizeBytes: number): RangeReader;
  /** Memory that shared delete files may take; default 48 MiB. */
  readonly maxBytes?: number;
}

/** The deletes of one data file. */
export interface RowDeletes {
  /** Top-level columns that have to be read beside the projection, in the types they are compared in. */
  readonly columns: readonly { readonly fieldId: number; readonly type: DataType }[];
  /** Deleted positions; equality deletes are not among them. */
  readonly positions: PositionBitmap;
  /**
   * Rows of the batch that live, ascending; undefined means all. `firstPosition` is the position in the file of the
   * batch's row 0; rows follow each other there. `columnOf` gives the batch's column of one of {@link columns}.
   */
  survivors(
    batch: Pick<Batch, "rowCount">,
    firstPosition: number,
    columnOf: (fieldId: number) => Vector,
  ): Int32Array | undefined;
}

/** Loads the deletes of data files; what several of them share is read once. */
export interface RowDeletesLoader {
  /**
   * The file's deletes, or undefined when it has none.
   *
   * Cost: one request a deletion vector; other delete files are read whole, once a loader. Memory: positions as
   * bitmaps, equality deletes by their distinct keys. Errors: `memory_limit_exceeded`, `data_invalid`,
   * `metadata_invalid`, `unsupported_operation` for delete files in Avro or ORC.
   */
  load(file: ScanFile): Promise<RowDeletes | undefined>;
}

/** Delete files beside a query's own memory in an isolate of 128 MB. */
const DEFAULT_MAX_BYTES = 48 * 1024 * 1024;

/** Memory of a bitmap position in the worst case, bytes. */
const POSITION_BYTES = 2;

/** Equality deletes that have the same columns and apply to the same partitions, growing as files are loaded. */
interface EqualityScope {
  readonly columns: readonly EqualityColumn[];
  readonly sequenceByKey: Map<ValueKey, number>;
  readonly loaded: Map<string, Promise<void>>;
}

/** Creates a loader for scans of one table state. */
export function createRowDeletesLoader(deps: RowDeletesDeps, metadata: TableMetadata): RowDeletesLoader {
  const maxBytes = deps.maxBytes ?? DEFAULT_MAX_BYTES;
  const positionFiles = new Map<string, Promise<ReadonlyMap<string, PositionBitmap>>>();
  const scopes = new Map<string, EqualityScope>();
  /** Memory by what takes it, least recently grown first. */
  const heldBytes = new Map<string, number>();

  /** Counts memory; forgets what was used longest ago when it gets too much: it is read again if needed. */
  function takeBytes(holder: string, bytes: number): void {
    const own = (heldBytes.get(holder) ?? 0) + bytes;
    if (own > maxBytes) throw tooLarge(maxBytes);
    heldBytes.delete(holder);
    heldBytes.set(holder, own);
    let total = 0;
    for (const held of heldBytes.values()) total += held;
    for (const [oldest, held] of heldBytes) {
      if (total <= maxBytes) return;
      if (oldest === holder) continue;
      positionFiles.delete(oldest);
      scopes.delete(oldest);
      heldBytes.delete(oldest);
      total -= held;
    }
  }

  function positionsOf(file: DeleteFile): Promise<ReadonlyMap<string, PositionBitmap>> {
    const known = positionFiles.get(file.filePath);
    if (known !== undefined) return known;
    takeBytes(file.filePath, file.recordCount * POSITION_BYTES);
    const reading = readPositionDeletes(deps.open(file.filePath, file.fileSizeBytes), file);
    // Whoever asked for it is told; others find it forgotten.
    reading.catch(() => positionFiles.delete(file.filePath));
    positionFiles.set(file.filePath, reading);
    return reading;
  }

  /** Loads one equality delete file into its scope, which it returns. */
  async function scopeWith(file: DeleteFile, sequenceNumber: bigint): Promise<EqualityScope> {
    const ids = [...(file.equalityIds ?? [])].toSorted((a, b) => a - b);
    if (ids.length === 0) {
      throw new LakeError("metadata_invalid", `The equality deletes ${file.filePath} do not name their columns.`);
    }
    const isGlobal = specById(metadata, file.specId).fields.length === 0;
    const name = `equality ${ids.join(",")} ${isGlobal ? "" : partitionKey(file)}`;
    let scope = scopes.get(name);
    if (scope === undefined) {
      scope = { columns: equalityColumns(metadata, ids), sequenceByKey: new Map(), loaded: new Map() };
      scopes.set(name, scope);
    }
    let loading = scope.loaded.get(file.filePath);
    if (loading === undefined) {
      const reader = deps.open(file.filePath, file.fileSizeBytes);
      const { columns, sequenceByKey } = scope;
      const grow = (bytes: number): void => takeBytes(name, bytes);
      loading = addEqualityKeys(reader, file, sequenceNumber, columns, sequenceByKey, grow);
      scope.loaded.set(file.filePath, loading);
    }
    await loading;
    return scope;
  }

  return {
    async load(file) {
      if (file.deletes.length === 0) return undefined;
      const path = file.dataFile.filePath;
      const found = await Promise.all(
        file.deletes.map(
          async ({ deleteFile, sequenceNumber }): Promise<PositionBitmap | EqualityScope | undefined> => {
            if (deleteFile.content === 2) return scopeWith(deleteFile, sequenceNumber);
            if (!isDeletionVector(deleteFile)) return (await positionsOf(deleteFile)).get(path);
            if ((deleteFile.contentSizeBytes ?? 0) > maxBytes) throw tooLarge(maxBytes);
            return readDeletionVector(deps.open(deleteFile.filePath, deleteFile.fileSizeBytes), deleteFile);
          },
        ),
      );
      const bitmaps = found.filter((each): each is PositionBitmap => each !== undefined && "positions" in each);
      const equality = new Set(found.filter((each): each is EqualityScope => each !== undefined && "loaded" in each));
      return rowDeletes(unionOf(bitmaps), [...equality], Number(file.sequenceNumber));
    },
  };
}

function tooLarge(maxBytes: number): LakeError {
  return new LakeError(
    "memory_limit_exceeded",
    "The table's delete files take more memory than they may here; compact the table to apply them for good.",
    { details: { max_delete_bytes: maxBytes } },
  );
}

/** The deletes of a single file; see {@link RowDeletesLoader.load}. */
export function loadRowDeletes(
  deps: RowDeletesDeps,
  metadata: TableMetadata,
  file: ScanFile,
): Promise<RowDeletes | undefined> {
  return createRowDeletesLoader(deps, metadata).load(file);
}

function unionOf(bitmaps: readonly PositionBitmap[]): PositionBitmap {
  const [first, ...others] = bitmaps;
  if (first === undefined) return createPositionBitmap();
  if (others.length === 0) return first;
  const union = createPositionBitmap();
  // The bitmaps are shared with other data files' loads.
  for (const bitmap of bitmaps) union.addAll(bitmap);
  return union;
}

function rowDeletes(
  positions: PositionBitmap,
  equality: readonly EqualityKeys[],
  dataSequenceNumber: number,
): RowDeletes {
  const roots = rootColumns(equality.flatMap(({ columns }) => columns));
  const tests = equality.map((keys) => createEqualityTest(keys, dataSequenceNumber));
  return {
    columns: roots.map(({ rootFieldId, rootType }) => ({ fieldId: rootFieldId, type: rootType })),
    positions,
    survivors({ rowCount }, firstPosition, columnOf) {
      const dead = new Uint8Array(rowCount);
      let deadCount = 0;
      positions.forEachIn(firstPosition, firstPosition + rowCount, (position) => {
        dead[position - firstPosition] = 1;
        deadCount += 1;
      });
      for (const test of tests) deadCount += test(dead, columnOf);
      if (deadCount === 0) return undefined;
      const rows = new Int32Array(rowCount - deadCount);
      let next = 0;
      for (let row = 0; row < rowCount; row++) if (dead[row] === 0) rows[next++] = row;
      return rows;
    },
  };
}

/** Marks the rows that equality deletes name; returns how many it marked. */
type EqualityTest = (dead: Uint8Array, columnOf: (fieldId: number) => Vector) => number;

const UNKNOWN = 0;
const ALIVE = 1;
const DEAD = 2;

function createEqualityTest({ columns, sequenceByKey }: EqualityKeys, dataSequenceNumber: number): EqualityTest {
  const [column] = columns;
  const isSimple = columns.length === 1 && column?.path.length === 0;
  let verdicts: { readonly dictionary: FlatVector; readonly byCode: Uint8Array } | undefined;

  /** Equality deletes apply to rows that are strictly older. */
  const isDead = (key: ValueKey): boolean => {
    const sequence = sequenceByKey.get(key);
    return sequence !== undefined && sequence > dataSequenceNumber;
  };

  function markDictionary(vector: DictionaryVector, dead: Uint8Array, keyAt: (row: number) => ValueKey): number {
    const { dictionary, codes, validity } = vector;
    if (verdicts?.dictionary !== dictionary) verdicts = { dictionary, byCode: new Uint8Array(dictionary.length) };
    const { byCode } = verdicts;
    let marked = 0;
    for (let row = 0; row < dead.length; row++) {
      if (dead[row] === 1) continue;
      let verdict = UNKNOWN;
      const code = codes[row] as number;
      if (validity?.[row] !== 0) verdict = byCode[code] as number;
      if (verdict === UNKNOWN) {
        verdict = isDead(keyAt(row)) ? DEAD : ALIVE;
        if (validity?.[row] !== 0) byCode[code] = verdict;
      }
      if (verdict === DEAD) {
        dead[row] = 1;
        marked += 1;
      }
    }
    return marked;
  }

  return (dead, columnOf) => {
    const keyAt = createKeyReader(columns, columnOf);
    const vector = isSimple && column !== undefined ? columnOf(column.rootFieldId) : undefined;
    if (vector?.encoding === "dictionary") return markDictionary(vector, dead, keyAt);
    let marked = 0;
    for (let row = 0; row < dead.length; row++) {
      if (dead[row] === 1 || !isDead(keyAt(row))) continue;
      dead[row] = 1;
      marked += 1;
    }
    return marked;
  };
}
