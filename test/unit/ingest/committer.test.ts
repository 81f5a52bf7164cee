import { expect, test } from "vitest";
import { LakeError } from "#core";
import { dataFileToJson, type DataFile } from "#iceberg";
import {
  createTableCommitter,
  EVENTS_TABLE,
  freshWatermarks,
  shardWatermark,
  watermarkProperty,
  WATERMARKS_SUMMARY_KEY,
  type CommitSubmission,
  type CommitterClient,
  type CommitterOptions,
} from "#ingest";
import { createMemorySink } from "#telemetry";
import { createFakeLake, type FakeLake } from "../../support/fake-lake.ts";
import { createTestRandom } from "../../support/ingest-world.ts";

function file(name: string): DataFile {
  const none = new Map<number, number>();
  return {
    content: 0,
    filePath: `s3://lake/${name}`,
    fileFormat: "PARQUET",
    specId: 0,
    partition: [19737],
    recordCount: 1,
    fileSizeBytes: 1,
    columnSizes: none,
    valueCounts: none,
    nullValueCounts: none,
    nanValueCounts: none,
    lowerBounds: new Map(),
    upperBounds: new Map(),
    splitOffsets: [],
  };
}

function submission(shardIndex: number, firstSequence: number, lastSequence: number): CommitSubmission {
  return {
    table: EVENTS_TABLE.identifier,
    tableUuid: "uuid-1",
    shardIndex,
    firstSequence,
    lastSequence,
    files: [dataFileToJson(file(`${shardIndex}-${firstSequence}-${lastSequence}.parquet`))],
  };
}

function committerOver(
  lake: FakeLake,
  options: Partial<CommitterOptions> = {},
  slept: number[] = [],
  commitsPerMinute?: () => Promise<number | undefined>,
): CommitterClient {
  return createTableCommitter({
    loadTable: () => lake.loadTable(),
    ...(commitsPerMinute === undefined ? {} : { commitsPerMinute }),
    clock: { nowMs: () => slept.reduce((sum, ms) => sum + ms, 0) },
    random: createTestRandom(),
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
    log: createMemorySink(),
    options,
  });
}

const paths = (lake: FakeLake): string[] =>
  lake.files.map((item) => item.filePath.replace("s3://lake/", "")).toSorted();

test("I13 files and watermark are in the same commit", async () => {
  const lake = createFakeLake();
  await committerOver(lake).submit(submission(1, 1, 10));
  expect(paths(lake)).toEqual(["1-1-10.parquet"]);
  expect(shardWatermark(lake.metadata, 1)).toBe(10);
  expect(shardWatermark(lake.metadata, 0)).toBe(0);
});

test("submissions of several shards share a commit", async () => {
  const lake = createFakeLake();
  const committer = committerOver(lake);
  await Promise.all([0, 1, 2, 3].map((shard) => committer.submit(submission(shard, 1, 5))));
  expect(lake.commits).toBe(1);
  expect(lake.files).toHaveLength(4);
});

test("I14 a submission that is in already is answered, not appended again", async () => {
  const lake = createFakeLake();
  await committerOver(lake).submit(submission(0, 1, 10));
  expect(await committerOver(lake).submit(submission(0, 1, 10))).toEqual({ outcome: "committed" });
  expect(lake.commits).toBe(1);
  expect(lake.files).toHaveLength(1);
});

test("the same plan submitted twice while waiting is appended once", async () => {
  const lake = createFakeLake();
  const committer = committerOver(lake);
  const replies = await Promise.all([committer.submit(submission(0, 1, 10)), committer.submit(submission(0, 1, 10))]);
  expect(replies).toEqual([{ outcome: "committed" }, { outcome: "committed" }]);
  expect(lake.files).toHaveLength(1);
});

test("a gap before the rows is fine, an overlap is refused and leaves the table alone", async () => {
  const lake = createFakeLake();
  await committerOver(lake).submit(submission(0, 5, 10));
  await committerOver(lake).submit(submission(0, 20, 30));
  await expect(committerOver(lake).submit(submission(0, 25, 40))).rejects.toThrow(/overlap/);
  expect(lake.files).toHaveLength(2);
  expect(shardWatermark(lake.metadata, 0)).toBe(30);
});

test("an overlap does not take other shards' submissions down", async () => {
  const lake = createFakeLake();
  await committerOver(lake).submit(submission(0, 1, 10));
  const committer = committerOver(lake);
  const [bad, good] = await Promise.allSettled([
    committer.submit(submission(0, 5, 20)),
    committer.submit(submission(1, 1, 3)),
  ]);
  expect([bad?.status, good?.status]).toEqual(["rejected", "fulfilled"]);
  expect(lake.files).toHaveLength(2);
});

test("L10 conflicts are retried on a fresh base, a bounded number of times", async () => {
  const lake = createFakeLake();
  lake.faults.push("conflict", "conflict");
  await committerOver(lake).submit(submission(0, 1, 10));
  expect(lake.files).toHaveLength(1);
  expect(lake.loads).toBe(3);

  lake.faults.push(...Array.from({ length: 20 }, () => "conflict" as const));
  const error = await committerOver(lake, { attempts: 4 })
    .submit(submission(0, 11, 20))
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LakeError);
  expect((error as LakeError).code).toBe("commit_conflict");
  expect(lake.faults).toHaveLength(16);
});

