// A planned group in plain JSON, as it waits among the job's working files. Deletes that many files share are listed
// once.

import {
  dataFileFromJson,
  dataFileToJson,
  deleteFileFromJson,
  deleteFileToJson,
  type DataFileJson,
  type DeleteFileJson,
  type LiveDeleteFile,
} from "#iceberg";
import type { RewriteGroup } from "./plan.ts";

/** {@link RewriteGroup} in plain JSON. */
export interface GroupJson extends Omit<RewriteGroup, "files" | "partition"> {
  readonly files: readonly {
    readonly dataFile: DataFileJson;
    /** Decimal integers. */
    readonly sequenceNumber: string;
    readonly fileSequenceNumber: string;
    /** Positions in `deletes`. */
    readonly deletes: readonly number[];
  }[];
  readonly deletes: readonly { readonly deleteFile: DeleteFileJson; readonly sequenceNumber: string }[];
}

/** Identifies a delete file: deletion vectors share a path. */
export function deleteKey({ deleteFile }: LiveDeleteFile): string {
  return `${deleteFile.filePath}@${deleteFile.contentOffset ?? ""}`;
}

/** The group in plain JSON; inverse of {@link groupFromJson}. */
export function groupToJson({ partition: _partition, files, ...rest }: RewriteGroup): GroupJson {
  const indexByKey = new Map<string, number>();
  const deletes: GroupJson["deletes"][number][] = [];
  const indexOf = (live: LiveDeleteFile): number => {
    const key = deleteKey(live);
    const known = indexByKey.get(key);
    if (known !== undefined) return known;
    indexByKey.set(key, deletes.length);
    const { deleteFile, sequenceNumber } = live;
    return deletes.push({ deleteFile: deleteFileToJson(deleteFile), sequenceNumber: sequenceNumber.toString() }) - 1;
  };
  return {
    ...rest,
    files: files.map((file) => ({
      dataFile: dataFileToJson(file.dataFile),
      sequenceNumber: file.sequenceNumber.toString(),
      fileSequenceNumber: file.fileSequenceNumber.toString(),
      deletes: file.deletes.map(indexOf),
    })),
    deletes,
  };
}

/** The group of its plain JSON; inverse of {@link groupToJson}. */
export function groupFromJson({ files: filesJson, deletes: deletesJson, ...rest }: GroupJson): RewriteGroup {
  const deletes = deletesJson.map((json): LiveDeleteFile => ({
    deleteFile: deleteFileFromJson(json.deleteFile),
    sequenceNumber: BigInt(json.sequenceNumber),
  }));
  const files = filesJson.map((json) => ({
    dataFile: dataFileFromJson(json.dataFile),
    sequenceNumber: BigInt(json.sequenceNumber),
    fileSequenceNumber: BigInt(json.fileSequenceNumber),
    deletes: json.deletes.flatMap((index) => deletes[index] ?? []),
  }));
  return { ...rest, files, partition: files[0]?.dataFile.partition ?? [] };
}
