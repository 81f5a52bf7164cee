// Deleting and overwriting by a filter drops whole files by metadata alone: only those all of whose rows fulfil it, and it
// refuses rather than leave a row behind. Against a plain filter over the rows.

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { vectorFromScalars, type Scalar } from "#columnar";
import { LakeError } from "#core";
import {
  icebergTypeToDataType,
  splitByPartition,
  type CommitOutcome,
  type DataFile,
  type IcebergPredicate,
  type Table,
} from "#iceberg";
import { committed, liveNames } from "../support/iceberg-files.ts";
import { createIcebergLake } from "../support/iceberg-lake.ts";
import { matches } from "../support/plain-filter.ts";
import { SCHEMA, fileOf, partitionField, predicate, row } from "../support/row-arbitraries.ts";

type Rows = readonly (readonly Scalar[])[];

interface FileWithRows {
  readonly name: string;
  readonly file: DataFile;
  readonly rows: Rows;
}

/** Each group of rows as one file a partition. */
function filesOf(table: Table, groups: readonly Rows[]): FileWithRows[] {
  return groups.flatMap((rows, group) => {
    const columns = SCHEMA.fields.map((field, index) =>
      vectorFromScalars(
        icebergTypeToDataType(field.type),
        rows.map((values) => values[index] ?? null),
      ),
    );
    const parts = splitByPartition({ rowCount: rows.length, columns }, table.schema(), table.spec());
    return parts.map((part, index) => {
      const own = Array.from(part.rows, (at) => rows[at] as readonly Scalar[]);
      const name = `${group}-${index}.parquet`;
      return { name, rows: own, file: { ...fileOf(own, part.partition), filePath: `s3://lake/default/t/${name}` } };
    });
  });
}

async function outcomeOf(commit: Promise<CommitOutcome>): Promise<Table | "refused"> {
  try {
    return await committed(commit);
  } catch (error) {
    if (error instanceof LakeError && error.code === "unsupported_operation") return "refused";
    throw error;
  }
}

const groups = fc.array(fc.array(row, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
const filter = fc.array(predicate, { minLength: 1, maxLength: 2 });

test("I193 a file that a filter drops has only rows that fulfil it, one that stays has none", async () => {
  let drops = 0;
  let refusals = 0;
  await fc.assert(
    fc.asyncProperty(
      groups,
      fc.uniqueArray(partitionField, { maxLength: 2, selector: ({ id, transform }) => `${id} ${transform}` }),
      filter,
      fc.boolean(),
      async (rows, partitioning, predicates, overwrites) => {
        const lake = await createIcebergLake();
        const empty = await lake.client.createTable({
          identifier: { namespace: ["default"], name: "t" },
          schema: SCHEMA,
          partitionSpec: {
            fields: partitioning.map(({ id, transform }, at) => ({ "source-id": id, name: `p${at}`, transform })),
          },
        });
        const files = filesOf(empty, rows);
        const table = await committed(
          empty
            .newAppend()
            .addFiles(files.map(({ file }) => file))
            .commit(),
        );
        const after = await outcomeOf(
          overwrites
            ? table.newOverwrite().overwriteByRowFilter(predicates).commit()
            : table.newDelete().deleteFromRowFilter(predicates).commit(),
        );
        const left = new Set(await liveNames(lake.store, await table.refresh()));
        refusals += Number(after === "refused");
        drops += files.length - left.size;
        // Nothing is dropped by a refusal; else each file goes whole or has no row that was to go.
        const wanted = files.map(({ name, rows: own }) => {
          const fulfilling = own.filter((values) => isWanted(values, predicates)).length;
          return [name, after === "refused" ? fulfilling : left.has(name) ? 0 : own.length];
        });
        const found = files.map(({ name, rows: own }) => [
          name,
          own.filter((values) => isWanted(values, predicates)).length,
        ]);
        expect(found).toEqual(wanted);
        expect(after === "refused" ? left.size : files.length).toBe(files.length);
      },
    ),
    {
      numRuns: 400,
      examples: [
        // Two partition fields of one decimal column: the manifest declares their Avro type once.
        [
          [[[1, null, null, null, { unscaled: 1250n, scale: 2 }, null]]],
          [
            { id: 5, transform: "identity" },
            { id: 5, transform: "truncate[50]" },
          ],
          [{ fieldId: 1, operator: "in", values: [0] }],
          false,
        ],
      ],
    },
  );
  // The property says something only if both happen.
  expect(drops).toBeGreaterThan(20);
  expect(refusals).toBeGreaterThan(20);
});

function isWanted(values: readonly Scalar[], predicates: readonly IcebergPredicate[]): boolean {
  return predicates.every((condition) => matches(values[condition.fieldId - 1] ?? null, condition));
}
