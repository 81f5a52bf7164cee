// `node test/interop/golden.ts [name…]`: has each engine commit a small table and stores its files, with the rows as the
// engine itself reads them, in test/golden/iceberg/<name>. Firn must answer the same before anything is written.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { AwsClient } from "aws4fetch";
import { createFirnClient } from "../../scripts/lib/firn-client.ts";
import { createTokens, freePort, startLocalFirn, type LocalFirn } from "../../scripts/lib/local-firn.ts";
import { LOCAL_S3, ROOT } from "../../scripts/lib/worker-configs.ts";
import { createEngines, type EngineName } from "./engines.ts";
import { difference, readAll, tableName } from "./scenario.ts";
import { CACHE, VERSIONS } from "./tools.ts";

const BUCKET = "firn-lake";
const NAMESPACE = "golden";
const FOLDER = join(ROOT, "test/golden/iceberg");

interface GoldenTable {
  readonly name: string;
  readonly engine: EngineName;
  readonly version: string;
  readonly what: string;
  readonly sql?: readonly string[];
  readonly calls?: readonly string[];
}

const MERGE_ON_READ = `'write.delete.mode'='merge-on-read', 'write.update.mode'='merge-on-read', 'write.merge.mode'='merge-on-read'`;
const SPARK = `pyspark 4.0.1, iceberg-spark-runtime-${VERSIONS.sparkLine} ${VERSIONS.iceberg}`;
const TRINO = `trino-server ${VERSIONS.trino}`;
const DUCKDB = "duckdb 1.5.5 with its iceberg extension";
const PYICEBERG = "pyiceberg 0.12.0, pyarrow 26.0.1";

const TABLES: readonly GoldenTable[] = [
  {
    name: "spark-v1",
    engine: "spark",
    version: SPARK,
    what: "format version 1, partitioned by a day and a bucket, copy-on-write delete",
    sql: [
      "CREATE TABLE {t} (id BIGINT, s STRING, at TIMESTAMP) USING iceberg PARTITIONED BY (days(at), bucket(2, id)) TBLPROPERTIES ('format-version'='1')",
      "INSERT INTO {t} SELECT id, concat('ß', id), TIMESTAMP'2024-01-01 00:00:00' + make_dt_interval(id % 2) FROM range(12)",
      "DELETE FROM {t} WHERE id % 5 = 1",
    ],
  },
  {
    name: "spark-v2-merge-on-read",
    engine: "spark",
    version: SPARK,
    what: "position delete files, update, renamed and promoted columns, nested struct, changed partitions",
    sql: [
      `CREATE TABLE {t} (id INT, region STRING, place STRUCT<x: INT, y: FLOAT>) USING iceberg PARTITIONED BY (region) TBLPROPERTIES ('format-version'='2', ${MERGE_ON_READ})`,
      "INSERT INTO {t} SELECT CAST(id AS INT), concat('r', id % 2), named_struct('x', CAST(id AS INT), 'y', CAST(id / 4 AS FLOAT)) FROM range(20)",
      "DELETE FROM {t} WHERE id % 6 = 1",
      "UPDATE {t} SET region = 'moved' WHERE id % 6 = 2",
      "ALTER TABLE {t} ALTER COLUMN id TYPE BIGINT",
      "ALTER TABLE {t} RENAME COLUMN place.y TO yy",
      "ALTER TABLE {t} ALTER COLUMN place.yy TYPE DOUBLE",
      "ALTER TABLE {t} ADD COLUMN note STRING FIRST",
      "ALTER TABLE {t} DROP PARTITION FIELD region",
      "ALTER TABLE {t} ADD PARTITION FIELD truncate(10, id)",
      "INSERT INTO {t} VALUES ('n', 9000000000, 'late', named_struct('x', 1, 'yy', 0.1D))",
      "DELETE FROM {t} WHERE id % 7 = 3",
    ],
  },
  {
    name: "spark-v3-vectors",
    engine: "spark",
    version: SPARK,
    what: "format version 3: deletion vectors replaced once, row lineage through an update",
    sql: [
      `CREATE TABLE {t} (id BIGINT, s STRING) USING iceberg TBLPROPERTIES ('format-version'='3', ${MERGE_ON_READ})`,
      "INSERT INTO {t} SELECT id, 'a' FROM range(20)",
      "DELETE FROM {t} WHERE id % 5 = 1",
      "DELETE FROM {t} WHERE id % 5 = 2",
      "UPDATE {t} SET s = 'b' WHERE id % 5 = 3",
    ],
  },
  {
    name: "trino-v2",
    engine: "trino",
    version: TRINO,
    what: "position deletes, merge, row type, time and uuid, changed partitions",
    sql: [
      "CREATE TABLE {t} (id BIGINT, tm TIME(6), u UUID, r ROW(a INTEGER, b VARCHAR), d DECIMAL(38,10)) WITH (partitioning = ARRAY['bucket(id, 2)'])",
      "INSERT INTO {t} SELECT id, TIME '12:34:56.789012', UUID 'f79c3e09-677c-4bbd-a479-3f349cb785e7', ROW(1, 'x'), DECIMAL '12345678901234567890.0123456789' FROM UNNEST(sequence(0, 15)) AS t(id)",
      "DELETE FROM {t} WHERE id % 4 = 1",
      "MERGE INTO {t} t USING (VALUES 2, 100) s(id) ON t.id = s.id WHEN MATCHED THEN UPDATE SET d = -1 WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)",
      "ALTER TABLE {t} SET PROPERTIES partitioning = ARRAY['truncate(id, 10)']",
      "INSERT INTO {t} (id, r) VALUES (200, ROW(NULL, NULL))",
    ],
  },
  {
    name: "duckdb-v2",
    engine: "duckdb",
    version: DUCKDB,
    what: "deletes and updates as delete files, list and map columns, renamed column",
    sql: [
      "CREATE TABLE {t} (id BIGINT, li INTEGER[], m MAP(VARCHAR, BIGINT), b BLOB)",
      "INSERT INTO {t} SELECT id, [id::INT, NULL], MAP {'k': id}, '\\x00\\xff'::BLOB FROM range(12) t(id)",
      "DELETE FROM {t} WHERE id % 4 = 1",
      "UPDATE {t} SET li = NULL WHERE id % 4 = 2",
      "ALTER TABLE {t} RENAME COLUMN b TO bytes",
      "INSERT INTO {t} VALUES (100, [], MAP {}, NULL)",
    ],
  },
  {
    name: "pyiceberg-types",
    engine: "pyiceberg",
    version: PYICEBERG,
    what: "every type of format version 2, extremes, NaN, nulls, empty collections",
    calls: ["create_types", "insert_types"],
  },
];

