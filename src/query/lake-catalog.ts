// Binds the SQL engine to Iceberg: names to tables, scans to files and fresh rows. One instance serves one query.

import {
  LakeError,
  parseTableName,
  required,
  sha256Hex,
  tableNameToString,
  type RetryDeps,
  type TableIdentifier,
} from "#core";
import type { Batch, TypeKind } from "#columnar";
import {
  listAllTables,
  schemaToColumns,
  type CatalogClient,
  type IcebergColumn,
  type ScanPlan,
  type Table,
} from "#iceberg";
import type { PlannedScan, ScanPredicate, ScanRequest, ScanStatistics, TableCatalog, TableSource } from "#sql";
import type { DataReader } from "./data-reader.ts";
import type { FieldPredicate } from "./field-predicate.ts";
import { plannedRowGroups, scanFiles } from "./file-scan.ts";
import { selectFresh, type FreshSource } from "./fresh-rows.ts";
import { loadTableView, type TableView } from "./table-view.ts";

const NESTED = new Set<TypeKind>(["list", "struct", "map"]);

/** Where unqualified names are looked for, in order. */
const SEARCH_PATH = ["default", "system"] as const;

/** What the catalog of one query works with. */
export interface LakeCatalogDeps {
  readonly catalog: CatalogClient;
  readonly reader: DataReader;
  /** Undefined: snapshots only. */
  readonly fresh: FreshSource | undefined;
  readonly retry: RetryDeps;
  /** Makes the reader of lists, structs and maps ready; called before a scan that reads one. */
  readonly initNestedColumns: () => void;
}

/**
 * Creates the table catalog of one query. Every table is loaded once and all scans of it see one view, so a
 * self-join joins a table with itself.
 *
 * Cost: one catalog call a table (two for an unqualified name in `system`), one call a shard, manifests as the
 * client's FileIO caches them.
 */
export function createLakeCatalog(deps: LakeCatalogDeps): TableCatalog {
  const sources = new Map<string, Promise<TableSource | undefined>>();

  async function load(candidates: readonly TableIdentifier[]): Promise<TableSource | undefined> {
    for (const identifier of candidates) {
      try {
        return tableSource(await deps.catalog.loadTable(identifier), deps);
      } catch (error) {
        if (!isAbsent(error)) throw error;
      }
    }
    return undefined;
  }

  return {
    findTable(path) {
      const key = JSON.stringify(path);
      const known = sources.get(key);
      if (known !== undefined) return known;
      const loading = load(candidateNames(path));
      sources.set(key, loading);
      return loading;
    },
    async tableNames() {
      return (await listAllTables(deps.catalog)).map(tableNameToString);
    },
  };
}

function candidateNames(path: readonly string[]): TableIdentifier[] {
  const [name, ...rest] = path.toReversed();
  if (name === undefined) return [];
  if (rest.length > 0) return [{ namespace: rest.toReversed(), name }];
  return SEARCH_PATH.map((namespace) => parseTableName(`${namespace}.${name}`));
}

function isAbsent(error: unknown): boolean {
  return error instanceof LakeError && (error.code === "table_not_found" || error.code === "namespace_not_found");
}

function tableSource(table: Table, deps: LakeCatalogDeps): TableSource {
  const columns = schemaToColumns(table.schema());
  const viewOf = sharedView((fieldIds) => loadTableView(table, deps.fresh, fieldIds, deps.retry));
  const name = tableNameToString(table.identifier);
  const records = Number(table.currentSnapshot()?.summary["total-records"] ?? (table.currentSnapshot() ? NaN : 0));
  return {
    name,
    columns,
    ...(Number.isSafeInteger(records) ? { estimatedRows: records } : {}),
    async planScan(request) {
      const predicates = request.predicates.map((predicate) => fieldPredicate(columns, predicate));
      const columnIds = request.columns.map((index) => required(columns[index], `column ${index} of ${name}`).fieldId);
      const view = viewOf([...columnIds, ...predicates.map(({ fieldId }) => fieldId)]);
      // Files are planned while the fresh rows travel; rarely the table moved and has other files.
      const optimistic = table.planScan({ predicates });
      optimistic.catch(() => {});
      const settled = await view;
      const plan = settled.table === table ? await optimistic : await settled.table.planScan({ predicates });
      if (plan.deleteFiles > 0) {
        throw new LakeError("unsupported_operation", `The table ${name} has delete files, which are not applied here.`);
      }
      return plannedScan({ name, columns, predicates, view: settled, plan }, request, deps);
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
  /** All columns of the table. */
  readonly columns: readonly IcebergColumn[];
  readonly predicates: readonly FieldPredicate[];
  readonly view: TableView;
  readonly plan: ScanPlan;
}

async function plannedScan(parts: ScanParts, request: ScanRequest, deps: LakeCatalogDeps): Promise<PlannedScan> {
  const { name, predicates, view, plan } = parts;
  const columns = request.columns.map((index) => required(parts.columns[index], `column ${index} of ${name}`));
  if (columns.some(({ type }) => NESTED.has(type.kind))) deps.initNestedColumns();
  const fresh = selectFresh(view.fresh, columns, predicates);
  const statistics = initialStatistics(name, plan, fresh.rowCount);
  const paths = plan.files.map(({ dataFile }) => dataFile.filePath);
  const { metadata } = view.table;
  // Field ids and types tell apart columns that share a name across schema changes.
  const shape = columns.map(({ fieldId, type }) => [fieldId, type]);
  const identity = await sha256Hex(JSON.stringify([metadata["table-uuid"], shape, paths.toSorted(), fresh.identity]));
  return {
    identity,
    statistics,
    async *open(signal): AsyncGenerator<Batch, void, undefined> {
      statistics.rowsScanned += fresh.rowCount;
      yield* fresh.batches;
      const files = plan.files.map(({ dataFile }) => dataFile);
      const { reader } = deps;
      const { limit } = request;
      yield* scanFiles({ metadata, files, columns, predicates, limit, statistics, reader, signal });
    },
  };
}

function initialStatistics(table: string, plan: ScanPlan, freshRows: number): ScanStatistics {
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
    freshRows,
    pruning: plan.skipped.map(({ reason, files }) => ({ reason, files, rowGroups: 0 })),
  };
}

function fieldPredicate(columns: readonly IcebergColumn[], predicate: ScanPredicate): FieldPredicate {
  const { fieldId, name, type } = required(columns[predicate.column], `column ${predicate.column}`);
  return { fieldId, name, type, operator: predicate.operator, values: predicate.values };
}
