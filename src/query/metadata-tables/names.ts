// Names of metadata tables: events.snapshots as in Spark, "events$snapshots" as in Trino.

/** The tables of a table's metadata that can be queried. */
export const METADATA_TABLES = [
  "history",
  "metadata_log_entries",
  "snapshots",
  "refs",
  "entries",
  "all_entries",
  "files",
  "data_files",
  "delete_files",
  "all_files",
  "all_data_files",
  "all_delete_files",
  "manifests",
  "all_manifests",
  "partitions",
] as const;

/** One of {@link METADATA_TABLES}. */
export type MetadataTableKind = (typeof METADATA_TABLES)[number];

/** A name read as that of a metadata table. */
export interface MetadataTableName {
  readonly path: readonly string[];
  readonly kind: MetadataTableKind;
  /** Written with `$`, so that nothing else can be meant. */
  readonly isExplicit: boolean;
}

/** Reads `table.kind` and `table$kind`; undefined for any other name. */
export function metadataTableName(path: readonly string[]): MetadataTableName | undefined {
  const last = path.at(-1) ?? "";
  const at = last.lastIndexOf("$");
  if (at > 0) {
    const kind = kindOf(last.slice(at + 1));
    return kind === undefined ? undefined : { path: [...path.slice(0, -1), last.slice(0, at)], kind, isExplicit: true };
  }
  const kind = kindOf(last);
  return kind === undefined || path.length < 2 ? undefined : { path: path.slice(0, -1), kind, isExplicit: false };
}

function kindOf(name: string): MetadataTableKind | undefined {
  return METADATA_TABLES.find((kind) => kind === name);
}
