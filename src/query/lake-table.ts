// A data table as the SQL engine sees it: its current state with fresh rows, or one of its snapshots without.

import { required, sha256Hex, tableNameToString } from "#core";
import type { Batch } from "#columnar";
import {
  allFieldsById,
  allRowsMatch,
  schemaToColumns,
  specById,
  toProvingPredicates,
  toStoredPredicates,
  type IcebergColumn,
  type IcebergSchema,
  type ScanFile,
  type ScanPlan,
  type Snapshot,
  type Table,
} from "#iceberg";
import type { PlannedScan, ScanPieces, ScanPredicate, ScanRequest, ScanStatistics, TableSource } from "#sql";
import type { FieldPredicate } from "./field-predicate.ts";
import { groupFiles } from "./file-groups.ts";
import { clusterFiles } from "./file-clusters.ts";
import { plannedRowGroups, scanFiles, type ScannedBatch } from "./file-scan.ts";
import { selectFresh } from "./fresh-rows.ts";
import type { LakeCatalogDeps } from "./lake-catalog.ts";
import type { VersionedTable } from "./table-version.ts";
import { scanFacts, scanFileFacts, type FactsRequest } from "./scan-facts.ts";
import { createFileNarrowing } from "./scan-narrowing.ts";
import { loadTableView, type TableView } from "./table-view.ts";

/** A table's current state: its snapshot and the rows acknowledged after it. */
export function currentTable(table: Table, deps: LakeCatalogDeps): TableSource {
  const viewOf = sharedView((fieldIds) => loadTableView(table, deps.fresh, fieldIds, deps.retry));
  return lakeTable(table, { schema: table.schema(), snapshot: table.currentSnapshot() }, deps, async (read) => {
    const view = viewOf(read.fieldIds);
    // Files are planned while the fresh rows travel; rarely the table moved and has other files.
    const predicates = toStoredPredicates(table.schema(), read.predicates);
    const optimistic = table.planScan({ predicates });
    optimistic.catch(() => {});
    const settled = await view;
    const plan = settled.table === table ? await optimistic : await settled.table.planScan({ predicates });
    deps.onRead(settled.table, settled.table.currentSnapshot());
    return { view: settled, plan };
  });
}

/** A table as one of its snapshots holds it. */
export function snapshotTable(table: Table, version: VersionedTable, deps: LakeCatalogDeps): TableSource {
  const snapshotId = version.snapshot["snapshot-id"];
  return lakeTable(table, version, deps, async ({ predicates }) => ({
    view: { table, fresh: [] },
    plan: await table.planScan({ predicates: toStoredPredicates(version.schema, predicates), snapshotId }),
  }));
}

/** What a scan looks for. */
interface Read {
  readonly fieldIds: readonly number[];
  readonly predicates: readonly FieldPredicate[];
}

function lakeTable(
  table: Table,
  { schema, snapshot }: { readonly schema: IcebergSchema; readonly snapshot: Snapshot | undefined },
  deps: LakeCatalogDeps,
  plan: (read: Read) => Promise<{ readonly view: TableView; readonly plan: ScanPlan }>,
): TableSource {
  const columns = schemaToColumns(schema);
  const name = tableNameToString(table.identifier);
  const records = Number(snapshot?.summary["total-records"] ?? (snapshot ? NaN : 0));
  return {
    name,
    columns,
    ...(Number.isSafeInteger(records) ? { estimatedRows: records } : {}),
    async planScan(request) {
      const predicates = request.predicates.map((predicate) => fieldPredicate(columns, predicate));
      const wanted = request.columns.map((index) => required(columns[index], `column ${index} of ${name}`));
      const columnIds = wanted.map(({ fieldId }) => fieldId);
      const planned = await plan({ fieldIds: [...columnIds, ...predicates.map(({ fieldId }) => fieldId)], predicates });
      return plannedScan({ name, schema, columns, predicates, ...planned }, request, deps);
    },
  };
}

/**
 * One view for all scans that are planned in the same turn, which is how the engine plans them, holding the fields
 * that any of them wants. A scan planned later shares it unless it wants other fields.
 */
function sharedView(
  load: (fieldIds: ReadonlySet<number>) => Promise<TableView>,
): (fieldIds: readonly number[]) => Promise<TableView> {
  let current: { readonly fieldIds: Set<number>; isLoading: boolean; readonly view: Promise<TableView> } | undefined;

  function start(fieldIds: readonly number[]): Promise<TableView> {
    const collected = new Set(fieldIds);
    const view = Promise.resolve().then(() => {
      started.isLoading = true;
      return load(collected);
    });
    const started = { fieldIds: collected, isLoading: false, view };
    current = started;
    return view;
  }

  return (fieldIds) => {
    if (current === undefined) return start(fieldIds);
    if (!current.isLoading) for (const fieldId of fieldIds) current.fieldIds.add(fieldId);
    const { fieldIds: held, view } = current;
    return fieldIds.every((fieldId) => held.has(fieldId)) ? view : start(fieldIds);
  };
}

/** What planning found out of one scan. */
interface ScanParts {
  readonly name: string;
  readonly schema: IcebergSchema;
  /** All columns of the table. */
  readonly columns: readonly IcebergColumn[];
  readonly predicates: readonly FieldPredicate[];
  readonly view: TableView;
  readonly plan: ScanPlan;
}

