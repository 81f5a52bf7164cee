// to_char for numbers.

import { decimalToString, type Decimal } from "#columnar";
import { roundDecimal } from "../values/decimal.ts";
import { runtimeError } from "../values/errors.ts";

/** to_char(number, pattern): 9 0 . , D G FM S MI PR L and V-less patterns. Errors: sql_runtime_error. */
export function numberToChar(value: Decimal, pattern: string): string {
  const fill = !/^FM/i.test(pattern);
  const body = pattern.replace(/^FM/i, "");
  const upper = body.toUpperCase();
  if (!/^[90.,DGSLMIPR\s"TH$+-]*$/.test(upper))
    throw runtimeError(`to_char pattern "${pattern}" is not supported for numbers`);
  const [wholePattern = "", fractionPattern = ""] = upper.split(/[.D]/);
  const places = (fractionPattern.match(/[90]/g) ?? []).length;
  const rounded = roundDecimal(value, places);
  const negative = rounded.unscaled < 0n;
  const text = decimalToString({ unscaled: negative ? -rounded.unscaled : rounded.unscaled, scale: rounded.scale });
  const [wholeDigits = "0", fractionDigits = ""] = text.split(".");
  const slots = Array.from(wholePattern).filter((c) => c === "9" || c === "0");
  const isZero = rounded.unscaled === 0n;
  const significant = wholeDigits === "0" && places > 0 && !slots.includes("0") && (fill || !isZero) ? "" : wholeDigits;
  const overflow = significant.length > slots.length;
  const firstZero = slots.indexOf("0");
  let out = "";
  let slot = 0;
  let started = false;
  for (const c of wholePattern) {
    if (c === "9" || c === "0") {
      const index = slot - (slots.length - significant.length);
      if (overflow) out += "#";
      else if (index >= 0) {
        out += significant[index] ?? "";
        started = true;
      } else if (firstZero >= 0 && slot >= firstZero) {
        out += "0";
        started = true;
      } else if (fill) out += " ";
      slot++;
    } else if (c === "," || c === "G") {
      out += started || overflow ? "," : fill ? " " : "";
    } else if (c === "L" || c === "$") {
      out += c === "$" ? "$" : " ";
    }
  }
  if (/[.D]/.test(upper)) {
    let fraction = overflow ? "#".repeat(places) : fractionDigits;
    if (!fill) {
      const kept = fractionPattern.lastIndexOf("0") + 1;
      fraction = fraction.slice(0, kept) + fraction.slice(kept).replace(/0+$/, "");
    }
    out += `.${fraction}`;
  }
  const lead = /^ */.exec(out)?.[0] ?? "";
  const tail = out.slice(lead.length);
  if (upper.includes("PR")) return negative ? `${lead}<${tail}>` : fill ? ` ${lead}${tail} ` : tail;
  if (upper.endsWith("MI")) return lead + tail + (negative ? "-" : fill ? " " : "");
  if (upper.startsWith("S")) return `${lead}${negative ? "-" : "+"}${tail}`;
  if (upper.endsWith("S")) return lead + tail + (negative ? "-" : "+");
  return lead + (negative ? "-" : fill ? " " : "") + tail;
}
