// Shards, a committer and a lake in one process, with crashes on demand: a crash abandons every live object and opens
// new ones over what was stored.

import { LakeError, type Clock, type RandomSource } from "#core";
import { arrowIpcToBatches, scalarAt } from "#columnar";
import type { DataFile, FileIO, Table } from "#iceberg";
import {
  createIngestShard,
  createTableCommitter,
  EVENTS_TABLE,
  ingestEvents,
  readAllFresh,
  shardWatermark,
  type AlarmClock,
  type CommitterClient,
  type CommitterOptions,
  type IngestDeps,
  type IngestReply,
  type IngestRequest,
  type IngestShardCore,
  type ShardOptions,
} from "#ingest";
import { createMemoryStore, locationToKey, type ObjectStore } from "#storage";
import { createMemorySink } from "#telemetry";
import { readParquet } from "parquet-wasm/esm/parquet_wasm.js";
import { createTestDatabase, type TestDatabase } from "./node-sqlite.ts";

/** Thrown at a crash point; everything in flight is abandoned with it. */
export class Crash extends Error {}

/** A clock that a test moves. */
export interface TestClock extends Clock {
  ms: number;
}

/** Seeded randomness: the same run every time. */
export function createTestRandom(seed = 1): RandomSource {
  let state = seed >>> 0;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state;
  };
  const hex = (digits: number): string => {
    let text = "";
    while (text.length < digits) text += (next() >>> 8).toString(16).padStart(6, "0");
    return text.slice(0, digits);
  };
  return {
    nextInt63: () => (BigInt(next()) << 31n) | BigInt(next() >>> 1) | 1n,
    nextUnit: () => next() / 2 ** 32,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  };
}

/** What the world runs on. */
export interface WorldOptions {
  readonly shardCount?: number;
  readonly shard?: Partial<ShardOptions>;
  readonly committer?: Partial<CommitterOptions>;
  readonly loadTable: () => Promise<Table>;
  /** How the committer reaches the table; default `loadTable`. */
  readonly committerLoadTable?: () => Promise<Table>;
  /** Live data files of the table now. */
  readonly liveFiles: () => Promise<readonly DataFile[]>;
  /** Where data files go; default: into the world's own store. */
  readonly io?: Pick<FileIO, "read" | "write">;
}

interface ShardSeat {
  readonly db: TestDatabase;
  readonly alarm: { atMs: number | null };
  core: IngestShardCore;
}

/** Shards over one table. */
export interface IngestWorld {
  readonly clock: TestClock;
  readonly deps: IngestDeps;
  readonly log: ReturnType<typeof createMemorySink>;
  /** Every data file location that was ever written. */
  readonly written: ReadonlySet<string>;
  /** Where data files go unless the options say otherwise. */
  readonly store: ObjectStore;
  /** Called at every step of storage and network; throw {@link Crash} to crash there. */
  onStep: (step: string) => void;
  committer: CommitterClient;
  shard(index: number): IngestShardCore;
  alarmAt(index: number): number | null;
  /** Posts events as the front door would. */
  post(events: unknown, extra?: Partial<IngestRequest>): Promise<IngestReply>;
  /** Abandons all live objects and opens new ones over what was stored. */
  restart(): Promise<void>;
  /** Runs every due alarm; a crash inside restarts the world. Returns whether any ran. */
  runAlarms(): Promise<boolean>;
  /** Ids a query would see: those in data files, then those above the watermarks. Repeats are kept. */
  visibleIds(): Promise<string[]>;
  tableIds(): Promise<string[]>;
}

