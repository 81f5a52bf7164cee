// I284 a branch or tag that somebody sets on a snapshot while it expires is not lost: our catalog refuses the expiry's
// commit, and with a catalog that does not the files stay and the tag is named.

import { expect, test } from "vitest";
import { parseJson, stringifyJson } from "#core";
import type { Table } from "#iceberg";
import { locationToKey } from "#storage";
import { callCatalog } from "../../support/catalog-calls.ts";
import { committed, createEvents } from "../../support/iceberg-files.ts";
import {
  LAKE_BUCKET,
  createIcebergLake,
  eventsFile,
  storedKeys,
  type IcebergLake,
} from "../../support/iceberg-lake.ts";

const EVENTS = "/namespaces/default/tables/events";

interface CommitBody {
  readonly requirements: readonly unknown[];
  readonly updates: readonly { readonly action: string; readonly "ref-name"?: string }[];
}

/** Three snapshots; the first two have a file each that the third replaced. */
async function threeSnapshots(clock: () => number): Promise<{ readonly lake: IcebergLake; readonly first: bigint }> {
  const lake = await createIcebergLake({ clock: { nowMs: clock } });
  const table = await createEvents(lake, 2);
  const old = ["a", "b"].map((name) => eventsFile(name, 1));
  for (const { filePath } of old) await lake.store.put(locationToKey(filePath, LAKE_BUCKET), new Uint8Array(1));
  let now = table;
  for (const file of old) now = await committed(now.newAppend().addFile(file).commit());
  now = await committed(
    now
      .newRewrite()
      .deleteFiles(old)
      .addFiles([eventsFile("ab", 1, { rows: 20 })])
      .commit(),
  );
  return { lake, first: now.metadata.snapshots[0]?.["snapshot-id"] ?? 0n };
}

function setTag(lake: IcebergLake, snapshotId: bigint): Promise<{ readonly status: number }> {
  return callCatalog(lake, "POST", EVENTS, {
    updates: [{ action: "set-snapshot-ref", "ref-name": "audit", type: "tag", "snapshot-id": snapshotId }],
  });
}

/** A client before whose first removal of snapshots something happens; the removal is sent as `change` leaves it. */
async function expiringTable(
  lake: IcebergLake,
  before: () => Promise<unknown>,
  change: (body: CommitBody) => CommitBody,
): Promise<Table> {
  let isFirst = true;
  const client = lake.newClient({
    wrap: (send) => async (request) => {
      if (request.method !== "POST") return send(request);
      const body = parseJson(await request.clone().text()) as CommitBody;
      if (!body.updates.some(({ action }) => action === "remove-snapshots")) return send(request);
      if (isFirst) await before();
      isFirst = false;
      return send(
        new Request(request.url, { method: "POST", headers: request.headers, body: stringifyJson(change(body)) }),
      );
    },
  });
  return client.loadTable("default.events");
}

const dataFiles = async (lake: IcebergLake): Promise<string[]> => {
  const keys = await storedKeys(lake.store, "default/events/data/");
  return keys.map((key) => key.split("/").at(-1) ?? "").toSorted();
};

let time = 1_000_000;
const ticking = (): number => (time += 5);
const everything = Number.MAX_SAFE_INTEGER;

test("I284 our catalog refuses to remove a snapshot that got a tag, and the expiry keeps it", async () => {
  const { lake, first } = await threeSnapshots(ticking);
  const table = await expiringTable(
    lake,
    () => setTag(lake, first),
    (body) => body,
  );
  const report = await table.expireSnapshots().expireOlderThan(everything).commit();
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 1, lostRefs: [] });
  const after = await lake.newClient().loadTable("default.events");
  expect(after.metadata.refs["audit"]?.["snapshot-id"]).toBe(first);
  expect(after.metadata.snapshots).toHaveLength(2);
  expect(await dataFiles(lake)).toContain("a");
});

/** What a catalog of Java's rules does: refs go with their snapshots. */
function droppingTag(body: CommitBody): CommitBody {
  return { ...body, updates: [...body.updates, { action: "remove-snapshot-ref", "ref-name": "audit" }] };
}

test.each([
  ["later", ticking],
  ["in the same millisecond", () => 5_000_000],
])("I284 a catalog that drops the tag, set %s: no file is deleted and the tag is named", async (_when, clock) => {
  const { lake, first } = await threeSnapshots(clock);
  const table = await expiringTable(lake, () => setTag(lake, first), droppingTag);
  const report = await table.expireSnapshots().expireOlderThan(everything).commit();
  expect(report).toMatchObject({ outcome: { outcome: "committed" }, snapshots: 2, dataFiles: 0, manifests: 0 });
  expect(report.lostRefs).toMatchObject([{ name: "audit", snapshotId: first }]);
  expect(report.skipped).toHaveLength(2);
  expect(await dataFiles(lake)).toEqual(["a", "b"]);
  // The metadata file that is named brings the tag back.
  const register = { name: "again", "metadata-location": report.lostRefs[0]?.metadataFile };
  await callCatalog(lake, "POST", `${EVENTS}/unregister`);
  expect((await callCatalog(lake, "POST", "/namespaces/default/register", register)).status).toBe(200);
  const again = await lake.newClient().loadTable("default.again");
  const { files } = await again.planScan({ ref: "audit" });
  expect(files.map(({ dataFile }) => dataFile.filePath.split("/").at(-1))).toEqual(["a"]);
});

test("I284 somebody else's change that sets no tag hinders nothing; a log that was cut does", async () => {
  const { lake } = await threeSnapshots(ticking);
  const property = (name: string): Promise<unknown> =>
    callCatalog(lake, "POST", EVENTS, { updates: [{ action: "set-properties", updates: { [name]: "1" } }] });
  const table = await expiringTable(
    lake,
    () => property("k"),
    (body) => body,
  );
  const report = await table.expireSnapshots().expireOlderThan(everything).commit();
  expect(report).toMatchObject({ snapshots: 2, dataFiles: 2, skipped: [], lostRefs: [] });

  const other = await threeSnapshots(ticking);
  const cut = await expiringTable(
    other.lake,
    async () => {
      const updates = { "write.metadata.previous-versions-max": "1" };
      await callCatalog(other.lake, "POST", EVENTS, { updates: [{ action: "set-properties", updates }] });
    },
    (body) => body,
  );
  const unsure = await cut.expireSnapshots().expireOlderThan(everything).commit();
  expect(unsure).toMatchObject({ snapshots: 2, dataFiles: 0, lostRefs: [] });
  expect(unsure.skipped).toHaveLength(2);
});
