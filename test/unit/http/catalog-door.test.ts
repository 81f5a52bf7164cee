// What the front door adds to the catalog: whose request it is, ingest's interests, and the record of scan reports.

import { expect, test } from "vitest";
import { CALLER_HEADER } from "#iceberg";
import { createFakeApp } from "../../support/fake-services.ts";

const token = "catalog-secret";

test("I160 the catalog learns who asks from the front door alone", async () => {
  const { request, catalogRequests } = await createFakeApp();
  const forged = encodeURIComponent(JSON.stringify({ name: "x", access: "write" }));
  await request("GET", "/catalog/v1/namespaces", { token, headers: { [CALLER_HEADER]: forged } });
  const sent = catalogRequests[0]?.headers.get(CALLER_HEADER) ?? "";
  expect(JSON.parse(decodeURIComponent(sent))).toEqual({ name: "catalog", access: "write" });
});

test("C3 a commit to several tables cannot change ingest's watermarks either", async () => {
  const { request, catalogRequests } = await createFakeApp();
  const update = { action: "set-properties", updates: { "firn.ingest.watermark.0": "1" } };
  const body = JSON.stringify({ "table-changes": [{ updates: [] }, { updates: [update] }] });
  expect((await request("POST", "/catalog/v1/transactions/commit", { token, body })).status).toBe(400);
  expect(catalogRequests).toEqual([]);
});

test("C15 unregistering a table tells its shards as dropping does", async () => {
  const dropped: string[] = [];
  const shard = { tableDropped: async (uuid: string) => void dropped.push(uuid) };
  const { request } = await createFakeApp({ ingest: { shards: () => [shard] } as never });
  const path = "/catalog/v1/namespaces/default/tables/events/unregister";
  expect((await request("POST", path, { token, body: "{}" })).status).toBe(200);
  expect(dropped).toHaveLength(1);
});

test("C15 an event that comes in while its table is renamed gives the table its name back", async () => {
  const pending = [0, 3];
  const renames: unknown[] = [];
  const { request } = await createFakeApp({
    ingest: { shards: () => [{ status: async () => ({ pendingRows: pending.shift() }) }] } as never,
    catalog: {
      fetch: async (sent: Request) => {
        renames.push(await sent.json());
        return new Response(null, { status: 204 });
      },
      client: { loadTable: async () => ({ metadata: { properties: {} } }) },
    } as never,
  });
  const source = { namespace: ["default"], name: "t" };
  const destination = { namespace: ["default"], name: "u" };
  const body = JSON.stringify({ source, destination });
  expect((await request("POST", "/catalog/v1/tables/rename", { token, body })).status).toBe(406);
  expect(renames).toEqual([
    { source, destination },
    { source: destination, destination: source },
  ]);
});

test("I165 a scan report becomes a row with what was read and skipped", async () => {
  const { request, loggedRows, settle } = await createFakeApp();
  const report = `{
    "report-type": "scan-report", "table-name": "x", "snapshot-id": 9007199254740993,
    "filter": {"type": "eq", "term": "id", "value": "(hash-27fa7cc0)"}, "schema-id": 0,
    "projected-field-ids": [1], "projected-field-names": ["id"],
    "metrics": {
      "total-planning-duration": {"count": 1, "time-unit": "nanoseconds", "total-duration": 2500000},
      "result-data-files": {"unit": "count", "value": 4}, "skipped-data-files": {"unit": "count", "value": 96},
      "scanned-data-manifests": {"unit": "count", "value": 2}, "total-file-size-in-bytes": {"unit": "bytes", "value": 77}
    },
    "metadata": {"engine-name": "spark", "engine-version": "4.0.1"}
  }`;
  const path = "/catalog/v1/namespaces/a%1Fb/tables/t/metrics";
  expect((await request("POST", path, { token, body: report })).status).toBe(200);
  await settle();
  expect(loggedRows).toMatchObject([
    {
      report_type: "scan-report",
      user_id: "catalog",
      table_name: "a.b.t",
      engine: "spark 4.0.1",
      snapshot_id: "9007199254740993",
      filter: { type: "eq", term: "id", value: "(hash-27fa7cc0)" },
      columns: ["id"],
      planning_ms: 2.5,
      files_scanned: 4,
      files_skipped: 96,
      manifests_scanned: 2,
      manifests_skipped: null,
      bytes_scanned: 77,
    },
  ]);
});
