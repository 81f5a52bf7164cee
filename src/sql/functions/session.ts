// What PostgreSQL's clients ask of a session: who, where, and its settings. One session is like another here.

import { decimalToString, type Decimal } from "#columnar";
import { roundDecimal } from "../values/decimal.ts";
import { runtimeError } from "../values/errors.ts";
import type { FunctionCatalog } from "./definition.ts";

/** Whom a session is of; who may read what is decided before SQL. */
export const SESSION_USER = "firn";
/** The database's name. */
export const SESSION_CATALOG = "firn";
/** Where names without a namespace are looked for, in order. */
const SEARCH_PATH = ["default", "system"] as const;

const SETTINGS: Readonly<Record<string, string>> = {
  timezone: "UTC",
  datestyle: "ISO, MDY",
  intervalstyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: "1",
  client_encoding: "UTF8",
  server_encoding: "UTF8",
  server_version: "18.0",
  server_version_num: "180000",
  standard_conforming_strings: "on",
  integer_datetimes: "on",
  search_path: SEARCH_PATH.join(", "),
  lc_collate: "C",
  lc_ctype: "C.UTF-8",
  transaction_isolation: "repeatable read",
  transaction_read_only: "on",
  default_transaction_read_only: "on",
  max_identifier_length: "63",
  application_name: "",
};

function setting(name: string, mayMiss = false): string | null {
  const value = SETTINGS[name.toLowerCase()];
  if (value === undefined && !mayMiss) throw runtimeError(`unrecognized configuration parameter "${name}"`);
  return value ?? null;
}

const KILO = 1024n;
const UNITS = ["bytes", "kB", "MB", "GB", "TB", "PB"] as const;

const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);
const halved = (value: bigint): bigint => (value < 0n ? (value - 1n) / 2n : (value + 1n) / 2n);

/** A size in the unit that keeps it below 10,240, each time halved to the nearest. */
function prettySize(bytes: bigint): string {
  let size = bytes;
  let unit = 0;
  // From the second unit on, one binary digit is kept for rounding.
  while (unit < UNITS.length - 1 && magnitude(size) >= (unit === 0 ? 10n * KILO : 20n * KILO - 1n)) {
    size = unit === 0 ? size >> 9n : size >> 10n;
    unit += 1;
  }
  return `${unit === 0 ? size : halved(size)} ${UNITS[unit] ?? ""}`;
}

/** The same of a numeric, which keeps its fraction while it is counted in bytes. */
function prettyDecimalSize(bytes: Decimal): string {
  const whole = roundDecimal(bytes, 0);
  return magnitude(whole.unscaled) < 10n * KILO ? `${decimalToString(bytes)} bytes` : prettySize(whole.unscaled);
}

function sizeBytes(text: string): number {
  const match = /^\s*([-+]?\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)\s*$/i.exec(text);
  const unit = (match?.[2] ?? "").toLowerCase();
  const power = unit === "" || unit === "b" ? 0 : UNITS.findIndex((name) => name.toLowerCase() === unit);
  if (match === null || power < 0) throw runtimeError(`invalid size: "${text}"`);
  return Math.round(Number(match[1]) * 1024 ** power);
}

/** Adds functions about the session. */
export function defineSession({ define, alias }: FunctionCatalog): void {
  const safe = { safe: true, volatility: "stable" } as const;
  define("current_database", "-> text", () => SESSION_CATALOG, safe);
  alias("current_database", "current_catalog");
  define("current_schema", "-> text", () => SEARCH_PATH[0], safe);
  define("current_user", "-> text", () => SESSION_USER, safe);
  alias("current_user", "session_user", "user", "current_role");
  define(
    "current_schemas",
    "bool -> text[]",
    (all: boolean) => (all ? [...SEARCH_PATH, "information_schema"] : [...SEARCH_PATH]),
    safe,
  );
  define("current_setting", "text -> text", setting, { volatility: "stable" });
  define("current_setting", "text, bool -> text", setting, { volatility: "stable" });
  define("pg_size_pretty", "int8 -> text", (bytes: number | bigint) => prettySize(BigInt(bytes)));
  define("pg_size_pretty", "numeric -> text", prettyDecimalSize);
  define("pg_size_bytes", "text -> int8", sizeBytes);
}
