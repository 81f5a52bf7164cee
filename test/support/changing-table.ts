// A table in memory whose rows can be changed: rows lie in files, and a change is applied when it is committed.

import { scalarAt, vectorFromScalars, type Batch, type ColumnSchema, type Scalar } from "#columnar";
import {
  prepareStatement,
  type ChangeSink,
  type PreparedChange,
  type RowCounts,
  type ScanRequest,
  type TableCatalog,
  type TableSource,
} from "#sql";
import { fulfils, plannedScan, type MemoryRow } from "./memory-table.ts";
import { fixedClock } from "./sql-run.ts";

/** A table with its files. */
export interface ChangingTable {
  readonly name: string;
  readonly columns: readonly ColumnSchema[];
  readonly files: readonly (readonly MemoryRow[])[];
  readonly defaults: ReadonlyMap<number, Scalar>;
  readonly source: TableSource;
  /** Files that a scan skipped, and that it removed whole, by all changes so far. */
  readonly seen: { skipped: number; removed: number; changed: number };
  rows(): readonly MemoryRow[];
}

/** What a sink does on commit. */
interface Pending {
  readonly target: State;
  readonly sink: ChangeSink;
  commit(): void;
}

interface State extends ChangingTable {
  files: (readonly MemoryRow[])[];
  /** Files of the last scan, in its order; those removed whole. */
  scanned: (readonly MemoryRow[])[];
  removed: Set<readonly MemoryRow[]>;
}

const BATCH = 3;

function toBatch(columns: readonly ColumnSchema[], rows: readonly MemoryRow[], wanted: readonly number[]): Batch {
  return {
    rowCount: rows.length,
    columns: wanted.map((index) => {
      const column = columns[index] as ColumnSchema;
      return vectorFromScalars(
        column.type,
        rows.map((row) => row[column.name] ?? null),
      );
    }),
  };
}

function toRows(columns: readonly ColumnSchema[], batch: Batch): MemoryRow[] {
  return Array.from({ length: batch.rowCount }, (_, row) =>
    Object.fromEntries(
      columns.map((column, i) => {
        const vector = batch.columns[i];
        return [column.name, vector === undefined ? null : scalarAt(vector, row)];
      }),
    ),
  );
}

const PLACE: readonly ColumnSchema[] = ["__file", "__position"].map((name) => ({
  name,
  type: { kind: "int32" },
  nullable: false,
}));

/** Creates a table; rows are cut into files of `fileRows`. */
export function changingTable(
  name: string,
  columns: readonly ColumnSchema[],
  rows: readonly MemoryRow[],
  { fileRows = 4, defaults = new Map<number, Scalar>() } = {},
): ChangingTable {
  const files: (readonly MemoryRow[])[] = [];
  for (let start = 0; start < rows.length; start += fileRows) files.push(rows.slice(start, start + fileRows));
  const all = [...columns, ...PLACE];
  async function* open(scanned: readonly (readonly MemoryRow[])[], request: ScanRequest): AsyncGenerator<Batch> {
    for (const [number, file] of scanned.entries()) {
      const placed = file.map((row, position) => ({ ...row, __file: number, __position: position }));
      for (let start = 0; start < placed.length; start += BATCH) {
        yield await Promise.resolve(toBatch(all, placed.slice(start, start + BATCH), request.columns));
      }
    }
  }
  const state: State = {
    name,
    columns,
    files,
    defaults,
    scanned: [],
    removed: new Set(),
    seen: { skipped: 0, removed: 0, changed: 0 },
    rows: () => state.files.flat(),
    get source() {
      return source;
    },
  };
  const source: TableSource = {
    name,
    columns,
    planScan: (request: ScanRequest) => Promise.resolve(plannedScan(name, columns, state.files.flat(), request)),
    changes: {
      defaults,
      describe: () => ["Mode: memory"],
      planScan(request) {
        const matches = (row: MemoryRow): boolean =>
          request.predicates.every((predicate) => fulfils(row, predicate, columns));
        const live = state.files.filter((file) => file.some(matches));
        state.seen.skipped += state.files.length - live.length;
        state.removed = new Set(request.removesMatches ? live.filter((file) => file.every(matches)) : []);
        state.seen.removed += state.removed.size;
        state.scanned = live.filter((file) => !state.removed.has(file));
        const { scanned } = state;
        const plan = plannedScan(name, columns, [], request);
        return Promise.resolve({
          ...plan,
          rowsRemoved: [...state.removed].reduce((sum, file) => sum + file.length, 0),
          open: () => open(scanned, request),
        });
      },
      planReading(request) {
        const { files: current } = state;
        return Promise.resolve({
          ...plannedScan(name, columns, [], request),
          open: () => open(current, request),
        });
      },
    },
  };
  return state;
}

