// Answers a question that was asked before without parsing or planning it: what its plan was made from is asked for anew,
// all at once, and when it is what it was, so is the plan, and with it the key of its answer.

import { LakeError, stringifyJson, tableNameToString, type TableIdentifier } from "#core";
import type { ByteLru } from "#cache";
import type { CatalogClient, Table } from "#iceberg";
import type { FreshPage, FreshSource } from "./fresh-rows.ts";
import type { ValidQuery } from "./request.ts";

/** How far a shard's rows went. It only appends, so after one watermark these name the rows. */
interface ShardMark {
  readonly shardIndex: number;
  readonly watermark: number;
  readonly lastSequence: number;
  readonly rowCount: number;
}

/** One name that planning asked the catalog for, and what it found there. */
interface TableMark {
  readonly identifier: TableIdentifier;
  /** Empty where there was no such table. */
  readonly tableUuid: string;
  /** Location of the table's metadata, which is immutable; undefined: there was no such table. */
  readonly metadataLocation: string | undefined;
  /** Empty for a table whose shards were not asked. */
  readonly shards: readonly ShardMark[];
}

/** What a plan was made from, beside the question itself. */
export type PlanInputs = readonly TableMark[];

/** Asks what {@link PlanInputs} need to be told from, and no more: nothing is loaded. */
export interface InputProbe {
  /** Locations of the tables' current metadata; undefined altogether where that cannot be told without loading them. */
  tableLocations(tables: readonly TableIdentifier[]): Promise<readonly (string | undefined)[] | undefined>;
  /** How far the rows of a shard go after a watermark. */
  shardExtent(table: TableIdentifier, shard: ShardQuestion): Promise<Omit<FreshPage, "ipc" | "schemaId">>;
}

/** A shard of a table, and the watermark it is asked from. */
export interface ShardQuestion {
  readonly tableUuid: string;
  readonly shardIndex: number;
  readonly afterSequence: number;
}

/**
 * Whether the inputs are what they were. Cost: one call for all tables and one a shard, all at once. Errors of the probe
 * pass through.
 */
export async function areUnchanged(inputs: PlanInputs, probe: InputProbe): Promise<boolean> {
  if (inputs.length === 0) return false;
  const extents = inputs.flatMap(({ identifier, tableUuid, shards }) =>
    shards.map(async (mark) => {
      const { shardIndex, watermark: afterSequence } = mark;
      return goesAsFar(mark, await probe.shardExtent(identifier, { tableUuid, shardIndex, afterSequence }));
    }),
  );
  const located = probe.tableLocations(inputs.map(({ identifier }) => identifier));
  const [locations, ...same] = await Promise.all([located, ...extents]);
  return (
    locations !== undefined &&
    inputs.every(({ metadataLocation }, index) => locations[index] === metadataLocation) &&
    same.every(Boolean)
  );
}

/** Whether the shard's rows are those of the mark, all in one page. */
function goesAsFar(
  { watermark, lastSequence, rowCount }: ShardMark,
  page: Omit<FreshPage, "ipc" | "schemaId">,
): boolean {
  return (
    page.lastSequence === lastSequence &&
    page.rowCount === rowCount &&
    !page.hasMore &&
    page.firstRetainedSequence <= watermark + 1
  );
}

/** An answered question. */
export interface Repeatable {
  readonly inputs: PlanInputs;
  readonly exactKey: string;
  readonly looseKey: string;
  /** Whether the answer may be in the shared tier. */
  readonly shared: boolean;
}

/** Answered questions of an isolate, by {@link questionKey}. */
export type Repeats = ByteLru<Repeatable>;

/** Everything of a request that its plan and the bytes of its answer depend on. */
export function questionKey(query: ValidQuery, namespaces: readonly string[] | undefined): string {
  return stringifyJson([query.sql, query.params, query.format, query.tags, namespaces ?? null]);
}

/** Bytes that an answered question takes, for its key and all. */
export function repeatableBytes(question: string, { inputs }: Repeatable): number {
  return question.length * 2 + 400 + inputs.reduce((sum, { shards }) => sum + 400 + shards.length * 64, 0);
}

/** The catalog and the ingest log as one query uses them, taking down what it is told. */
export interface WatchedInputs {
  readonly catalog: CatalogClient;
  readonly fresh: FreshSource | undefined;
  /** To be called when planning uses anything else that may be another the next time. */
  other(): void;
  /** What was used so far; undefined when that cannot be asked for anew. */
  used(): PlanInputs | undefined;
  /**
   * Whether the inputs are what they were. Asks for all of them at once; what it is told serves a planning that
   * follows, which then asks for no table twice and for no shard.
   */
  areSame(inputs: PlanInputs): Promise<boolean>;
}

