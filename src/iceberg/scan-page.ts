// Scan planning in pages, for clients that plan on the server: a part of a snapshot's files at a time, in an order that
// never changes, so that what is left can be named by two places in it.

import { required } from "#core";
import { PARALLEL_READS, mapConcurrent } from "./concurrency.ts";
import type { FileIO } from "./file-io.ts";
import { createSpecTests, type Filter, type SpecTests } from "./filter.ts";
import { openManifest, readSnapshotManifests } from "./manifest-entries.ts";
import { decodeLiveEntries } from "./manifest-read.ts";
import { partitionTuple, type PartitionTupleField } from "./manifest-schema.ts";
import { STATUS_ADDED, liveFileCount, type ManifestEntry, type ManifestFile } from "./manifest.ts";
import { readDeletes, toScanFile, type FileScope } from "./scan-plan.ts";
import type { LocatedField } from "./schema.ts";
import { allFieldsById } from "./spec-tuple.ts";
import { specById, type PartitionSpec, type Snapshot, type TableMetadata } from "./table-metadata.ts";
import type { ScanFile } from "./table.ts";

/** A place among a scan's files: a data manifest by its position, and one of its live entries. */
export interface ScanPlace {
  readonly manifest: number;
  readonly entry: number;
}

/** The files from one place up to another, which is not included. */
export interface ScanRange {
  readonly from: ScanPlace;
  readonly to: ScanPlace;
}

/** A file of a page with its place. */
export interface PlacedFile {
  readonly place: ScanPlace;
  readonly file: ScanFile;
  readonly residual: unknown;
}

/** A part of a plan. */
export interface ScanPage {
  readonly files: readonly PlacedFile[];
  /** Where the rest begins; undefined when the range is done. */
  readonly next: ScanPlace | undefined;
}

/** What a page may cost. */
export interface PageLimits {
  readonly files: number;
  /** Live entries looked at, all together; one manifest is always looked at. */
  readonly entries: number;
}

/** What is scanned: a snapshot, or what appends between two added. */
export interface ScannedSnapshots {
  /** The snapshot, or every append of the increment, the last first. */
  readonly snapshots: readonly Snapshot[];
  readonly isIncrement: boolean;
}

/** A scan whose manifests are known and not yet read. */
export interface PagedScan {
  /** All files. */
  readonly whole: ScanRange;
  /** Plans from the start of the range. Errors: as planTableScan. */
  page(range: ScanRange, limits: PageLimits): Promise<ScanPage>;
  /** Divides what a filter leaves of a range into parts of about so many live entries. */
  divide(range: ScanRange, entriesAPart: number): readonly ScanRange[];
  /** Live entries of the range's manifests that the filter does not rule out. */
  countEntries(range: ScanRange): number;
  readonly tupleOf: (specId: number) => readonly PartitionTupleField[];
}

/** The order of two places. */
export function comparePlaces(a: ScanPlace, b: ScanPlace): number {
  return a.manifest - b.manifest || a.entry - b.entry;
}

/** Cost: one read of each snapshot's manifest list. Errors: as planTableScan. */
export async function openPagedScan(
  io: FileIO,
  metadata: TableMetadata,
  scanned: ScannedSnapshots,
  filter: Filter,
): Promise<PagedScan> {
  const lists = await mapConcurrent(scanned.snapshots, PARALLEL_READS, (item) => readSnapshotManifests(io, item));
  const live = lists.flat().filter((manifest) => liveFileCount(manifest) > 0);
  const isScanned = addedBy(scanned);
  const manifests = live.filter((manifest) => manifest.content === "data" && isScanned.manifest(manifest));
  const scope = createFilterScope(metadata, live, filter);
  const end = { manifest: manifests.length, entry: 0 };
  const parts = (range: ScanRange): ManifestPart[] => partsOf(manifests, range, scope);

  return {
    whole: { from: { manifest: 0, entry: 0 }, to: end },
    tupleOf: (specId) => scope.testsOf(specId).tuple,
    countEntries: (range) => parts(range).reduce((sum, part) => sum + part.entries, 0),
    divide: (range, entriesAPart) => divideParts(parts(range), entriesAPart),
    async page(range, limits) {
      const found: { readonly place: ScanPlace; readonly entry: ManifestEntry }[] = [];
      let next: ScanPlace | undefined;
      for (const { batch, rest } of batchesOf(parts(range), limits.entries)) {
        const read = await mapConcurrent(batch, PARALLEL_READS, (part) =>
          // What an increment leaves out is known once it is read.
          readPart(io, scope, part, scanned.isIncrement ? Infinity : limits.files + 1, isScanned.entry),
        );
        found.push(...read.flat());
        next = found[limits.files]?.place ?? rest;
        if (next !== undefined) break;
      }
      const kept = found.slice(0, limits.files);
      const entries = kept.map(({ entry }) => entry);
      const deletes = await readDeletes(io, scope, scanned.isIncrement ? [] : live, entries);
      return {
        files: kept.map(({ place, entry }) => ({
          place,
          file: toScanFile(entry, deletes),
          residual: scope.testsOf(entry.dataFile.specId).tests.residual(entry.dataFile),
        })),
        next,
      };
    },
  };
}

interface Scanned {
  readonly manifest: (manifest: ManifestFile) => boolean;
  readonly entry: (entry: ManifestEntry) => boolean;
}

