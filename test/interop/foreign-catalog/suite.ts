// All five Workers against a catalog that is not ours: Apache Iceberg's reference REST catalog. Events are ingested,
// flushed, queried, compacted, sorted, deleted and optimized; the other catalog alone holds the table pointers.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FirnHttpError, createFirnClient, type FirnClient } from "../../../scripts/lib/firn-client.ts";
import { flightEvents, type FlightEvent } from "../../../scripts/lib/flights.ts";
import { createTokens, freePort, startLocalFirn } from "../../../scripts/lib/local-firn.ts";
import type { InteropContext, InteropSuite } from "../suite.ts";
import { startReferenceCatalog } from "./reference-catalog.ts";

const EVENTS_EACH = 4_000;
const BATCH = 1_000;
const WAREHOUSE = "s3://firn-lake/foreign";

interface RestTable {
  readonly "metadata-location": string;
  readonly metadata: {
    readonly location: string;
    readonly properties: Readonly<Record<string, string>>;
    readonly snapshots: readonly { readonly summary: Readonly<Record<string, string>> }[];
  };
}

/** The table as the other catalog shows it to anybody. */
async function loadDirectly(url: string, namespace: string, table: string): Promise<RestTable> {
  const response = await fetch(`${url}/v1/namespaces/${namespace}/tables/${table}`);
  if (!response.ok) throw new Error(`the reference catalog answered ${response.status}: ${await response.text()}`);
  return response.json<RestTable>();
}

function headSummary(table: RestTable): Readonly<Record<string, string>> {
  return table.metadata.snapshots.at(-1)?.summary ?? {};
}

/** What a query over every row says, in a form that two answers can be compared by. */
async function digest(client: FirnClient): Promise<unknown> {
  const { rows } = await client.query(
    `SELECT event_type, count(*) AS n, count(DISTINCT event_id) AS ids, min(timestamp) AS first, max(timestamp) AS last
     FROM events GROUP BY event_type ORDER BY event_type`,
    { cache: "bypass" },
  );
  return rows;
}

function expectedCounts(sent: readonly FlightEvent[]): unknown {
  const counts = Map.groupBy(sent, ({ event_type }) => event_type);
  return [...counts.entries()].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([type, events]) => [type, events.length]);
}

function countsOf(rows: unknown): unknown {
  return (rows as readonly Readonly<Record<string, unknown>>[]).map((row) => [row["event_type"], Number(row["n"])]);
}

async function send(client: FirnClient, from: number, count: number): Promise<FlightEvent[]> {
  const sent: FlightEvent[] = [];
  let seen = 0;
  for await (const batch of flightEvents(from + count, BATCH)) {
    seen += batch.length;
    if (seen <= from) continue;
    await client.ingest(batch);
    sent.push(...batch);
  }
  return sent;
}

async function exercise(context: InteropContext, client: FirnClient, url: string): Promise<void> {
  const { check } = context;
  const config = await client.request<{ readonly overrides: Readonly<Record<string, string>> }>(
    "GET",
    "/catalog/v1/config",
    "CATALOG_TOKEN",
  );
  check("our address shows no separator of the other catalog", config.overrides["namespace-separator"], undefined);

  const first = await send(client, 0, EVENTS_EACH);
  check("acknowledged events answer before their flush", countsOf(await digest(client)), expectedCounts(first));
  await client.flush();
  check("events answer after their flush", countsOf(await digest(client)), expectedCounts(first));
  const flushed = await loadDirectly(url, "default", "events");
  check("the table lies in the other catalog's warehouse", flushed.metadata.location, `${WAREHOUSE}/default/events`);
  check("the flush is a commit there", headSummary(flushed)["operation"], "append");
  const watermarks = Object.keys(flushed.metadata.properties).filter((name) => name.includes("watermark"));
  check("watermarks are properties there", watermarks.length > 0, true);
  check("and in the snapshot", headSummary(flushed)["firn.ingest.watermarks"] === undefined, false);

  const all = [...first, ...(await send(client, EVENTS_EACH, EVENTS_EACH))];
  await client.flush();
  const before = await digest(client);
  check("a second flush", countsOf(before), expectedCounts(all));
  const listed = await client.request("GET", "/v1/tables/default/events", "QUERY_TOKEN");
  check("the table is described", typeof listed, "object");

  await client.runJob("/admin/compact", { aggressive: true, minFileSize: "50MB" });
  check("compaction keeps every row", await digest(client), before);
  const compacted = await loadDirectly(url, "default", "events");
  check("compaction is a commit there", headSummary(compacted)["operation"], "replace");
  check("compaction carries the watermarks", headSummary(compacted)["firn.ingest.watermarks"] === undefined, false);

  await client.runJob("/admin/rewrite", { sort: ["user_id", "timestamp"], targetFileSize: "128MB" });
  check("a sort rewrite keeps every row", await digest(client), before);

  await otherWriter(context, client, url);
  try {
    await deleteRows(context, client, all);
  } catch (error) {
    context.fail("DELETE through SQL", error);
  }
}

