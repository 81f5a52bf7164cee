// Rows' places on the Z-curve of a group, as a column to sort by.

import type { Batch } from "#columnar";
import {
  currentSchema,
  fieldVector,
  fieldsById,
  schemaToParquetFields,
  type IcebergColumn,
  type IcebergSchema,
  type ScanFile,
} from "#iceberg";
import { readDataFiles, type InputDeps } from "./data-input.ts";
import { columnIsGone, derivedColumn, type DerivedColumn } from "./derived-columns.ts";
import { createRowSample, type SampleLimits } from "./row-sample.ts";
import { bitsPerColumn, coordinatesOf, interleave, sortSample, type SortedSample } from "./z-order.ts";

/** Enough rows to cut a group into far more even parts than it gets files; bytes bound samples of long texts. */
const SAMPLE_LIMITS: SampleLimits = { maxRows: 16_384, maxBytes: 4 * 1024 * 1024 };

/** Rows between turns given to other work. */
const YIELD_ROWS = 65_536;

/** What reading the sample needs. */
export interface SampleDeps extends Pick<InputDeps, "store" | "bucket" | "metadata" | "signal"> {
  readonly sleep: (ms: number) => Promise<void>;
  onProgress?(progress: { readonly files: 0; readonly bytes: 0; readonly rows: 0 }): Promise<void> | void;
}

/**
 * The column of the rows' places for these fields. The same files give the same places.
 *
 * Cost: reads the fields' columns of every file once; memory of a row group of them and the sample. Errors: those of
 * {@link readDataFiles}; `invalid_option` when a field was dropped.
 */
export async function zOrderColumn(
  deps: SampleDeps,
  files: readonly ScanFile[],
  fieldIds: readonly number[],
  index: number,
): Promise<DerivedColumn> {
  const schema = currentSchema(deps.metadata);
  const samples = await sampleFields(deps, files, schema, fieldIds);
  const bits = bitsPerColumn(fieldIds.length);
  return {
    column: derivedColumn("_z_order", { kind: "int64" }, index),
    compute(batch) {
      const coordinates = fieldIds.map((fieldId, at) => {
        const source = fieldVector(batch, schema, fieldId);
        const sample = samples[at];
        return source === undefined || sample === undefined
          ? new Uint32Array(batch.rowCount)
          : coordinatesOf(sample, source.vector, bits);
      });
      const values = interleave(coordinates, bits);
      return { encoding: "flat", type: { kind: "int64" }, length: batch.rowCount, values, validity: undefined };
    },
  };
}

/** A sorted sample of each field; empty when there are no rows. */
async function sampleFields(
  deps: SampleDeps,
  files: readonly ScanFile[],
  schema: IcebergSchema,
  fieldIds: readonly number[],
): Promise<SortedSample[]> {
  const fields = schema.fields.filter((field) => fieldIds.some((id) => fieldsById({ fields: [field] }).has(id)));
  const sampled: IcebergSchema = { ...schema, fields };
  const sample = createRowSample(SAMPLE_LIMITS);
  for await (const batch of readColumns(deps, files, schemaToParquetFields(sampled))) {
    const columns = fieldIds.map((fieldId) => {
      const source = fieldVector(batch, sampled, fieldId);
      if (source === undefined) throw columnIsGone();
      return source.vector;
    });
    sample.add({ rowCount: batch.rowCount, columns });
  }
  return (sample.rows()?.columns ?? []).map(sortSample);
}

async function* readColumns(
  deps: SampleDeps,
  files: readonly ScanFile[],
  columns: readonly IcebergColumn[],
): AsyncGenerator<Batch> {
  let rowsSinceYield = 0;
  const input: InputDeps = {
    ...deps,
    onFile: () => undefined,
    async onRows(rows) {
      rowsSinceYield += rows;
      if (rowsSinceYield < YIELD_ROWS) return;
      rowsSinceYield = 0;
      await deps.onProgress?.({ files: 0, bytes: 0, rows: 0 });
      await deps.sleep(0);
    },
    onFileDone: () => undefined,
  };
  for await (const batch of readDataFiles(input, files, columns)) {
    deps.signal?.throwIfAborted();
    yield batch;
  }
}
