// Every write of a layout job fails once: before it takes effect, after it took effect, or because the run dies.

import { expect, test } from "vitest";
import { LakeError } from "#core";
import type { LayoutJobDeps, LayoutRequest } from "#maintenance";
import type { ObjectStore } from "#storage";
import {
  Crash,
  cleanUpTestJob,
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

/** How the chosen operation fails; `forever` also fails every later one, the job's own clean-up included. */
const FAULTS = ["before", "after", "crash before", "crash after", "forever"] as const;
type Fault = (typeof FAULTS)[number];

/** Counts operations and fails the chosen one. */
interface Injector {
  around<T>(run: () => Promise<T>): Promise<T>;
  /** Ends the death that a crash began. */
  revive(): void;
  readonly operations: number;
}

function createInjector(target: number, fault: Fault): Injector {
  let operations = 0;
  let dead = false;
  return {
    revive() {
      dead = false;
    },
    get operations() {
      return operations;
    },
    async around(run) {
      if (dead) throw new Crash("dead");
      operations += 1;
      const isTarget = operations === target || (fault === "forever" && operations > target);
      if (!isTarget) return run();
      if (fault === "before" || fault === "forever") throw new LakeError("storage_unavailable", "injected");
      if (fault !== "crash before") await run();
      if (fault === "after") throw new LakeError("storage_unavailable", "injected");
      dead = true;
      throw new Crash("injected");
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

/** What is wrong, whatever happened: the table must be old or new, and no data file left beside it. */
async function violations(lake: MaintenanceLake, rows: readonly string[]): Promise<string[]> {
  const { snapshots } = (await lake.loadTable()).metadata;
  const commits = snapshots.filter(({ summary }) => summary.operation === "replace").length;
  const fileCount = (await lake.files()).length;
  const found = (await lake.strayKeys()).filter((key) => !key.includes("/in-")).map((key) => `left behind: ${key}`);
  if (commits > 1) found.push(`${commits} commits`);
  if (fileCount !== (commits === 1 ? 2 : 6)) found.push(`${fileCount} files after ${commits} commits`);
  if (JSON.stringify(await lake.rows()) !== JSON.stringify(rows)) found.push("other rows");
  return found;
}

/** Runs a job through a fault, and once more when its run died; returns how it ended. */
async function runThroughFault(
  lake: Awaited<ReturnType<typeof createMaintenanceLake>>,
  request: LayoutRequest,
  injector: Injector,
  fault: Fault,
): Promise<string> {
  const journal = new Map<string, string>();
  const run = async (): Promise<string> => {
    const steps = createMemorySteps({ journal });
    return (await runTestJob(lake, request, { ...faultyDeps(lake, injector), steps })).outcome.state;
  };
  try {
    return await run();
  } catch (error) {
    if (fault === "forever") {
      // The job's own clean-up was impossible: recovery runs it again once storage is back.
      await cleanUpTestJob(lake, request);
      return "recovered";
    }
    if (!(error instanceof Crash)) return String(error);
    injector.revive();
    return run();
  }
}

for (const request of REQUESTS) {
  test(`C76 ${request.kind}: a failure at any write leaves the table old or new and no orphan file`, async () => {
    const counting = createInjector(Infinity, "before");
    const probe = await prepareLake();
    await runTestJob(probe, request, faultyDeps(probe, counting));
    expect(counting.operations).toBeGreaterThan(10);
    const found: string[] = [];
    for (const fault of FAULTS) {
      const allowed = fault === "forever" ? ["failed", "recovered"] : ["succeeded"];
      for (let target = 1; target <= counting.operations; target++) {
        const lake = await prepareLake();
        const rows = await lake.rows();
        const ended = await runThroughFault(lake, request, createInjector(target, fault), fault);
        const wrong = await violations(lake, rows);
        if (!allowed.includes(ended)) wrong.push(`ended as ${ended}`);
        found.push(...wrong.map((violation) => `${fault} at operation ${target}: ${violation}`));
      }
    }
    expect(found).toEqual([]);
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
  expect(await violations(lake, rows)).toEqual([]);
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
    expect(await violations(lake, rows)).toEqual([]);
  }
});
