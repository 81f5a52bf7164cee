// What a client wants planned, and the names by which it comes back for it. Nothing is kept on the server: a plan's id
// and its tasks hold the request itself, so whoever may read the table may send them, to any isolate, at any time.
// Source: Iceberg REST OpenAPI, PlanTableScanRequest.

import { LakeError, parseJson, stringToUtf8, stringifyJson, utf8ToString } from "#core";
import { createJsonShape, type JsonShape } from "../json-shape.ts";
import type { ScanPlace, ScanRange } from "../scan-page.ts";

/** A scan to be planned. */
export interface PlanRequest {
  /** A point in time; undefined: as the table is. */
  readonly snapshotId: bigint | undefined;
  /** What appends added after one snapshot up to another. */
  readonly increment: { readonly after: bigint; readonly to: bigint } | undefined;
  /** Undefined: all rows. */
  readonly filter: unknown;
  readonly isCaseSensitive: boolean;
  /** The schema in which columns are named; plans and tasks keep to the one they were made with. */
  readonly schema: "table" | "snapshot" | number;
  /** Columns whose counts and bounds the client wants. */
  readonly statsFields: readonly string[];
  /** How many rows are enough. */
  readonly minRows: number | undefined;
}

/** A part of a planned scan. */
export interface PlanTask {
  readonly request: PlanRequest;
  readonly range: ScanRange;
}

const shape = createJsonShape("invalid_request", "The scan");
/** A filter is repeated in every task. */
const MAX_FILTER_BYTES = 256 * 1024;

/** Reads the body of a request. Errors: `invalid_request`. */
export function parsePlanRequest(body: unknown): PlanRequest {
  const json = shape.object(body ?? {}, "body");
  const long = (name: string): bigint | undefined => (isNothing(json[name]) ? undefined : shape.long(json[name], name));
  const flag = (name: string, otherwise: boolean): boolean => shape.boolean(json[name] ?? otherwise, name);
  const names = (name: string): string[] => (isNothing(json[name]) ? [] : shape.strings(json[name], name));
  names("select");
  const [snapshotId, after, to] = ["snapshot-id", "start-snapshot-id", "end-snapshot-id"].map(long);
  if ((after === undefined) !== (to === undefined)) {
    throw shape.fail("start-snapshot-id and end-snapshot-id are given together or not at all.");
  }
  if (snapshotId !== undefined && after !== undefined) {
    throw shape.fail("it is either of a snapshot-id or of what came between two.");
  }
  const filter = json["filter"] ?? undefined;
  if (filter !== undefined && stringToUtf8(stringifyJson(filter)).length > MAX_FILTER_BYTES) {
    throw shape.fail(`the filter is longer than ${MAX_FILTER_BYTES} bytes.`);
  }
  const minRows = long("min-rows-requested");
  return {
    snapshotId,
    increment: after === undefined || to === undefined ? undefined : { after, to },
    filter,
    isCaseSensitive: flag("case-sensitive", true),
    schema: flag("use-snapshot-schema", false) ? "snapshot" : "table",
    statsFields: names("stats-fields"),
    minRows: minRows === undefined || minRows <= 0n ? undefined : Number(minRows),
  };
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Longer ones do not fit the path of a URL everywhere. */
const MAX_PLAN_ID_LENGTH = 2_000;
/** A plan whose request does not fit its id: it can be cancelled and not be fetched again. */
const UNNAMED_PLAN = "unnamed";

/** The id of a plan. The snapshot in it is the one that was planned. */
export function planIdOf(tableUuid: string, request: PlanRequest): string {
  const id = encode({ table: tableUuid, ...requestToJson(request) });
  return id.length > MAX_PLAN_ID_LENGTH ? UNNAMED_PLAN : id;
}

/** The request that a plan's id holds; undefined for a plan that has none. Errors: `not_found`. */
export function readPlanId(tableUuid: string, id: string): PlanRequest | undefined {
  if (id === UNNAMED_PLAN) return undefined;
  return decode(id, tableUuid, noSuchPlan).request;
}

/** Errors that name no plan of the table. */
export function noSuchPlan(): LakeError {
  return new LakeError("not_found", "The table has no such plan; plan the scan anew.", {
    context: { icebergType: "NoSuchPlanIdException" },
  });
}

/** A task as clients send it back. */
export function encodePlanTask(tableUuid: string, { request, range }: PlanTask): string {
  const { from, to } = range;
  return encode({ table: tableUuid, ...requestToJson(request), range: [from, to].map(placeToJson) });
}

/** Errors: `not_found` for what is no task of the table. */
export function readPlanTask(tableUuid: string, task: string): PlanTask {
  const { request, range } = decode(task, tableUuid, noSuchTask);
  if (range === undefined) throw noSuchTask();
  return { request, range };
}

/** The error of a task that the table does not have, or no longer. */
export function noSuchTask(): LakeError {
  return new LakeError("not_found", "The table has no such plan task; plan the scan anew.", {
    context: { icebergType: "NoSuchPlanTaskException" },
  });
}

function requestToJson({ increment, filter, statsFields, minRows, ...rest }: PlanRequest): Record<string, unknown> {
  return {
    ...(rest.snapshotId === undefined ? {} : { snapshot: rest.snapshotId }),
    ...(increment === undefined ? {} : { after: increment.after, to: increment.to }),
    ...(filter === undefined ? {} : { filter }),
    ...(rest.isCaseSensitive ? {} : { anyCase: true }),
    schema: rest.schema,
    ...(statsFields.length === 0 ? {} : { stats: statsFields }),
    ...(minRows === undefined ? {} : { rows: minRows }),
  };
}

function placeToJson({ manifest, entry }: ScanPlace): readonly [number, number] {
  return [manifest, entry];
}

function decode(
  text: string,
  tableUuid: string,
  missing: () => LakeError,
): { readonly request: PlanRequest; readonly range: ScanRange | undefined } {
  try {
    return readToken(parseJson(utf8ToString(base64UrlToBytes(text))), tableUuid, shape);
  } catch {
    throw missing();
  }
}

function readToken(
  token: unknown,
  tableUuid: string,
  { object, array, long, strings, boolean, integer, integers, fail }: JsonShape,
): { readonly request: PlanRequest; readonly range: ScanRange | undefined } {
  const json = object(token, "token");
  if (json["table"] !== tableUuid) throw fail("it is of another table.");
  const { snapshot, after, to, range, rows } = json;
  const place = (value: unknown): ScanPlace => {
    const [manifest = -1, entry = -1] = integers(value, "place");
    if (manifest < 0 || entry < 0) throw fail("a place is negative.");
    return { manifest, entry };
  };
  const [from, end] = range === undefined ? [] : array(range, "range").map(place);
  return {
    request: {
      snapshotId: snapshot === undefined ? undefined : long(snapshot, "snapshot"),
      increment: after === undefined ? undefined : { after: long(after, "after"), to: long(to, "to") },
      filter: json["filter"],
      isCaseSensitive: !boolean(json["anyCase"] ?? false, "anyCase"),
      schema: integer(json["schema"], "schema"),
      statsFields: strings(json["stats"] ?? [], "stats"),
      minRows: rows === undefined ? undefined : Number(long(rows, "rows")),
    },
    range: from === undefined || end === undefined ? undefined : { from, to: end },
  };
}

function encode(value: unknown): string {
  const bytes = stringToUtf8(stringifyJson(value));
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function base64UrlToBytes(text: string): Uint8Array {
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(bytes, (char) => char.charCodeAt(0));
}
