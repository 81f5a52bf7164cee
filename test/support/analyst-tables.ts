// The tables of the analyst's queries: events as Firn keeps them, and what a shop has beside them.

import type { ColumnSchema, DataType, Scalar } from "#columnar";
import type { TableCatalog } from "#sql";
import { column, memoryCatalog, memoryTable, type MemoryRow, type MemoryTableOptions } from "./memory-table.ts";
import type { OracleTable } from "./sql-oracle.ts";

const INT: DataType = { kind: "int32" };
const TEXT: DataType = { kind: "string" };
const DATE: DataType = { kind: "date" };
const TZ: DataType = { kind: "timestamp", utc: true };
const MONEY: DataType = { kind: "decimal", precision: 12, scale: 2 };

const START_MS = Date.UTC(2024, 0, 29, 6);
const MINUTE_MS = 60_000;
const day = (text: string): number => Date.parse(`${text}T00:00:00Z`) / 86_400_000;
const money = (cents: number): Scalar => ({ unscaled: BigInt(cents), scale: 2 });

/** Numbers in [0, size) that look random and are the same each time. */
function dice(seed: number): (size: number) => number {
  let state = seed;
  return (size) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor(state / 65_536) % size;
  };
}

const TYPES = ["page_view", "page_view", "page_view", "add_to_cart", "checkout", "purchase", "signup"] as const;
const COUNTRIES = ["NL", "DE", "US", null] as const;
const PLANS = ["free", "pro", "team"] as const;

function eventRows(): readonly MemoryRow[] {
  const roll = dice(7);
  let minute = 0;
  return Array.from({ length: 220 }, (_, i) => {
    minute += 1 + roll(17) + (roll(9) === 0 ? 1_500 : 0);
    const type = TYPES[roll(TYPES.length)] ?? "page_view";
    const user = roll(12) === 0 ? null : `u${1 + roll(9)}`;
    const properties: Record<string, unknown> = { country: COUNTRIES[roll(4)], path: `/p/${roll(5)}` };
    if (type === "purchase") {
      properties["amount"] = (100 + roll(9_900)) / 100;
      properties["items"] = Array.from({ length: 1 + roll(3) }, (_item, n) => ({ sku: `s${roll(6)}`, qty: n + 1 }));
    }
    if (roll(10) === 0) properties["utm"] = { source: roll(2) === 0 ? "news" : "ads" };
    return {
      event_id: `e${String(i + 1).padStart(3, "0")}`,
      event_type: type,
      ts: (START_MS + minute * MINUTE_MS) * 1000,
      user_id: user,
      session_id: user === null ? null : `${user}-${Math.floor(minute / 2_000)}`,
      properties: roll(25) === 0 ? null : JSON.stringify(properties),
    };
  });
}

function orderRows(): readonly MemoryRow[] {
  const roll = dice(23);
  return Array.from({ length: 60 }, (_, i) => ({
    id: i + 1,
    user_id: `u${1 + roll(10)}`,
    product_id: 1 + roll(6),
    quantity: 1 + roll(4),
    amount: roll(15) === 0 ? null : money(250 + roll(20_000)),
    status: ["paid", "paid", "refunded", "open"][roll(4)] ?? "paid",
    ordered_on: day("2024-01-05") + roll(85),
  }));
}

const table = (name: string, columns: readonly ColumnSchema[], rows: readonly MemoryRow[]): OracleTable => ({
  name,
  columns,
  rows,
});

/** Tables for both engines. */
export const ANALYST_TABLES: readonly OracleTable[] = [
  table(
    "events",
    [
      column("event_id", TEXT),
      column("event_type", TEXT),
      column("ts", TZ),
      column("user_id", TEXT),
      column("session_id", TEXT),
      column("properties", TEXT),
    ],
    eventRows(),
  ),
  table(
    "users",
    [
      column("user_id", TEXT),
      column("name", TEXT),
      column("plan", TEXT),
      column("signed_up", DATE),
      column("time_zone", TEXT),
      column("referrer", TEXT),
    ],
    Array.from({ length: 10 }, (_, i) => ({
      user_id: `u${i + 1}`,
      name: ["Ada", "Bo", "Cy", "Di", "Ed", "Flo", "Gus", "Hal", "Ida", "Jo"][i] ?? "",
      plan: PLANS[(i * 5) % 3] ?? "free",
      signed_up: day("2023-12-20") + i * 9,
      time_zone: ["Europe/Amsterdam", "America/New_York", "Asia/Kolkata"][i % 3] ?? "UTC",
      referrer: i === 0 || i === 6 ? null : `u${Math.floor((i + 1) / 2)}`,
    })),
  ),
  table(
    "orders",
    [
      column("id", INT),
      column("user_id", TEXT),
      column("product_id", INT),
      column("quantity", INT),
      column("amount", MONEY),
      column("status", TEXT),
      column("ordered_on", DATE),
    ],
    orderRows(),
  ),
  table(
    "products",
    [column("id", INT), column("name", TEXT), column("category", TEXT), column("parent_id", INT)],
    [
      { id: 1, name: "Lamp", category: "home", parent_id: null },
      { id: 2, name: "Desk lamp", category: "home", parent_id: 1 },
      { id: 3, name: "LED", category: "home", parent_id: 2 },
      { id: 4, name: "Pen", category: "office", parent_id: null },
      { id: 5, name: "Ink", category: "office", parent_id: 4 },
      { id: 6, name: "Cap", category: null, parent_id: 4 },
    ],
  ),
  table(
    "prices",
    [column("product_id", INT), column("valid_from", DATE), column("price", MONEY)],
    [1, 2, 3, 4, 5].flatMap((product) =>
      [0, 20, 55].slice(0, 1 + (product % 3)).map((offset, i) => ({
        product_id: product,
        valid_from: day("2024-01-01") + offset + product,
        price: money(500 * product + 75 * i),
      })),
    ),
  ),
];

/** The same tables for ours; made anew, since tables note their requests. */
export function analystCatalog(options: MemoryTableOptions = {}): TableCatalog {
  return memoryCatalog(
    ANALYST_TABLES.map(({ name, columns, rows }) => memoryTable(`default.${name}`, columns, rows, options)),
  );
}
