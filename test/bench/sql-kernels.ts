// Nanoseconds of processor time a row of the executor's main kernels on vectors in memory: no I/O, no decoding.
// Usage: node test/bench/sql-kernels.ts [rows]

import {
  vectorFromScalars,
  type Batch,
  type ColumnSchema,
  type DataType,
  type FlatVector,
  type Vector,
} from "#columnar";
import { createMemoryBudget, executePlan } from "../../src/sql/execute/index.ts";
import type { AggregateCall, Expr, PlanNode } from "../../src/sql/plan.ts";
import type { TableSource } from "../../src/sql/table-source.ts";

const ROWS = Number(process.argv[2] ?? 5_000_000);
const BATCH = 16_384;
const ROW_GROUP = 262_144;
const REPEATS = 7;
const DAY_MICROS = 86_400_000_000;
const START = Date.UTC(2024, 0, 1) * 1000;

const STRING: DataType = { kind: "string" };
const TIMESTAMP: DataType = { kind: "timestamp", utc: true };
const INT32: DataType = { kind: "int32" };
const INT64: DataType = { kind: "int64" };
const FLOAT64: DataType = { kind: "float64" };
const BOOLEAN: DataType = { kind: "boolean" };

/** A linear congruential generator: fixed seed, same data each run. */
let seed = 42;
function random(): number {
  seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
  return seed / 4_294_967_296;
}

const TYPES = ["page_view", "click", "purchase", "signup", "logout", "search", "add_to_cart", "error"];
const USERS = 50_000;
const COLUMNS: readonly ColumnSchema[] = [
  { name: "event_type", type: STRING, nullable: false },
  { name: "ts", type: TIMESTAMP, nullable: false },
  { name: "amount", type: FLOAT64, nullable: false },
  { name: "n", type: INT32, nullable: false },
  { name: "user_id", type: STRING, nullable: false },
  { name: "country", type: STRING, nullable: false },
  { name: "big", type: INT64, nullable: false },
];

function flat(type: DataType, values: FlatVector["values"]): FlatVector {
  return { encoding: "flat", type, length: values.length, values, validity: undefined };
}

function dictionaryOf(names: readonly string[]): FlatVector {
  return vectorFromScalars(STRING, names);
}

function buildBatches(): Batch[] {
  const batches: Batch[] = [];
  let types = dictionaryOf(TYPES);
  let users = dictionaryOf([]);
  let countries = dictionaryOf([]);
  for (let row = 0; row < ROWS;) {
    if (row % ROW_GROUP === 0) {
      // Each row group has its own dictionaries, as Parquet does.
      types = dictionaryOf(TYPES.toReversed());
      users = dictionaryOf(Array.from({ length: USERS / 5 }, () => `user-${Math.floor(random() * USERS)}`));
      countries = dictionaryOf(Array.from({ length: 40 }, (_, i) => `country-${i}`));
    }
    const count = Math.min(BATCH, ROWS - row, ROW_GROUP - (row % ROW_GROUP));
    const codes = new Int32Array(count);
    const ts = new Float64Array(count);
    const amount = new Float64Array(count);
    const n = new Int32Array(count);
    const userCodes = new Int32Array(count);
    const countryCodes = new Int32Array(count);
    const big = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      codes[i] = Math.floor(random() * TYPES.length);
      ts[i] = START + Math.floor(((row + i) / ROWS) * 30 * DAY_MICROS + random() * 3_600_000_000);
      amount[i] = random() * 1000;
      n[i] = Math.floor(random() * 1000);
      userCodes[i] = Math.floor(random() * users.length);
      countryCodes[i] = Math.floor(random() * 40);
      big[i] = Math.floor(random() * 1e6);
    }
    const coded = (dictionary: FlatVector, c: Int32Array): Vector => ({
      encoding: "dictionary",
      type: STRING,
      length: count,
      codes: c,
      dictionary,
      validity: undefined,
    });
    batches.push({
      rowCount: count,
      columns: [
        coded(types, codes),
        flat(TIMESTAMP, ts),
        flat(FLOAT64, amount),
        flat(INT32, n),
        coded(users, userCodes),
        coded(countries, countryCodes),
        flat(INT64, big),
      ],
    });
    row += count;
  }
  return batches;
}

const batches = buildBatches();
const source: TableSource = {
  name: "bench",
  columns: COLUMNS,
  planScan: () => Promise.reject(new Error("scans are given to the executor directly")),
};

async function* readAll(): AsyncGenerator<Batch> {
  for (const batch of batches) yield await Promise.resolve(batch);
}

function column(index: number): Expr {
  const schema = COLUMNS[index];
  if (schema === undefined) throw new RangeError(`no column ${index}`);
  return { kind: "column", index, name: schema.name, type: schema.type };
}

function call(name: string, type: DataType, ...args: Expr[]): Expr {
  return { kind: "call", function: name, args, type };
}

function literal(value: string | number, type: DataType): Expr {
  return { kind: "literal", value, type };
}

function aggregate(name: string, type: DataType, args: readonly Expr[] = [], distinct = false): AggregateCall {
  return { function: name, args, distinct, filter: undefined, orderBy: [], directArgs: [], type };
}

const scan: PlanNode = {
  kind: "scan",
  source,
  projection: COLUMNS.map((_, i) => i),
  predicates: [],
  limit: undefined,
  columns: COLUMNS,
};

function groupBy(input: PlanNode, keys: readonly Expr[], aggregates: readonly AggregateCall[]): PlanNode {
  const columns = [...keys, ...aggregates].map((item, i) => ({ name: `c${i}`, type: item.type, nullable: true }));
  return { kind: "aggregate", input, keys, aggregates, columns };
}

function filter(condition: Expr): PlanNode {
  return { kind: "filter", input: scan, condition, columns: COLUMNS };
}

