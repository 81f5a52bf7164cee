// Scan planning for clients that leave it to the catalog. Source: Iceberg REST OpenAPI, planTableScan, fetchPlanningResult,
// cancelPlanning and fetchScanTasks.

import { stringifyJson, type TableIdentifier } from "#core";
import type { Filter } from "../filter.ts";
import { createJsonShape } from "../json-shape.ts";
import {
  comparePlaces,
  openPagedScan,
  type PagedScan,
  type PlacedFile,
  type ScanPlace,
  type ScanRange,
  type ScannedSnapshots,
} from "../scan-page.ts";
import { fieldsById, type IcebergSchema, type LocatedField } from "../schema.ts";
import { allFieldsById } from "../spec-tuple.ts";
import {
  currentSchema,
  currentSnapshot,
  findSnapshot,
  schemaById,
  type Snapshot,
  type TableMetadata,
} from "../table-metadata.ts";
import type { LiveDeleteFile } from "../table.ts";
import { parseFilter, type FilterColumns } from "./filter-json.ts";
import {
  encodePlanTask,
  noSuchPlan,
  noSuchTask,
  parsePlanRequest,
  planIdOf,
  readPlanId,
  readPlanTask,
  type PlanRequest,
} from "./plan-request.ts";
import type { RequestContext } from "./request-context.ts";
import { deleteFileText, scanTaskText } from "./scan-task-json.ts";
import { signsRemotely, storageCredentials } from "./storage-access.ts";
import { readStored, tablePointer } from "./stored-metadata.ts";

const shape = createJsonShape("invalid_request", "The request");

/** What one reply holds and costs at most: the rest is left to plan tasks. */
const MAX_PAGE_FILES = 1_000;
const MAX_PAGE_CHARS = 4 * 1024 * 1024;
const MAX_PAGE_ENTRIES = 100_000;
/** Tests of a filter, and how many are made for a reply: that many entries fewer are looked at. */
const MAX_TESTS = 1_000;
const MAX_PAGE_TESTS = 1_000_000;
/** Live entries that one plan task looks at, so that clients may fetch several at once, and how many tasks there are. */
const TASK_ENTRIES = 20_000;
const MAX_TASKS = 100;
/** Filters up to here are repeated in many tasks; longer ones are handed on from task to task. */
const MAX_REPEATED_FILTER_CHARS = 8 * 1024;

/** POST /v1/namespaces/{namespace}/tables/{table}/plan */
export async function planTable(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const metadata = await readTable(context, table);
  return planned(context, metadata, parsePlanRequest(context.body));
}

/** GET /v1/namespaces/{namespace}/tables/{table}/plan/{plan-id}: the plan is made again, of the same snapshot. */
export async function fetchPlan(context: RequestContext, table: TableIdentifier, planId: string): Promise<Response> {
  const metadata = await readTable(context, table);
  const request = readPlanId(metadata["table-uuid"], planId);
  if (request === undefined || !isStill(metadata, request)) throw noSuchPlan();
  return planned(context, metadata, request);
}

/** DELETE /v1/namespaces/{namespace}/tables/{table}/plan/{plan-id}: nothing is held, so nothing is let go. */
export async function cancelPlan(context: RequestContext, table: TableIdentifier, planId: string): Promise<Response> {
  const metadata = await readTable(context, table);
  readPlanId(metadata["table-uuid"], planId);
  return new Response(null, { status: 204 });
}

/** POST /v1/namespaces/{namespace}/tables/{table}/tasks */
export async function fetchTasks(context: RequestContext, table: TableIdentifier): Promise<Response> {
  const task = shape.string(shape.object(context.body, "body")["plan-task"], "plan-task");
  const metadata = await readTable(context, table);
  const { request, range } = readPlanTask(metadata["table-uuid"], task);
  if (!isStill(metadata, request)) throw noSuchTask();
  const plan = await openPlan(context, metadata, request);
  if (plan === undefined || comparePlaces(range.to, plan.scan.whole.to) > 0) throw noSuchTask();
  const page = await makePage(plan, range, request.minRows);
  const rest = page.rest === undefined ? [] : [{ request: { ...request, minRows: page.minRows }, range: page.rest }];
  return respond([...page.members, tasksMember(rest.map((item) => encodePlanTask(metadata["table-uuid"], item)))]);
}

async function readTable({ deps }: RequestContext, table: TableIdentifier): Promise<TableMetadata> {
  const { metadata } = await readStored(deps, await tablePointer(deps, table));
  return metadata;
}

