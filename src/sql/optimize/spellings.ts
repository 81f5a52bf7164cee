// `lower(x) = 'abc'` and `upper(x) = 'ABC'` as texts that x may be, for skipping data: the condition itself stays.

import type { Expr } from "../plan.ts";
import { isConstant } from "./fold.ts";

type Column = Expr & { readonly kind: "column" };

/** What a text compared in one case may be. Orders are those of code points. */
export interface Spellings {
  readonly column: Column;
  /** All of them; undefined when there are too many. */
  readonly texts: readonly string[] | undefined;
  /** At or before, and at or behind, every one of them. */
  readonly least: string;
  readonly greatest: string;
}

/** More texts than this are told as a range. */
const MAX_TEXTS = 128;
const LAST_ASCII = 0x7f;
/** Beyond a letter's own two cases: the Kelvin sign has the small k; the dotless i and the long s have capitals. */
const OTHERS: Readonly<Record<"lower" | "upper", Readonly<Record<string, readonly string[]>>>> = {
  lower: { k: ["\u212a"] },
  upper: { I: ["\u0131"], S: ["\u017f"] },
};

function isAscii(text: string): boolean {
  return text !== "" && Array.from(text).every((character) => (character.codePointAt(0) ?? 0) <= LAST_ASCII);
}

/** The spellings that a condition asks for; undefined for other conditions and for texts that are not ASCII. */
export function spellingsOf(condition: Expr): Spellings | undefined {
  if (condition.kind !== "call" || condition.function !== "=") return undefined;
  const [a, b] = condition.args;
  if (a === undefined || b === undefined) return undefined;
  const [call, constant] = isConstant(b) ? [a, b] : [b, a];
  if (call.kind !== "call" || (call.function !== "lower" && call.function !== "upper")) return undefined;
  const [column] = call.args;
  if (column?.kind !== "column" || column.type.kind !== "string") return undefined;
  if (!isConstant(constant) || typeof constant.value !== "string" || !isAscii(constant.value)) return undefined;
  const to = call.function;
  const letters = Array.from(constant.value, (letter) => charactersOf(letter, to));
  // A capital is in no text of small letters.
  if (letters.some((characters) => characters.length === 0)) return undefined;
  const count = letters.reduce((product, characters) => product * characters.length, 1);
  return {
    column,
    texts: count > MAX_TEXTS ? undefined : letters.reduce(extend, [""]),
    least: letters.map((characters) => characters[0] ?? "").join(""),
    greatest: letters.map((characters) => characters.at(-1) ?? "").join(""),
  };
}

/** The characters that have a letter as their small or capital one, by code point. */
export function charactersOf(letter: string, to: "lower" | "upper"): readonly string[] {
  const small = letter.toLowerCase();
  const capital = letter.toUpperCase();
  if (small === capital) return [letter];
  if (letter !== (to === "lower" ? small : capital)) return [];
  return [capital, small, ...(OTHERS[to][letter] ?? [])];
}

function extend(texts: readonly string[], characters: readonly string[]): readonly string[] {
  return texts.flatMap((text) => characters.map((character) => text + character));
}
