// The only state of the catalog: namespaces, for every table and view the location of its current metadata file, and
// the replies that a repeated Idempotency-Key gets.

import type { TableIdentifier } from "#core";

/** A namespace's levels, outermost first. */
export type Namespace = readonly string[];

/** What a name stands for. Tables and views share one space of names. */
export type EntryKind = "table" | "view";

/** A name with what it stands for. */
export interface CatalogEntry {
  readonly kind: EntryKind;
  /** Its current metadata file. */
  readonly metadataLocation: string;
}

/** Part of a listing: at most `limit` names that come after `after`. */
export interface ListPage {
  readonly limit: number;
  readonly after: string | undefined;
}

/** What became of a request to change a namespace's properties. */
export interface NamespaceChange {
  readonly updated: readonly string[];
  readonly removed: readonly string[];
  /** Keys to remove that were not there. */
  readonly missing: readonly string[];
}

/**
 * Names the request that a change belongs to. The store keeps it in the same step as the change: the change is made
 * once however often it is asked for, and a later request of the key finds that it was made.
 */
export interface Receipt {
  readonly key: string;
  /** Digest of the request: a key never serves another one. */
  readonly request: string;
  readonly nowMs: number;
  readonly expiresMs: number;
}

/**
 * What a key has led to. Status 0: the change is made, and `body` is what its reply is built from again: the metadata
 * file of the first pointer that was set or dropped, a namespace's change as JSON, else nothing.
 */
export interface StoredReply {
  readonly request: string;
  readonly status: number;
  readonly body: string;
}

/** One pointer to set. */
export interface PointerChange {
  readonly table: TableIdentifier;
  /** The pointer it replaces; undefined for a table or view that must not exist yet. */
  readonly expected: string | undefined;
  readonly next: string;
  /** The table's location, which no other may share or lie within; undefined for views. */
  readonly location: string | undefined;
}

/** Why no pointer was set: the change at `index` could not be made. */
export type SwapRefusal =
  | { readonly outcome: "moved"; readonly index: number; readonly current: string }
  | { readonly outcome: "missing" | "no_namespace"; readonly index: number }
  | { readonly outcome: "exists"; readonly index: number; readonly kind: EntryKind }
  | { readonly outcome: "location_used"; readonly index: number; readonly by: string };

/** Answer where a receipt's change was made before: nothing was done now. */
export interface DoneBefore {
  readonly outcome: "done_before";
}

/** The only answer of a swap that set all its pointers. */
export type SwapOutcome = { readonly outcome: "swapped" } | SwapRefusal | DoneBefore;

/** Answer to a drop. */
export type DropOutcome =
  | { readonly outcome: "dropped"; readonly metadataLocation: string }
  | { readonly outcome: "missing" }
  | DoneBefore;

/** Answer to a rename. */
export type RenameOutcome =
  | { readonly outcome: "renamed" | "missing" | "no_namespace" | "moved" }
  | { readonly outcome: "exists"; readonly kind: EntryKind }
  | DoneBefore;

/**
 * Where pointers live. Every method is atomic; outcomes are values so that they survive a Worker border. A method
 * that throws may or may not have taken effect.
 *
 * Concurrency: `swapPointers` is the commit point of every commit: of two swaps with one `expected`, one wins, and the
 * changes of one swap are made all or none.
 */
export interface PointerStore {
  /** Direct children of the parent in order; the top level for an empty parent. Undefined without such a parent. */
  listNamespaces(parent: Namespace, page?: ListPage): Promise<readonly Namespace[] | undefined>;
  namespaceProperties(namespace: Namespace): Promise<Readonly<Record<string, string>> | undefined>;
  createNamespace(
    namespace: Namespace,
    properties: Readonly<Record<string, string>>,
    receipt?: Receipt,
  ): Promise<"created" | "exists" | "no_parent" | "done_before">;
  dropNamespace(namespace: Namespace, receipt?: Receipt): Promise<"dropped" | "missing" | "not_empty" | "done_before">;
  /** What was changed; undefined when there is no such namespace. */
  updateNamespace(
    namespace: Namespace,
    updates: Readonly<Record<string, string>>,
    removals: readonly string[],
    receipt?: Receipt,
  ): Promise<NamespaceChange | "done_before" | undefined>;
  /** Names of the kind in the namespace in order, or undefined when there is no such namespace. */
  listEntries(kind: EntryKind, namespace: Namespace, page?: ListPage): Promise<readonly string[] | undefined>;
  findEntry(name: TableIdentifier): Promise<CatalogEntry | undefined>;
  swapPointers(kind: EntryKind, changes: readonly PointerChange[], receipt?: Receipt): Promise<SwapOutcome>;
  dropEntry(kind: EntryKind, name: TableIdentifier, receipt?: Receipt): Promise<DropOutcome>;
  /** `expected`: the pointer the entry must have; without one any will do. */
  renameEntry(
    kind: EntryKind,
    from: TableIdentifier,
    to: TableIdentifier,
    receipt?: Receipt,
    expected?: string,
  ): Promise<RenameOutcome>;
  /** Remembers where a table that is yet to be committed writes its files. */
  keepStaged(table: TableIdentifier, location: string, nowMs: number, expiresMs: number): Promise<void>;
  /** Locations kept for the name that have not expired. */
  stagedLocations(table: TableIdentifier, nowMs: number): Promise<readonly string[]>;
  /** A table whose location is this one, holds it or lies within it. */
  tableAtLocation(location: string): Promise<string | undefined>;
  /** What a key has led to, unless it expired. */
  recallReply(key: string, nowMs: number): Promise<StoredReply | undefined>;
  /** Keeps a refusal unless the key has led to something: then that stays. Returns what the key has led to. */
  keepReply(receipt: Receipt, status: number, body: string): Promise<StoredReply>;
}

/** Whether one location is the other or lies within it. */
export function locationsOverlap(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** A table or view as messages name it. */
export function entryText(name: TableIdentifier): string {
  return [...name.namespace, name.name].join(".");
}
