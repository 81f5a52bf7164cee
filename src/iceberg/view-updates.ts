// Updates to view metadata: out of a request's JSON, and applied. Pure: the same base, updates and time give the same
// metadata. Source: Iceberg view spec and REST OpenAPI, ViewUpdate.

import { LakeError } from "#core";
import { createJsonShape } from "./json-shape.ts";
import { readSchema } from "./schema-json.ts";
import { schemaText } from "./metadata-layout-updates.ts";
import type { IcebergSchema } from "./schema.ts";
import {
  VIEW_FORMAT_VERSION,
  currentViewVersion,
  readViewVersion,
  type ViewMetadata,
  type ViewVersion,
} from "./view-metadata.ts";

const shape = createJsonShape("invalid_request", "The request");

/** One change to view metadata. */
export type ViewUpdate =
  | { readonly action: "assign-uuid"; readonly uuid: string }
  | { readonly action: "upgrade-format-version"; readonly "format-version": number }
  | { readonly action: "add-schema"; readonly schema: IcebergSchema }
  | { readonly action: "set-location"; readonly location: string }
  | { readonly action: "set-properties"; readonly updates: Readonly<Record<string, string>> }
  | { readonly action: "remove-properties"; readonly removals: readonly string[] }
  | { readonly action: "add-view-version"; readonly "view-version": ViewVersion }
  | { readonly action: "set-current-view-version"; readonly "view-version-id": number };

/** The only condition there is for views. */
export interface ViewRequirement {
  readonly type: "assert-view-uuid";
  readonly uuid: string;
}

/** A commit's conditions and changes. */
export interface ViewCommitRequest {
  readonly requirements: readonly ViewRequirement[];
  readonly updates: readonly ViewUpdate[];
}

/** Reads a commit's body. Errors: `invalid_request` for anything malformed or unknown. */
export function parseViewCommitRequest(body: unknown): ViewCommitRequest {
  const json = shape.object(body, "body");
  const requirements = shape.array(json["requirements"] ?? [], "requirements");
  const updates = shape.array(json["updates"] ?? [], "updates");
  return {
    requirements: requirements.map((item, index) => parseRequirement(item, `requirements[${index}]`)),
    updates: updates.map((item, index) => parseUpdate(item, `updates[${index}]`)),
  };
}

function parseRequirement(value: unknown, name: string): ViewRequirement {
  const json = shape.object(value, name);
  const type = shape.string(json["type"], `${name}.type`);
  if (type !== "assert-view-uuid") throw shape.fail(`${name}.type "${type}" is not a known requirement of views.`);
  return { type, uuid: shape.string(json["uuid"], `${name}.uuid`) };
}

function parseUpdate(value: unknown, name: string): ViewUpdate {
  const json = shape.object(value, name);
  const action = shape.string(json["action"], `${name}.action`);
  switch (action) {
    case "assign-uuid":
      return { action, uuid: shape.string(json["uuid"], `${name}.uuid`) };
    case "upgrade-format-version":
      return { action, "format-version": shape.integer(json["format-version"], `${name}.format-version`) };
    case "add-schema":
      return { action, schema: readSchema(shape, json["schema"], `${name}.schema`) };
    case "set-location":
      return { action, location: shape.string(json["location"], `${name}.location`) };
    case "set-properties":
      return { action, updates: shape.stringMap(json["updates"], `${name}.updates`) };
    case "remove-properties":
      return { action, removals: shape.strings(json["removals"], `${name}.removals`) };
    case "add-view-version":
      return { action, "view-version": readViewVersion(shape, json["view-version"], `${name}.view-version`) };
    case "set-current-view-version":
      return { action, "view-version-id": shape.integer(json["view-version-id"], `${name}.view-version-id`) };
    default:
      throw shape.fail(`${name}.action "${action}" is not a known update of views.`);
  }
}

/** Errors: `commit_conflict` when a requirement does not hold. */
export function checkViewRequirements(base: ViewMetadata, requirements: readonly ViewRequirement[]): void {
  for (const { uuid } of requirements) {
    const actual = base["view-uuid"];
    if (uuid.toLowerCase() === actual.toLowerCase()) continue;
    throw new LakeError(
      "commit_conflict",
      `Requirement failed: view UUID does not match: expected ${actual} != ${uuid}`,
    );
  }
}

