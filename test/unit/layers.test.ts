// The table "who may import whom" of the design, as data. Any other import edge fails.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../..");

const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  telemetry: ["core"],
  storage: ["core"],
  codec: ["core"],
  columnar: ["core"],
  parquet: ["core", "codec", "columnar", "storage"],
  iceberg: ["core", "codec", "columnar", "parquet", "storage", "telemetry"],
  sql: ["core", "columnar"],
  query: ["core", "columnar", "sql", "iceberg", "parquet", "cache", "storage", "telemetry"],
  cache: ["core", "columnar", "telemetry"],
  ingest: ["core", "codec", "columnar", "iceberg", "parquet", "telemetry"],
  maintenance: ["core", "codec", "columnar", "parquet", "iceberg", "storage", "telemetry"],
  optimizer: ["core", "query", "maintenance", "iceberg", "telemetry"],
  http: ["core", "telemetry"],
};

/** Files outside workers/ that may name Cloudflare's types. */
const MAY_NAME_CLOUDFLARE = new Set(["src/storage/r2.ts", "src/cache/kv.ts", "src/wasm.d.ts"]);
const CLOUDFLARE_TYPES =
  /\b(R2Bucket|R2Object|KVNamespace|D1Database|DurableObject\w*|SqlStorage|WorkerEntrypoint|WorkflowEntrypoint|ScheduledController)\b|cloudflare:/;

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function sourceFiles(directory: string): SourceFile[] {
  return readdirSync(join(ROOT, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => {
      const path = join(directory, name);
      const text = readFileSync(join(ROOT, path), "utf8");
      const imports = [
        ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;"']*?["']([^"']+)["']|import\(\s*["']([^"']+)["']/g),
      ];
      return { path, text, imports: imports.map((match) => match[1] ?? match[2] ?? "") };
    });
}

/** Comments may speak of the platform; code may not. */
function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "");
}

test("a domain imports only the domains the design allows", () => {
  const violations: string[] = [];
  const seen = new Set<string>();
  for (const { path, imports } of sourceFiles("src")) {
    const domain = path.split("/")[1] ?? "";
    for (const specifier of imports) {
      if (specifier.startsWith("#")) {
        const target = specifier.slice(1);
        seen.add(`${domain}->${target}`);
        if (MAY_IMPORT[domain]?.includes(target) !== true) violations.push(`${path} imports ${specifier}`);
      } else if (specifier.startsWith(".")) {
        const target = relative(join(ROOT, "src"), resolve(ROOT, dirname(path), specifier)).split("/")[0];
        if (target !== domain) violations.push(`${path} reaches into ${specifier}`);
      }
    }
  }
  expect(violations).toEqual([]);
  expect(seen.has("parquet->columnar")).toBe(true);
});

test("workers reach the domains only through their doors", () => {
  const files = sourceFiles("workers");
  const violations = files.flatMap(({ path, imports }) =>
    imports.filter((specifier) => specifier.includes("/src/")).map((specifier) => `${path} imports ${specifier}`),
  );
  expect(files.length).toBeGreaterThan(4);
  expect(violations).toEqual([]);
});

test("only the storage shell, the KV shell and the workers name Cloudflare's types", () => {
  const violations = sourceFiles("src")
    .filter(({ path, text }) => !MAY_NAME_CLOUDFLARE.has(path) && CLOUDFLARE_TYPES.test(withoutComments(text)))
    .map(({ path, text }) => `${path}: ${CLOUDFLARE_TYPES.exec(withoutComments(text))?.[0] ?? ""}`);
  expect(violations).toEqual([]);
});

test("a worker's entry only wires: at most 120 lines", () => {
  const tooLong = sourceFiles("workers")
    .filter(({ path }) => path.endsWith("/index.ts"))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > 120);
  expect(tooLong).toEqual([]);
});
