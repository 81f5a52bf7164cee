// Peers that read and query in JavaScript or WebAssembly, in a thread that can be ended: most of them cannot be stopped
// otherwise. Packages come from the folder that query-peers.ts installs them into.

/* oxlint-disable unicorn/require-post-message-target-origin -- a thread's port has no origin */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parentPort, workerData } from "node:worker_threads";

const { packages, engine, paths } = workerData;
const require = createRequire(join(packages, "package.json"));
const load = (name) => import(pathToFileURL(require.resolve(name)).href);

/** hyparquet decodes the columns a query names, squirreling queries the objects. */
async function openSquirreling() {
  const [{ parquetReadObjects }, { compressors }, { executeSql, collect }] = await Promise.all(
    ["hyparquet", "hyparquet-compressors", "squirreling"].map(load),
  );
  const files = paths.map((path) => {
    const bytes = readFileSync(path);
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  });
  return async (sql) => {
    const columns = ["event_id", "event_type", "timestamp", "user_id"].filter((name) => sql.includes(name));
    const read = columns.length === 0 ? ["event_type"] : columns;
    const parts = await Promise.all(files.map((file) => parquetReadObjects({ file, compressors, columns: read })));
    return (await collect(executeSql({ tables: { events: parts.flat() }, query: sql }))).length;
  };
}

/** As shipped it has no Parquet reader: the columns that the queries name are put into a table of its own first. */
async function openDuckdbWasm() {
  const duckdb = require("@duckdb/duckdb-wasm/dist/duckdb-node-blocking.cjs");
  const folder = dirname(require.resolve("@duckdb/duckdb-wasm/dist/duckdb-eh.wasm"));
  const bundle = (kind) => ({ mainModule: join(folder, `duckdb-${kind}.wasm`), mainWorker: "" });
  const bundles = { mvp: bundle("mvp"), eh: bundle("eh") };
  const db = await duckdb.createDuckDB(bundles, new duckdb.VoidLogger(), duckdb.NODE_RUNTIME);
  await db.instantiate(() => undefined);
  db.open({});
  const connection = db.connect();
  const { readParquet } = createRequire(import.meta.url)("parquet-wasm/node");
  const options = { columns: ["event_id", "event_type", "timestamp", "user_id"] };
  for (const [index, path] of paths.entries()) {
    const ipc = readParquet(new Uint8Array(readFileSync(path)), options).intoIPCStream();
    connection.insertArrowFromIPCStream(ipc, { name: "raw", create: index === 0 });
  }
  // Zones need an extension that is not shipped either; the files' times are in UTC.
  connection.query("CREATE TABLE events AS SELECT * REPLACE (timestamp::TIMESTAMP AS timestamp) FROM raw");
  connection.query("DROP TABLE raw");
  return async (sql) => connection.query(sql).numRows;
}

const run = await (engine === "duckdb-wasm" ? openDuckdbWasm() : openSquirreling());
parentPort.postMessage({ ready: true });
parentPort.on("message", async (sql) => {
  const start = performance.now();
  try {
    const rows = await run(sql);
    parentPort.postMessage({ ms: performance.now() - start, rows });
  } catch (error) {
    parentPort.postMessage({ error: String(error).slice(0, 200) });
  }
});
