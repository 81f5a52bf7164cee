// A run of random queries in chunks: a chunk is a seed and a number, so that any process can run it, a stopped run can
// go on, and each difference can be found again.

import * as fc from "fast-check";
import { randomQuery } from "../sql-grammar.ts";
import type { FuzzEngines, Verdict } from "./engines.ts";
import { randomStructuredQuery, type RandomQuery } from "./queries.ts";

/** Queries of a chunk. */
export const CHUNK_QUERIES = 250;
/** Differences that a chunk shrinks; the others are counted. */
const MAX_SHRUNK = 4;
const SHRINK_LIMIT_MS = 25_000;

/** A difference, shrunk. */
export interface FoundDifference {
  readonly sql: string;
  readonly difference: string;
  readonly chunk: number;
  readonly index: number;
}

/** What a chunk found. */
export interface ChunkReport {
  readonly chunk: number;
  readonly queries: number;
  readonly differences: number;
  readonly found: readonly FoundDifference[];
  /** Firn's refusals by their text. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Queries that PostgreSQL refused, by its text; Firn refused them too. */
  readonly failures: Readonly<Record<string, number>>;
  /** Queries of the common dialect that DuckDB refused, by its text. */
  readonly duckdbFailures: Readonly<Record<string, number>>;
  readonly judgedByDuckdb: number;
  readonly ranInLake: number;
}

/** Queries of both grammars. */
export const anyRandomQuery: fc.Arbitrary<RandomQuery> = fc.oneof(
  { weight: 1, arbitrary: randomQuery.map((sql): RandomQuery => ({ sql, ordered: false, common: false })) },
  { weight: 3, arbitrary: randomStructuredQuery },
);

function seedOf(seed: number, chunk: number): number {
  return (Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) + Math.imul(chunk + 1, 0xc2b2_ae35)) | 0;
}

async function verdictOf(engines: FuzzEngines, query: RandomQuery): Promise<Verdict> {
  try {
    return await engines.compare(query);
  } catch (error) {
    const difference = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return {
      difference,
      refusal: undefined,
      duckdbFailure: undefined,
      judgedByDuckdb: false,
      ranInLake: false,
      failed: undefined,
    };
  }
}

/** The smallest query that differs in the way of the chunk's `index`-th. */
async function shrink(
  engines: FuzzEngines,
  seed: number,
  chunk: number,
  index: number,
): Promise<FoundDifference | undefined> {
  let last: FoundDifference | undefined;
  await fc.check(
    fc.asyncProperty(anyRandomQuery, async (query) => {
      const { difference } = await verdictOf(engines, query);
      if (difference === undefined) return;
      if (last === undefined || query.sql.length <= last.sql.length)
        last = { sql: query.sql, difference, chunk, index };
      throw new Error(difference);
    }),
    { seed: seedOf(seed, chunk), path: String(index), numRuns: 1, interruptAfterTimeLimit: SHRINK_LIMIT_MS },
  );
  return last;
}

function count(counts: Record<string, number>, text: string | undefined): void {
  // Numbers and quoted names would make each text its own.
  if (text !== undefined) {
    const key = text.replaceAll(/\d+/g, "#").slice(0, 160);
    counts[key] = (counts[key] ?? 0) + 1;
  }
}

/** Runs one chunk to its end. */
export async function runChunk(
  engines: FuzzEngines,
  seed: number,
  chunk: number,
  queries: number,
): Promise<ChunkReport> {
  const refusals: Record<string, number> = {};
  const failures: Record<string, number> = {};
  const duckdbFailures: Record<string, number> = {};
  const differing: FoundDifference[] = [];
  let judgedByDuckdb = 0;
  let ranInLake = 0;
  let index = 0;
  await fc.check(
    fc.asyncProperty(anyRandomQuery, async (query) => {
      const verdict = await verdictOf(engines, query);
      if (verdict.difference !== undefined) {
        differing.push({ sql: query.sql, difference: verdict.difference, chunk, index });
      }
      count(refusals, verdict.refusal);
      count(failures, verdict.failed);
      count(duckdbFailures, verdict.duckdbFailure);
      if (verdict.judgedByDuckdb) judgedByDuckdb += 1;
      if (verdict.ranInLake) ranInLake += 1;
      index += 1;
    }),
    { seed: seedOf(seed, chunk), numRuns: queries },
  );
  const found: FoundDifference[] = [];
  for (const seen of differing.slice(0, MAX_SHRUNK)) {
    const smallest = await shrink(engines, seed, chunk, seen.index);
    // What does not come again depends on what ran before it: caches, or a time limit.
    found.push(smallest ?? { ...seen, difference: `only once: ${seen.difference}` });
  }
  return {
    chunk,
    queries: index,
    differences: differing.length,
    found,
    refusals,
    failures,
    duckdbFailures,
    judgedByDuckdb,
    ranInLake,
  };
}
