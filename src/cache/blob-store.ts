// Where payloads lie that are too large for the key-value tier, behind an interface, so that the cache knows no bucket.

/** A blob that is being written. */
export interface BlobUpload {
  /** Takes the next part: {@link BLOB_PART_BYTES}, the last one less. Ownership: bytes must not change until it settles. */
  write(part: Uint8Array): Promise<void>;
  /** Makes the blob visible, all at once. */
  complete(): Promise<void>;
  /** Drops what was written. */
  abort(): Promise<void>;
}

/** Immutable blobs. Strongly consistent: what was completed is seen, what was deleted is not. Errors: `storage_unavailable`. */
export interface BlobStore {
  start(key: string): Promise<BlobUpload>;
  /** Whether there is such a blob of that size. */
  has(key: string, sizeBytes: number): Promise<boolean>;
  /** The blob, range by range. Errors: `storage_unavailable` also when it is gone. */
  read(key: string, sizeBytes: number): AsyncIterable<Uint8Array<ArrayBuffer>>;
  delete(keys: readonly string[]): Promise<void>;
  list(prefix: string): AsyncIterable<string>;
}

/** Parts of a multipart upload in object storage have at least 5 MiB and one size (R2 and S3). */
export const BLOB_PART_BYTES = 5 * 1024 * 1024;
