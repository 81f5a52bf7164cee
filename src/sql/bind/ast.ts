// Reading libpg-query's JSON tree: PostgreSQL omits fields that hold their default.

import type { Node } from "libpg-query";

/** The text of a String node; undefined for any other node. */
export function stringOf(node: Node | undefined): string | undefined {
  return node !== undefined && "String" in node ? (node.String.sval ?? "") : undefined;
}

/** The texts of a list of String nodes; other nodes are left out. */
export function stringsOf(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap((node) => stringOf(node) ?? []);
}

/**
 * What a name of something built in means: PostgreSQL's schema is left out, any other stays before it, so that nothing
 * has that name.
 */
export function builtInName(nodes: readonly Node[] | undefined): string {
  const parts = stringsOf(nodes);
  return (parts[0] === "pg_catalog" ? parts.slice(1) : parts).join(".");
}

/** The items of a List node. */
export function itemsOf(node: Node | undefined): readonly Node[] {
  return node !== undefined && "List" in node ? (node.List.items ?? []) : [];
}

/** The kind of a node: its only key. */
export function nodeKind(node: Node): string {
  return Object.keys(node)[0] ?? "";
}

/** The byte location a node carries, when it has one. */
export function locationOf(node: Node | undefined): number | undefined {
  if (node === undefined) return undefined;
  const inner = Object.values(node)[0] as { readonly location?: number; readonly [key: string]: unknown } | undefined;
  if (inner === undefined) return undefined;
  // An operator's own location is the symbol; its text starts at the left operand.
  if ("A_Expr" in node) return locationOf(node.A_Expr.lexpr) ?? node.A_Expr.location ?? 0;
  if ("TypeCast" in node && (node.TypeCast.location ?? 0) < 0) return node.TypeCast.typeName?.location;
  if ("A_Indirection" in node) return locationOf(node.A_Indirection.arg);
  return inner.location;
}

/** Calls `visit` on every node of a tree. */
export function walkTree(value: unknown, visit: (kind: string, node: unknown) => void): void {
  if (Array.isArray(value)) {
    for (const item of value) walkTree(item, visit);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      if (/^[A-Z]/.test(key)) visit(key, child);
      walkTree(child, visit);
    }
  }
}
