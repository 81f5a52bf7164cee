// The public surface as a file: what each domain exports. A change of it shows in the diff of a commit
// (`npx vitest run --project unit test/unit/public-api.test.ts -u` writes it anew).

import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const SOURCE = resolve(import.meta.dirname, "../../src");

function exportsOf(domain: string): string[] {
  const text = readFileSync(join(SOURCE, domain, "index.ts"), "utf8");
  const lists = [...text.matchAll(/export (type )?\{([^}]*)\}/g)].flatMap((match) =>
    (match[2] ?? "")
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "")
      .map((name) => (match[1] === undefined || name.startsWith("type ") ? name : `type ${name}`)),
  );
  const declared = [...text.matchAll(/export (?:async )?(function|const|interface|type|class) (\w+)/g)].map((match) =>
    match[1] === "interface" || match[1] === "type" ? `type ${match[2]}` : (match[2] ?? ""),
  );
  return [...lists, ...declared].map((name) => `#${domain} ${name}`).toSorted((a, b) => (a < b ? -1 : 1));
}

test("the domains' doors are as recorded", async () => {
  const domains = readdirSync(SOURCE, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted((a, b) => (a < b ? -1 : 1));
  const surface = domains.flatMap(exportsOf);
  expect(surface.length).toBeGreaterThan(100);
  await expect(`${surface.join("\n")}\n`).toMatchFileSnapshot("../golden/public-api.txt");
});
