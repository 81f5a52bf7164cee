// View metadata: types, keys as in the JSON, and reading them. Source: Iceberg view spec, "Specification".

import { LakeError, parseJson, stringToUtf8, stringifyJson, utf8ToString } from "#core";
import { createJsonShape, type JsonShape } from "./json-shape.ts";
import { readSchema } from "./schema-json.ts";
import type { IcebergSchema } from "./schema.ts";

/** The query of a view in one engine's language. */
export interface ViewRepresentation {
  readonly type: string;
  readonly sql: string;
  readonly dialect: string;
}

/** One state of a view. */
export interface ViewVersion {
  readonly "version-id": number;
  readonly "timestamp-ms": number;
  readonly "schema-id": number;
  readonly summary: Readonly<Record<string, string>>;
  readonly representations: readonly ViewRepresentation[];
  /** Names in the query without a catalog resolve here. */
  readonly "default-catalog"?: string;
  readonly "default-namespace": readonly string[];
}

/** When a version became current. */
export interface ViewLogEntry {
  readonly "version-id": number;
  readonly "timestamp-ms": number;
}

/** Metadata of a view, format version 1. */
export interface ViewMetadata {
  readonly "view-uuid": string;
  readonly "format-version": number;
  readonly location: string;
  readonly "current-version-id": number;
  readonly versions: readonly ViewVersion[];
  readonly "version-log": readonly ViewLogEntry[];
  readonly schemas: readonly IcebergSchema[];
  readonly properties: Readonly<Record<string, string>>;
}

/** The only format version of views there is. */
export const VIEW_FORMAT_VERSION = 1;

const fileShape = createJsonShape("metadata_invalid", "The view's metadata");

/** The version readers use. Errors: `metadata_invalid` when it is not listed. */
export function currentViewVersion(metadata: ViewMetadata): ViewVersion {
  const id = metadata["current-version-id"];
  const version = metadata.versions.find((item) => item["version-id"] === id);
  if (version === undefined) throw fileShape.fail(`it names version ${id} but lacks it.`);
  return version;
}

/** Metadata of the bytes of a metadata file. Errors: `metadata_invalid`. */
export function decodeViewMetadata(bytes: Uint8Array): ViewMetadata {
  let json: unknown;
  try {
    json = parseJson(utf8ToString(bytes));
  } catch (cause) {
    throw new LakeError("metadata_invalid", "The view's metadata is not JSON.", { cause });
  }
  return parseViewMetadata(json);
}

/** The bytes of a metadata file. */
export function encodeViewMetadata(metadata: ViewMetadata): Uint8Array<ArrayBuffer> {
  return stringToUtf8(stringifyJson(metadata));
}

/** Metadata out of JSON parsed by #core's parseJson. Errors: `metadata_invalid`. */
export function parseViewMetadata(value: unknown): ViewMetadata {
  const json = fileShape.object(value, "metadata");
  const formatVersion = fileShape.integer(json["format-version"], "format-version");
  if (formatVersion !== VIEW_FORMAT_VERSION) throw fileShape.fail(`format version ${formatVersion} is not supported.`);
  const metadata: ViewMetadata = {
    "view-uuid": fileShape.string(json["view-uuid"], "view-uuid"),
    "format-version": formatVersion,
    location: fileShape.string(json["location"], "location"),
    "current-version-id": fileShape.integer(json["current-version-id"], "current-version-id"),
    versions: fileShape
      .array(json["versions"], "versions")
      .map((item, index) => readViewVersion(fileShape, item, `versions[${index}]`)),
    "version-log": fileShape.array(json["version-log"], "version-log").map((item, index) => {
      const entry = fileShape.object(item, `version-log[${index}]`);
      return {
        "version-id": fileShape.integer(entry["version-id"], "version-log.version-id"),
        "timestamp-ms": fileShape.integer(entry["timestamp-ms"], "version-log.timestamp-ms"),
      };
    }),
    schemas: fileShape
      .array(json["schemas"], "schemas")
      .map((item, index) => readSchema(fileShape, item, `schemas[${index}]`)),
    properties: optionalStrings(fileShape, json["properties"], "properties"),
  };
  currentViewVersion(metadata);
  return metadata;
}

/** A version, in a file or in a request. */
export function readViewVersion(shape: JsonShape, value: unknown, name: string): ViewVersion {
  const json = shape.object(value, name);
  const catalog = json["default-catalog"];
  const representations = shape.array(json["representations"], `${name}.representations`);
  if (representations.length === 0) throw shape.fail(`${name}.representations must not be empty.`);
  return {
    "version-id": shape.integer(json["version-id"], `${name}.version-id`),
    "timestamp-ms": shape.integer(json["timestamp-ms"], `${name}.timestamp-ms`),
    "schema-id": shape.integer(json["schema-id"], `${name}.schema-id`),
    summary: optionalStrings(shape, json["summary"], `${name}.summary`),
    representations: representations.map((item, index) => {
      const at = `${name}.representations[${index}]`;
      const representation = shape.object(item, at);
      const type = shape.string(representation["type"], `${at}.type`);
      if (type !== "sql") throw shape.fail(`${at}.type "${type}" is not known.`);
      const dialect = shape.string(representation["dialect"], `${at}.dialect`);
      if (dialect === "") throw shape.fail(`${at}.dialect must not be empty.`);
      return { type, sql: shape.string(representation["sql"], `${at}.sql`), dialect };
    }),
    ...(catalog === undefined || catalog === null
      ? {}
      : { "default-catalog": shape.string(catalog, `${name}.default-catalog`) }),
    "default-namespace": shape.strings(json["default-namespace"], `${name}.default-namespace`),
  };
}

function optionalStrings(shape: JsonShape, value: unknown, name: string): Record<string, string> {
  return value === undefined || value === null ? {} : shape.stringMap(value, name);
}
