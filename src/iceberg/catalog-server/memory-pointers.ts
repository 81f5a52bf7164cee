// Pointers in memory, for tests and tools. The Durable Object in workers/catalog keeps the same rules in SQLite.

import { compareCodePoints, type TableIdentifier } from "#core";
import {
  entryText,
  locationsOverlap,
  type DoneBefore,
  type EntryKind,
  type ListPage,
  type Namespace,
  type PointerChange,
  type PointerStore,
  type Receipt,
  type StoredReply,
  type SwapRefusal,
} from "./pointer-store.ts";

interface StoredNamespace {
  readonly levels: Namespace;
  readonly properties: Map<string, string>;
}

interface StoredEntry {
  readonly kind: EntryKind;
  readonly table: TableIdentifier;
  readonly metadataLocation: string;
  readonly location: string | undefined;
}

const DONE_BEFORE: DoneBefore = { outcome: "done_before" };

/** A key that no two names share: names hold any character but this one. */
function keyOf(levels: readonly string[]): string {
  return levels.join("\u001F");
}

function entryKey({ namespace, name }: TableIdentifier): string {
  return keyOf([...namespace, "", name]);
}

function pageOf<T>(items: readonly T[], nameOf: (item: T) => string, page: ListPage | undefined): readonly T[] {
  const sorted = items.toSorted((a, b) => compareCodePoints(nameOf(a), nameOf(b)));
  if (page === undefined) return sorted;
  const { after, limit } = page;
  return sorted.filter((item) => after === undefined || compareCodePoints(nameOf(item), after) > 0).slice(0, limit);
}

