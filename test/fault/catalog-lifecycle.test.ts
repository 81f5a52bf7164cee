// Tables and views come, move and go while the catalog's store or pointers fail before or after each write: names lead to
// what they led to before or to what they lead to afterwards, never to something that cannot be read.

import { beforeAll, describe, expect, test } from "vitest";
import { callCatalog } from "../support/catalog-calls.ts";
import {
  createFaultPointers,
  createMovableClock,
  restoreImage,
  tableState,
  takeImage,
  type LakeImage,
} from "../support/fault-lake.ts";
import { crashAt, createFaultStore, type FaultMoment, type FaultPlan } from "../support/fault-store.ts";
import { committed, createEvents } from "../support/iceberg-files.ts";
import { EVENTS, createIcebergLake, eventsFile, storedKeys, type IcebergLake } from "../support/iceberg-lake.ts";

const DAY = 19_700;
const MODES = {
  killed: crashAt,
  "failing once":
    (index: number, moment: FaultMoment): FaultPlan =>
    (operation) =>
      operation.index === index ? moment : undefined,
};

async function call(lake: IcebergLake, method: string, path: string, body?: object): Promise<number> {
  return (await callCatalog(lake, method, `/${path}`, body)).status;
}

const SCHEMA = { ...EVENTS.schema, "schema-id": 0 };
const view = (sql: string) => ({
  name: "v",
  schema: SCHEMA,
  properties: {},
  "view-version": {
    "version-id": 1,
    "timestamp-ms": 1_700_000_000_000,
    "schema-id": 0,
    summary: {},
    representations: [{ type: "sql", sql, dialect: "firn" }],
    "default-namespace": ["default"],
  },
});

/** Each gives the status of its reply. */
const OPERATIONS: Readonly<Record<string, (lake: IcebergLake, eventsAt: string) => Promise<number>>> = {
  "create a table": (lake) => call(lake, "POST", "namespaces/default/tables", { name: "created", schema: SCHEMA }),
  "drop a table": (lake) => call(lake, "DELETE", "namespaces/default/tables/events?purgeRequested=false"),
  "drop a table and its files": (lake) => call(lake, "DELETE", "namespaces/default/tables/events?purgeRequested=true"),
  "rename a table": (lake) =>
    call(lake, "POST", "tables/rename", {
      source: { namespace: ["default"], name: "events" },
      destination: { namespace: ["default"], name: "renamed" },
    }),
  "register a table": (lake, eventsAt) =>
    call(lake, "POST", "namespaces/default/register", {
      name: "events",
      "metadata-location": eventsAt,
      overwrite: true,
    }),
  "create a view": (lake) => call(lake, "POST", "namespaces/default/views", view("SELECT 1")),
};

let image: LakeImage;
let firstMetadata: string;

beforeAll(async () => {
  const clock = createMovableClock();
  const lake = await createIcebergLake({ clock });
  const empty = await createEvents(lake, 2);
  firstMetadata = empty.metadataLocation;
  const table = await committed(empty.newAppend().addFile(eventsFile("a.parquet", DAY)).commit());
  image = await takeImage(lake.store, [table, await createEvents(lake, 2, {}, "other")]);
});

/** What readers find under every name. */
async function stateOf(lake: IcebergLake): Promise<string> {
  const client = lake.newClient();
  const tables: unknown[] = [];
  for (const { name } of await client.listTables(["default"])) {
    tables.push([name, await tableState(lake.store, await client.loadTable(`default.${name}`))]);
  }
  const views: unknown[] = [];
  for (const identifier of await client.views.listViews(["default"])) {
    views.push([identifier.name, (await client.views.loadView(identifier))?.identifier.name]);
  }
  return JSON.stringify([tables, views]);
}

describe.each(Object.entries(OPERATIONS))("I260 %s", (_name, operation) => {
  test.each(
    (["store", "pointers"] as const).flatMap((side) =>
      (["before", "after"] as const).flatMap((moment) =>
        (["killed", "failing once"] as const).map((mode) => ({ side, moment, mode })),
      ),
    ),
  )("$mode $moment each write of the $side", async ({ side, moment, mode }) => {
    const run = async (faults: FaultPlan, seed: number) => {
      const clock = createMovableClock();
      const { store, pointers } = await restoreImage(image, clock);
      const untouched = await storedKeys(store);
      const failingStore = createFaultStore(store, side === "store" ? faults : () => undefined);
      const failingPointers = createFaultPointers(pointers, (at) =>
        side === "pointers" ? faults({ index: at, kind: "put", key: "pointer" }) : undefined,
      );
      const lake = await createIcebergLake({
        clock,
        seed,
        store,
        serverStore: failingStore,
        pointers: failingPointers,
      });
      const status = await operation(lake, firstMetadata);
      const sound = await createIcebergLake({ clock, seed: seed + 5000, store, pointers });
      const used = side === "store" ? failingStore.operations : failingPointers.changes;
      return { status, state: await stateOf(sound), used, untouched, stored: await storedKeys(store) };
    };
    const idle = await createIcebergLake({ ...(await restoreImage(image, createMovableClock())) });
    const before = await stateOf(idle);
    const whole = await run(() => undefined, 1);
    expect(whole.status).toBeLessThan(300);
    expect(whole.state).not.toBe(before);
    for (let index = 0; ; index++) {
      const result = await run(MODES[mode](index, moment), index + 2);
      expect([before, whole.state]).toContain(result.state);
      // What was said to be done is done, what was refused is not; the rest may be either.
      expect(result.state).toBe(result.status < 300 ? whole.state : result.status < 500 ? before : result.state);
      // Who is still alive removes what was written in vain, unless a pointer may lead there: that is for the orphan
      // removal of whatever is made under the name.
      const inVain = mode === "failing once" && side === "store" && result.state === before;
      expect(inVain ? result.stored : result.untouched).toEqual(result.untouched);
      if (result.used <= index) break;
    }
  });
});

describe("I260 remove orphan files", () => {
  test.each(
    (["before", "after"] as const).flatMap((moment) =>
      (["killed", "failing once"] as const).map((mode) => ({ moment, mode })),
    ),
  )(
    "$mode $moment each delete leaves every file of the table, and the next run ends the work",
    async ({ moment, mode }) => {
      for (let index = 0, used = 1; used > index; index++) {
        const clock = createMovableClock();
        const { store, pointers } = await restoreImage(image, clock);
        const named = await storedKeys(store);
        for (let orphan = 0; orphan < 3; orphan++)
          await store.put(`default/events/data/o-${orphan}.parquet`, new Uint8Array(4));
        clock.ms += 10 * 86_400_000;
        const lake = await createIcebergLake({ clock, store, pointers });
        const before = await stateOf(lake);
        const failing = createFaultStore(store, MODES[mode](index, moment));
        const table = await lake.newClient({ store: failing }).loadTable("default.events");
        await table
          .removeOrphanFiles()
          .execute()
          .catch(() => undefined);
        used = failing.operations;
        expect(await stateOf(lake)).toBe(before);
        await (await lake.newClient().loadTable("default.events")).removeOrphanFiles().execute();
        expect(await storedKeys(store)).toEqual(named);
      }
    },
  );
});
