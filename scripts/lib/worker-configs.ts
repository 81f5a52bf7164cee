// wrangler.toml holds every Worker as an environment; `wrangler dev` and `wrangler types` see several Workers at
// once only as several files. This module derives those files, so wrangler.toml stays the one source.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";

export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The Workers; the first has the public port. */
export const WORKERS = ["collector", "catalog", "compactor", "query", "optimizer"] as const;
export type WorkerName = (typeof WORKERS)[number];

/** Credentials of the local S3 endpoint over the simulated bucket. It answers on loopback only; they guard nothing. */
export const LOCAL_S3 = { accessKeyId: "firn-local", secretAccessKey: "firn-local-secret" } as const;

interface RawEnvironment {
  readonly name: string;
  readonly main: string;
  readonly vars?: Readonly<Record<string, string>>;
  readonly secrets?: { readonly required: readonly string[] };
  readonly r2_buckets?: readonly Record<string, unknown>[];
  readonly triggers?: { readonly crons?: readonly string[] };
}

interface RawConfig {
  readonly env: Readonly<Record<WorkerName, RawEnvironment>>;
}

/** wrangler.toml as written: top-level keys and the environments. */
export function readDeployMap(): RawConfig & Record<string, unknown> {
  return parse(readFileSync(join(ROOT, "wrangler.toml"), "utf8")) as unknown as RawConfig & Record<string, unknown>;
}

/** What a derived configuration adds to a Worker. */
export interface ConfigOverrides {
  /** Variables and, locally, secrets; by Worker. */
  readonly vars?: Partial<Record<WorkerName, Readonly<Record<string, string>>>>;
  /** Open the S3 endpoint on the simulated bucket. */
  readonly localS3?: boolean;
}

/** Writes one configuration file per Worker into `directory` and returns their paths in {@link WORKERS} order. */
export function writeWorkerConfigs(directory: string, overrides: ConfigOverrides = {}): string[] {
  const { env, ...shared } = readDeployMap();
  mkdirSync(directory, { recursive: true });
  return WORKERS.map((worker) => {
    const { r2_buckets: buckets, secrets, ...environment } = env[worker];
    const config = {
      ...shared,
      ...environment,
      main: relative(directory, join(ROOT, environment.main)),
      vars: { ...environment.vars, ...overrides.vars?.[worker] },
      // Locally secrets arrive as variables; for types they must stay declared.
      ...(overrides.vars === undefined && secrets !== undefined ? { secrets } : {}),
      ...(buckets === undefined
        ? {}
        : {
            r2_buckets: buckets.map((bucket) => ({
              ...bucket,
              ...(overrides.localS3 === true ? { local_dev: { experimental_s3_credentials: LOCAL_S3 } } : {}),
            })),
          }),
    };
    const path = join(directory, `${worker}.json`);
    writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`);
    return path;
  });
}
