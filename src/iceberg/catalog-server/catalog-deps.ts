// What the catalog's server needs from its surroundings.

import type { Clock, RandomSource } from "#core";
import type { FileIO } from "../file-io.ts";
import type { TableMetadata } from "../table-metadata.ts";
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
  /** The last pointer seen for a table's name. */
  pointer(table: string): string | undefined;
  keepPointer(table: string, location: string): void;
  dropPointer(table: string): void;
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
  /** Called with errors that are not the client's fault. */
  readonly reportError?: (error: unknown) => void;
}
