// One pass of a least significant digit radix sort over row numbers.

/** Eleven bits: three passes for 32 bits, and 2048 counters stay in the first-level cache. */
export const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
const DIGIT_MASK = DIGITS - 1;

/**
 * One stable counting pass from `order` into `target` by the digit of `digits` at bit `shift`; false and no work when
 * the digit never varies.
 */
export function radixPass(
  digits: Uint32Array,
  shift: number,
  isDescending: boolean,
  order: Int32Array,
  target: Int32Array,
): boolean {
  const counts = new Uint32Array(DIGITS);
  const flip = isDescending ? DIGIT_MASK : 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = (((digits[i] as number) >>> shift) & DIGIT_MASK) ^ flip;
    counts[digit] = (counts[digit] as number) + 1;
  }
  if (counts.includes(digits.length)) return false;
  let start = 0;
  for (let digit = 0; digit < DIGITS; digit++) {
    const count = counts[digit] as number;
    counts[digit] = start;
    start += count;
  }
  for (let i = 0; i < order.length; i++) {
    const row = order[i] as number;
    const digit = (((digits[row] as number) >>> shift) & DIGIT_MASK) ^ flip;
    const position = counts[digit] as number;
    target[position] = row;
    counts[digit] = position + 1;
  }
  return true;
}
