// Names of namespaces, tables and views in paths, parameters and bodies.

import { LakeError, stringToUtf8, type TableIdentifier } from "#core";
import { createJsonShape } from "../json-shape.ts";
import { entryText, type EntryKind, type Namespace } from "./pointer-store.ts";

const shape = createJsonShape("invalid_request", "The request");

/** Separates levels in paths and query parameters. */
const LEVEL_SEPARATOR = "\u001F";

/** Levels of a namespace in a path or parameter. Errors: `invalid_request`. */
export function parseNamespace(text: string): Namespace {
  const levels = text.split(LEVEL_SEPARATOR);
  checkLevels(levels);
  return levels;
}

/** Most levels of a namespace: a path of more could not be stored as a location. */
const MAX_LEVELS = 32;

/** Names that cannot be told apart from path parts are refused: locations are made of them. */
export function checkLevels(levels: readonly string[]): void {
  if (levels.length === 0) throw shape.fail("a namespace needs at least one level.");
  if (levels.length > MAX_LEVELS) throw shape.fail(`a namespace has at most ${MAX_LEVELS} levels.`);
  for (const level of levels) checkName(level, "A namespace's level");
}

/** Longest name, bytes of UTF-8: object keys are made of names and end at 1,024 bytes. */
const MAX_NAME_BYTES = 255;

/** Errors: `invalid_request` for names that could escape their folder or could not be addressed later. */
export function checkName(name: string, what: string): void {
  if (!name.isWellFormed()) throw shape.fail(`${what} must be well-formed Unicode.`);
  if (stringToUtf8(name).length > MAX_NAME_BYTES) throw shape.fail(`${what} must be at most ${MAX_NAME_BYTES} bytes.`);
  const hasControl = Array.from(name).some((char) => (char.codePointAt(0) as number) < 0x20);
  // Queries and ingest write tables as namespace.table: a dot within a name would name another table's rows.
  if (name === "" || name.includes(".") || name.includes("/") || hasControl) {
    throw shape.fail(`${what} must not be empty or hold dots, slashes or control characters.`);
  }
}

/** A table's or view's name from a body. Errors: `invalid_request`. */
export function readIdentifier(value: unknown, name: string): TableIdentifier {
  const json = shape.object(value, name);
  const identifier = {
    namespace: shape.strings(json["namespace"], `${name}.namespace`),
    name: shape.string(json["name"], `${name}.name`),
  };
  checkLevels(identifier.namespace);
  checkName(identifier.name, "A table's or view's name");
  return identifier;
}

/** A namespace as messages show it. */
export function namespaceText(namespace: Namespace): string {
  return namespace.join(".");
}

/** The error of a namespace that is not there. */
export function noSuchNamespace(namespace: Namespace): LakeError {
  return new LakeError("namespace_not_found", `Namespace does not exist: ${namespaceText(namespace)}`);
}

const KIND_NAMES: Readonly<Record<EntryKind, string>> = { table: "Table", view: "View" };

/** The error of a table or view that is not there. */
export function noSuchEntry(kind: EntryKind, name: TableIdentifier): LakeError {
  const code = kind === "table" ? "table_not_found" : "view_not_found";
  return new LakeError(code, `${KIND_NAMES[kind]} does not exist: ${entryText(name)}`);
}

/** The error of a name that something has already. */
export function nameTaken(wanted: EntryKind, existing: EntryKind, name: TableIdentifier): LakeError {
  const what = wanted === existing ? KIND_NAMES[existing] : `${KIND_NAMES[existing]} with same name`;
  return new LakeError("already_exists", `${what} already exists: ${entryText(name)}`);
}

/** The error of a rename to a name that something has already. */
export function renameTaken(from: TableIdentifier, to: TableIdentifier, existing: EntryKind): LakeError {
  const message = `Cannot rename ${entryText(from)} to ${entryText(to)}. ${KIND_NAMES[existing]} already exists`;
  return new LakeError("already_exists", message);
}
