// Data and delete files without content, for tests of metadata alone.

import type { DataFile, DeleteFile } from "#iceberg";

const NOTHING = {
  specId: 0,
  partition: [],
  recordCount: 10,
  fileSizeBytes: 1000,
  columnSizes: new Map<number, number>(),
  valueCounts: new Map<number, number>(),
  nullValueCounts: new Map<number, number>(),
  nanValueCounts: new Map<number, number>(),
  lowerBounds: new Map<number, Uint8Array>(),
  upperBounds: new Map<number, Uint8Array>(),
  splitOffsets: [],
} as const;

/** A data file of 10 rows without statistics. */
export function dataFile(filePath: string, fields: Partial<DataFile> = {}): DataFile {
  return { ...NOTHING, content: 0, filePath, fileFormat: "PARQUET", ...fields };
}

/** A file of position deletes. */
export function positionDeletes(filePath: string, fields: Partial<DeleteFile> = {}): DeleteFile {
  return { ...NOTHING, content: 1, filePath, fileFormat: "PARQUET", ...fields };
}

/** A deletion vector of a data file. */
export function deletionVector(referencedDataFile: string, fields: Partial<DeleteFile> = {}): DeleteFile {
  const place = { contentOffset: 4, contentSizeBytes: 40 };
  return {
    ...NOTHING,
    content: 1,
    filePath: "dv.puffin",
    fileFormat: "PUFFIN",
    referencedDataFile,
    ...place,
    ...fields,
  };
}

/** A file of equality deletes by field 1. */
export function equalityDeletes(filePath: string, fields: Partial<DeleteFile> = {}): DeleteFile {
  return { ...NOTHING, content: 2, filePath, fileFormat: "PARQUET", equalityIds: [1], ...fields };
}