/** Keys below a prefix of the local bucket. */
async function listKeys(s3: AwsClient, firn: LocalFirn, prefix: string): Promise<readonly string[]> {
  const url = `${firn.s3Endpoint}/${BUCKET}?list-type=2&prefix=${encodeURIComponent(prefix)}`;
  const text = await (await s3.fetch(url)).text();
  return [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map((match) => match[1] ?? "");
}

async function store(firn: LocalFirn, golden: GoldenTable, expected: unknown): Promise<number> {
  const client = createFirnClient(firn.url, firn.tokens);
  const loaded = await client.request<{ "metadata-location": string; metadata: { location: string } }>(
    "GET",
    `/catalog/v1/namespaces/${NAMESPACE}/tables/${golden.name.replaceAll("-", "_")}`,
    "CATALOG_TOKEN",
  );
  const current = loaded["metadata-location"];
  const folder = join(FOLDER, golden.name);
  rmSync(folder, { recursive: true, force: true });
  const s3 = new AwsClient({ ...LOCAL_S3, service: "s3", region: "auto" });
  const prefix = `${loaded.metadata.location.slice(`s3://${BUCKET}/`.length)}/`;
  let count = 0;
  for (const key of await listKeys(s3, firn, prefix)) {
    // Of the metadata files only the current one is part of the table.
    if (key.endsWith(".metadata.json") && `s3://${BUCKET}/${key}` !== current) continue;
    const path = join(folder, "lake", key);
    mkdirSync(dirname(path), { recursive: true });
    const url = `${firn.s3Endpoint}/${BUCKET}/${key.split("/").map(encodeURIComponent).join("/")}`;
    writeFileSync(path, new Uint8Array(await (await s3.fetch(url)).arrayBuffer()));
    count += 1;
  }
  const body = { bucket: BUCKET, metadataLocation: current, ...(expected as object) };
  writeFileSync(join(folder, "expected.json"), `${JSON.stringify(body, null, 1)}\n`);
  const steps = [...(golden.sql ?? []), ...(golden.calls ?? []).map((name) => `${name} (pyiceberg_steps.py)`)];
  writeFileSync(
    join(folder, "ORIGIN.md"),
    `# ${golden.name}\n\nCommitted by ${golden.version} (Apache-2.0 or MIT; the data is ours) through Firn's REST catalog with\n\`node test/interop/golden.ts ${golden.name}\`: ${golden.what}.\n\n\`expected.json\` holds the rows as the engine read them, in the form of \`test/interop/python/canonical.py\`; \`lake/\` the\nobjects of the bucket by key.\n\n\`\`\`sql\n${steps.join(";\n")}\n\`\`\`\n`,
  );
  return count;
}

const wanted = process.argv.slice(2);
const directory = join(CACHE, "golden");
rmSync(directory, { recursive: true, force: true });
const firn = await startLocalFirn({ port: await freePort(), directory, tokens: createTokens() });
const engines = createEngines(firn);
try {
  const client = createFirnClient(firn.url, firn.tokens);
  await client.request("POST", "/catalog/v1/namespaces", "CATALOG_TOKEN", { namespace: [NAMESPACE] });
  const own = await engines.get("firn");
  for (const golden of TABLES) {
    if (wanted.length > 0 && !wanted.includes(golden.name)) continue;
    const engine = await engines.get(golden.engine);
    const table = `${NAMESPACE}.${golden.name.replaceAll("-", "_")}`;
    for (const statement of golden.sql ?? []) {
      await engine.sql(statement.replaceAll("{t}", tableName(golden.engine, table)));
    }
    for (const call of golden.calls ?? []) await engine.call(call, { table });
    const expected = await readAll(engine, table);
    const differing = difference(await readAll(own, table), expected);
    if (differing !== "") throw new Error(`Firn answers ${golden.name} otherwise: ${differing}`);
    console.log(`${golden.name}: ${await store(firn, golden, expected)} files, ${expected.rows.length} rows`);
  }
} finally {
  await engines.stopAll();
  await firn.stop();
}