async function plannedScan(parts: ScanParts, request: ScanRequest, deps: LakeCatalogDeps): Promise<PlannedScan> {
  const { name, predicates, view, plan } = parts;
  const columns = request.columns.map((index) => required(parts.columns[index], `column ${index} of ${name}`));
  const exactTimes = deps.exactTimes?.() === true;
  const fresh = selectFresh(view.fresh, columns, predicates, exactTimes);
  const statistics = initialStatistics(name, plan, fresh.rowCount);
  const { metadata } = view.table;
  // Field ids and types tell apart columns that share a name across schema changes.
  const shape = columns.map(({ fieldId, type }) => [fieldId, type]);
  const identities = plan.files.map(scanFileIdentity).toSorted();
  const identity = await sha256Hex(JSON.stringify([metadata["table-uuid"], shape, identities, fresh.identity]));
  const { reader } = deps;
  const { limit } = request;
  const scan = { metadata, columns, predicates, limit, statistics, reader, exactTimes };
  async function* openFresh(): AsyncGenerator<Batch, void, undefined> {
    statistics.rowsScanned += fresh.rowCount;
    yield* await Promise.resolve(fresh.batches);
  }
  const factsRequest: FactsRequest = {
    ...parts,
    metadata,
    files: plan.files,
    reader,
    statistics,
    async *openRest(rest, signal) {
      yield* openFresh();
      yield* scanFiles({ ...scan, files: rest, signal });
    },
  };
  let files = plan.files;
  return {
    identity,
    statistics,
    clusterBy(index) {
      // Rows that are in no file yet may have any key.
      if (fresh.rowCount > 0) return undefined;
      const clusters = clusterFiles(metadata, plan.files, required(parts.columns[index], `column ${index}`).fieldId);
      if (clusters !== undefined) ({ files } = clusters);
      return clusters?.cuts;
    },
    async *open(signal, narrowing): AsyncGenerator<Batch, void, undefined> {
      yield* openFresh();
      const narrowed =
        narrowing === undefined ? undefined : createFileNarrowing({ ...parts, metadata, narrowing, statistics });
      yield* scanFiles({
        ...scan,
        files,
        ...(narrowed === undefined ? {} : { narrowing: narrowed }),
        signal,
      });
    },
    facts: (facts, signal) => scanFacts(factsRequest, facts, signal),
    fileFacts: (asked, counts) => scanFileFacts(factsRequest, asked, counts),
    pieces: () => scanPieces(parts, shape, openFresh, (files, signal) => scanFiles({ ...scan, files, signal })),
  };
}

/** The scan's files in groups, and its fresh rows as the rest. */
async function scanPieces(
  parts: ScanParts,
  shape: unknown,
  openRest: () => AsyncIterable<Batch>,
  openFiles: (files: readonly ScanFile[], signal: AbortSignal) => AsyncIterable<ScannedBatch>,
): Promise<ScanPieces> {
  const { schema, columns, view, plan } = parts;
  const { metadata } = view.table;
  const groups = groupFiles(plan.files);
  const fields = allFieldsById(metadata);
  return {
    pieces: await Promise.all(
      groups.map(async (files) => ({
        identity: await sha256Hex(JSON.stringify([metadata["table-uuid"], shape, files.map(scanFileIdentity)])),
        files: files.length,
        provesAll(predicate) {
          const proving = toProvingPredicates(schema, [fieldPredicate(columns, predicate)]);
          return (
            proving !== undefined &&
            files.every(({ dataFile }) => allRowsMatch(dataFile, specById(metadata, dataFile.specId), fields, proving))
          );
        },
      })),
    ),
    async *open(indices, signal) {
      const chosen = indices.map((index) => required(groups[index], `piece ${index} of a scan`));
      const places = chosen.flatMap((files, place) => files.map(() => place));
      for await (const batch of openFiles(chosen.flat(), signal)) {
        yield { place: required(places[batch.file], "the place of a file"), batch };
      }
    },
    openRest,
  };
}

/** Names the rows of a file that live: the file and every delete that applies to it, all of them immutable. */
export function scanFileIdentity({ dataFile, deletes }: ScanFile): string {
  const applied = deletes.map(({ deleteFile: { filePath, contentOffset } }) => `${filePath}@${contentOffset ?? ""}`);
  return [dataFile.filePath, ...applied.toSorted()].join("\n");
}

/** Statistics of a scan whose files are planned and not yet read. */
export function initialStatistics(table: string, plan: ScanPlan, freshRows: number): ScanStatistics {
  return {
    table,
    filesTotal: plan.filesTotal,
    filesScanned: 0,
    rowGroupsTotal: plan.files.reduce((sum, { dataFile }) => sum + plannedRowGroups(dataFile), 0),
    rowGroupsScanned: 0,
    bytesTotal: plan.bytesTotal,
    bytesScanned: 0,
    rowsScanned: 0,
    storageReads: 0,
    rowsSkipped: 0,
    pagesSkipped: 0,
    freshRows,
    ...(plan.manifestsTotal === 0
      ? {}
      : { metadata: { files: plan.manifestsScanned + 1, cached: plan.metadataCached } }),
    pruning: plan.skipped.map(({ reason, files }) => ({ reason, files, rowGroups: 0 })),
  };
}

/** A predicate of the engine on a column of the table. */
export function fieldPredicate(columns: readonly IcebergColumn[], predicate: ScanPredicate): FieldPredicate {
  const { fieldId, name, type } = required(columns[predicate.column], `column ${predicate.column}`);
  return { fieldId, name, type, operator: predicate.operator, values: predicate.values };
}
