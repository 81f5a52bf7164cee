// Which delete files have to be applied to which data file. Source: Iceberg table spec, "Scan Planning".

import { LakeError, compareBytes, stringToUtf8 } from "#core";
import { compareScalars } from "./compare.ts";
import { isDeletionVector, type ContentFile, type DataFile } from "./data-file.ts";
import type { LocatedField } from "./schema.ts";
import { singleValueToScalar } from "./single-value.ts";
import { partitionKey } from "./snapshot-summary.ts";
import type { LiveDataFile, LiveDeleteFile } from "./table.ts";

/** Finds the deletes of a data file. */
export interface DeleteIndex {
  /**
   * The deletes that apply to the file. Errors: `metadata_invalid` when deletes name a file of another partition, or a
   * deletion vector is older than its file.
   */
  deletesOf(file: LiveDataFile): readonly LiveDeleteFile[];
}

/** The column of position delete files that holds data file paths. */
const FILE_PATH_FIELD_ID = 2_147_483_546;

const NONE: readonly LiveDeleteFile[] = [];

/**
 * Indexes live delete files.
 *
 * `isUnpartitioned` tells of a spec id whether the spec has no fields: equality deletes of such a spec apply to every
 * partition. Cost: finding the deletes of a file is proportional to those of its partition and path.
 */
export function createDeleteIndex(
  deletes: readonly LiveDeleteFile[],
  fields: ReadonlyMap<number, LocatedField>,
  isUnpartitioned: (specId: number) => boolean,
): DeleteIndex {
  const global: LiveDeleteFile[] = [];
  const equalityByPartition = new Map<string, LiveDeleteFile[]>();
  const positionsByPartition = new Map<string, LiveDeleteFile[]>();
  const positionsByPath = new Map<string, LiveDeleteFile[]>();
  const vectorsByPath = new Map<string, LiveDeleteFile>();
  for (const live of deletes) {
    const { deleteFile } = live;
    if (deleteFile.content === 2) {
      if (isUnpartitioned(deleteFile.specId)) global.push(live);
      else pushTo(equalityByPartition, partitionKey(deleteFile), live);
      continue;
    }
    const path = onlyDataFile(live);
    if (isDeletionVector(deleteFile)) addVector(vectorsByPath, path, live);
    else if (path === undefined) pushTo(positionsByPartition, partitionKey(deleteFile), live);
    else pushTo(positionsByPath, path, live);
  }
  const byPartition = equalityByPartition.size > 0 || positionsByPartition.size > 0;

  return {
    deletesOf(file) {
      if (deletes.length === 0) return NONE;
      const key = byPartition ? partitionKey(file.dataFile) : "";
      const found = [...global, ...(equalityByPartition.get(key) ?? NONE)].filter(
        (live) => live.sequenceNumber > file.sequenceNumber && mightShareRows(file.dataFile, live, fields),
      );
      const vector = vectorsByPath.get(file.dataFile.filePath);
      if (vector !== undefined) {
        checkVector(vector, file);
        return [...found, vector];
      }
      const named = positionsByPath.get(file.dataFile.filePath) ?? NONE;
      for (const live of named) checkSamePartition(live, file);
      const around = (positionsByPartition.get(key) ?? NONE).filter((live) => mightNamePath(live, file));
      found.push(...[...around, ...named].filter((live) => live.sequenceNumber >= file.sequenceNumber));
      return found;
    },
  };
}

function pushTo(map: Map<string, LiveDeleteFile[]>, key: string, live: LiveDeleteFile): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [live]);
  else list.push(live);
}

/** The data file that all of the position deletes are about: named outright, or the only path within the bounds. */
function onlyDataFile({ deleteFile }: LiveDeleteFile): string | undefined {
  if (deleteFile.referencedDataFile !== undefined) return deleteFile.referencedDataFile;
  const lower = deleteFile.lowerBounds.get(FILE_PATH_FIELD_ID);
  const upper = deleteFile.upperBounds.get(FILE_PATH_FIELD_ID);
  if (lower === undefined || upper === undefined) return undefined;
  const path = singleValueToScalar("string", lower);
  // A shortened upper bound is above the lower one, so equal bounds are whole.
  return typeof path === "string" && path === singleValueToScalar("string", upper) ? path : undefined;
}

