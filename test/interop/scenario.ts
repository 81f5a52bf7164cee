// Steps that an engine takes on one table, and what must hold after each: Firn's SQL answers what the engine itself
// answers, row by row; so do all other engines; and so it stays when Firn has compacted and sorted the table.

import type { Answer, Engine, EngineName, Value } from "./engines.ts";
import type { Claim } from "./claims.ts";
import { NotRun, type InteropContext } from "./suite.ts";

/** One step: SQL for engines that speak it, or the name of a method of the engine's Python class. */
export interface Step {
  readonly what: string;
  readonly sql?: readonly string[];
  readonly call?: string;
  /** What the step proves when Firn answers as the engine does. */
  readonly proves?: Claim;
  /** Columns are the same but the engine shows them otherwise: compare rows only. */
  readonly rowsOnly?: boolean;
}

/** Steps on one table. `{t}` in statements is the table's name as the engine writes it. */
export interface Scenario {
  /** `namespace.table` */
  readonly table: string;
  readonly steps: readonly Step[];
  /** What the whole scenario proves. */
  readonly proves: readonly Claim[];
  /** Columns Firn sorts by at the end. */
  readonly sort: readonly string[];
  /** Engines that read the result besides Firn and the writer. */
  readonly readers: readonly EngineName[];
  /** Firn's SQL refuses to read the table, with this code; its layout jobs must still keep every row. */
  readonly refusal?: string;
}

const OWN_REWRITTEN = "reads what Firn compacted and sorted of its own";