/** Whether the table still has what a plan was made of. */
function isStill(metadata: TableMetadata, { snapshotId, increment, schema }: PlanRequest): boolean {
  const id = increment?.to ?? snapshotId;
  return (
    (id === undefined || findSnapshot(metadata, id) !== undefined) &&
    metadata.schemas.some((item) => item["schema-id"] === schema)
  );
}

/** The request for the snapshot that the table has now, by the names that its columns have now. */
function settled(metadata: TableMetadata, asked: PlanRequest): PlanRequest {
  const { increment } = asked;
  const snapshotId =
    increment === undefined ? (asked.snapshotId ?? currentSnapshot(metadata)?.["snapshot-id"]) : undefined;
  const ofSnapshot = findSnapshot(metadata, increment?.to ?? snapshotId)?.["schema-id"];
  const schema = (asked.schema === "snapshot" ? ofSnapshot : undefined) ?? metadata["current-schema-id"];
  return { ...asked, snapshotId, schema: typeof asked.schema === "number" ? asked.schema : schema };
}

async function planned(context: RequestContext, metadata: TableMetadata, asked: PlanRequest): Promise<Response> {
  const uuid = metadata["table-uuid"];
  const request = settled(metadata, asked);
  const head = [`"status":"completed"`, `"plan-id":"${planIdOf(uuid, request)}"`, ...credentialMembers(context)];
  const plan = await openPlan(context, metadata, request);
  if (plan === undefined) return respond([...head, `"file-scan-tasks":[]`]);
  const page = await makePage(plan, plan.scan.whole, request.minRows);
  const ranges = page.rest === undefined ? [] : divideRest(plan, page.rest, request);
  const tasks = ranges.map((range) => encodePlanTask(uuid, { request: { ...request, minRows: page.minRows }, range }));
  return respond([...head, ...page.members, tasksMember(tasks)]);
}

function credentialMembers({ deps, caller, headers }: RequestContext): string[] {
  if (signsRemotely(caller, headers.get("x-iceberg-access-delegation"))) return [];
  const credentials = storageCredentials(deps, caller);
  return credentials.length === 0 ? [] : [`"storage-credentials":${JSON.stringify(credentials)}`];
}

function tasksMember(tasks: readonly string[]): string {
  return `"plan-tasks":${JSON.stringify(tasks)}`;
}

function respond(members: readonly string[]): Response {
  return new Response(`{${members.join()}}`, { headers: { "content-type": "application/json" } });
}

interface Plan {
  readonly scan: PagedScan;
  readonly tests: number;
  readonly statsIds: readonly number[];
}

/** Undefined for a table without snapshots. Errors: `invalid_request`. */
async function openPlan(
  { deps }: RequestContext,
  metadata: TableMetadata,
  request: PlanRequest,
): Promise<Plan | undefined> {
  const scanned = scannedSnapshots(metadata, request);
  const schema = typeof request.schema === "number" ? schemaById(metadata, request.schema) : currentSchema(metadata);
  const columns = createColumns(metadata, schema, request.isCaseSensitive);
  const filter: Filter =
    request.filter === undefined ? { kind: "constant", value: true } : parseFilter(request.filter, columns);
  const statsIds = [...new Set(request.statsFields.map((name) => columns.byName(name).field.id))];
  const tests = countTests(filter);
  if (tests > MAX_TESTS) throw shape.fail(`the filter makes ${tests} tests; ${MAX_TESTS} are the most.`);
  if (scanned === undefined) return undefined;
  return { scan: await openPagedScan(deps.io, metadata, scanned, filter), tests, statsIds };
}

function countTests(filter: Filter): number {
  if (filter.kind === "and" || filter.kind === "or") return countTests(filter.left) + countTests(filter.right);
  return filter.kind === "test" ? 1 : 0;
}

/** Undefined for a table without snapshots. Errors: `invalid_request` for snapshots that are not there. */
function scannedSnapshots(metadata: TableMetadata, request: PlanRequest): ScannedSnapshots | undefined {
  const { snapshotId, increment } = request;
  if (increment === undefined) {
    if (snapshotId === undefined) return undefined;
    const snapshot = findSnapshot(metadata, snapshotId);
    if (snapshot === undefined) throw shape.fail(`the table has no snapshot ${snapshotId}.`);
    return { snapshots: [snapshot], isIncrement: false };
  }
  const passed = new Set<Snapshot>();
  for (let id: bigint | undefined = increment.to; id !== increment.after;) {
    const snapshot = findSnapshot(metadata, id);
    if (snapshot === undefined || passed.has(snapshot)) {
      throw shape.fail(
        id === increment.to
          ? `the table has no snapshot ${increment.to}.`
          : `snapshot ${increment.after} is no ancestor of ${increment.to}, or those in between are expired.`,
      );
    }
    passed.add(snapshot);
    id = snapshot["parent-snapshot-id"];
  }
  return { snapshots: [...passed].filter(({ summary }) => summary.operation === "append"), isIncrement: true };
}

