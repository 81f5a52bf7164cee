// What the catalog's server needs from its surroundings.

import type { Clock, RandomSource } from "#core";
import type { FileIO } from "../file-io.ts";
import type { TableMetadata } from "../table-metadata.ts";
import type { CommitTurns } from "./commit-turns.ts";
import type { PointerStore } from "./pointer-store.ts";

/** The bucket as other engines reach it over S3. */
export interface S3Access {
  /** Without a trailing slash; the bucket's name follows as a path segment. */
  readonly endpoint: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/**
 * What an isolate remembers between requests, so that a commit to a table it committed to before reads nothing. Never
 * the truth: a pointer in it is checked by the swap, metadata files are immutable.
 */
export interface CatalogMemory {
  /** Metadata by the location of its file. */
  metadata(location: string): TableMetadata | undefined;
  keepMetadata(location: string, metadata: TableMetadata, sizeBytes: number): void;
  /** The JSON of a file's metadata without parts of its history. */
  shortened(location: string, mode: ShortenedMode): Uint8Array | undefined;
  keepShortened(location: string, mode: ShortenedMode, json: Uint8Array): void;
  /** A moment, later than all before: for {@link KeptPointer.asOf}. */
  now(): number;
  /** The last pointer seen for a table's name. */
  pointer(table: string): KeptPointer | undefined;
  /** `asOf`: a moment before the store was asked. */
  keepPointer(table: string, location: string, asOf: number): void;
  dropPointer(table: string): void;
}

/** `refs`: without snapshots that no branch or tag names; `heads`: without their entries in the log either. */
export type ShortenedMode = "refs" | "heads";

/** A pointer that the store had at some time after the moment `asOf`. */
export interface KeptPointer {
  readonly location: string;
  readonly asOf: number;
}

/** Dependencies of the catalog. */
export interface CatalogServerDeps {
  readonly pointers: PointerStore;
  readonly io: FileIO;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  /** Root of all table locations without a trailing slash: s3://bucket. */
  readonly warehouse: string;
  /** Handed out with tables, as credentials or by signing; absent when clients bring their own. */
  readonly s3?: S3Access | undefined;
  readonly memory?: CatalogMemory;
  /** Lets commits to one table take turns; absent: they race. */
  readonly turns?: CommitTurns;
  /** Called with errors that are not the client's fault. */
  readonly reportError?: (error: unknown) => void;
}
