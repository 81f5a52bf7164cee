// PyIceberg writes, Firn reads; Firn rewrites, PyIceberg reads.

import { runScenario, type Scenario } from "../scenario.ts";
import type { InteropSuite } from "../suite.ts";

const types: Scenario = {
  table: "interop_pyiceberg.types",
  sort: ["l"],
  // Spark has no type for time of day.
  readers: ["trino", "duckdb"],
  proves: ["all types it has"],
  steps: [
    { what: "create", call: "create_types" },
    { what: "insert", call: "insert_types" },
  ],
};

const changes: Scenario = {
  table: "interop_pyiceberg.changes",
  sort: ["id"],
  readers: ["spark", "trino", "duckdb"],
  proves: ["format version 2"],
  steps: [
    { what: "create partitioned", call: "create_events" },
    { what: "append", proves: "append", call: "append" },
    { what: "delete of a partition", proves: "delete", call: "delete_partition" },
    { what: "delete of rows", proves: "delete", call: "delete_rows" },
    { what: "overwrite", proves: "overwrite", call: "overwrite" },
    { what: "upsert", proves: "merge", call: "upsert" },
    { what: "schema change", proves: "change columns", call: "change_schema" },
    { what: "append after schema change", proves: "change columns", call: "append_after_schema_change" },
    { what: "partition change", proves: "change partitions", call: "change_partitions" },
    { what: "dropped column", proves: "change columns", call: "drop_column" },
  ],
};

const partitions: Scenario = {
  table: "interop_pyiceberg.partitions",
  sort: ["id"],
  readers: ["spark", "trino", "duckdb"],
  proves: ["format version 2"],
  steps: [
    { what: "create partitioned by identity", call: "create_regions" },
    { what: "append", proves: "append", call: "append" },
    { what: "dynamic overwrite", proves: "overwrite", call: "dynamic_overwrite" },
  ],
};

/** PyIceberg 0.12. */
export const pyicebergSuite: InteropSuite = {
  name: "pyiceberg",
  needs: ["python"],
  limitSeconds: 480,
  async run(context) {
    const pyiceberg = await context.engines.get("pyiceberg");
    await pyiceberg.call("create_namespace", { name: "interop_pyiceberg" });
    for (const scenario of [types, changes, partitions]) await runScenario(context, pyiceberg, scenario);
  },
};
