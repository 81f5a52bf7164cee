// to_number: a text read by a pattern of to_char.

import type { Decimal } from "#columnar";
import { fitDecimal, textToDecimal } from "../values/decimal.ts";
import { invalidText, runtimeError } from "../values/errors.ts";
import { parseNumberPattern, type NumberPattern } from "./number-format.ts";
import { fromRoman } from "./roman.ts";

const SIGNIFICANT_DIGITS = 16;

const isDigit = (text: string | undefined): boolean => text !== undefined && /^\d$/.test(text);

/** Reads digits, sign and point where the pattern expects them. */
class NumberReader {
  at = 0;
  sign = "";
  digits = "";
  private before = 0;
  private after = 0;
  private hasPoint = false;
  private readonly text: string;
  private readonly pattern: NumberPattern;

  constructor(text: string, pattern: NumberPattern) {
    this.text = text;
    this.pattern = pattern;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  get current(): string {
    return this.text[this.at] ?? "";
  }

  /** Skips characters that can be no part of a number. */
  skipOthers(count: number): void {
    for (let i = 0; i < count && !this.isAtEnd && !/[\d.,+-]/.test(this.current); i++) this.at += 1;
  }

  private takeSign(text: string): boolean {
    if (text === "-" || (this.pattern.hasBrackets && text === "<")) this.sign = "-";
    else if (text === "+") this.sign = "+";
    else return false;
    return true;
  }

  /** Reads what stands at one 9, 0 or point of the pattern; leaves `at` on the last character that belongs to it. */
  read(key: string): void {
    if (this.current === " ") this.at += 1;
    if (this.isAtEnd) return;
    const { sign, post } = this.pattern;
    if (this.sign === "" && (key === "9" || key === "0") && this.before + this.after === 0) {
      const mayStand = sign === undefined || sign === "before";
      if (mayStand && this.takeSign(this.current)) this.at += 1;
    }
    if (this.isAtEnd) return;
    let isRead = false;
    if (isDigit(this.current)) {
      if (this.hasPoint && this.after === post) return;
      this.digits += this.current;
      if (this.hasPoint) this.after += 1;
      else this.before += 1;
      isRead = true;
    } else if (this.pattern.hasPoint && !this.hasPoint && this.current === ".") {
      this.digits += ".";
      this.hasPoint = true;
      isRead = true;
    }
    if (this.sign !== "" || this.before + this.after === 0) return;
    if (sign !== undefined && isRead) {
      const next = this.text[this.at + 1];
      if (next !== undefined && !isDigit(next) && (next === "-" || next === "+")) {
        this.sign = next;
        this.at += 1;
      }
    } else if (!isRead && sign === undefined && (this.current === "-" || this.current === "+")) {
      this.sign = this.current;
    }
  }

  /** Takes the sign of MI, PL or SG; false when there is none. */
  readSign(allowed: string): boolean {
    if (allowed.includes(this.current)) {
      this.sign = this.current;
      return true;
    }
    this.skipOthers(1);
    return false;
  }
}

/** to_number(text, pattern). Errors: `invalid_text_representation`, `sql_runtime_error`, `numeric_out_of_range`. */
export function textToNumber(text: string, format: string): Decimal {
  const pattern = parseNumberPattern(format);
  if (pattern.isScientific) throw runtimeError('"EEEE" not supported for input');
  if (pattern.isRoman) {
    const value = fromRoman(text.trim());
    if (value === undefined) throw invalidText("Roman numeral", text);
    return { unscaled: BigInt(value), scale: 0 };
  }
  const reader = new NumberReader(text, pattern);
  for (const token of pattern.tokens) {
    if (reader.isAtEnd) break;
    if (token.kind === "text") {
      reader.at += Array.from(token.text).length;
      continue;
    }
    switch (token.key) {
      case "9":
      case "0":
      case ".":
      case "D":
        reader.read(token.key);
        break;
      case ",":
      case "G":
        if (reader.current !== ",") continue;
        break;
      case "L":
        reader.skipOthers(1);
        continue;
      case "TH":
      case "th":
        reader.skipOthers(2);
        continue;
      case "MI":
        if (!reader.readSign("-")) continue;
        break;
      case "PL":
        if (!reader.readSign("+")) continue;
        break;
      case "SG":
        if (!reader.readSign("-+")) continue;
        break;
      default:
        continue;
    }
    reader.at += 1;
  }
  const digits = reader.digits.replace(/\.$/, "");
  if (digits === "") throw invalidText("numeric", " ");
  const value = textToDecimal(`${reader.sign === "-" ? "-" : ""}${digits}`);
  const { pre, post, shift } = pattern;
  const fitted = fitDecimal(value, Math.max(pre + shift + post, 1), post);
  if (shift === 0) return trimmedScale(value, fitted, post);
  // PostgreSQL multiplies by a power of ten that has 16 digits after its first.
  return {
    unscaled: fitted.unscaled * 10n ** BigInt(SIGNIFICANT_DIGITS),
    scale: fitted.scale + shift + SIGNIFICANT_DIGITS,
  };
}

/** PostgreSQL keeps as many digits after the point as were written, up to the pattern's. */
function trimmedScale(value: Decimal, fitted: Decimal, post: number): Decimal {
  return value.scale < post ? value : fitted;
}