/** A table's name in the SQL of an engine. */
export function tableName(engine: EngineName, table: string): string {
  return engine === "duckdb" ? `firn.${table}` : table;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Rows in one order whatever the engine's. */
export function sortedRows(answer: Answer): readonly (readonly Value[])[] {
  return answer.rows
    .map((row) => ({ row, text: JSON.stringify(row) }))
    .toSorted((a, b) => compareText(a.text, b.text))
    .map(({ row }) => row);
}

/** Everything that an engine sees in a table, rows sorted. */
export async function readAll(engine: Engine, table: string): Promise<Answer> {
  const answer = await engine.sql(`SELECT * FROM ${tableName(engine.name, table)}`);
  return { columns: answer.columns, rows: sortedRows(answer) };
}

/** Longest part of a row that is printed. */
const SHOWN_CHARACTERS = 240;

function show(rows: readonly string[]): string {
  return rows
    .slice(0, 3)
    .map((row) => (row.length <= SHOWN_CHARACTERS ? row : `${row.slice(0, SHOWN_CHARACTERS)}…`))
    .join("\n        ");
}

/** Where two rows of the same table differ: `3: got x, want y`. */
function differingColumns(actual: string | undefined, expected: string | undefined): string {
  if (actual === undefined || expected === undefined) return "";
  const [mine, theirs] = [JSON.parse(actual) as unknown[], JSON.parse(expected) as unknown[]];
  const parts = mine.flatMap((value, at) => {
    const [got, want] = [JSON.stringify(value), JSON.stringify(theirs[at])];
    return got === want ? [] : [`${at}: got ${got}, want ${want ?? "nothing"}`];
  });
  return `\n      first pair, column ${parts.join("; ").slice(0, 4 * SHOWN_CHARACTERS)}`;
}

/** Rows of `actual` that differ from `expected`, as a short text; empty when none do. */
export function difference(actual: Answer, expected: Answer): string {
  const [mine, theirs] = [actual, expected].map(({ rows }) => rows.map((row) => JSON.stringify(row)));
  if (mine === undefined || theirs === undefined) return "";
  const remaining = new Map<string, number>();
  for (const row of theirs) remaining.set(row, (remaining.get(row) ?? 0) + 1);
  const unexpected = mine.filter((row) => {
    const count = remaining.get(row) ?? 0;
    remaining.set(row, count - 1);
    return count <= 0;
  });
  const missing = [...remaining].flatMap(([row, count]) => (count > 0 ? [row] : []));
  if (unexpected.length === 0 && missing.length === 0) return "";
  return `${mine.length} rows, want ${theirs.length}\n      not expected (${unexpected.length}): ${show(unexpected)}\n      missing (${missing.length}): ${show(missing)}${differingColumns(unexpected[0], missing[0])}`;
}

/** Compares what an engine reads with what is expected; names and rows. */
export async function expectRows(
  context: InteropContext,
  engine: Engine,
  table: string,
  what: string,
  expected: Answer,
  rowsOnly = false,
): Promise<boolean> {
  let actual: Answer;
  try {
    actual = await readAll(engine, table);
  } catch (error) {
    context.fail(`${what}: ${engine.name} reads ${table}`, error);
    return false;
  }
  const sameColumns =
    rowsOnly || context.check(`${what}: ${engine.name} columns of ${table}`, actual.columns, expected.columns);
  const differing = difference(actual, expected);
  if (differing === "") context.pass(what);
  else context.fail(`${what}: ${engine.name} rows of ${table}`, differing);
  return differing === "" && sameColumns;
}

/** Firn answers what is expected, or refuses as the scenario says it must. */
async function expectFirn(
  context: InteropContext,
  scenario: Scenario,
  what: string,
  expected: Answer,
  rowsOnly = false,
): Promise<boolean> {
  const firn = await context.engines.get("firn");
  const { table, refusal } = scenario;
  if (refusal === undefined) {
    return expectRows(context, firn, table, what, expected, rowsOnly);
  }
  const message = await readAll(firn, table).then(
    () => "an answer",
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  return context.check(`${what}: Firn refuses ${table}`, message.includes(refusal) ? refusal : message, refusal);
}

/** An engine, or undefined when this machine cannot run it. */
export async function engineIfAny(context: InteropContext, name: EngineName): Promise<Engine | undefined> {
  try {
    return await context.engines.get(name);
  } catch (error) {
    if (!(error instanceof NotRun)) throw error;
    context.without(name, error.message);
    return undefined;
  }
}

/** How many deletion vectors the current snapshot of a table has. */
export async function vectorsOf(context: InteropContext, table: string): Promise<number> {
  const firn = await context.engines.get("firn");
  const { rows } = await firn.sql(`SELECT count(*) FROM ${table}.files WHERE file_format = 'PUFFIN'`);
  return Number(rows[0]?.[0]);
}

/** Takes one step; false when it failed (which is counted). */
async function take(context: InteropContext, engine: Engine, scenario: Scenario, step: Step): Promise<boolean> {
  try {
    for (const statement of step.sql ?? []) {
      await engine.sql(statement.replaceAll("{t}", tableName(engine.name, scenario.table)));
    }
    if (step.call !== undefined) await engine.call(step.call, { table: scenario.table });
    return true;
  } catch (error) {
    context.fail(`${scenario.table}: ${engine.name} ${step.what}`, error);
    return false;
  }
}

/** Other engines read the table; those that cannot be had here are left out. */
async function crossRead(
  context: InteropContext,
  scenario: Scenario,
  writer: Engine,
  what: string,
  expected: Answer,
): Promise<void> {
  for (const name of scenario.readers) {
    if (name === writer.name) continue;
    const reader = await engineIfAny(context, name);
    if (reader !== undefined) await expectRows(context, reader, scenario.table, what, expected, true);
  }
}

/** Firn's layout jobs on a table another engine wrote; each must leave the rows as they are, for every engine. */
async function maintain(context: InteropContext, scenario: Scenario, writer: Engine, expected: Answer): Promise<void> {
  const jobs = [
    ["compaction", "/admin/compact", { aggressive: true, minFileSize: "50MB" }],
    ["sort rewrite", "/admin/rewrite", { sort: scenario.sort, targetFileSize: "64MB" }],
  ] as const;
  for (const [what, path, body] of jobs) {
    const step = `after Firn's ${what}`;
    try {
      await context.client.runJob(path, { table: scenario.table, ...body });
      context.pass(what);
    } catch (error) {
      context.fail(`${scenario.table}: ${what}`, error);
      context.prove(writer.name, OWN_REWRITTEN, false);
      continue;
    }
    await expectFirn(context, scenario, step, expected);
    const held = await expectRows(context, writer, scenario.table, step, expected);
    context.prove(writer.name, OWN_REWRITTEN, held);
    await crossRead(context, scenario, writer, step, expected);
  }
}

/** Runs a scenario with its writer. */
export async function runScenario(context: InteropContext, writer: Engine, scenario: Scenario): Promise<void> {
  let last: Answer | undefined;
  let isWhole = true;
  // A delete of whole files leaves none: what counts is that one of the deletes did.
  const claimsVectors = scenario.proves.includes("writes deletion vectors");
  let vectors = 0;
  for (const [at, step] of scenario.steps.entries()) {
    let held = await take(context, writer, scenario, step);
    if (held) {
      last = await readAll(writer, scenario.table);
      held = await expectFirn(context, scenario, `after ${step.what}`, last, step.rowsOnly);
    }
    if (step.proves === "delete" && last !== undefined && claimsVectors) {
      vectors = Math.max(vectors, await vectorsOf(context, scenario.table));
    }
    if (step.proves !== undefined) context.prove(writer.name, step.proves, held);
    isWhole &&= held;
    // Without the table nothing further can be learnt.
    if (at === 0 && last === undefined) break;
  }
  if (claimsVectors) isWhole &&= context.check(`${scenario.table}: deletes left vectors`, vectors > 0, true);
  for (const claim of scenario.proves) context.prove(writer.name, claim, isWhole);
  if (last === undefined) return;
  await crossRead(context, scenario, writer, "at the end", last);
  await maintain(context, scenario, writer, last);
  context.note(`${scenario.table}: ${scenario.steps.length} steps, ${last.rows.length} rows at the end`);
}
