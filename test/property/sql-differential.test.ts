// Random queries: PostgreSQL, DuckDB where the dialects agree, our unoptimized plan, our optimized plan over a source
// that skips every row it may, and a lake of Parquet files give the same rows. `npm run fuzz:sql` tries many more.

import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { anyRandomQuery } from "../support/sql-fuzz/chunk.ts";
import { openFuzzEngines, type FuzzEngines } from "../support/sql-fuzz/engines.ts";

const RUNS = 500;

let engines: FuzzEngines;

beforeAll(async () => {
  engines = await openFuzzEngines({ duckdb: true, lake: true });
}, 60_000);

afterAll(async () => {
  await engines.close();
});

test(
  "I45 I49 I301 C40 every plan of a random query gives PostgreSQL's rows, whatever scans skip",
  { timeout: 240_000 },
  async () => {
    const seen = { duckdb: 0, lake: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(anyRandomQuery, async (query) => {
        const verdict = await engines.compare(query);
        expect(verdict.difference).toBeUndefined();
        seen.duckdb += Number(verdict.judgedByDuckdb);
        seen.lake += Number(verdict.ranInLake);
        seen.refused += Number(verdict.refusal !== undefined);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 220_000 },
    );
    // A grammar that no longer reaches an engine, or that Firn refuses, proves nothing.
    expect(seen.duckdb).toBeGreaterThan(RUNS / 10);
    expect(seen.lake).toBeGreaterThan(RUNS / 3);
    expect(seen.refused).toBeLessThan(RUNS / 20);
  },
);
