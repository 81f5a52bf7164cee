// Where a job keeps its working files, and the names of the files it writes.
//
// | object | holds |
// |---|---|
// | <location>/tmp/<job>/groups/<g>.json | the input files of group g |
// | <location>/tmp/<job>/outputs/<g>-<n>.json | location of output n of group g, written before the output itself |
// | <location>/tmp/<job>/results/<g>.json | what rewriting group g produced |
// | <location>/tmp/<job>/runs/<g>-<r> | sorted run r of group g, see spilled-runs.ts |

import { parseJson, stringToUtf8, stringifyJson, utf8ToString } from "#core";
import { locationToKey, type ObjectStore } from "#storage";

/** The working files of one job; everything is below one prefix, which is empty once the job is cleaned up. */
export interface JobFiles {
  readonly prefix: string;
  groupKey(group: number): string;
  resultKey(group: number): string;
  runKey(group: number, run: number): string;
  /** Locations of the outputs announced so far, whether or not they were written. */
  announcedOutputs(): Promise<string[]>;
  /** Records an output's location before its first byte is written, so that cleanup finds it after any crash. */
  announceOutput(group: number, output: number, location: string): Promise<void>;
  readJson(key: string): Promise<unknown>;
  writeJson(key: string, value: unknown): Promise<void>;
  /** Deletes everything below the prefix. Runs are left until now when a merge was cut short. */
  deleteAll(): Promise<void>;
}

/** A Worker has six connections that await an answer. */
const PARALLEL_REQUESTS = 6;

/** Maps items with a few requests at once; results in order. Errors: the first one, once its batch has settled. */
export async function mapParallel<T, R>(items: readonly T[], map: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += PARALLEL_REQUESTS) {
    const settled = await Promise.allSettled(items.slice(start, start + PARALLEL_REQUESTS).map(map));
    for (const one of settled) {
      if (one.status === "rejected") throw one.reason;
      results.push(one.value);
    }
  }
  return results;
}

/** Opens the working files of a job on a table at `location`. Nothing is read or written. */
export function openJobFiles(store: ObjectStore, bucket: string, location: string, jobId: string): JobFiles {
  const prefix = `${locationToKey(location, bucket)}/tmp/${jobId}/`;

  async function keysBelow(start: string): Promise<string[]> {
    const keys: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list(start, cursor);
      keys.push(...page.objects.map(({ key }) => key));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return keys;
  }

  async function readJson(key: string): Promise<unknown> {
    const bytes = await store.get(key);
    return bytes === undefined ? undefined : parseJson(utf8ToString(bytes));
  }

  async function writeJson(key: string, value: unknown): Promise<void> {
    await store.put(key, stringToUtf8(stringifyJson(value)), { contentType: "application/json" });
  }

  return {
    prefix,
    groupKey: (group) => `${prefix}groups/${group}.json`,
    resultKey: (group) => `${prefix}results/${group}.json`,
    runKey: (group, run) => `${prefix}runs/${group}-${run}`,
    readJson,
    writeJson,
    announceOutput: (group, output, location) => writeJson(`${prefix}outputs/${group}-${output}.json`, { location }),
    async announcedOutputs() {
      const values = await mapParallel(await keysBelow(`${prefix}outputs/`), readJson);
      return values.flatMap((value) =>
        typeof value === "object" && value !== null && "location" in value && typeof value.location === "string"
          ? [value.location]
          : [],
      );
    },
    async deleteAll() {
      const keys = await keysBelow(prefix);
      if (keys.length > 0) await store.delete(keys);
    },
  };
}

/** Name of an output file: the same for every attempt at the group, so that a retry overwrites its own files. */
export function outputFileName(jobId: string, group: number, output: number): string {
  return `compacted-${jobId}-${group}-${output}.parquet`;
}
