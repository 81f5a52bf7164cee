// One pass over a manifest's entries, and its result kept: inflating a manifest and finding where everything lies is
// most of what planning costs, and the same for every query.

import { avroError, createAvroCursor, readAvroBlocks, type AvroCursor } from "#codec";
import { LakeError } from "#core";
import { compileEntryReader, createEntrySlots, type EntrySlots } from "./manifest-layout.ts";
import type { PartitionTupleField } from "./manifest-schema.ts";
import { STATUS_ADDED, STATUS_DELETED, STATUS_EXISTING } from "./manifest.ts";

/** An inflated manifest with the places of its entries' parts; immutable. */
export interface WalkedManifest {
  readonly blocks: readonly WalkedBlock[];
  /** Memory it takes, an estimate. */
  readonly sizeBytes: number;
}

interface WalkedBlock {
  readonly bytes: Uint8Array;
  readonly entries: readonly Readonly<EntrySlots>[];
}

/** A manifest file's bytes, or what an earlier pass left of them for the same partition tuple. */
export type ManifestSource = Uint8Array | WalkedManifest;

/** Memory of one entry's places, bytes. */
const SLOTS_BYTES = 256;

/**
 * Calls back with every entry in order. Slots and cursor are good during the call only; the cursor is over the entry's
 * block and may be moved. Errors: `metadata_invalid`, naming the manifest by its path.
 */
export function forEachEntry(
  source: ManifestSource,
  tuple: readonly PartitionTupleField[],
  path: string,
  visit: (slots: Readonly<EntrySlots>, block: AvroCursor) => void,
): void {
  if (!(source instanceof Uint8Array)) {
    for (const { bytes, entries } of source.blocks) {
      const cursor = createAvroCursor(bytes);
      for (const slots of entries) visit(slots, cursor);
    }
    return;
  }
  const file = readAvroBlocks(source);
  const readEntry = compileEntryReader(file.schema, tuple);
  const slots = createEntrySlots();
  for (const block of file.blocks()) {
    const cursor = createAvroCursor(block.bytes);
    const second = createAvroCursor(block.bytes);
    for (let i = 0; i < block.count; i++) {
      readEntry(cursor, slots);
      checkEntry(slots, path);
      visit(slots, second);
    }
    if (cursor.offset !== block.bytes.length) throw avroError("a block is longer than its records.");
  }
}

/** Walks a manifest once for many readers of one partition tuple. Errors: as {@link forEachEntry}. */
export function walkManifest(bytes: Uint8Array, tuple: readonly PartitionTupleField[], path: string): WalkedManifest {
  const blocks: { readonly bytes: Uint8Array; readonly entries: EntrySlots[] }[] = [];
  let sizeBytes = 0;
  forEachEntry(bytes, tuple, path, (slots, block) => {
    let last = blocks.at(-1);
    if (last?.bytes !== block.bytes) {
      last = { bytes: block.bytes, entries: [] };
      blocks.push(last);
      sizeBytes += block.bytes.length;
    }
    last.entries.push({ ...slots });
    sizeBytes += SLOTS_BYTES;
  });
  return { blocks, sizeBytes };
}

/** Errors: `metadata_invalid` for an entry that describes no file. */
export function checkEntry(slots: Readonly<EntrySlots>, path: string): void {
  const { status } = slots;
  if (status !== STATUS_EXISTING && status !== STATUS_ADDED && status !== STATUS_DELETED) {
    throw new LakeError("metadata_invalid", `The manifest ${path} has an entry of unknown status.`);
  }
  if (slots.recordCount < 0 || slots.fileSizeBytes < 0 || slots.filePathAt < 0 || slots.fileFormatAt < 0) {
    throw new LakeError("metadata_invalid", `The manifest ${path} has an entry that describes no file.`);
  }
}