/** Whether the bounds of the paths in a position delete file let it name the data file. */
function mightNamePath({ deleteFile }: LiveDeleteFile, { dataFile }: LiveDataFile): boolean {
  const lower = deleteFile.lowerBounds.get(FILE_PATH_FIELD_ID);
  const upper = deleteFile.upperBounds.get(FILE_PATH_FIELD_ID);
  const path = stringToUtf8(dataFile.filePath);
  return (
    (lower === undefined || compareBytes(lower, path) <= 0) && (upper === undefined || compareBytes(path, upper) <= 0)
  );
}

function addVector(vectors: Map<string, LiveDeleteFile>, path: string | undefined, live: LiveDeleteFile): void {
  const { filePath } = live.deleteFile;
  if (path === undefined) {
    throw new LakeError("metadata_invalid", `A deletion vector in ${filePath} names no data file.`);
  }
  if (vectors.has(path)) throw new LakeError("metadata_invalid", `The data file ${path} has two deletion vectors.`);
  vectors.set(path, live);
}

function checkVector(vector: LiveDeleteFile, file: LiveDataFile): void {
  checkSamePartition(vector, file);
  if (vector.sequenceNumber >= file.sequenceNumber) return;
  throw new LakeError("metadata_invalid", `The deletion vector of ${file.dataFile.filePath} is older than the file.`);
}

function checkSamePartition({ deleteFile }: LiveDeleteFile, { dataFile }: LiveDataFile): void {
  if (partitionKey(deleteFile) === partitionKey(dataFile)) return;
  throw new LakeError("metadata_invalid", `Deletes of ${dataFile.filePath} lie in another partition than the file.`, {
    context: { deleteFile: deleteFile.filePath },
  });
}

/** Types whose bounds are not compared: see mightMatchUuid. */
const UNORDERED_TYPES = new Set(["uuid"]);

/** Whether a row of the file might equal a row of the equality deletes. May be wrong only by saying yes. */
function mightShareRows(
  file: DataFile,
  { deleteFile }: LiveDeleteFile,
  fields: ReadonlyMap<number, LocatedField>,
): boolean {
  return (deleteFile.equalityIds ?? []).every((fieldId) => {
    const located = fields.get(fieldId);
    if (located === undefined || located.repeated || typeof located.field.type !== "string") return true;
    if (mayHoldNull(file, fieldId) && mayHoldNull(deleteFile, fieldId)) return true;
    if (mayHoldNan(file, fieldId) && mayHoldNan(deleteFile, fieldId) && isFloat(located.field.type)) return true;
    if (holdsOnlyNull(file, fieldId) || holdsOnlyNull(deleteFile, fieldId)) return false;
    return UNORDERED_TYPES.has(located.field.type) || boundsOverlap(file, deleteFile, fieldId, located.field.type);
  });
}

function isFloat(type: string): boolean {
  return type === "float" || type === "double";
}

function mayHoldNull(file: ContentFile, fieldId: number): boolean {
  return file.nullValueCounts.get(fieldId) !== 0;
}

function mayHoldNan(file: ContentFile, fieldId: number): boolean {
  return file.nanValueCounts.get(fieldId) !== 0;
}

function holdsOnlyNull(file: ContentFile, fieldId: number): boolean {
  const nulls = file.nullValueCounts.get(fieldId);
  const values = file.valueCounts.get(fieldId);
  return nulls !== undefined && values !== undefined && nulls >= values;
}

function boundsOverlap(file: ContentFile, other: ContentFile, fieldId: number, type: string): boolean {
  return (
    !isAbove(file.lowerBounds.get(fieldId), other.upperBounds.get(fieldId), type) &&
    !isAbove(other.lowerBounds.get(fieldId), file.upperBounds.get(fieldId), type)
  );
}

function isAbove(lower: Uint8Array | undefined, upper: Uint8Array | undefined, type: string): boolean {
  if (lower === undefined || upper === undefined) return false;
  const low = singleValueToScalar(type, lower);
  const high = singleValueToScalar(type, upper);
  if (low === undefined || high === undefined) return false;
  return compareScalars(low, high) > 0;
}