async function deleteRows(context: InteropContext, client: FirnClient, all: readonly FlightEvent[]): Promise<void> {
  const sql = "DELETE FROM events WHERE event_type = 'flight_early'";
  const reply = await client.request<Readonly<Record<string, unknown>>>("POST", "/v1/query", "WRITE_TOKEN", { sql });
  const gone = all.filter(({ event_type }) => event_type === "flight_early").length;
  context.check("DELETE says how many rows it removed", Number(deletedCount(reply)), gone);
  const left = all.filter(({ event_type }) => event_type !== "flight_early");
  context.check("DELETE removes those rows alone", countsOf(await digest(client)), [
    ...(expectedCounts(left) as unknown[]),
    ["late", 1],
  ]);
}

/** The counts of a statement are members of the reply or its single row. */
function deletedCount(reply: Readonly<Record<string, unknown>>): unknown {
  const rows = reply["rows"] as readonly Readonly<Record<string, unknown>>[] | undefined;
  return reply["rows_deleted"] ?? rows?.[0]?.["rows_deleted"];
}

/** Somebody changes the table through the other catalog; ingest goes on from there. */
async function otherWriter({ check }: InteropContext, client: FirnClient, url: string): Promise<void> {
  const before = countsOf(await digest(client));
  const response = await fetch(`${url}/v1/namespaces/default/tables/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      requirements: [],
      updates: [{ action: "set-properties", updates: { "written.by": "somebody else" } }],
    }),
  });
  check("another client may change the table", response.status, 200);
  await client.ingest([{ event_id: "late-1", event_type: "late" }]);
  await client.flush();
  const after = await loadDirectly(url, "default", "events");
  check("what it changed stays", after.metadata.properties["written.by"], "somebody else");
  check("ingest goes on", countsOf(await digest(client)), [...(before as unknown[]), ["late", 1]]);
}

/** Runs the five Workers against Apache Iceberg's reference REST catalog. */
export const foreignCatalogSuite: InteropSuite = {
  name: "foreign-catalog",
  needs: ["java"],
  limitSeconds: 300,
  async run(context) {
    const directory = join(context.cache, "foreign-catalog");
    if (existsSync(directory)) rmSync(directory, { recursive: true });
    const port = await freePort();
    const firn = await startLocalFirn({
      port: await freePort(),
      directory,
      tokens: createTokens(),
      vars: { catalog: { CATALOG_URI: `http://127.0.0.1:${port}`, CATALOG_CREDENTIAL: "firn:secret" } },
    });
    context.defer(() => firn.kill());
    try {
      const reference = await startReferenceCatalog({
        port,
        s3Endpoint: firn.s3Endpoint,
        warehouse: WAREHOUSE,
        directory,
      });
      context.defer(() => reference.stop());
      try {
        const client = createFirnClient(firn.url, firn.tokens);
        await exercise(context, client, reference.url);
        await optimize(context, client, () => firn.tick(), reference.url);
        await reference.stop();
        await withoutCatalog(context, client);
      } finally {
        await reference.stop();
      }
    } finally {
      await firn.stop();
    }
  },
};

async function optimize(
  { check, pass, fail }: InteropContext,
  client: FirnClient,
  tick: () => Promise<void>,
  url: string,
): Promise<void> {
  await client.flush("system.query_logs");
  const logs = await loadDirectly(url, "system", "query_logs");
  check("the query log is a table there", headSummary(logs)["operation"], "append");
  try {
    await tick();
    pass("the optimizer's cron runs");
  } catch (error) {
    fail("the optimizer's cron runs", error);
  }
  const report = await client.request<Readonly<Record<string, unknown>>>("POST", "/admin/optimizer/run", "ADMIN_TOKEN");
  check("the optimizer reports", typeof report, "object");
}

/** With the other catalog gone, nothing answers from a catalog of ours instead. */
async function withoutCatalog({ check, fail }: InteropContext, client: FirnClient): Promise<void> {
  try {
    await client.query("SELECT count(*) FROM events", { cache: "bypass" });
    fail("a query without its catalog is refused", "it was answered");
  } catch (error) {
    const status = error instanceof FirnHttpError ? error.status : 0;
    check("a query without its catalog is refused", status, 503);
  }
}