/** An empty store; every call settles in one step, so calls are atomic. */
export function createMemoryPointerStore(): PointerStore {
  const namespaces = new Map<string, StoredNamespace>();
  const entries = new Map<string, StoredEntry>();
  const staged = new Map<string, readonly { readonly location: string; readonly expiresMs: number }[]>();
  const replies = new Map<string, StoredReply & { readonly expiresMs: number }>();

  const find = (namespace: Namespace): StoredNamespace | undefined => namespaces.get(keyOf(namespace));
  const children = (parent: Namespace): StoredNamespace[] =>
    [...namespaces.values()].filter(
      ({ levels }) => levels.length === parent.length + 1 && keyOf(levels.slice(0, -1)) === keyOf(parent),
    );
  const entriesOf = (namespace: Namespace): StoredEntry[] =>
    [...entries.values()].filter(({ table }) => keyOf(table.namespace) === keyOf(namespace));
  const wasDone = (receipt: Receipt | undefined): boolean =>
    receipt !== undefined && (replies.get(receipt.key)?.expiresMs ?? 0) > receipt.nowMs;
  const note = (receipt: Receipt | undefined, made = ""): void => {
    if (receipt !== undefined) replies.set(receipt.key, { ...receipt, status: 0, body: made });
  };
  const usedBy = (location: string, except?: TableIdentifier): string | undefined => {
    const other = [...entries.values()].find(
      (entry) =>
        entry.location !== undefined &&
        (except === undefined || entryKey(entry.table) !== entryKey(except)) &&
        locationsOverlap(entry.location, location),
    );
    return other === undefined ? undefined : entryText(other.table);
  };
  const refusal = (kind: EntryKind, change: PointerChange, index: number): SwapRefusal | undefined => {
    const { table, expected, location } = change;
    const known = entries.get(entryKey(table));
    if (expected === undefined) {
      if (find(table.namespace) === undefined) return { outcome: "no_namespace", index };
      if (known !== undefined) return { outcome: "exists", index, kind: known.kind };
    } else {
      if (known?.kind !== kind) return { outcome: "missing", index };
      if (known.metadataLocation !== expected) return { outcome: "moved", index, current: known.metadataLocation };
    }
    if (location === undefined || location === known?.location) return undefined;
    const by = usedBy(location, table);
    return by === undefined ? undefined : { outcome: "location_used", index, by };
  };

  return {
    async listNamespaces(parent, page) {
      if (parent.length > 0 && find(parent) === undefined) return undefined;
      return pageOf(
        children(parent).map(({ levels }) => levels),
        (levels) => levels.at(-1) ?? "",
        page,
      );
    },
    async namespaceProperties(namespace) {
      const found = find(namespace);
      return found === undefined ? undefined : Object.fromEntries(found.properties);
    },
    async createNamespace(namespace, properties, receipt) {
      if (wasDone(receipt)) return "done_before";
      if (find(namespace) !== undefined) return "exists";
      if (namespace.length > 1 && find(namespace.slice(0, -1)) === undefined) return "no_parent";
      namespaces.set(keyOf(namespace), { levels: [...namespace], properties: new Map(Object.entries(properties)) });
      note(receipt);
      return "created";
    },
    async dropNamespace(namespace, receipt) {
      if (wasDone(receipt)) return "done_before";
      if (find(namespace) === undefined) return "missing";
      if (entriesOf(namespace).length > 0 || children(namespace).length > 0) return "not_empty";
      namespaces.delete(keyOf(namespace));
      note(receipt);
      return "dropped";
    },
    async updateNamespace(namespace, updates, removals, receipt) {
      if (wasDone(receipt)) return "done_before";
      const found = find(namespace);
      if (found === undefined) return undefined;
      const removed = removals.filter((key) => found.properties.delete(key));
      for (const [key, value] of Object.entries(updates)) found.properties.set(key, value);
      const change = {
        updated: Object.keys(updates),
        removed,
        missing: removals.filter((key) => !removed.includes(key)),
      };
      note(receipt, JSON.stringify(change));
      return change;
    },
    async listEntries(kind, namespace, page) {
      if (find(namespace) === undefined) return undefined;
      const names = entriesOf(namespace).flatMap((entry) => (entry.kind === kind ? [entry.table.name] : []));
      return pageOf(names, (name) => name, page);
    },
    async findEntry(name) {
      const entry = entries.get(entryKey(name));
      return entry === undefined ? undefined : { kind: entry.kind, metadataLocation: entry.metadataLocation };
    },
    async swapPointers(kind, changes, receipt) {
      if (wasDone(receipt)) return DONE_BEFORE;
      for (const [index, change] of changes.entries()) {
        const refused = refusal(kind, change, index);
        if (refused !== undefined) return refused;
      }
      for (const { table, next, location } of changes) {
        entries.set(entryKey(table), { kind, table, metadataLocation: next, location });
      }
      note(receipt, changes[0]?.next);
      return { outcome: "swapped" };
    },
    async dropEntry(kind, name, receipt) {
      if (wasDone(receipt)) return DONE_BEFORE;
      const known = entries.get(entryKey(name));
      if (known?.kind !== kind) return { outcome: "missing" };
      entries.delete(entryKey(name));
      note(receipt, known.metadataLocation);
      return { outcome: "dropped", metadataLocation: known.metadataLocation };
    },
    async renameEntry(kind, from, to, receipt, expected) {
      if (wasDone(receipt)) return DONE_BEFORE;
      const known = entries.get(entryKey(from));
      if (known?.kind !== kind) return { outcome: "missing" };
      if (expected !== undefined && known.metadataLocation !== expected) return { outcome: "moved" };
      if (find(to.namespace) === undefined) return { outcome: "no_namespace" };
      const taken = entries.get(entryKey(to));
      if (taken !== undefined) return { outcome: "exists", kind: taken.kind };
      entries.delete(entryKey(from));
      entries.set(entryKey(to), { ...known, table: to });
      note(receipt);
      return { outcome: "renamed" };
    },
    async keepStaged(table, location, nowMs, expiresMs) {
      const key = entryKey(table);
      const others = (staged.get(key) ?? []).filter((item) => item.location !== location && item.expiresMs > nowMs);
      staged.set(key, [...others, { location, expiresMs }]);
    },
    async stagedLocations(table, nowMs) {
      const kept = staged.get(entryKey(table)) ?? [];
      return kept.filter((item) => item.expiresMs > nowMs).map((item) => item.location);
    },
    async tableAtLocation(location) {
      return usedBy(location);
    },
    async recallReply(key, nowMs) {
      const known = replies.get(key);
      if (known === undefined || known.expiresMs <= nowMs) return undefined;
      return { request: known.request, status: known.status, body: known.body };
    },
    async keepReply(receipt, status, body) {
      for (const [key, reply] of replies) if (reply.expiresMs <= receipt.nowMs) replies.delete(key);
      const kept = replies.get(receipt.key) ?? { ...receipt, status, body };
      replies.set(receipt.key, kept);
      return { request: kept.request, status: kept.status, body: kept.body };
    },
  };
}
