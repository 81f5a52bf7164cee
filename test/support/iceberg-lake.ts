// A catalog and a bucket in memory, with clients that share nothing but those: what tests of commits need.

import { systemClock, type Clock, type RandomSource, type TableIdentifier } from "#core";
import type { Scalar } from "#columnar";
import {
  createCatalogClient,
  createCatalogHandler,
  createFileIO,
  createMemoryPointerStore,
  scalarToSingleValue,
  type CatalogClient,
  type CatalogMemory,
  type CreateTableDefinition,
  type DataFile,
  type FileIO,
  type PointerStore,
  type S3Access,
  type TableMemory,
} from "#iceberg";
import { createMemoryStore, type ObjectStore } from "#storage";

export const LAKE_BUCKET = "lake";
const CATALOG_URI = "http://catalog.test";

/** Reproducible randomness (mulberry32). */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  const nextUnit = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const nextWord = (): bigint => BigInt(Math.floor(nextUnit() * 2 ** 32));
  const hex = (digits: number): string =>
    Array.from({ length: digits }, () => Math.floor(nextUnit() * 16).toString(16)).join("");
  return {
    nextUnit,
    // The high bit makes every id exceed 2^53.
    nextInt63: () => (((nextWord() << 31n) ^ nextWord()) | (1n << 62n)) & 0x7fff_ffff_ffff_ffffn,
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  };
}

/** Everything of one lake. */
export interface IcebergLake {
  readonly store: ObjectStore;
  readonly pointers: PointerStore;
  readonly io: FileIO;
  readonly handler: (request: Request) => Promise<Response>;
  readonly client: CatalogClient;
  /** Another client with its own cache; its requests pass through `wrap`. */
  newClient(options?: {
    readonly wrap?: (send: (request: Request) => Promise<Response>) => (request: Request) => Promise<Response>;
    readonly store?: ObjectStore;
    readonly seed?: number;
    readonly tables?: TableMemory;
    readonly locate?: (table: TableIdentifier) => Promise<string | undefined>;
    readonly snapshots?: "all" | "refs";
    readonly sleep?: (ms: number) => Promise<void>;
  }): CatalogClient;
}

/** Options of a lake; all have defaults. */
export interface LakeOptions {
  readonly clock?: Clock;
  readonly seed?: number;
  readonly store?: ObjectStore;
  /** The store the catalog's server writes metadata to; default `store`. */
  readonly serverStore?: ObjectStore;
  readonly pointers?: PointerStore;
  readonly s3?: S3Access;
  /** What the server's isolate remembers; default nothing. */
  readonly memory?: CatalogMemory;
}

const noSleep = async (): Promise<void> => {};

/** Creates an empty lake with the namespace default. */
export async function createIcebergLake(options: LakeOptions = {}): Promise<IcebergLake> {
  const clock = options.clock ?? systemClock;
  const store = options.store ?? createMemoryStore();
  const pointers = options.pointers ?? createMemoryPointerStore();
  const handler = createCatalogHandler({
    pointers,
    io: createFileIO(options.serverStore ?? store, LAKE_BUCKET),
    clock,
    random: seededRandom((options.seed ?? 1) * 7919),
    sleep: noSleep,
    warehouse: `s3://${LAKE_BUCKET}`,
    ...(options.s3 === undefined ? {} : { s3: options.s3 }),
    ...(options.memory === undefined ? {} : { memory: options.memory }),
  });
  const io = createFileIO(store, LAKE_BUCKET);
  let clients = 0;
  const newClient: IcebergLake["newClient"] = ({
    wrap,
    store: clientStore,
    seed,
    tables,
    locate,
    snapshots,
    sleep,
  } = {}) => {
    clients += 1;
    const send = wrap === undefined ? handler : wrap(handler);
    return createCatalogClient({
      uri: CATALOG_URI,
      fetch: (input, init) => send(new Request(input, init)),
      io: createFileIO(clientStore ?? store, LAKE_BUCKET),
      clock,
      random: seededRandom(seed ?? (options.seed ?? 1) * 104_729 + clients),
      sleep: sleep ?? noSleep,
      ...(tables === undefined ? {} : { tables }),
      ...(locate === undefined ? {} : { locate }),
      ...(snapshots === undefined ? {} : { snapshots }),
    });
  };
  const client = newClient();
  await pointers.createNamespace(["default"], {});
  return { store, pointers, io, handler, client, newClient };
}

/** A table of events partitioned by day. */
export const EVENTS: CreateTableDefinition = {
  identifier: { namespace: ["default"], name: "events" },
  schema: {
    type: "struct",
    fields: [
      { id: 1, name: "id", required: true, type: "long" },
      { id: 2, name: "timestamp", required: true, type: "timestamptz" },
      { id: 3, name: "user_id", required: false, type: "string" },
    ],
  },
  partitionSpec: { fields: [{ "source-id": 2, name: "timestamp_day", transform: "day" }] },
};

function eventBounds(timestamp: Scalar, user: string): Map<number, Uint8Array> {
  return new Map([
    [2, scalarToSingleValue("timestamptz", timestamp)],
    [3, scalarToSingleValue("string", user)],
  ]);
}

/** A data file of {@link EVENTS} that exists in metadata only. */
export function eventsFile(
  name: string,
  day: number,
  options: { readonly rows?: number; readonly users?: readonly [string, string] } = {},
): DataFile {
  const rows = options.rows ?? 10;
  const users = options.users ?? ["a", "z"];
  return {
    content: 0,
    filePath: `s3://${LAKE_BUCKET}/default/events/data/${name}`,
    fileFormat: "PARQUET",
    specId: 0,
    partition: [day],
    recordCount: rows,
    fileSizeBytes: rows * 100,
    columnSizes: new Map([[1, 40]]),
    valueCounts: new Map([
      [1, rows],
      [2, rows],
      [3, rows],
    ]),
    nullValueCounts: new Map([
      [1, 0],
      [2, 0],
      [3, 0],
    ]),
    nanValueCounts: new Map(),
    lowerBounds: eventBounds(day * 86_400_000_000, users[0]),
    upperBounds: eventBounds(day * 86_400_000_000 + 86_399_999_999, users[1]),
    splitOffsets: [4],
  };
}

/** Keys of stored metadata files that no snapshot, log or pointer of the table leads to. */
export async function storedKeys(store: ObjectStore, prefix = ""): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list(prefix, cursor);
    keys.push(...page.objects.map((object) => object.key));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return keys;
}
