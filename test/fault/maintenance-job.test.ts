// Every write of a layout job fails once: before it takes effect, after it took effect, or because the run dies.

import { expect, test } from "vitest";
import { LakeError } from "#core";
import type { LayoutJobDeps, LayoutRequest } from "#maintenance";
import type { ObjectStore } from "#storage";
import {
  Crash,
  createLakeCatalog,
  createMaintenanceLake,
  createMemorySteps,
  runTestJob,
  testRows,
  type CatalogFetch,
  type MaintenanceLake,
} from "../support/maintenance-lake.ts";

const REQUESTS: readonly LayoutRequest[] = [
  { kind: "compact", table: { namespace: ["default"], name: "events" }, aggressive: true },
  {
    kind: "rewrite",
    table: { namespace: ["default"], name: "events" },
    sort: [{ column: "at", direction: "asc", nullOrder: "nulls-first" }],
  },
];

/** How the chosen operation fails; `forever` also fails every later one of the attempt budget. */
const FAULTS = ["before", "after", "crash before", "crash after", "forever"] as const;
type Fault = (typeof FAULTS)[number];

/** Counts operations and fails the chosen one. */
interface Injector {
  around<T>(run: () => Promise<T>): Promise<T>;
  readonly operations: number;
}

function createInjector(target: number, fault: Fault): Injector {
  let operations = 0;
  let hits = 0;
  return {
    get operations() {
      return operations;
    },
    async around(run) {
      operations += 1;
      const isTarget = operations === target || (fault === "forever" && operations > target && hits < 3);
      if (!isTarget) return run();
      hits += 1;
      if (fault === "before" || fault === "forever") throw new LakeError("storage_unavailable", "injected");
      if (fault === "crash before") throw new Crash("injected");
      await run();
      throw fault === "after" ? new LakeError("storage_unavailable", "injected") : new Crash("injected");
    },
  };
}

function faultyStore(inner: ObjectStore, injector: Injector): ObjectStore {
  return {
    ...inner,
    put: (key, bytes, options) => injector.around(() => inner.put(key, bytes, options)),
    delete: (keys) => injector.around(() => inner.delete(keys)),
  };
}

/** Commit requests whose answer is lost look like a broken connection. */
function faultyFetch(inner: CatalogFetch, injector: Injector): CatalogFetch {
  return (request) => {
    if (request.method !== "POST") return inner(request);
    return injector
      .around(() => inner(request))
      .catch((error: unknown) => {
        throw error instanceof Crash ? error : new TypeError("fetch failed");
      });
  };
}

async function prepareLake(): Promise<Awaited<ReturnType<typeof createMaintenanceLake>>> {
  const lake = await createMaintenanceLake();
  for (let seed = 0; seed < 3; seed++) await lake.append(testRows(60, seed, 2));
  return lake;
}

function faultyDeps(
  lake: Awaited<ReturnType<typeof createMaintenanceLake>>,
  injector: Injector,
): Pick<LayoutJobDeps, "store" | "catalog"> {
  const store = faultyStore(lake.store, injector);
  return { store, catalog: createLakeCatalog(store, faultyFetch(lake.handler, injector)) };
}

/** What must hold whatever happened: the table is old or new, and no data file is left beside it. */
async function requireOldOrNew(lake: MaintenanceLake, rows: readonly string[], label: string): Promise<void> {
  const replaced = (await lake.loadTable()).metadata.snapshots.filter(({ summary }) => summary.operation === "replace");
  expect(replaced.length, label).toBeLessThanOrEqual(1);
  expect((await lake.files()).length, label).toBe(replaced.length === 1 ? 2 : 6);
  expect(await lake.rows(), label).toEqual(rows);
  const strays = (await lake.strayKeys()).filter((key) => !key.includes("/in-"));
  expect(strays, label).toEqual([]);
}

for (const request of REQUESTS) {
  test(`C76 ${request.kind}: a failure at any write leaves the table old or new and no orphan file`, async () => {
    const counting = createInjector(Infinity, "before");
    const probe = await prepareLake();
    await runTestJob(probe, request, faultyDeps(probe, counting));
    expect(counting.operations).toBeGreaterThan(10);
    for (const fault of FAULTS) {
      for (let target = 1; target <= counting.operations; target++) {
        const label = `${fault} at operation ${target}`;
        const lake = await prepareLake();
        const rows = await lake.rows();
        const injector = createInjector(target, fault);
        const journal = new Map<string, string>();
        const run = (): ReturnType<typeof runTestJob> =>
          runTestJob(lake, request, { ...faultyDeps(lake, injector), steps: createMemorySteps({ journal }) });
        try {
          const { outcome } = await run();
          expect(["succeeded", "failed"], label).toContain(outcome.state);
        } catch (error) {
          expect(error, label).toBeInstanceOf(Crash);
          const { outcome } = await run();
          expect(outcome.state, label).toBe("succeeded");
        }
        await requireOldOrNew(lake, rows, label);
      }
    }
  });
}

test("L70 a commit whose answer is lost every time is found again and reported as the success it was", async () => {
  const lake = await prepareLake();
  const rows = await lake.rows();
  const fetchAndForget: CatalogFetch = async (request) => {
    const response = await lake.handler(request);
    if (request.method === "POST") throw new TypeError("connection lost");
    return response;
  };
  const catalog = createLakeCatalog(lake.store, fetchAndForget);
  const { outcome } = await runTestJob(lake, REQUESTS[0] as LayoutRequest, { catalog });
  expect(outcome).toMatchObject({ state: "succeeded", result: { files_after: 2 } });
  await requireOldOrNew(lake, rows, "lost answers");
});

test("C77 while the commit's fate is unknown nothing is deleted; once it is known the files go or stay", async () => {
  for (const arrives of [false, true]) {
    const lake = await prepareLake();
    const rows = await lake.rows();
    const late: Request[] = [];
    const catalog = createLakeCatalog(lake.store, async (request) => {
      if (request.method !== "POST") return lake.handler(request);
      late.push(request.clone());
      throw new TypeError("connection lost");
    });
    const steps = createMemorySteps();
    let strayBeforeWait: string[] = [];
    const { outcome } = await runTestJob(lake, REQUESTS[0] as LayoutRequest, {
      catalog,
      steps: {
        ...steps,
        sleep: async () => {
          strayBeforeWait = await lake.strayKeys();
          // The first request was on its way all the time.
          if (arrives) await lake.handler(late[0] as Request);
        },
      },
    });
    expect(strayBeforeWait.filter((key) => key.includes("compacted-"))).toHaveLength(2);
    expect(outcome.state).toBe(arrives ? "succeeded" : "failed");
    await requireOldOrNew(lake, rows, `late commit arrives: ${arrives}`);
  }
});
