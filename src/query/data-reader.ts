// Reads data files for one query: counted, bounded in connections and bytes, footers remembered by the isolate.

import { LakeError } from "#core";
import type { ByteLru } from "#cache";
import { knownIndexBytes, readParquetMetadata, type ParquetMetadata, type RangeReader } from "#parquet";
import { locationToKey, type ObjectStore } from "#storage";

/** Workers allow six connections that await response headers at once. */
const MAX_CONNECTIONS = 6;

/** Files up to this size are read whole in one request: requests cost more than the bytes between the columns. */
const WHOLE_FILE_BYTES = 256 * 1024;

/** Parsed footers take several times their encoded size; an estimate for the cache's accounting. */
const FOOTER_EXPANSION = 6;
const FOOTER_OVERHEAD_BYTES = 1024;

/** Counters a reader adds to. */
export interface ReadCounters {
  storageReads: number;
  bytesScanned: number;
}

/** A data file opened for reading. */
export interface OpenDataFile {
  readonly metadata: ParquetMetadata;
  readonly reader: RangeReader;
}

/** Opens data files. */
export interface DataReader {
  /**
   * Reads the footer unless the isolate remembers it, and gives ranged access to the rest.
   *
   * Cost: no request when the footer is remembered, else one (two for a footer over 64 KiB). Errors: `data_invalid`
   * when the file is missing or no Parquet, `bytes_limit_exceeded`, `storage_unavailable`.
   */
  open(location: string, sizeBytes: number, counters: ReadCounters): Promise<OpenDataFile>;
  /** Ranged access to any file of the table. Small files are fetched whole, once. Errors: those of {@link open}. */
  range(location: string, sizeBytes: number, counters: ReadCounters): RangeReader;
}

/** What a reader works with. */
export interface DataReaderDeps {
  readonly store: ObjectStore;
  readonly bucket: string;
  /** Shared by all queries of the isolate. Data files are immutable, so a location is enough of a key. */
  readonly footers: ByteLru<ParquetMetadata>;
  /** Bytes all scans of the query may fetch. */
  readonly maxScannedBytes: number;
  readonly signal: AbortSignal;
}

/** Creates the reader of one query. */
export function createDataReader(deps: DataReaderDeps): DataReader {
  const gate = createGate(MAX_CONNECTIONS);
  let fetchedBytes = 0;

  function fetchRange(location: string, counters: ReadCounters, offset: number, length: number): Promise<Uint8Array> {
    const key = locationToKey(location, deps.bucket);
    return gate(async () => {
      deps.signal.throwIfAborted();
      fetchedBytes += length;
      if (fetchedBytes > deps.maxScannedBytes) {
        throw new LakeError(
          "bytes_limit_exceeded",
          `The query would read more than its limit of ${deps.maxScannedBytes} bytes; it was stopped.`,
          { details: { max_scanned_bytes: deps.maxScannedBytes } },
        );
      }
      counters.storageReads += 1;
      const bytes = await deps.store.getRange(key, offset, length);
      counters.bytesScanned += bytes?.length ?? 0;
      if (bytes?.length !== length) {
        throw new LakeError("data_invalid", "A data file of the table is missing or shorter than its metadata says.", {
          context: { location, offset, length, got: bytes?.length },
        });
      }
      return bytes;
    });
  }

  function range(location: string, sizeBytes: number, counters: ReadCounters): RangeReader {
    const ranged: RangeReader = {
      sizeBytes,
      read: (offset, length) => fetchRange(location, counters, offset, length),
    };
    return sizeBytes <= WHOLE_FILE_BYTES ? wholeFileReader(ranged) : ranged;
  }

  return {
    range,
    async open(location, sizeBytes, counters) {
      const reader = range(location, sizeBytes, counters);
      const remembered = deps.footers.get(location);
      const metadata = remembered ?? (await readParquetMetadata(reader));
      // Page indexes that were read of it since are counted from here on.
      deps.footers.set(location, metadata, footerSize(metadata));
      return { metadata, reader };
    },
  };
}

function footerSize(metadata: ParquetMetadata): number {
  return (metadata.footerBytes + knownIndexBytes(metadata)) * FOOTER_EXPANSION + FOOTER_OVERHEAD_BYTES;
}

/** Fetches the file on the first read and serves every read from it. */
function wholeFileReader(ranged: RangeReader): RangeReader {
  let whole: Promise<Uint8Array> | undefined;
  return {
    sizeBytes: ranged.sizeBytes,
    async read(offset, length) {
      whole ??= ranged.read(0, ranged.sizeBytes);
      return (await whole).subarray(offset, offset + length);
    },
  };
}

/** At most `limit` calls under way; the others wait in order. */
function createGate(limit: number): <T>(run: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let underWay = 0;
  return async (run) => {
    if (underWay >= limit) await new Promise<void>((resolve) => waiting.push(resolve));
    else underWay += 1;
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next === undefined) underWay -= 1;
      else next();
    }
  };
}