/** Versions kept unless the view says otherwise. Source: Iceberg view spec, "version.history.num-entries". */
const DEFAULT_HISTORY = 10;
const HISTORY_PROPERTY = "version.history.num-entries";
const DROP_DIALECT_PROPERTY = "replace.drop-dialect.allowed";
/** Stands for what the same commit added last. */
const LAST_ADDED = -1;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface ViewDraft {
  readonly base: ViewMetadata | undefined;
  uuid: string;
  location: string;
  schemas: IcebergSchema[];
  versions: ViewVersion[];
  currentId: number;
  readonly log: { readonly "version-id": number; readonly "timestamp-ms": number }[];
  readonly properties: Map<string, string>;
  lastSchemaId: number | undefined;
  lastVersionId: number | undefined;
  readonly addedIds: Set<number>;
  readonly nowMs: number;
}

/** The first metadata of a view. Errors: `invalid_request`. */
export function createView(
  start: { readonly uuid: string; readonly location: string },
  updates: readonly ViewUpdate[],
  nowMs: number,
): ViewMetadata {
  return finish(
    applyAll(
      {
        base: undefined,
        uuid: start.uuid,
        location: start.location,
        schemas: [],
        versions: [],
        currentId: 0,
        log: [],
        properties: new Map(),
        lastSchemaId: undefined,
        lastVersionId: undefined,
        addedIds: new Set(),
        nowMs,
      },
      updates,
    ),
  );
}

/** The metadata after the updates, in order. Errors: `invalid_request` for an update that the base does not allow. */
export function applyViewUpdates(base: ViewMetadata, updates: readonly ViewUpdate[], nowMs: number): ViewMetadata {
  return finish(
    applyAll(
      {
        base,
        uuid: base["view-uuid"],
        location: base.location,
        schemas: [...base.schemas],
        versions: [...base.versions],
        currentId: base["current-version-id"],
        log: [...base["version-log"]],
        properties: new Map(Object.entries(base.properties)),
        lastSchemaId: undefined,
        lastVersionId: undefined,
        addedIds: new Set(),
        nowMs,
      },
      updates,
    ),
  );
}

function applyAll(draft: ViewDraft, updates: readonly ViewUpdate[]): ViewDraft {
  const before = draft.log.length;
  for (const update of updates) applyUpdate(draft, update);
  // However often a commit changes the current version, the log learns the last one.
  draft.log.splice(before, Math.max(0, draft.log.length - before - 1));
  return draft;
}

function applyUpdate(draft: ViewDraft, update: ViewUpdate): void {
  switch (update.action) {
    case "assign-uuid":
      if (!UUID.test(update.uuid)) throw shape.fail(`"${update.uuid}" is not a UUID.`);
      if (draft.base !== undefined && draft.uuid.toLowerCase() !== update.uuid.toLowerCase()) {
        throw shape.fail("Cannot reassign uuid of a view.");
      }
      draft.uuid = update.uuid;
      return;
    case "upgrade-format-version":
      if (update["format-version"] !== VIEW_FORMAT_VERSION) {
        throw shape.fail(`Format version ${update["format-version"]} of views is not supported.`);
      }
      return;
    case "add-schema":
      return addSchema(draft, update.schema);
    case "set-location":
      draft.location = update.location.replace(/\/+$/, "");
      return;
    case "set-properties":
      for (const [key, value] of Object.entries(update.updates)) draft.properties.set(key, value);
      return;
    case "remove-properties":
      for (const key of update.removals) draft.properties.delete(key);
      return;
    case "add-view-version":
      return addVersion(draft, update["view-version"]);
    case "set-current-view-version":
      return setCurrent(draft, update["view-version-id"]);
  }
}

function addSchema(draft: ViewDraft, schema: IcebergSchema): void {
  const same = draft.schemas.find((known) => schemaText(known) === schemaText(schema));
  const id = same?.["schema-id"] ?? Math.max(-1, ...draft.schemas.map((known) => known["schema-id"])) + 1;
  if (same === undefined) draft.schemas.push({ ...schema, "schema-id": id });
  draft.lastSchemaId = id;
}

