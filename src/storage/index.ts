// Object storage: the interface, R2, memory, and request counting.

export { createCountingStore, type CountingStore, type StorageCounters } from "./counting.ts";
export { isInBucket, keyToLocation, locationToKey } from "./location.ts";
export { createMemoryStore } from "./memory.ts";
export { createObjectOutput, type ObjectOutput } from "./object-output.ts";
export {
  MIN_PART_BYTES,
  type ListPage,
  type MultipartUpload,
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  type PutResult,
} from "./object-store.ts";
export { createR2Store } from "./r2.ts";
