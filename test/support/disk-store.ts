// An object store in a directory: for runs whose objects must not count as memory.

import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import type { ObjectInfo, ObjectStore } from "#storage";

/** Objects are files below `directory`. Conditional writes look before they write: for one process. */
export function createDiskStore(directory: string): ObjectStore {
  const pathOf = (key: string): string => join(directory, key);
  const info = (key: string): ObjectInfo | undefined => {
    const stat = statSync(pathOf(key), { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    return { key, sizeBytes: stat.size, etag: `${stat.mtimeMs}-${stat.size}`, uploadedMs: stat.mtimeMs };
  };
  const makeRoom = (key: string): string => {
    mkdirSync(dirname(pathOf(key)), { recursive: true });
    return pathOf(key);
  };
  return {
    head: (key) => Promise.resolve(info(key)),
    get: (key) => Promise.resolve(info(key) === undefined ? undefined : new Uint8Array(readFileSync(pathOf(key)))),
    getRange(key, offset, length) {
      const found = info(key);
      if (found === undefined) return Promise.resolve(undefined);
      const bytes = new Uint8Array(Math.max(0, Math.min(length, found.sizeBytes - offset)));
      const file = openSync(pathOf(key), "r");
      readSync(file, bytes, 0, bytes.length, offset);
      closeSync(file);
      return Promise.resolve(bytes);
    },
    put(key, bytes, options) {
      if (options?.ifNoneMatch === "*" && info(key) !== undefined) {
        return Promise.resolve({ outcome: "precondition_failed" });
      }
      writeFileSync(makeRoom(key), bytes);
      return Promise.resolve({ outcome: "stored", etag: info(key)?.etag ?? "" });
    },
    startMultipart(key) {
      const partial = `${makeRoom(key)}.part`;
      writeFileSync(partial, "");
      return Promise.resolve({
        write: (part) => Promise.resolve(appendFileSync(partial, part)),
        complete() {
          renameSync(partial, pathOf(key));
          return Promise.resolve(info(key) as ObjectInfo);
        },
        abort: () => Promise.resolve(rmSync(partial, { force: true })),
      });
    },
    delete: (keys) => Promise.resolve(keys.forEach((key) => rmSync(pathOf(key), { force: true }))),
    list(prefix) {
      const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
      const keys = files.map((entry) => relative(directory, join(entry.parentPath, entry.name)));
      const objects = keys.filter((key) => key.startsWith(prefix)).toSorted();
      return Promise.resolve({ objects: objects.flatMap((key) => info(key) ?? []), cursor: undefined });
    },
  };
}