function addVersion(draft: ViewDraft, requested: ViewVersion): void {
  const schemaId = requested["schema-id"] === LAST_ADDED ? draft.lastSchemaId : requested["schema-id"];
  if (!draft.schemas.some((schema) => schema["schema-id"] === schemaId) || schemaId === undefined) {
    throw shape.fail(`Cannot add version with unknown schema: ${requested["schema-id"]}`);
  }
  const dialects = dialectsOf(requested);
  const twice = dialects.find((dialect, index) => dialects.indexOf(dialect) !== index);
  if (twice !== undefined) {
    throw new LakeError("invalid_request", `Invalid view version: Cannot add multiple queries for dialect ${twice}`, {
      context: { icebergType: "IllegalArgumentException" },
    });
  }
  const version = { ...requested, "schema-id": schemaId };
  const same = draft.versions.find((known) => behavesAs(known) === behavesAs(version));
  if (same !== undefined) {
    draft.lastVersionId = same["version-id"];
    return;
  }
  // Two writers may number their versions alike: the second one gets the next number.
  const highest = Math.max(0, ...draft.versions.map((known) => known["version-id"]));
  const id = Math.max(version["version-id"], highest + (version["version-id"] <= highest ? 1 : 0), 1);
  draft.versions.push({ ...version, "version-id": id });
  draft.addedIds.add(id);
  draft.lastVersionId = id;
}

/** Everything of a version that a query through it depends on. */
function behavesAs(version: ViewVersion): string {
  return JSON.stringify([
    Object.entries(version.summary).toSorted(([a], [b]) => (a < b ? -1 : 1)),
    version.representations.map(({ type, sql, dialect }) => [type, sql, dialect]),
    version["default-catalog"] ?? null,
    version["default-namespace"],
    version["schema-id"],
  ]);
}

function setCurrent(draft: ViewDraft, requested: number): void {
  const id = requested === LAST_ADDED ? draft.lastVersionId : requested;
  const version = draft.versions.find((known) => known["version-id"] === id);
  if (version === undefined || id === undefined) {
    throw shape.fail(`Cannot set current version to unknown version: ${requested}`);
  }
  if (draft.currentId === id) return;
  draft.currentId = id;
  const atMs = draft.addedIds.has(id) ? version["timestamp-ms"] : draft.nowMs;
  draft.log.push({ "version-id": id, "timestamp-ms": atMs });
}

function finish(draft: ViewDraft): ViewMetadata {
  if (draft.location === "") throw shape.fail("a view needs a location.");
  if (draft.versions.length === 0) throw shape.fail("Invalid view: no versions were added");
  const current = draft.versions.find((version) => version["version-id"] === draft.currentId);
  if (current === undefined) throw shape.fail("Invalid view: no version is current");
  if (draft.base !== undefined && draft.properties.get(DROP_DIALECT_PROPERTY) !== "true") {
    checkDialectsKept(currentViewVersion(draft.base), current);
  }
  const { versions, log } = expire(draft, current);
  return {
    "view-uuid": draft.uuid,
    "format-version": VIEW_FORMAT_VERSION,
    location: draft.location,
    "current-version-id": draft.currentId,
    versions,
    "version-log": log,
    schemas: draft.schemas,
    properties: Object.fromEntries(draft.properties),
  };
}

function dialectsOf(version: ViewVersion): string[] {
  return version.representations.map(({ dialect }) => dialect.toLowerCase());
}

/** An engine whose query vanished would find no view, though nobody dropped it. */
function checkDialectsKept(before: ViewVersion, after: ViewVersion): void {
  const kept = new Set(dialectsOf(after));
  if (dialectsOf(before).every((dialect) => kept.has(dialect))) return;
  throw new LakeError(
    "invalid_request",
    `Cannot replace view due to loss of view dialects (${DROP_DIALECT_PROPERTY}=false): ` +
      `previous ${dialectsOf(before).join(", ")}, new ${dialectsOf(after).join(", ")}`,
  );
}

/** Keeps the newest versions, those of this commit and the current one; the log begins after the last gap. */
function expire(
  draft: ViewDraft,
  current: ViewVersion,
): { readonly versions: readonly ViewVersion[]; readonly log: ViewMetadata["version-log"] } {
  const configured = Number(draft.properties.get(HISTORY_PROPERTY) ?? DEFAULT_HISTORY);
  if (!Number.isSafeInteger(configured) || configured < 1) {
    throw shape.fail(`${HISTORY_PROPERTY} must be a positive integer.`);
  }
  const limit = Math.max(configured, new Set([...draft.addedIds, draft.currentId]).size);
  if (draft.versions.length <= limit) return { versions: draft.versions, log: draft.log };
  const newest = draft.versions
    .filter((version) => version !== current)
    .toSorted((a, b) => b["version-id"] - a["version-id"])
    .slice(0, limit - 1);
  const versions = draft.versions.filter((version) => version === current || newest.includes(version));
  const ids = new Set(versions.map((version) => version["version-id"]));
  const gap = draft.log.findLastIndex((entry) => !ids.has(entry["version-id"]));
  return { versions, log: draft.log.slice(gap + 1) };
}
