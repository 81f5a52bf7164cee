import { expect, test } from "vitest";
import { createFakeApp } from "../../support/fake-services.ts";
import { parsePrometheus } from "../../support/prometheus-grammar.ts";

async function scrape(fake: Awaited<ReturnType<typeof createFakeApp>>) {
  const response = await fake.request("GET", "/metrics", { token: "metrics-secret" });
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return parsePrometheus(await response.text());
}

test("a scrape is valid exposition text with what happened and what is pending", async () => {
  const fake = await createFakeApp();
  await fake.request("POST", "/v1/events", { token: "ingest-secret", body: "[{},{}]" });
  await fake.request("POST", "/v1/query", { token: "query-secret", body: '{"sql":"SELECT 1"}' });
  await fake.request("GET", "/nowhere/%22quoted%22");
  const families = await scrape(fake);
  const values = (name: string) => families.get(name)?.samples.map(({ labels, value }) => ({ ...labels, value }));
  expect(values("firn_ingest_events_total")).toMatchObject([
    { table: "default.events", status: "accepted", value: 1 },
    { table: "default.events", status: "rejected", value: 1 },
  ]);
  expect(values("firn_query_duration_seconds")?.at(-1)).toMatchObject({ outcome: "success", cache: "miss", value: 1 });
  expect(values("firn_http_requests_total")).toMatchObject([
    { route: "/v1/events", status: "200" },
    { route: "/v1/query", status: "200" },
    { route: "unmatched", status: "404" },
  ]);
  expect(families.get("firn_shard_pending_rows")?.kind).toBe("gauge");
  expect(values("firn_alerts_active")).toEqual([{ code: "TooManySmallFiles", value: 1 }]);
  expect(values("firn_maintenance_jobs")).toEqual([{ state: "queued", value: 1 }]);
  expect(values("firn_scrape_success")?.map(({ value }) => value)).toEqual([1, 1, 1]);
});

test("a part that does not answer is reported and the rest still is", async () => {
  const fake = await createFakeApp({ optimizer: { alerts: () => Promise.reject(new Error("down")) } as never });
  const families = await scrape(fake);
  const success = families.get("firn_scrape_success")?.samples;
  expect(success?.map(({ labels, value }) => [labels["part"], value])).toEqual([
    ["shards", 1],
    ["maintenance", 1],
    ["optimizer", 0],
  ]);
  expect(families.get("firn_alerts_active")).toBeUndefined();
});