/** Watches one query's inputs. Errors of the clients pass through. */
export function watchInputs(catalog: CatalogClient, fresh: FreshSource | undefined): WatchedInputs {
  const loads = new Map<string, Promise<Table>>();
  const found = new Map<string, Omit<TableMark, "shards">>();
  const marks = new Map<string, ShardMark[]>();
  const held = new Map<string, Promise<FreshPage>>();
  let isRepeatable = true;

  const giveUp = (): void => {
    isRepeatable = false;
  };
  async function load(identifier: TableIdentifier): Promise<Table> {
    const name = tableNameToString(identifier);
    try {
      const table = await catalog.loadTable(identifier);
      const tableUuid = table.metadata["table-uuid"];
      found.set(name, { identifier, tableUuid, metadataLocation: table.metadataLocation });
      return table;
    } catch (error) {
      if (!isAbsent(error)) throw error;
      found.set(name, { identifier, tableUuid: "", metadataLocation: undefined });
      throw error;
    }
  }

  function loadOnce(identifier: TableIdentifier): Promise<Table> {
    const name = tableNameToString(identifier);
    let loading = loads.get(name);
    if (loading === undefined) {
      loading = load(identifier);
      loads.set(name, loading);
    }
    return loading;
  }

  const watchedFresh: FreshSource | undefined = fresh && {
    ...fresh,
    shards: (table, metadata) =>
      fresh.shards(table, metadata).map((shard) => ({
        ...shard,
        async readFresh(request) {
          const key = shardKey(table, metadata["table-uuid"], shard);
          const name = tableNameToString(table);
          const page = held.get(key) ?? shard.readFresh(request);
          // One answer serves one reading: a later one must see what was acknowledged since.
          held.delete(key);
          const { firstRetainedSequence, lastSequence, rowCount, hasMore } = await page;
          const known = marks.get(name) ?? [];
          marks.set(name, known);
          const { shardIndex, watermark } = shard;
          // Several pages, or a table that moved: too much to be asked for beforehand.
          if (hasMore || firstRetainedSequence > watermark + 1 || request.afterSequence !== watermark) giveUp();
          if (known.some((mark) => mark.shardIndex === shardIndex)) giveUp();
          known.push({ shardIndex, watermark, lastSequence, rowCount });
          return page;
        },
      })),
  };

  async function isSameTable({ identifier, metadataLocation, shards }: TableMark): Promise<boolean> {
    if (shards.length > 0) fresh?.ahead?.(identifier);
    let table: Table;
    try {
      table = await loadOnce(identifier);
    } catch (error) {
      // Whatever it is, planning meets it again.
      return isAbsent(error) && metadataLocation === undefined;
    }
    if (table.metadataLocation !== metadataLocation) return false;
    if (shards.length === 0) return true;
    const current = fresh?.shards(identifier, table.metadata) ?? [];
    const pages = await Promise.all(
      current.map(async (shard) => {
        const asked = shard.readFresh({ afterSequence: shard.watermark });
        held.set(shardKey(identifier, table.metadata["table-uuid"], shard), asked);
        return { shard, page: await asked };
      }),
    );
    return (
      pages.length === shards.length &&
      pages.every(({ shard: { shardIndex, watermark }, page }) =>
        shards.some((mark) => mark.shardIndex === shardIndex && mark.watermark === watermark && goesAsFar(mark, page)),
      )
    );
  }

  return {
    catalog: {
      ...catalog,
      loadTable(table, options) {
        if (typeof table !== "string" && options === undefined) return loadOnce(table);
        giveUp();
        return catalog.loadTable(table, options);
      },
      // What these answer is not taken down.
      listNamespaces() {
        giveUp();
        return catalog.listNamespaces();
      },
      listTables(namespace) {
        giveUp();
        return catalog.listTables(namespace);
      },
      tableExists(table) {
        giveUp();
        return catalog.tableExists(table);
      },
      get views() {
        giveUp();
        return catalog.views;
      },
    },
    fresh: watchedFresh,
    other: giveUp,
    used() {
      if (!isRepeatable) return undefined;
      return [...found].map(([name, mark]) => ({ ...mark, shards: marks.get(name) ?? [] }));
    },
    async areSame(inputs) {
      const same = await Promise.all(inputs.map(isSameTable));
      return inputs.length > 0 && same.every(Boolean);
    },
  };
}

function shardKey(
  table: TableIdentifier,
  tableUuid: string,
  { shardIndex, watermark }: { readonly shardIndex: number; readonly watermark: number },
): string {
  return `${tableUuid} ${shardIndex} ${watermark} ${tableNameToString(table)}`;
}

function isAbsent(error: unknown): boolean {
  return error instanceof LakeError && (error.code === "table_not_found" || error.code === "namespace_not_found");
}
