// The one door to object storage. Everything above it runs unchanged on R2, in memory and under fault injection.

/** What is known of a stored object without reading it. */
export interface ObjectInfo {
  /** Key within the bucket, without a leading slash. */
  readonly key: string;
  readonly sizeBytes: number;
  /** Opaque version, unquoted; changes whenever the object's bytes are written. */
  readonly etag: string;
  readonly uploadedMs: number;
}

/** Outcome of a write that may be conditional. A failed precondition is a value, not an error. */
export type PutResult =
  | { readonly outcome: "stored"; readonly etag: string }
  | { readonly outcome: "precondition_failed" };

/** Conditions on a write. `ifNoneMatch: "*"` stores only when the key does not exist. */
export interface PutOptions {
  readonly ifNoneMatch?: "*";
  readonly contentType?: string;
}

/** One page of a listing, keys in ascending UTF-8 order. */
export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  /** Pass to the next call; undefined on the last page. */
  readonly cursor: string | undefined;
}

/** A multipart upload in progress. Parts are 5 MiB or more and all of one size but the last (R2's rule). */
export interface MultipartUpload {
  /** Uploads the next part in order. */
  write(part: Uint8Array): Promise<void>;
  /** Makes the object visible. Concurrency: atomic. */
  complete(): Promise<ObjectInfo>;
  /** Drops the parts; the key is left as it was. */
  abort(): Promise<void>;
}

/**
 * A bucket of immutable-by-convention objects.
 *
 * Errors: `storage_unavailable` when the store fails or throttles; reads of a missing key return undefined.
 * Ownership: returned bytes belong to the caller; bytes passed in may not be mutated until the call settles.
 */
export interface ObjectStore {
  /** The object's metadata, or undefined when there is none. */
  head(key: string): Promise<ObjectInfo | undefined>;
  /** The whole object, or undefined when there is none. */
  get(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Bytes [offset, offset + length), clipped to the object's end; undefined when there is no object. */
  getRange(key: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  put(key: string, bytes: Uint8Array, options?: PutOptions): Promise<PutResult>;
  startMultipart(key: string, options?: Pick<PutOptions, "contentType">): Promise<MultipartUpload>;
  /** Deletes keys; a missing key is no error. */
  delete(keys: readonly string[]): Promise<void>;
  list(prefix: string, cursor?: string): Promise<ListPage>;
}

/** Smallest multipart part but the last, bytes (R2 and S3). */
export const MIN_PART_BYTES = 5 * 1024 * 1024;