function createColumns(metadata: TableMetadata, schema: IcebergSchema, isCaseSensitive: boolean): FilterColumns {
  const known = allFieldsById(metadata);
  const byId = fieldsById(schema);
  const byName = new Map<string, LocatedField[]>();
  const keyOf = (name: string): string => (isCaseSensitive ? name : name.toLowerCase());
  for (const located of byId.values()) {
    const key = keyOf(located.path);
    byName.set(key, [...(byName.get(key) ?? []), located]);
  }
  return {
    byName(name) {
      const [found, second] = byName.get(keyOf(name)) ?? [];
      if (found === undefined) throw shape.fail(`the table has no column ${name}.`);
      if (second !== undefined) throw shape.fail(`${name} is ambiguous: ${found.path} and ${second.path}.`);
      return found;
    },
    byId(id) {
      const found = byId.get(id);
      if (found === undefined) throw shape.fail(`the table has no column with the id ${id}.`);
      return found;
    },
    hasSameType: ({ field }) => typeof field.type !== "string" || known.get(field.id)?.field.type === field.type,
  };
}

interface PlanPage {
  readonly members: readonly string[];
  readonly rest: ScanRange | undefined;
  /** Rows that are still wanted of the rest. */
  readonly minRows: number | undefined;
}

async function makePage(
  { scan, tests, statsIds }: Plan,
  range: ScanRange,
  minRows: number | undefined,
): Promise<PlanPage> {
  const entries = Math.min(MAX_PAGE_ENTRIES, Math.floor(MAX_PAGE_TESTS / Math.max(1, tests)));
  const { files, next } = await scan.page(range, { files: MAX_PAGE_FILES, entries });
  const deletes = new Map<LiveDeleteFile, number>();
  const deleteTexts: string[] = [];
  const tasks: string[] = [];
  // Most files are left the whole filter, which is one object.
  const residuals = new Map<unknown, string>();
  let chars = 0;
  let rowsWanted = minRows;
  let cut: ScanPlace | undefined = next;
  for (const placed of files) {
    if (chars > MAX_PAGE_CHARS) {
      cut = placed.place;
      break;
    }
    if (rowsWanted !== undefined && rowsWanted <= 0) break;
    const references = placed.file.deletes.map((live) => {
      const known = deletes.get(live);
      if (known !== undefined) return known;
      const text = deleteFileText(live, scan.tupleOf);
      deletes.set(live, deleteTexts.length);
      chars += text.length;
      return deleteTexts.push(text) - 1;
    });
    const residual = residuals.get(placed.residual) ?? stringifyJson(placed.residual);
    residuals.set(placed.residual, residual);
    const text = scanTaskText(placed, residual, references, statsIds, scan.tupleOf);
    chars += text.length;
    tasks.push(text);
    if (rowsWanted !== undefined) rowsWanted -= certainRows(placed);
  }
  const isEnough = rowsWanted !== undefined && rowsWanted <= 0;
  return {
    members: [
      ...(deleteTexts.length === 0 ? [] : [`"delete-files":[${deleteTexts.join()}]`]),
      `"file-scan-tasks":[${tasks.join()}]`,
    ],
    rest: isEnough || cut === undefined ? undefined : { from: cut, to: range.to },
    minRows: rowsWanted,
  };
}

/** Rows of a file that are in the answer for sure. */
function certainRows({ file, residual }: PlacedFile): number {
  return residual === true && file.deletes.length === 0 ? file.dataFile.recordCount : 0;
}

/** The rest in tasks that can be fetched side by side, or in one that names the next. */
function divideRest({ scan }: Plan, rest: ScanRange, request: PlanRequest): readonly ScanRange[] {
  const isLong = stringifyJson(request.filter ?? true).length > MAX_REPEATED_FILTER_CHARS;
  if (isLong || request.minRows !== undefined) return [rest];
  return scan.divide(rest, Math.max(TASK_ENTRIES, Math.ceil(scan.countEntries(rest) / MAX_TASKS)));
}
