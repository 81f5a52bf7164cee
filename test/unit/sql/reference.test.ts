// docs/sql.md holds what the registry holds: its tables are written by this test (`npx vitest run --project unit
// test/unit/sql/reference.test.ts -u`) and compared by every other run of it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sqlReference, type ReferenceEntry } from "../../../src/sql/reference.ts";

const PROSE = join(import.meta.dirname, "../../../docs/sql-surface.md");

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function table(title: string, entries: readonly ReferenceEntry[]): string {
  const rows = entries.map(({ name, signatures, aliases }) => {
    const others = aliases.length === 0 ? "" : aliases.map((alias) => `\`${cell(alias)}\``).join(", ");
    return `| \`${cell(name)}\` | ${signatures.map((signature) => cell(signature)).join("<br>")} | ${others} |`;
  });
  return `### ${title} (${entries.length})\n\n| name | signatures | also called |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

test("I245 docs/sql.md lists every function and operator of the registry", async () => {
  const { operators, functions, aggregates, windowFunctions, setFunctions } = sqlReference();
  expect(functions.length).toBeGreaterThan(200);
  const tables = [
    table("Operators", operators),
    table("Functions", functions),
    table("Aggregates", aggregates),
    `### Window functions (${windowFunctions.length})\n\n${windowFunctions.map((name) => `\`${name}\``).join(", ")}, and every aggregate.\n`,
    table("Set-returning functions", setFunctions),
  ];
  const text = `${readFileSync(PROSE, "utf8").trimEnd()}\n\n## Functions and operators\n\nFrom the registry itself; \`test/unit/sql/reference.test.ts\` writes and checks these tables.\n\n${tables.join("\n")}`;
  await expect(text).toMatchFileSnapshot("../../../docs/sql.md");
});
