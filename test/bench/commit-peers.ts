// A client of any Iceberg REST catalog that does nothing but commit and load: what a catalog costs, without the files a
// real writer would write. Snapshots name manifest lists that no catalog reads.

import { AwsClient } from "aws4fetch";
import { required, systemRandom } from "#core";
import type { LocalFirn } from "../../scripts/lib/local-firn.ts";
import { LOCAL_S3 } from "../../scripts/lib/worker-configs.ts";

const NAMESPACE = "bench";
const BUCKET = "firn-lake";

/** One catalog under test. */
export interface CatalogPeer {
  readonly name: string;
  readonly url: string;
  prepare(): Promise<void>;
  /** A fresh table; returns its name. */
  createTable(): Promise<string>;
  /** Writes a metadata file into the bucket and registers it. */
  register(table: string, metadata: string): Promise<void>;
  load(table: string, query?: string, etag?: string): Promise<{ readonly bytes: number; readonly etag?: string }>;
  /** The table's head; one request. */
  head(table: string): Promise<TableHead>;
  /** One attempt to commit the snapshot: the next head, or undefined when the race was lost. */
  append(table: string, base: TableHead, snapshotId: string): Promise<TableHead | undefined>;
}

/** What a writer must know of the table. Ids are kept as text: they exceed 2^53. */
export interface TableHead {
  readonly snapshotId: string | undefined;
  readonly sequenceNumber: number;
}

const SCHEMA = {
  type: "struct",
  "schema-id": 0,
  fields: [
    { id: 1, name: "id", required: true, type: "long" },
    { id: 2, name: "timestamp", required: true, type: "timestamptz" },
    { id: 3, name: "user_id", required: false, type: "string" },
  ],
};

/** A snapshot's JSON with an id as text; the summary is as long as an appending engine's. */
function snapshotJson(id: string, parent: string | undefined, sequenceNumber: number, location: string): string {
  const summary = {
    operation: "append",
    "added-data-files": "1",
    "added-records": "1000",
    "added-files-size": "65536",
    "changed-partition-count": "1",
    "total-records": String(sequenceNumber * 1000),
    "total-files-size": String(sequenceNumber * 65536),
    "total-data-files": String(sequenceNumber),
    "total-delete-files": "0",
    "total-position-deletes": "0",
    "total-equality-deletes": "0",
  };
  return (
    `{"snapshot-id":${id}${parent === undefined ? "" : `,"parent-snapshot-id":${parent}`},` +
    `"sequence-number":${sequenceNumber},"timestamp-ms":${Date.now() + sequenceNumber},"schema-id":0,` +
    `"manifest-list":"${location}/metadata/snap-${id}.avro","summary":${JSON.stringify(summary)}}`
  );
}

const HEAD_ID = /"current-snapshot-id"\s*:\s*(-?\d+)/;
const LAST_SEQUENCE = /"last-sequence-number"\s*:\s*(\d+)/;

/** The head without parsing what may be megabytes. */
function readHead(body: string): TableHead {
  const id = HEAD_ID.exec(body)?.[1];
  const sequenceNumber = Number(required(LAST_SEQUENCE.exec(body)?.[1], "last-sequence-number"));
  return { snapshotId: id === "-1" ? undefined : id, sequenceNumber };
}

function pathOf(table: string): string {
  return `namespaces/${NAMESPACE}/tables/${table}`;
}

