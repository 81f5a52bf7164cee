// The tables that other engines committed (test/golden/iceberg), each in a lake of its own, answered as those engines do.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { bytesToHex } from "#core";
import { decimalToString, readArrowIpc, scalarAt, type DataType, type Decimal, type Scalar } from "#columnar";
import {
  createCatalogClient,
  createCatalogHandler,
  createFileIO,
  createMemoryPointerStore,
  type CatalogClient,
  type FileIO,
} from "#iceberg";
import { bodyToBytes, executeQuery } from "#query";
import { createMemoryStore, type ObjectStore } from "#storage";
import { createQueryLake } from "./query-lake.ts";

const FOLDER = join(import.meta.dirname, "../golden/iceberg");
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** What the engine that committed the table read. */
export interface ExpectedTable {
  readonly bucket: string;
  readonly metadataLocation: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Shortest text of a double as Python writes it, for the values that occur here. */
function floatText(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Number.isInteger(value)) return `${Object.is(value, -0) ? "-0" : value}.0`;
  return String(value);
}

/** A value in the form of test/interop/python/canonical.py. */
function canonical(type: DataType, value: Scalar): unknown {
  if (value === null) return null;
  switch (type.kind) {
    case "boolean":
      return value;
    case "int16":
    case "int32":
    case "int64":
      return (value as number | bigint).toString();
    case "float32":
    case "float64":
      return floatText(value as number);
    case "decimal":
      return decimalToString(value as Decimal);
    case "string":
    case "json":
    case "uuid":
      return UUID.test(value as string) ? (value as string).replaceAll("-", "").toLowerCase() : value;
    case "binary":
      return bytesToHex(value as Uint8Array);
    case "date":
      return `date:${(value as number).toString()}`;
    case "time":
      return `time:${(value as number).toString()}`;
    case "timestamp":
      return `ts:${(value as number | bigint).toString()}`;
    case "list":
      return (value as readonly Scalar[]).map((item) => canonical(type.element, item));
    case "struct":
      return Object.fromEntries(
        type.fields.map((field) => [
          field.name,
          canonical(field.type, (value as Readonly<Record<string, Scalar>>)[field.name] ?? null),
        ]),
      );
    case "map":
      return (value as readonly (readonly [Scalar, Scalar])[])
        .map(([key, item]) => [canonical(type.key, key), canonical(type.value, item)])
        .toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    case "interval":
    case "null":
      throw new Error(`no Iceberg column is of kind ${type.kind}`);
  }
}

/** Rows as texts in an order that compares. */
export function sortedRows(rows: readonly (readonly unknown[])[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

/** A lake that holds one golden table, named `golden`, alone. */
export interface GoldenLake {
  readonly bucket: string;
  readonly store: ObjectStore;
  readonly catalog: CatalogClient;
  readonly expected: ExpectedTable;
  /** Runs SQL and gives canonical rows. */
  answer(sql: string): Promise<ExpectedTable["rows"]>;
}

/** Names of the golden tables. */
export function goldenNames(): readonly string[] {
  return existsSync(FOLDER) ? readdirSync(FOLDER) : [];
}

/** Opens a golden table over a store of its own. */
export async function openGolden(name: string): Promise<GoldenLake> {
  const expected = JSON.parse(readFileSync(join(FOLDER, name, "expected.json"), "utf8")) as ExpectedTable;
  const lake = await createQueryLake();
  const store = createMemoryStore();
  const root = join(FOLDER, name, "lake");
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    await store.put(relative(root, path), new Uint8Array(readFileSync(path)));
  }
  const base = lake.deps();
  const handler = createCatalogHandler({
    pointers: createMemoryPointerStore(),
    io: createFileIO(store, expected.bucket),
    clock: base.clock,
    random: base.random,
    sleep: base.sleep,
    warehouse: `s3://${expected.bucket}`,
  });
  const post = async (path: string, body: unknown): Promise<void> => {
    const response = await handler(
      new Request(`http://catalog.test/v1/${path}`, { method: "POST", body: JSON.stringify(body) }),
    );
    if (!response.ok) throw new Error(await response.text());
  };
  await post("namespaces", { namespace: ["default"] });
  await post("namespaces/default/register", { name: "golden", "metadata-location": expected.metadataLocation });
  const createCatalog = (io: FileIO): CatalogClient =>
    createCatalogClient({
      uri: "http://catalog.test",
      fetch: (input, init) => handler(new Request(input, init)),
      io,
      clock: base.clock,
      random: base.random,
      sleep: base.sleep,
    });
  const deps = { ...base, store, bucket: expected.bucket, createCatalog };
  const answer = async (sql: string): Promise<ExpectedTable["rows"]> => {
    const reply = await executeQuery(deps, { sql, format: "arrow", cache: "bypass" }, { queryId: "q", userId: "u" });
    if (!reply.ok) throw new Error(JSON.stringify(reply.problem));
    const { columns, batches } = readArrowIpc(await bodyToBytes(reply.body));
    return batches.flatMap((batch) =>
      Array.from({ length: batch.rowCount }, (_, row) =>
        batch.columns.map((column, at) => canonical(columns[at]?.type ?? column.type, scalarAt(column, row))),
      ),
    );
  };
  const catalog = createCatalog(createFileIO(store, expected.bucket));
  return { bucket: expected.bucket, store, catalog, expected, answer };
}
