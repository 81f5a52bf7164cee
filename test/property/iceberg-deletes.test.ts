// The delete index against the sentences of the Iceberg table specification, "Scan Planning".

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createDeleteIndex } from "../../src/iceberg/delete-index.ts";
import type { LiveDataFile, LiveDeleteFile } from "#iceberg";
import { dataFile, deletionVector, equalityDeletes, positionDeletes } from "../support/content-files.ts";

const PATHS = ["a", "b", "c"];
const place = fc.constantFrom(
  { specId: 0, partition: [] },
  { specId: 1, partition: ["x"] },
  { specId: 1, partition: [null] },
  { specId: 1, partition: [Number.NaN] },
  { specId: 2, partition: ["x"] },
);
const sequenceNumber = fc.bigInt({ min: 1n, max: 5n });

/** Data files by path, each somewhere. */
const tableFiles = fc.tuple(...PATHS.map(() => fc.record({ place, sequenceNumber }))).map((files) =>
  files.map(({ place, sequenceNumber }, index): LiveDataFile => ({
    dataFile: dataFile(PATHS[index] as string, place),
    sequenceNumber,
  })),
);

const kind = fc.constantFrom("equality", "position", "named");
const anyDelete = fc.record({ kind, place, sequenceNumber, target: fc.nat({ max: PATHS.length - 1 }) });

test("I112 the deletes of every file are those the specification's sentences give", () => {
  fc.assert(
    fc.property(
      tableFiles,
      fc.array(anyDelete, { maxLength: 12 }),
      fc.uniqueArray(fc.nat({ max: PATHS.length - 1 }), { maxLength: 2 }),
      (files, drafts, vectors) => {
        const deletes = drafts.map(({ kind, place, sequenceNumber, target }, index): LiveDeleteFile => {
          const path = `${kind}-${index}`;
          const file = files[target] as LiveDataFile;
          if (kind === "equality") return { deleteFile: equalityDeletes(path, place), sequenceNumber };
          if (kind === "position") return { deleteFile: positionDeletes(path, place), sequenceNumber };
          // What names a file lies in its partition.
          const { specId, partition, filePath } = file.dataFile;
          return {
            deleteFile: positionDeletes(path, { specId, partition, referencedDataFile: filePath }),
            sequenceNumber,
          };
        });
        for (const target of vectors) {
          const { dataFile: file, sequenceNumber } = files[target] as LiveDataFile;
          const { specId, partition, filePath } = file;
          deletes.push({
            deleteFile: deletionVector(filePath, { specId, partition, filePath: `dv-${filePath}` }),
            sequenceNumber,
          });
        }
        const index = createDeleteIndex(deletes, new Map(), (specId) => specId === 0);
        for (const file of files) {
          const found = index.deletesOf(file).map(({ deleteFile }) => deleteFile.filePath);
          expect(found.toSorted()).toEqual(bySpecification(file, deletes).toSorted());
        }
      },
    ),
    { numRuns: 1000 },
  );
});

function isVector({ deleteFile }: LiveDeleteFile): boolean {
  return deleteFile.fileFormat === "PUFFIN";
}

/** One `if` for each sentence. Independent of the code under test. */
function bySpecification(file: LiveDataFile, deletes: readonly LiveDeleteFile[]): string[] {
  const samePartition = ({ deleteFile }: LiveDeleteFile): boolean =>
    deleteFile.specId === file.dataFile.specId &&
    deleteFile.partition.every((value, index) => Object.is(value, file.dataFile.partition[index]));
  const names = ({ deleteFile }: LiveDeleteFile): boolean =>
    deleteFile.referencedDataFile === undefined || deleteFile.referencedDataFile === file.dataFile.filePath;
  const vectorApplies = (live: LiveDeleteFile): boolean =>
    isVector(live) && names(live) && file.sequenceNumber <= live.sequenceNumber && samePartition(live);
  const hasVector = deletes.some(vectorApplies);
  return deletes
    .filter((live) => {
      if (live.deleteFile.content === 2) {
        return file.sequenceNumber < live.sequenceNumber && (samePartition(live) || live.deleteFile.specId === 0);
      }
      if (isVector(live)) return vectorApplies(live);
      return names(live) && file.sequenceNumber <= live.sequenceNumber && samePartition(live) && !hasVector;
    })
    .map(({ deleteFile }) => deleteFile.filePath);
}
