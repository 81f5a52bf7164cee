// `npm run bench -- NAME [--json FILE]`: one benchmark, side by side with its peers.

import { report, type BenchCase } from "./measure.ts";

const BENCHES: Readonly<Record<string, () => Promise<{ run: () => Promise<readonly BenchCase[]> }>>> = {
  ingest: () => import("./ingest.ts"),
  query: () => import("./query.ts"),
  tpch: () => import("./tpch.ts"),
  cache: () => import("./cache.ts"),
  compact: () => import("./compact.ts"),
  commit: () => import("./commit.ts"),
  planning: () => import("./planning.ts"),
  memory: () => import("./memory.ts"),
  "memory-workerd": () => import("./memory-workerd.ts"),
  cold: () => import("./cold.ts"),
};

const [name, ...rest] = process.argv.slice(2);
const load = name === undefined ? undefined : BENCHES[name];
if (name === undefined || load === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--json FILE]`);
  process.exit(2);
}
const jsonFlag = rest.indexOf("--json");
const { run } = await load();
report(name, await run(), jsonFlag === -1 ? undefined : rest[jsonFlag + 1]);
process.exit(0);
