// Patterns of to_char and to_number: what they mean, as PostgreSQL reads them.

import { LakeError } from "#core";

/** One part of a pattern: a keyword of it, or text that stands for itself. */
export type NumberToken =
  | { readonly kind: "key"; readonly key: string }
  | { readonly kind: "text"; readonly text: string };

/** A pattern with what its keywords say together. */
export interface NumberPattern {
  readonly tokens: readonly NumberToken[];
  /** Digits before the point and after it. */
  readonly pre: number;
  readonly post: number;
  /** Where the first 0 stands among the digits, 0-based; undefined without one. */
  readonly zeroStart: number | undefined;
  /** Digits up to the last 0. */
  readonly zeroEnd: number;
  readonly hasPoint: boolean;
  readonly fill: boolean;
  /** S: before the digits or behind them. */
  readonly sign: "before" | "behind" | undefined;
  readonly hasPlus: boolean;
  readonly hasMinus: boolean;
  readonly hasBrackets: boolean;
  readonly isRoman: boolean;
  readonly isScientific: boolean;
  /** Digits behind V: the number is multiplied by ten as often. */
  readonly shift: number;
}

const KEYS = [
  "EEEE",
  "FM",
  "MI",
  "PL",
  "PR",
  "RN",
  "SG",
  "TH",
  "SP",
  ",",
  ".",
  "0",
  "9",
  "B",
  "C",
  "D",
  "G",
  "L",
  "S",
  "V",
];

function tokensOf(pattern: string): readonly NumberToken[] {
  const tokens: NumberToken[] = [];
  let at = 0;
  while (at < pattern.length) {
    const rest = pattern.slice(at);
    if (rest.startsWith('"')) {
      const quoted = /^"((?:[^"\\]|\\[\s\S])*)"?/.exec(rest);
      tokens.push({ kind: "text", text: (quoted?.[1] ?? "").replaceAll(/\\([\s\S])/g, "$1") });
      at += quoted?.[0].length ?? 1;
      continue;
    }
    const upper = rest.slice(0, 4).toUpperCase();
    const key = KEYS.find((each) => upper.startsWith(each));
    // Only th and rn tell their case apart; mixed case is no keyword of either.
    const written = key === undefined ? "" : rest.slice(0, key.length);
    if (key !== undefined && (written === key || written === key.toLowerCase())) {
      tokens.push({ kind: "key", key: key === "TH" || key === "RN" ? written : key });
      at += key.length;
      continue;
    }
    const symbol =
      rest.startsWith("\\") && rest.length > 1 ? rest.slice(1, 2) : String.fromCodePoint(rest.codePointAt(0) ?? 0);
    tokens.push({ kind: "text", text: symbol });
    at += rest.startsWith("\\") && rest.length > 1 ? 2 : symbol.length;
  }
  return tokens;
}

function wrong(message: string): LakeError {
  return new LakeError("sql_runtime_error", message);
}

/** Reads a pattern. Errors: `sql_runtime_error` for keywords that exclude each other. */
export function parseNumberPattern(pattern: string): NumberPattern {
  const tokens = tokensOf(pattern);
  const state = {
    pre: 0,
    post: 0,
    zeroStart: undefined as number | undefined,
    zeroEnd: 0,
    hasPoint: false,
    fill: false,
    sign: undefined as NumberPattern["sign"],
    signAt: -1,
    hasPlus: false,
    hasMinus: false,
    hasBrackets: false,
    isRoman: false,
    isScientific: false,
    hasShift: false,
    shift: 0,
  };
  for (const token of tokens) {
    if (token.kind === "text") continue;
    if (state.isScientific && token.key !== "9") throw wrong('"EEEE" must be the last pattern used');
    switch (token.key) {
      case "9":
        if (state.hasBrackets) throw wrong('"9" must be ahead of "PR"');
        if (state.hasShift) state.shift += 1;
        else if (state.hasPoint) state.post += 1;
        else state.pre += 1;
        break;
      case "0":
        if (state.hasBrackets) throw wrong('"0" must be ahead of "PR"');
        if (state.zeroStart === undefined && !state.hasPoint) state.zeroStart = state.pre;
        if (state.hasPoint) state.post += 1;
        else state.pre += 1;
        state.zeroEnd = state.pre + state.post;
        break;
      case "D":
      case ".":
        if (state.hasPoint) throw wrong("multiple decimal points");
        if (state.hasShift) throw wrong('cannot use "V" and decimal point together');
        state.hasPoint = true;
        break;
      case "FM":
        state.fill = true;
        break;
      case "S":
        if (state.sign !== undefined) throw wrong('cannot use "S" twice');
        if (state.hasPlus || state.hasMinus || state.hasBrackets) {
          throw wrong('cannot use "S" and "PL"/"MI"/"SG"/"PR" together');
        }
        state.sign = state.hasPoint ? "behind" : "before";
        state.signAt = state.pre;
        break;
      case "MI":
        if (state.sign !== undefined) throw wrong('cannot use "S" and "MI" together');
        state.hasMinus = true;
        break;
      case "PL":
        if (state.sign !== undefined) throw wrong('cannot use "S" and "PL" together');
        state.hasPlus = true;
        break;
      case "SG":
        if (state.sign !== undefined) throw wrong('cannot use "S" and "SG" together');
        state.hasMinus = true;
        state.hasPlus = true;
        break;
      case "PR":
        if (state.sign !== undefined || state.hasPlus || state.hasMinus) {
          throw wrong('cannot use "PR" and "S"/"PL"/"MI"/"SG" together');
        }
        state.hasBrackets = true;
        break;
      case "RN":
      case "rn":
        state.isRoman = true;
        break;
      case "V":
        if (state.hasPoint) throw wrong('cannot use "V" and decimal point together');
        state.hasShift = true;
        break;
      case "EEEE":
        state.isScientific = true;
        break;
      default:
    }
  }
  // A sign behind the last digit of a whole number stands behind it.
  const sign = state.sign === "before" && state.signAt === state.pre && state.pre > 0 ? "behind" : state.sign;
  return { ...state, tokens, sign };
}
