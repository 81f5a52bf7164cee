// to_char for numbers.

import { decimalToString, type Decimal } from "#columnar";
import { roundDecimal } from "../values/decimal.ts";
import { parseNumberPattern, type NumberPattern } from "./number-format.ts";
import { toRoman } from "./roman.ts";

/** Width of a Roman number, the longest one's. */
const ROMAN_WIDTH = 15;

/** 1.23e+04 with a blank or minus before it. */
function scientific({ unscaled }: Decimal, scale: number, post: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  const exponent = unscaled === 0n ? 0 : digits.length - 1 - scale;
  // 9.99 rounds to 10.0 and stays so: PostgreSQL moves no point either.
  const mantissa = decimalToString(roundDecimal({ unscaled: BigInt(digits), scale: digits.length - 1 }, post));
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${unscaled < 0n ? "-" : " "}${mantissa}e${exponent < 0 ? "-" : "+"}${power}`;
}

function ordinalEnding(digits: string, upper: boolean): string {
  const [, tens = "", ones = ""] = /(\d?)(\d)$/.exec(digits) ?? [];
  const ending = tens === "1" ? "th" : ({ "1": "st", "2": "nd", "3": "rd" }[ones] ?? "th");
  return upper ? ending.toUpperCase() : ending;
}

/** Digits of the number as the pattern has room for them: `#` where it has none. */
function digitsOf(value: Decimal, pattern: NumberPattern): { readonly digits: string; readonly spaces: number } {
  const { post, shift, isRoman } = pattern;
  const pre = pattern.pre + shift;
  const shifted = shift === 0 ? value : { unscaled: value.unscaled * 10n ** BigInt(shift), scale: value.scale };
  const rounded = roundDecimal(shifted, isRoman ? 0 : post);
  const text = decimalToString(rounded).replace("-", "");
  const [whole = "0"] = text.split(".");
  if (whole.length <= pre) return { digits: text, spaces: pre - whole.length };
  return { digits: `${"#".repeat(pre)}.${"#".repeat(post)}`, spaces: 0 };
}

/** Position of the last digit after the point that is not 0, or of the point; undefined without one. */
function lastRelevant(digits: string): number | undefined {
  const point = digits.indexOf(".");
  return point < 0 ? undefined : Math.max(point, digits.replace(/0+$/, "").length - 1);
}

/** Writes digits one by one, with the sign at its place. */
class DigitWriter {
  out = "";
  /** Whether a digit has been written at this place or before. */
  started = false;
  private at = 0;
  private place = 0;
  private signWritten: boolean;
  private readonly relevant: number | undefined;
  private readonly brackets: boolean;
  private readonly count: number;
  private readonly pattern: NumberPattern;
  private readonly digits: string;
  private readonly spaces: number;
  private readonly negative: boolean;

  constructor(pattern: NumberPattern, digits: string, spaces: number, negative: boolean) {
    this.pattern = pattern;
    this.digits = digits;
    this.spaces = spaces;
    this.negative = negative;
    const { fill, hasPoint, hasPlus, hasMinus, sign, zeroEnd } = pattern;
    this.brackets = pattern.hasBrackets && (negative || !fill);
    this.signWritten = hasPlus || hasMinus ? !(hasPlus && !hasMinus) : !negative && fill && sign === undefined;
    let relevant = fill && hasPoint ? lastRelevant(digits) : undefined;
    if (relevant !== undefined && zeroEnd > spaces) {
      relevant = Math.max(relevant, Math.min(digits.length - 1, zeroEnd - spaces));
    }
    this.relevant = relevant;
    this.count = pattern.post + pattern.pre + pattern.shift - 1 + (!this.signWritten && spaces === 0 ? 1 : 0);
  }

  /** "9.9" of 0.1 is " .1": the zero before the point is left out where no 0 asks for it. */
  private get skipsZero(): boolean {
    const { zeroStart, post } = this.pattern;
    return zeroStart === undefined && this.at === 0 && this.digits.startsWith("0") && post !== 0;
  }

  private get endsAtPoint(): boolean {
    return this.relevant !== undefined && this.digits[this.relevant] === ".";
  }

  private writeSign(): void {
    const { zeroStart, sign, fill } = this.pattern;
    const isReached = this.place >= this.spaces || zeroStart === this.place;
    if (this.signWritten || !isReached || (this.skipsZero && !this.endsAtPoint)) return;
    if (sign !== undefined) {
      if (sign === "behind") return;
      this.out += this.negative ? "-" : "+";
    } else if (this.brackets) this.out += this.negative ? "<" : " ";
    else if (this.negative) this.out += "-";
    else if (!fill) this.out += " ";
    this.signWritten = true;
  }

  /** Writes what stands at one 9, 0 or point of the pattern. */
  write(key: string): void {
    const { zeroStart, fill, sign, hasPoint } = this.pattern;
    this.started = false;
    this.writeSign();
    if (this.place < this.spaces && (zeroStart === undefined || zeroStart > this.place)) {
      if (!fill) this.out += " ";
    } else if (this.place < this.spaces) {
      this.out += "0";
      this.started = true;
    } else {
      this.writeDigit(key);
      if (this.at < this.digits.length) this.at += 1;
    }
    const end =
      this.relevant !== undefined && this.relevant === this.at
        ? this.place
        : this.count + (this.spaces > 0 ? 1 : 0) + (hasPoint ? 1 : 0);
    if (this.place + 1 === end) {
      if (this.signWritten && this.brackets) this.out += this.negative ? ">" : " ";
      else if (sign === "behind") this.out += this.negative ? "-" : "+";
    }
    this.place += 1;
  }

  private writeDigit(key: string): void {
    const digit = this.digits[this.at] ?? "";
    if (digit === ".") this.out += ".";
    else if (this.relevant !== undefined && this.at > this.relevant && key !== "0") return;
    else if (this.skipsZero) {
      if (!this.pattern.fill) this.out += " ";
      else if (this.endsAtPoint) this.out += "0";
    } else {
      this.out += digit;
      this.started = true;
    }
  }
}

/** to_char(number, pattern). Errors: `sql_runtime_error` for patterns that make no sense. */
export function numberToChar(value: Decimal, text: string): string {
  const pattern = parseNumberPattern(text);
  const { fill, isRoman, isScientific, hasPoint } = pattern;
  if (isScientific) return scientific(value, value.scale, pattern.post);
  const rounded = roundDecimal(value, pattern.post + pattern.shift);
  const negative = rounded.unscaled < 0n;
  const { digits, spaces } = digitsOf(rounded, pattern);
  const writer = new DigitWriter(pattern, digits, spaces, negative);
  for (const token of pattern.tokens) {
    if (token.kind === "text") {
      writer.out += token.text;
      continue;
    }
    switch (token.key) {
      case "9":
      case "0":
      case ".":
      case "D":
        if (!isRoman) writer.write(token.key);
        break;
      case ",":
      case "G":
        if (writer.started) writer.out += ",";
        else if (!fill) writer.out += " ";
        break;
      case "L":
        writer.out += " ";
        break;
      case "RN":
      case "rn": {
        const roman = toRoman(Number(decimalToString(roundDecimal(value, 0)))) ?? "#".repeat(ROMAN_WIDTH);
        const cased = token.key === "rn" ? roman.toLowerCase() : roman;
        writer.out += fill ? cased : cased.padStart(ROMAN_WIDTH);
        break;
      }
      case "TH":
      case "th":
        if (!isRoman && !digits.startsWith("#") && !negative && !hasPoint) {
          writer.out += ordinalEnding(digits, token.key === "TH");
        }
        break;
      case "MI":
        writer.out += negative ? "-" : fill ? "" : " ";
        break;
      case "PL":
        writer.out += negative ? (fill ? "" : " ") : "+";
        break;
      case "SG":
        writer.out += negative ? "-" : "+";
        break;
      default:
    }
  }
  return writer.out;
}
