// Roman numbers.

const SIGNS = [
  [1000, "M"],
  [900, "CM"],
  [500, "D"],
  [400, "CD"],
  [100, "C"],
  [90, "XC"],
  [50, "L"],
  [40, "XL"],
  [10, "X"],
  [9, "IX"],
  [5, "V"],
  [4, "IV"],
  [1, "I"],
] as const;
/** MMMCMXCIX, the largest. */
const MAX_ROMAN = 3999;

/** The Roman number; undefined below 1 and above 3,999. */
export function toRoman(value: number): string | undefined {
  if (value < 1 || value > MAX_ROMAN) return undefined;
  let rest = value;
  let text = "";
  for (const [worth, sign] of SIGNS) {
    while (rest >= worth) {
      text += sign;
      rest -= worth;
    }
  }
  return text;
}

/** What a Roman number, written in any case, means; undefined when it is not the way that number is written. */
export function fromRoman(text: string): number | undefined {
  const upper = text.toUpperCase();
  let rest = upper;
  let value = 0;
  for (const [worth, sign] of SIGNS) {
    while (rest.startsWith(sign)) {
      value += worth;
      rest = rest.slice(sign.length);
    }
  }
  return rest === "" && toRoman(value) === upper ? value : undefined;
}