function createSink(table: ChangingTable): Pending {
  const state = table as State;
  const inserted: MemoryRow[] = [];
  const changed = new Map<number, readonly MemoryRow[]>();
  const sink: ChangeSink = {
    insert(batch) {
      inserted.push(...toRows(state.columns, batch));
      return Promise.resolve();
    },
    change(file, change) {
      const rows = state.scanned[file] ?? [];
      if (change.positions.some((position, i) => i > 0 && position <= (change.positions[i - 1] ?? -1))) {
        throw new Error("positions of a file are ascending");
      }
      const batch = toBatch(state.columns, rows, [...state.columns.keys()]);
      const changes = Int32Array.from(change.positions.keys()).filter((i) => change.isUpdate[i] === 1);
      const at = changes.map((i) => change.positions[i] ?? -1);
      const updated = changes.length === 0 ? [] : toRows(state.columns, change.update(batch, at, changes));
      const gone = new Set(change.positions);
      const byPosition = new Map([...at].map((position, i) => [position, updated[i]]));
      changed.set(
        file,
        rows.flatMap((row, position): readonly MemoryRow[] => {
          if (!gone.has(position)) return [row];
          const replacement = byPosition.get(position);
          return replacement === undefined ? [] : [replacement];
        }),
      );
      return Promise.resolve();
    },
  };
  return {
    target: state,
    sink,
    commit() {
      state.seen.changed += changed.size;
      const next = state.files.flatMap((file) => {
        if (state.removed.has(file)) return [];
        const number = state.scanned.indexOf(file);
        const rows = changed.get(number) ?? file;
        return rows.length === 0 ? [] : [rows];
      });
      if (inserted.length > 0) next.push(inserted);
      state.files = next;
      state.scanned = [];
      state.removed = new Set();
    },
  };
}

/** A catalog of changing tables. */
export function changingCatalog(tables: readonly ChangingTable[]): TableCatalog {
  return {
    findTable: (path) => Promise.resolve(tables.find(({ name }) => name === path.join("."))?.source),
    tableNames: () => Promise.resolve(tables.map(({ name }) => name)),
  };
}

/** Runs a statement that changes rows and commits it. */
export async function runChange(
  tables: readonly ChangingTable[],
  sql: string,
  { params = [], optimize = true }: { readonly params?: readonly unknown[]; readonly optimize?: boolean } = {},
): Promise<RowCounts & { readonly change: PreparedChange }> {
  const options = { catalog: changingCatalog(tables), params, clock: fixedClock, optimize };
  const prepared = await prepareStatement(sql, options);
  if (prepared.kind !== "change") throw new Error(`${sql} is no change`);
  const { change } = prepared;
  const target = tables.find(({ name }) => name === change.table) as ChangingTable;
  const state = target as State;
  state.scanned = [];
  state.removed = new Set();
  const pending = createSink(target);
  const counts = await change.execute(pending.sink, {
    signal: new AbortController().signal,
    memoryLimitBytes: 64 * 2 ** 20,
    clock: fixedClock,
  });
  pending.commit();
  return { ...counts, change };
}