const COUNT = aggregate("count", INT64);
const range: Expr = {
  kind: "and",
  type: BOOLEAN,
  args: [
    call(">=", BOOLEAN, column(1), literal(START + 5 * DAY_MICROS, TIMESTAMP)),
    call("<", BOOLEAN, column(1), literal(START + 20 * DAY_MICROS, TIMESTAMP)),
  ],
};
const hour = call("date_trunc", TIMESTAMP, literal("hour", STRING), column(1));
const month = call("date_trunc", TIMESTAMP, literal("month", STRING), column(1));

const CASES: readonly (readonly [name: string, plan: PlanNode, target?: number])[] = [
  ["count(*)", groupBy(scan, [], [COUNT])],
  ["group by dictionary string, count", groupBy(scan, [column(0)], [COUNT]), 12],
  ["group by hour, count", groupBy(scan, [hour], [COUNT]), 25],
  ["group by month, count", groupBy(scan, [month], [COUNT])],
  [
    "group by two strings, count + sum",
    groupBy(scan, [column(0), column(5)], [COUNT, aggregate("sum", FLOAT64, [column(2)])]),
  ],
  ["group by hour and string, count", groupBy(scan, [hour, column(0)], [COUNT])],
  ["group by user (50k), count", groupBy(scan, [column(4)], [COUNT])],
  ["group by int64 (1M)", groupBy(scan, [column(6)], [COUNT])],
  ["filter range, sum float", groupBy(filter(range), [], [aggregate("sum", FLOAT64, [column(2)])])],
  ["filter string =, count", groupBy(filter(call("=", BOOLEAN, column(0), literal("purchase", STRING))), [], [COUNT])],
  [
    "filter string LIKE, sum int",
    groupBy(filter(call("~~", BOOLEAN, column(0), literal("p%", STRING))), [], [aggregate("sum", INT64, [column(3)])]),
  ],
  [
    "filter float > 990, group by string",
    groupBy(filter(call(">", BOOLEAN, column(2), literal(990, FLOAT64))), [column(0)], [COUNT]),
  ],
  [
    "sum(n * 2 + n), no groups",
    groupBy(
      scan,
      [],
      [aggregate("sum", INT64, [call("+", INT32, call("*", INT32, column(3), literal(2, INT32)), column(3))])],
    ),
  ],
  [
    "min, max, avg of float by string",
    groupBy(
      scan,
      [column(0)],
      ["min", "max", "avg"].map((name) => aggregate(name, FLOAT64, [column(2)])),
    ),
  ],
  ["count distinct users", groupBy(scan, [], [aggregate("count", INT64, [column(4)], true)])],
  ["count distinct users by type", groupBy(scan, [column(0)], [aggregate("count", INT64, [column(4)], true)])],
  [
    "percentile_cont by string",
    groupBy(
      scan,
      [column(0)],
      [
        {
          ...aggregate("percentile_cont", FLOAT64),
          directArgs: [literal(0.95, FLOAT64)],
          orderBy: [{ expr: column(2), descending: false, nullsFirst: false }],
        },
      ],
    ),
  ],
  [
    "top 10 by float desc",
    {
      kind: "sort",
      input: scan,
      keys: [{ expr: column(2), descending: true, nullsFirst: true }],
      topRows: 10,
      columns: COLUMNS,
    },
  ],
  [
    "top 10 by time desc",
    {
      kind: "sort",
      input: scan,
      keys: [{ expr: column(1), descending: true, nullsFirst: true }],
      topRows: 10,
      columns: COLUMNS,
    },
  ],
  [
    "top 10 by string",
    {
      kind: "sort",
      input: scan,
      keys: [{ expr: column(4), descending: false, nullsFirst: false }],
      topRows: 10,
      columns: COLUMNS,
    },
  ],
  [
    "sort all by float (project 1)",
    {
      kind: "aggregate",
      input: {
        kind: "sort",
        input: { kind: "project", input: scan, exprs: [column(2)], columns: [COLUMNS[2] as ColumnSchema] },
        keys: [{ expr: { ...column(2), index: 0 } as Expr, descending: false, nullsFirst: false }],
        topRows: undefined,
        columns: [COLUMNS[2] as ColumnSchema],
      },
      keys: [],
      aggregates: [COUNT],
      columns: [{ name: "c", type: INT64, nullable: false }],
    },
  ],
  [
    "distinct type",
    {
      kind: "distinct",
      input: { kind: "project", input: scan, exprs: [column(0)], columns: [COLUMNS[0] as ColumnSchema] },
      columns: [COLUMNS[0] as ColumnSchema],
    },
  ],
];

async function runOnce(plan: PlanNode): Promise<number> {
  const started = process.cpuUsage().user / 1000;
  for await (const batch of executePlan(plan, {
    planScan: () => ({ identity: "", statistics: {} as never, open: readAll }),
    signal: new AbortController().signal,
    memory: createMemoryBudget(2 ** 33),
    statementTimeMicros: 0,
  })) {
    if (batch.rowCount < 0) throw new Error("unreachable");
  }
  return process.cpuUsage().user / 1000 - started;
}

const only = process.argv[3];
for (const [name, plan, target] of CASES) {
  if (only !== undefined && !name.includes(only)) continue;
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) times.push(await runOnce(plan));
  times.sort((a, b) => a - b);
  const nanos = (millis: number): string => ((millis * 1e6) / ROWS).toFixed(2).padStart(8);
  const goal = target === undefined ? "" : `  (target ${target})`;
  console.log(
    `${name.padEnd(40)} median ${nanos(times[Math.floor(REPEATS / 2)] ?? 0)} min ${nanos(times[0] ?? 0)} ns/row${goal}`,
  );
}
