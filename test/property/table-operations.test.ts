// Several writers on one table, and a generator that decides whose request, write or deletion comes next, and which
// answers get lost. Oracle: the same operations on the model of test/support/table-model.ts, one after the other.

import { AsyncLocalStorage } from "node:async_hooks";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  createByteCache,
  createFileIO,
  createMemoryPointerStore,
  type CommitOutcome,
  type PointerStore,
  type Table,
  type TableMetadata,
} from "#iceberg";
import { createMemoryStore, locationToKey, type ObjectStore } from "#storage";
import { decodeTableMetadata } from "../../src/iceberg/metadata-json.ts";
import { planTableScan } from "../../src/iceberg/scan-plan.ts";
import { createMovableClock, reachableKeys } from "../support/fault-lake.ts";
import { createEvents } from "../support/iceberg-files.ts";
import { LAKE_BUCKET, createIcebergLake, storedKeys, type IcebergLake } from "../support/iceberg-lake.ts";
import type { OperationDraft as AnyDraft, PlannedChange } from "../support/planned-change.ts";
import { createTableModel, describeModel, type TableText } from "../support/table-model.ts";
import {
  OPERATION_KINDS,
  TRANSACTION_KINDS,
  describeScanFile,
  planOperation,
  type OperationKind,
} from "../support/table-writers.ts";

type OperationDraft = AnyDraft<OperationKind>;

const FIRST: OperationDraft = { kind: "append", a: 0, b: 0, branch: "main" };

interface WriterStep {
  readonly drafts: readonly OperationDraft[];
  /** Whether the answer to its first commit is lost on the way. */
  readonly loses: boolean;
}

const FILE_KINDS = OPERATION_KINDS.slice(0, 9);
const operation = (kinds: fc.Arbitrary<OperationDraft["kind"]>): fc.Arbitrary<OperationDraft> =>
  fc.record({ kind: kinds, a: fc.nat(11), b: fc.nat(11), branch: fc.constantFrom("main", "main", "main", "dev") });
const anyKind = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...FILE_KINDS) },
  { weight: 2, arbitrary: fc.constantFrom(...OPERATION_KINDS) },
  { weight: 1, arbitrary: fc.constant("expire" as const) },
);
const step: fc.Arbitrary<WriterStep> = fc.record({
  drafts: fc.oneof(
    { weight: 5, arbitrary: operation(anyKind).map((draft) => [draft]) },
    {
      weight: 1,
      arbitrary: fc.array(operation(fc.constantFrom(...TRANSACTION_KINDS)), { minLength: 2, maxLength: 3 }),
    },
  ),
  loses: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});

/** One swap of the table's pointer: who made it, and the metadata it made current. */
interface Swap {
  readonly operation: string;
  readonly metadata: TableMetadata;
  readonly text: TableText;
}

/** What readers find, with every file it names checked to be there. Nothing is cached. */
async function observe(store: ObjectStore, metadata: TableMetadata): Promise<TableText> {
  const io = createFileIO(store, LAKE_BUCKET, createByteCache(0));
  const snapshots: [bigint, string[]][] = [];
  for (const snapshot of metadata.snapshots) {
    const plan = await planTableScan(io, metadata, { snapshotId: snapshot["snapshot-id"] });
    for (const { dataFile, deletes } of plan.files) {
      for (const { filePath } of [dataFile, ...deletes.map(({ deleteFile }) => deleteFile)]) {
        if ((await store.head(locationToKey(filePath, LAKE_BUCKET))) === undefined)
          throw new Error(`${filePath} is gone`);
      }
    }
    snapshots.push([snapshot["snapshot-id"], plan.files.map(describeScanFile).toSorted()]);
  }
  const schema = metadata.schemas.find((known) => known["schema-id"] === metadata["current-schema-id"]);
  const spec = metadata["partition-specs"].find((known) => known["spec-id"] === metadata["default-spec-id"]);
  return {
    snapshots: snapshots.toSorted(([a], [b]) => (a < b ? -1 : 1)),
    refs: Object.entries(metadata.refs)
      .map(([name, ref]) => `${ref.type} ${name} ${ref["snapshot-id"]}`)
      .toSorted(),
    columns: schema?.fields.map((field) => field.name) ?? [],
    specFields: spec?.fields.map((field) => field.name) ?? [],
    properties: Object.entries(metadata.properties)
      .filter(([key]) => key.startsWith("p"))
      .map(([key, value]) => `${key}=${value}`)
      .toSorted(),
    lastNumber: metadata["last-sequence-number"],
  };
}

/** Pointers that keep every metadata file that became current, read by a reader at once. */
function recordSwaps(
  inner: PointerStore,
  store: ObjectStore,
  who: AsyncLocalStorage<string>,
  swaps: Swap[],
): PointerStore {
  return {
    ...inner,
    async swapPointers(kind, changes, receipt) {
      const outcome = await inner.swapPointers(kind, changes, receipt);
      const [change] = changes;
      if (outcome.outcome !== "swapped" || change === undefined) return outcome;
      const bytes = (await store.get(locationToKey(change.next ?? "", LAKE_BUCKET))) ?? new Uint8Array();
      const metadata = decodeTableMetadata(bytes);
      const at = swaps.push({ operation: who.getStore() ?? "", metadata, text: await observe(store, metadata) });
      expect(at).toBe(swaps.length);
      return outcome;
    },
  };
}