/** Of an increment only the files that its snapshots added: in the manifests that they made. */
function addedBy({ snapshots, isIncrement }: ScannedSnapshots): Scanned {
  if (!isIncrement) return { manifest: () => true, entry: () => true };
  const ids = new Set(snapshots.map((snapshot) => snapshot["snapshot-id"]));
  const seen = new Set<string>();
  return {
    manifest({ path, addedSnapshotId, addedFiles }) {
      if (!ids.has(addedSnapshotId) || addedFiles === 0 || seen.has(path)) return false;
      seen.add(path);
      return true;
    },
    entry: ({ status, snapshotId }) => status === STATUS_ADDED && snapshotId !== null && ids.has(snapshotId),
  };
}

interface ScopedTests {
  readonly spec: PartitionSpec;
  readonly tuple: readonly PartitionTupleField[];
  readonly tests: SpecTests;
}

interface FilterScope extends FileScope {
  readonly testsOf: (specId: number) => ScopedTests;
}

function createFilterScope(metadata: TableMetadata, manifests: readonly ManifestFile[], filter: Filter): FilterScope {
  const fields: ReadonlyMap<number, LocatedField> = allFieldsById(metadata);
  const specs = new Map<number, ScopedTests>();
  for (const specId of new Set(manifests.map((manifest) => manifest.specId))) {
    const spec = specById(metadata, specId);
    const tuple = partitionTuple(spec, fields);
    specs.set(specId, { spec, tuple, tests: createSpecTests(filter, spec, tuple, fields) });
  }
  const testsOf = (specId: number): ScopedTests => required(specs.get(specId), `partition spec ${specId}`);
  return {
    fields,
    testsOf,
    specOf: ({ specId }) => testsOf(specId),
    excludes: (manifest) => !testsOf(manifest.specId).tests.mightHoldMatch(manifest),
    fileTest({ specId }) {
      const { tests } = testsOf(specId);
      return (view) => (view.recordCount > 0 && tests.mightMatch(view) ? undefined : "filter");
    },
    isUnpartitioned: (specId) => specs.get(specId)?.spec.fields.length === 0,
  };
}

/** Live entries of one manifest; `to` is not included, and infinite where the rest of the manifest is meant. */
interface ManifestPart {
  readonly position: number;
  readonly manifest: ManifestFile;
  readonly from: number;
  readonly to: number;
  /** How many there are by the manifest list, at least 1. */
  readonly entries: number;
}

/** The range by manifests, without those that the filter rules out. */
function partsOf(manifests: readonly ManifestFile[], { from, to }: ScanRange, scope: FilterScope): ManifestPart[] {
  return manifests.flatMap((manifest, position): ManifestPart[] => {
    if (position < from.manifest || position > to.manifest || scope.excludes(manifest)) return [];
    const first = position === from.manifest ? from.entry : 0;
    const end = position === to.manifest ? to.entry : Infinity;
    if (first >= end) return [];
    const entries = Math.max(1, Math.min(end, liveFileCount(manifest)) - first);
    return [{ position, manifest, from: first, to: end, entries }];
  });
}

function divideParts(parts: readonly ManifestPart[], entriesAPart: number): ScanRange[] {
  const ranges: ScanRange[] = [];
  let from: ScanPlace | undefined;
  let to: ScanPlace | undefined;
  let room = entriesAPart;
  const close = (): void => {
    if (from !== undefined && to !== undefined) ranges.push({ from, to });
    from = undefined;
    room = entriesAPart;
  };
  for (const part of parts) {
    const end = Number.isFinite(part.to)
      ? { manifest: part.position, entry: part.to }
      : { manifest: part.position + 1, entry: 0 };
    for (let taken = 0; taken < part.entries;) {
      from ??= { manifest: part.position, entry: part.from + taken };
      const count = Math.min(room, part.entries - taken);
      taken += count;
      room -= count;
      to = taken < part.entries ? { manifest: part.position, entry: part.from + taken } : end;
      if (room === 0) close();
    }
  }
  close();
  return ranges;
}

/** Parts read at once to begin with: a page that most files match is full after few. */
const FIRST_BATCH = 2;

/** The parts a few at a time, with where the rest begins once so many entries were looked at. */
function* batchesOf(
  parts: readonly ManifestPart[],
  maxEntries: number,
): Generator<{ readonly batch: readonly ManifestPart[]; readonly rest: ScanPlace | undefined }> {
  let entries = 0;
  let most = FIRST_BATCH;
  for (let at = 0; at < parts.length; most = Math.min(PARALLEL_READS, most * 2)) {
    const batch: ManifestPart[] = [];
    while (at < parts.length && batch.length < most && (entries < maxEntries || batch.length === 0)) {
      const part = parts[at] as ManifestPart;
      batch.push(part);
      entries += part.entries;
      at += 1;
    }
    const following = parts[at];
    const isSpent = entries >= maxEntries && following !== undefined;
    yield { batch, rest: isSpent ? { manifest: following.position, entry: following.from } : undefined };
  }
}

async function readPart(
  io: FileIO,
  scope: FilterScope,
  { position, manifest, from, to }: ManifestPart,
  maxFiles: number,
  isScanned: Scanned["entry"],
): Promise<{ readonly place: ScanPlace; readonly entry: ManifestEntry }[]> {
  const { spec, tuple } = scope.specOf(manifest);
  const test = scope.fileTest(manifest);
  const ordinals: number[] = [];
  let ordinal = -1;
  const source = await openManifest(io, manifest.path, tuple, true);
  const entries = decodeLiveEntries(source, manifest, spec, tuple, (view) => {
    ordinal += 1;
    if (ordinal < from || ordinal >= to || ordinals.length >= maxFiles || test(view) !== undefined) return false;
    ordinals.push(ordinal);
    return true;
  });
  return entries.flatMap((entry, index) => {
    const place = { manifest: position, entry: ordinals[index] as number };
    return isScanned(entry) ? [{ place, entry }] : [];
  });
}