/** Builds shards over a lake. */
export async function createIngestWorld(options: WorldOptions): Promise<IngestWorld> {
  const shardCount = options.shardCount ?? 2;
  const clock: TestClock = {
    ms: Date.UTC(2024, 0, 15),
    nowMs() {
      return this.ms;
    },
  };
  const random = createTestRandom();
  const store = createMemoryStore();
  const log = createMemorySink();
  const written = new Set<string>();
  let generation = 0;

  const io = options.io ?? {
    async write(location: string, bytes: Uint8Array) {
      await store.put(locationToKey(location, "lake"), bytes);
    },
    async read(location: string) {
      const bytes = await store.get(locationToKey(location, "lake"));
      if (bytes === undefined) throw new LakeError("metadata_invalid", `${location} is missing`);
      return bytes;
    },
  };

  /** One step of generation `mine`. A crash ends the generation: nothing of it may run on. */
  function takeStep(mine: number, step: string): void {
    if (mine !== generation) throw new Crash(`${step} after the crash`);
    try {
      world.onStep(step);
    } catch (error) {
      if (error instanceof Crash) generation += 1;
      throw error;
    }
  }

  function stepper(mine: number): (step: string) => Promise<void> {
    return async (step) => {
      await Promise.resolve();
      takeStep(mine, step);
    };
  }

  function openCommitter(mine: number): CommitterClient {
    const step = stepper(mine);
    const inner = createTableCommitter({
      loadTable: async () => {
        await step("commit:load");
        return (options.committerLoadTable ?? options.loadTable)();
      },
      clock,
      random,
      sleep: () => Promise.resolve(),
      log,
      ...(options.committer === undefined ? {} : { options: options.committer }),
    });
    return {
      status: () => inner.status(),
      async submit(submission) {
        await step("submit:before");
        // Copies as RPC would.
        const reply = await inner.submit(structuredClone(submission));
        await step("submit:after");
        return reply;
      },
    };
  }

  function openShard(seat: Omit<ShardSeat, "core">, mine: number): IngestShardCore {
    const step = stepper(mine);
    seat.db.onStep = (name) => takeStep(mine, name);
    const alarms: AlarmClock = {
      get: () => Promise.resolve(seat.alarm.atMs),
      set(atMs) {
        if (mine === generation) seat.alarm.atMs = atMs;
        return Promise.resolve();
      },
      clear() {
        if (mine === generation) seat.alarm.atMs = null;
        return Promise.resolve();
      },
    };
    return createIngestShard({
      db: seat.db,
      alarms,
      async loadTable() {
        await step("shard:load");
        return options.loadTable();
      },
      io: {
        async write(location, bytes) {
          await step("file:before");
          await io.write(location, bytes);
          written.add(location);
          await step("file:after");
        },
      },
      committer: () => world.committer,
      clock,
      random,
      log,
      ...(options.shard === undefined ? {} : { options: options.shard }),
    });
  }

  const seats = new Map<number, ShardSeat>();

  function seatOf(index: number): ShardSeat {
    let seat = seats.get(index);
    if (seat === undefined) {
      const bare = { db: createTestDatabase(), alarm: { atMs: null } };
      const { onStep } = world;
      // Opening the tables of a shard nobody knows yet is no interesting place to crash.
      world.onStep = () => undefined;
      seat = { ...bare, core: openShard(bare, generation) };
      world.onStep = onStep;
      seats.set(index, seat);
    }
    return seat;
  }

  async function readIds(file: DataFile): Promise<string[]> {
    const bytes = await io.read(file.filePath);
    if (bytes.length !== file.fileSizeBytes) throw new Error(`${file.filePath} is not the file that was committed`);
    return idsOfIpc(readParquet(bytes).intoIPCStream());
  }

  const deps: IngestDeps = {
    shardCount,
    clock,
    random,
    shard: (_table, index) => ({
      async append(request) {
        const mine = generation;
        const reply = await seatOf(index).core.append(structuredClone(request));
        takeStep(mine, "append:reply");
        return reply;
      },
    }),
    async loadTableSchema(identifier) {
      const table = await options.loadTable();
      const { metadata } = table;
      const schema = metadata.schemas.find((item) => item["schema-id"] === metadata["current-schema-id"]);
      if (schema === undefined) throw new Error("no current schema");
      return { identifier, tableUuid: metadata["table-uuid"], schema, properties: metadata.properties };
    },
  };

  const world: IngestWorld = {
    clock,
    deps,
    log,
    written,
    store,
    onStep: () => undefined,
    committer: undefined as unknown as CommitterClient,
    shard: (index) => seatOf(index).core,
    alarmAt: (index) => seatOf(index).alarm.atMs,
    post: (events, extra) =>
      ingestEvents(deps, {
        table: EVENTS_TABLE.identifier,
        body: new TextEncoder().encode(typeof events === "string" ? events : JSON.stringify(events)),
        ...extra,
      }),
    async restart() {
      generation += 1;
      const { onStep } = world;
      world.onStep = () => undefined;
      world.committer = openCommitter(generation);
      for (const seat of seats.values()) seat.core = openShard(seat, generation);
      for (const seat of seats.values()) await seat.core.start();
      world.onStep = onStep;
    },
    async runAlarms() {
      let ran = false;
      for (const seat of seats.values()) {
        const { atMs } = seat.alarm;
        if (atMs === null || atMs > clock.ms) continue;
        ran = true;
        seat.alarm.atMs = null;
        await seat.core.alarm();
      }
      return ran;
    },
    async tableIds() {
      const files = await options.liveFiles();
      return (await Promise.all(files.map(readIds))).flat();
    },
    async visibleIds() {
      for (;;) {
        const { metadata } = await options.loadTable();
        const inTable = await world.tableIds();
        const fresh: string[] = [];
        let isStale = false;
        for (let index = 0; index < shardCount; index++) {
          const pages = await readAllFresh(seatOf(index).core, metadata["table-uuid"], shardWatermark(metadata, index));
          if (pages === undefined) isStale = true;
          else for (const page of pages) if (page.rowCount > 0) fresh.push(...idsOfIpc(page.ipc));
        }
        if (!isStale) return [...inTable, ...fresh];
      }
    },
  };
  world.committer = openCommitter(generation);
  await world.restart();
  return world;
}

/** The first column, which is the event id, of an Arrow stream. */
export function idsOfIpc(ipc: Uint8Array): string[] {
  return arrowIpcToBatches(ipc).flatMap((batch) => {
    const column = batch.columns[0];
    if (column === undefined) return [];
    return Array.from({ length: batch.rowCount }, (_, row) => scalarAt(column, row) as string);
  });
}