async function planSteps(
  store: ObjectStore,
  table: Table,
  name: string,
  drafts: readonly OperationDraft[],
): Promise<PlannedChange | undefined> {
  const [only] = drafts;
  if (only === undefined) return undefined;
  if (drafts.length === 1) return planOperation({ store, table, on: table, name }, only);
  const transaction = table.newTransaction();
  const applied: PlannedChange["apply"][] = [];
  for (const [index, draft] of drafts.entries()) {
    const planning = { store, table: transaction.table(), on: transaction, name: `${name}.${index}` };
    const change = await planOperation(planning, draft);
    if (change === undefined || (await change.commit()).outcome !== "committed") continue;
    applied.push(change.apply);
  }
  return {
    commit: () => transaction.commitTransaction({ attempts: 12 }),
    apply: (model, trace) => {
      for (const apply of applied) apply(model, trace);
    },
  };
}

async function runWriters(
  version: 2 | 3,
  writers: readonly (readonly WriterStep[])[],
  scheduler: fc.Scheduler,
): Promise<void> {
  const clock = createMovableClock();
  const store = createMemoryStore(clock);
  const who = new AsyncLocalStorage<string>();
  const swaps: Swap[] = [];
  const lake = await createIcebergLake({
    clock,
    store,
    pointers: recordSwaps(createMemoryPointerStore(), store, who, swaps),
  });
  const table = await createEvents(lake, version, { "commit.manifest.min-count-to-merge": "3" });
  const created = swaps.length;
  const planned = new Map<string, PlannedChange>();
  const first = await planOperation({ store, table, on: table, name: "first" }, FIRST);
  if (first !== undefined) planned.set("first", first);
  await who.run("first", () => first?.commit());
  const outcomes = new Map<string, CommitOutcome["outcome"] | "failed">();

  const write = async (writer: number, steps: readonly WriterStep[]): Promise<void> => {
    const state = { operation: "", losesNext: false };
    const turn = (label: string): Promise<unknown> =>
      scheduler.schedule(Promise.resolve(), `${state.operation} ${label}`);
    const client = lake.newClient({
      seed: 77 + writer,
      wrap: (send) => async (request) => {
        await turn(request.method);
        const response = await who.run(state.operation, () => send(request));
        const isLost = state.losesNext && request.method === "POST";
        if (isLost) {
          state.losesNext = false;
          throw new TypeError("the connection was lost");
        }
        return response;
      },
      store: {
        ...store,
        put: async (...args) => (await turn("put"), store.put(...args)),
        delete: async (...args) => (await turn("delete"), store.delete(...args)),
      },
    });
    for (const [index, { drafts, loses }] of steps.entries()) {
      state.operation = `${writer}-${index}-${drafts.map(({ kind }) => kind).join("+")}`;
      clock.ms += 1000;
      const { operation } = state;
      try {
        const change = await planSteps(store, await client.loadTable("default.events"), operation, drafts);
        if (change === undefined) continue;
        planned.set(operation, change);
        state.losesNext = loses;
        outcomes.set(operation, (await change.commit()).outcome);
      } catch {
        outcomes.set(operation, "failed");
      }
      state.losesNext = false;
      await expectReadable(lake);
    }
  };
  await scheduler.waitFor(Promise.all(writers.map((steps, writer) => write(writer, steps))));

  const model = createTableModel();
  let before: TableMetadata | undefined = swaps[created - 1]?.metadata;
  for (const swap of swaps.slice(created)) {
    const known = new Set(before?.snapshots.map((snapshot) => snapshot["snapshot-id"]));
    const present = new Set(swap.metadata.snapshots.map((snapshot) => snapshot["snapshot-id"]));
    const trace = {
      made: [...present].filter((id) => !known.has(id)),
      gone: [...known].filter((id) => !present.has(id)),
    };
    planned.get(swap.operation)?.apply(model, trace);
    expect(trace.made).toEqual([]);
    expect(swap.text).toEqual(describeModel(model));
    before = swap.metadata;
  }
  const swapped = swaps.slice(created).map(({ operation }) => operation);
  expect(new Set(swapped).size).toBe(swapped.length);
  const refused = [...outcomes].filter(([, outcome]) => outcome === "conflict" || outcome === "failed");
  for (const [operation] of refused) expect(swapped).not.toContain(operation);
  await expectNothingLeft(lake, store, clock);
}

async function expectReadable(lake: IcebergLake): Promise<void> {
  const table = await lake.newClient().loadTable("default.events");
  await observe(lake.store, table.metadata);
}

async function expectNothingLeft(lake: IcebergLake, store: ObjectStore, clock: { ms: number }): Promise<void> {
  clock.ms += 10 * 86_400_000;
  const table = await lake.newClient().loadTable("default.events");
  await table.removeOrphanFiles().execute();
  const reachable = await reachableKeys(store, table);
  expect((await storedKeys(store)).toSorted()).toEqual([...reachable].toSorted());
}

test("I190 I191 concurrent operations end as one after the other, and no reader sees anything else", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(2 as const, 3 as const),
      fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 2, maxLength: 3 }),
      fc.scheduler(),
      runWriters,
    ),
    { numRuns: 25 },
  );
}, 120_000);
