// Deletes of every kind together leave exactly the rows that a naive reading leaves.

import { array, assert, asyncProperty, constantFrom, integer, option, record, tuple } from "fast-check";
import { test } from "vitest";
import { writeDeletionVectors, type DeleteFile, type IcebergSchema, type ScanFile } from "#iceberg";
import { stringifyJson } from "#core";
import type { Scalar } from "#columnar";
import { createDeleteWorld, type PlainRow } from "../support/deletes.ts";

const SCHEMA: IcebergSchema = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: false, type: "long" },
    { id: 2, name: "kind", required: false, type: "string" },
    { id: 3, name: "price", required: false, type: "decimal(9,2)" },
    { id: 4, name: "key", required: false, type: "binary" },
    { id: 5, name: "flag", required: false, type: "boolean" },
    { id: 6, name: "day", required: false, type: "date" },
  ],
};

const row = tuple(
  option(constantFrom<Scalar>(0, 1, -5, 9_007_199_254_740_993n), { freq: 4 }),
  option(constantFrom<Scalar>("", "a", "b", "ä", "n0:"), { freq: 4 }),
  option(constantFrom<Scalar>({ unscaled: 100n, scale: 2 }, { unscaled: -1n, scale: 2 }), { freq: 4 }),
  option(constantFrom<Scalar>(Uint8Array.of(), Uint8Array.of(0, 255)), { freq: 4 }),
  option(constantFrom<Scalar>(true, false), { freq: 4 }),
  option(constantFrom<Scalar>(0, -1, 19_000), { freq: 4 }),
);
const sequence = integer({ min: 1, max: 4 });
const equalityDelete = record({
  fieldIds: array(constantFrom(1, 2, 3, 4, 5, 6), { minLength: 1, maxLength: 3 }).map((ids) => [...new Set(ids)]),
  rows: array(row, { minLength: 1, maxLength: 4 }),
  sequence,
});
const world = record({
  rows: array(row, { minLength: 1, maxLength: 60 }),
  rowGroupRows: constantFrom(5, 16, 100),
  sequence,
  equality: array(equalityDelete, { maxLength: 3 }),
  positions: array(array(integer({ min: 0, max: 70 }), { maxLength: 8 }), { maxLength: 2 }),
  vector: option(array(integer({ min: 0, max: 59 }), { minLength: 1, maxLength: 10 })),
});

/** Equal for equal values and different for others. */
function valueText(value: Scalar | undefined): string {
  return stringifyJson(value instanceof Uint8Array ? { bytes: [...value] } : value);
}

function matches(data: PlainRow, deleted: PlainRow, fieldIds: readonly number[]): boolean {
  return fieldIds.every((id) => valueText(data[id - 1]) === valueText(deleted[id - 1]));
}

test("I132 the rows that live are those no applicable delete names", { timeout: 60_000 }, async ({ expect }) => {
  await assert(
    asyncProperty(world, async (drawn) => {
      const files = createDeleteWorld(SCHEMA);
      const dataFile = await files.writeData(drawn.rows, drawn.rowGroupRows);
      const bare: ScanFile = { dataFile, sequenceNumber: BigInt(drawn.sequence), fileSequenceNumber: 1n, deletes: [] };
      const deletes: { deleteFile: DeleteFile; sequenceNumber: bigint }[] = [];
      const dead = new Set<number>();
      for (const each of drawn.equality) {
        // Planning leaves out deletes that are not younger than the file.
        if (each.sequence <= drawn.sequence) continue;
        const chosen = each.rows.map((deleted) => each.fieldIds.map((id) => deleted[id - 1] ?? null));
        const deleteFile = await files.writeEquality(each.fieldIds, chosen);
        deletes.push({ deleteFile, sequenceNumber: BigInt(each.sequence) });
        drawn.rows.forEach((data, position) => {
          if (each.rows.some((deleted) => matches(data, deleted, each.fieldIds))) dead.add(position);
        });
      }
      if (drawn.vector === null) {
        for (const positions of drawn.positions) {
          const rows = positions.map((position) => [dataFile.filePath, position] as const);
          deletes.push({ deleteFile: await files.writePositions(rows), sequenceNumber: 9n });
          for (const position of positions) dead.add(position);
        }
      } else {
        const rowsByPath = new Map([[dataFile.filePath, { file: bare, positions: drawn.vector }]]);
        const { added } = await writeDeletionVectors(files.deps, files.metadata, rowsByPath);
        for (const deleteFile of added) deletes.push({ deleteFile, sequenceNumber: 9n });
        for (const position of drawn.vector) dead.add(position);
      }
      const read = await files.read({ ...bare, deletes });
      const live = drawn.rows.map((_, position) => position).filter((position) => !dead.has(position));
      expect(read.positions).toEqual(live);
      expect(read.rows.map((each) => each.map(valueText).join())).toEqual(
        live.map((position) => drawn.rows[position]?.map(valueText).join()),
      );
    }),
    { numRuns: 80 },
  );
});
