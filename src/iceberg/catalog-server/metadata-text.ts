// Table metadata as JSON, remembering the text of each snapshot: a commit to a table with ten thousand snapshots prints
// the one it adds.

import { stringifyJson, stringToUtf8 } from "#core";
import { snapshotToJson, tableMetadataToJson } from "../metadata-json.ts";
import type { Snapshot, TableMetadata } from "../table-metadata.ts";

/** Texts live as long as their snapshots, which all metadata of a table share. */
const textBySnapshot = new WeakMap<Snapshot, string>();

/** The same bytes as encodeTableMetadata's. Cost: prints what it has not printed before, and joins. */
export function metadataToUtf8(metadata: TableMetadata): Uint8Array<ArrayBuffer> {
  const members = Object.entries(tableMetadataToJson({ ...metadata, snapshots: [] }))
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${JSON.stringify(key)}:${memberText(metadata, key, value)}`);
  return stringToUtf8(`{${members.join(",")}}`);
}

function memberText(metadata: TableMetadata, key: string, value: unknown): string {
  if (key === "snapshots")
    return `[${metadata.snapshots.map((item) => snapshotText(item, metadata["format-version"])).join(",")}]`;
  if (key !== "snapshot-log") return stringifyJson(value);
  const entries = metadata["snapshot-log"].map(
    (entry) => `{"snapshot-id":${entry["snapshot-id"]},"timestamp-ms":${entry["timestamp-ms"]}}`,
  );
  return `[${entries.join(",")}]`;
}

function snapshotText(snapshot: Snapshot, formatVersion: number): string {
  const known = textBySnapshot.get(snapshot);
  if (known !== undefined) return known;
  const text = stringifyJson(snapshotToJson(snapshot, formatVersion));
  // An upgrade gives the snapshots of version 1 what they lacked.
  if (formatVersion > 1) textBySnapshot.set(snapshot, text);
  return text;
}