test("I15 an unknown outcome is settled by the watermark, applied or not", async () => {
  for (const fault of ["unknown_applied", "unknown_lost"] as const) {
    const lake = createFakeLake();
    lake.faults.push(fault);
    expect(await committerOver(lake).submit(submission(0, 1, 10))).toEqual({ outcome: "committed" });
    expect([fault, lake.files.length]).toEqual([fault, 1]);
  }
});

test("a failure inside the commit is the submitter's; submitting again ends well, applied or not", async () => {
  for (const fault of ["throw_applied", "throw_lost"] as const) {
    const lake = createFakeLake();
    lake.faults.push(fault);
    const committer = committerOver(lake);
    await expect(committer.submit(submission(0, 1, 10))).rejects.toThrow(/failed|lost/);
    expect(await committer.submit(submission(0, 1, 10))).toEqual({ outcome: "committed" });
    expect([fault, lake.files.length]).toEqual([fault, 1]);
    expect((await committer.status()).failures).toBe(1);
  }
});

test("an unavailable catalog is retried, another load error ends the submission", async () => {
  const lake = createFakeLake();
  lake.loadErrors.push(new LakeError("upstream_unavailable", "down"), new LakeError("storage_unavailable", "down"));
  await committerOver(lake).submit(submission(0, 1, 10));
  expect(lake.files).toHaveLength(1);
  lake.loadErrors.push(new LakeError("table_not_found", "gone"));
  await expect(committerOver(lake).submit(submission(0, 11, 12))).rejects.toThrow("gone");
});

test("rows of a replaced table are not appended to its successor", async () => {
  const lake = createFakeLake();
  lake.replaceTable("uuid-2");
  expect(await committerOver(lake).submit(submission(0, 1, 10))).toEqual({ outcome: "table_replaced" });
  expect(lake.files).toHaveLength(0);
});

test("I172 a table's commits stay within ingest's share of the catalog's limit, and waiting flushes share one", async () => {
  const lake = createFakeLake();
  const slept: number[] = [];
  let asked = 0;
  const committer = committerOver(lake, {}, slept, () => Promise.resolve(((asked += 1), 8)));
  for (let i = 0; i < 3; i++) await committer.submit(submission(0, 1 + i * 10, 10 + i * 10));
  // Six a minute for ingest, one at once: the second waits ten seconds.
  expect(slept[0]).toBe(50);
  expect(slept.slice(1).every((ms) => ms > 9_000 && ms <= 10_000)).toBe(true);
  expect(asked).toBe(1);
  const late = [1, 2, 3].map((shard) => committer.submit(submission(shard, 1, 5)));
  await Promise.all(late);
  expect(lake.commits).toBe(4);
});

test("I170 watermarks that the catalog refuses as properties are in the snapshot's summary, with all shards'", async () => {
  const lake = createFakeLake();
  lake.refuseProperties = "refuse";
  const committer = committerOver(lake);
  await committer.submit(submission(0, 1, 10));
  await committer.submit(submission(1, 1, 7));
  expect(lake.metadata.properties[watermarkProperty(0)]).toBeUndefined();
  expect(lake.metadata.snapshots.at(-1)?.summary[WATERMARKS_SUMMARY_KEY]).toBe('{"0":10,"1":7}');
  expect(freshWatermarks(lake.metadata, 3)).toEqual([10, 7, 0]);
  // One refusal: then properties are not tried again by this committer.
  expect(lake.refusals).toBe(1);
  expect(await committerOver(lake).submit(submission(0, 1, 10))).toEqual({ outcome: "committed" });
  expect(lake.files).toHaveLength(2);
});

test("I170 properties that a catalog drops without a word do not repeat rows", async () => {
  const lake = createFakeLake();
  lake.refuseProperties = "drop";
  await committerOver(lake).submit(submission(0, 1, 10));
  expect(await committerOver(lake).submit(submission(0, 1, 10))).toEqual({ outcome: "committed" });
  expect(lake.files).toHaveLength(1);
});

test("I170 a snapshot of another writer on top hides no watermark", async () => {
  const lake = createFakeLake();
  lake.refuseProperties = "refuse";
  await committerOver(lake).submit(submission(0, 1, 10));
  lake.foreignCommit((files) => files);
  expect(shardWatermark(lake.metadata, 0)).toBe(10);
  expect(await committerOver(lake).submit(submission(0, 1, 10))).toEqual({ outcome: "committed" });
  expect(lake.files).toHaveLength(1);
});

test("a refusal of more than the properties is the submitter's", async () => {
  const lake = createFakeLake();
  lake.refuseProperties = "everything";
  await expect(committerOver(lake).submit(submission(0, 1, 10))).rejects.toThrow(/refused/);
  expect(lake.files).toHaveLength(0);
});