/** Creates a client of the catalog at `url`; `firn` lends its bucket. */
export function createCatalogPeer(name: string, url: string, firn: LocalFirn, token?: string): CatalogPeer {
  const headers = {
    "content-type": "application/json",
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const s3 = new AwsClient({ ...LOCAL_S3, service: "s3", region: "auto" });
  const folder = `${name.replaceAll(" ", "-")}-tables`;
  let tables = 0;
  const send = async (method: string, path: string, body?: string, extra?: Record<string, string>): Promise<Response> =>
    fetch(`${url}/v1/${path}`, {
      method,
      headers: { ...headers, ...extra },
      ...(body === undefined ? {} : { body }),
    });
  const okText = async (response: Response): Promise<string> => {
    const text = await response.text();
    if (!response.ok) throw new Error(`${name} answered ${response.status}: ${text.slice(0, 500)}`);
    return text;
  };
  return {
    name,
    url,
    async prepare() {
      await okText(await send("POST", "namespaces", JSON.stringify({ namespace: [NAMESPACE] })));
    },
    async createTable() {
      tables += 1;
      const table = `t${tables}`;
      await okText(
        await send("POST", `namespaces/${NAMESPACE}/tables`, JSON.stringify({ name: table, schema: SCHEMA })),
      );
      return table;
    },
    async register(table, metadata) {
      const key = `${folder}/${table}/metadata/00000-${systemRandom.uuid()}.metadata.json`;
      const stored = await s3.fetch(`${firn.s3Endpoint}/${BUCKET}/${key}`, { method: "PUT", body: metadata });
      await okText(stored);
      const body = JSON.stringify({ name: table, "metadata-location": `s3://${BUCKET}/${key}` });
      await okText(await send("POST", `namespaces/${NAMESPACE}/register`, body));
    },
    async load(table, query = "", etag) {
      const response = await send(
        "GET",
        `${pathOf(table)}${query === "" ? "" : `?${query}`}`,
        undefined,
        etag === undefined ? {} : { "if-none-match": etag },
      );
      const text = await response.text();
      if (!response.ok && response.status !== 304) throw new Error(`${name} answered ${response.status}`);
      const tag = response.headers.get("etag");
      return { bytes: text.length, ...(tag === null ? {} : { etag: tag }) };
    },
    async head(table) {
      return readHead(await okText(await send("GET", `${pathOf(table)}?snapshots=refs`)));
    },
    async append(table, base, id) {
      const snapshot = snapshotJson(id, base.snapshotId, base.sequenceNumber + 1, `s3://${BUCKET}/${folder}/${table}`);
      const required_ = `{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":${base.snapshotId ?? "null"}}`;
      const response = await send(
        "POST",
        pathOf(table),
        `{"requirements":[${required_}],"updates":[{"action":"add-snapshot","snapshot":${snapshot}},` +
          `{"action":"set-snapshot-ref","ref-name":"main","type":"branch","snapshot-id":${id}}]}`,
      );
      const text = await response.text();
      if (response.status === 409) return undefined;
      if (!response.ok) throw new Error(`${name} answered ${response.status}: ${text.slice(0, 500)}`);
      return readHead(text);
    },
  };
}

/** What concurrent writers saw. Latency is from the first attempt to the success, waits and reloads included. */
export interface WriterFigures extends Readonly<Record<string, number>> {
  readonly commitsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly attemptsPerCommit: number;
}

const RETRY_BASE_MS = 5;
const RETRY_MAX_MS = 400;

/**
 * Writers append to one table until `commits` are in or the time is up, each retrying as Iceberg's clients do: wait,
 * reload, again. Commits cut off by the end are not counted.
 */
export async function writeConcurrently(
  peer: CatalogPeer,
  table: string,
  { writers, commits, maxMs }: { readonly writers: number; readonly commits: number; readonly maxMs: number },
): Promise<WriterFigures> {
  const latencies: number[] = [];
  let started = 0;
  let attempts = 0;
  const beganMs = performance.now();
  const isOver = (): boolean => performance.now() - beganMs > maxMs;
  const write = async (): Promise<void> => {
    let head = await peer.head(table);
    while (started < commits && !isOver()) {
      started += 1;
      const commitBeganMs = performance.now();
      // As Iceberg's Java library does: a snapshot keeps its id however often it is tried.
      const id = systemRandom.nextInt63().toString();
      for (let failures = 0; ; failures++) {
        attempts += 1;
        const next = await peer.append(table, head, id);
        if (next !== undefined) {
          head = next;
          break;
        }
        if (isOver()) return;
        const ceiling = Math.min(RETRY_MAX_MS, RETRY_BASE_MS * 2 ** failures);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * ceiling));
        head = await peer.head(table);
      }
      latencies.push(performance.now() - commitBeganMs);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
  const seconds = (performance.now() - beganMs) / 1000;
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return {
    commitsPerSecond: latencies.length / seconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    attemptsPerCommit: attempts / Math.max(1, latencies.length),
  };
}

/** A table with this many snapshots, registered from a metadata file written at once; returns its name. */
export async function longTable(peer: CatalogPeer, snapshots: number): Promise<string> {
  const table = `long${snapshots}`;
  const location = `s3://${BUCKET}/${peer.name.replaceAll(" ", "-")}-tables/${table}`;
  const ids = Array.from({ length: snapshots }, () => systemRandom.nextInt63().toString());
  const rows = ids.map((id, index) => snapshotJson(id, index === 0 ? undefined : ids[index - 1], index + 1, location));
  const nowMs = Date.now();
  const log = ids.map((id, index) => `{"snapshot-id":${id},"timestamp-ms":${nowMs + index + 1}}`);
  const head = required(ids.at(-1), "a snapshot");
  await peer.register(
    table,
    `{"format-version":2,"table-uuid":"${systemRandom.uuid()}","location":"${location}",` +
      `"last-sequence-number":${snapshots},"last-updated-ms":${nowMs + snapshots},"last-column-id":3,` +
      `"current-schema-id":0,"schemas":[${JSON.stringify(SCHEMA)}],"default-spec-id":0,` +
      `"partition-specs":[{"spec-id":0,"fields":[]}],"last-partition-id":999,"default-sort-order-id":0,` +
      `"sort-orders":[{"order-id":0,"fields":[]}],"properties":{},"current-snapshot-id":${head},` +
      `"refs":{"main":{"snapshot-id":${head},"type":"branch"}},"snapshots":[${rows.join(",")}],` +
      `"snapshot-log":[${log.join(",")}],"metadata-log":[]}`,
  );
  return table;
}
