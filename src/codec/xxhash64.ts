// XXH64 in 32-bit halves: BigInt would take some thirty times as long.
// Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md

/** The five 64-bit primes as halves. */
const P1 = { high: 0x9e37_79b1, low: 0x85eb_ca87 } as const;
const P2 = { high: 0xc2b2_ae3d, low: 0x27d4_eb4f } as const;
const P3 = { high: 0x1656_67b1, low: 0x9e37_79f9 } as const;
const P4 = { high: 0x85eb_ca77, low: 0xc2b2_ae63 } as const;
const P5 = { high: 0x27d4_eb2f, low: 0x1656_67c5 } as const;

const STRIPE_BYTES = 32;

/** The number being computed: functions leave their result here, since two results would need an object. */
let high = 0;
let low = 0;

/** Accumulators of the four lanes, low half first. */
const lanes = new Int32Array(8);

/** The upper half of the product of two unsigned 32-bit integers. */
export function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 65_536) + Math.floor(carry / 65_536)) >>> 0;
}

function multiply(factorHigh: number, factorLow: number): void {
  const upper = multiplyHigh(low >>> 0, factorLow >>> 0);
  high = (upper + Math.imul(high, factorLow) + Math.imul(low, factorHigh)) | 0;
  low = Math.imul(low, factorLow);
}

function add(otherHigh: number, otherLow: number): void {
  const sum = (low >>> 0) + (otherLow >>> 0);
  high = (high + otherHigh + (sum > 0xffff_ffff ? 1 : 0)) | 0;
  low = sum | 0;
}

/** Rotates by less than 32 bits. */
function rotate(bits: number): void {
  const oldHigh = high;
  high = (high << bits) | (low >>> (32 - bits));
  low = (low << bits) | (oldHigh >>> (32 - bits));
}

/** One input word into an accumulator of 0. */
function roundOfZero(wordHigh: number, wordLow: number): void {
  high = wordHigh;
  low = wordLow;
  multiply(P2.high, P2.low);
  rotate(31);
  multiply(P1.high, P1.low);
}

function hashStripes(view: DataView, start: number, end: number): number {
  lanes[0] = (P1.low + P2.low) | 0;
  lanes[1] = (P1.high + P2.high + (P1.low + P2.low > 0xffff_ffff ? 1 : 0)) | 0;
  lanes[2] = P2.low;
  lanes[3] = P2.high;
  lanes[4] = 0;
  lanes[5] = 0;
  lanes[6] = -P1.low | 0;
  lanes[7] = ~P1.high;
  let at = start;
  for (; at + STRIPE_BYTES <= end; at += STRIPE_BYTES) {
    for (let lane = 0; lane < 8; lane += 2) {
      low = view.getInt32(at + lane * 4, true);
      high = view.getInt32(at + lane * 4 + 4, true);
      multiply(P2.high, P2.low);
      add(lanes[lane + 1] as number, lanes[lane] as number);
      rotate(31);
      multiply(P1.high, P1.low);
      lanes[lane] = low;
      lanes[lane + 1] = high;
    }
  }
  let totalHigh = 0;
  let totalLow = 0;
  for (let lane = 0; lane < 4; lane++) {
    low = lanes[lane * 2] as number;
    high = lanes[lane * 2 + 1] as number;
    rotate(lane === 0 ? 1 : lane === 1 ? 7 : lane === 2 ? 12 : 18);
    add(totalHigh, totalLow);
    totalHigh = high;
    totalLow = low;
  }
  for (let lane = 0; lane < 8; lane += 2) {
    roundOfZero(lanes[lane + 1] as number, lanes[lane] as number);
    mergeWord(totalHigh, totalLow);
    totalHigh = high;
    totalLow = low;
  }
  return at;
}

/** (total xor the number) × P1 + P4. */
function mergeWord(totalHigh: number, totalLow: number): void {
  high ^= totalHigh;
  low ^= totalLow;
  multiply(P1.high, P1.low);
  add(P4.high, P4.low);
}

/** XXH64 with seed 0 of bytes [start, end) of the view: low half into `out[at]`, high half into `out[at + 1]`. */
export function xxHash64(view: DataView, start: number, end: number, out: Uint32Array, at = 0): void {
  let position = start;
  if (end - start >= STRIPE_BYTES) position = hashStripes(view, start, end);
  else {
    high = P5.high;
    low = P5.low;
  }
  add(0, end - start);
  for (; position + 8 <= end; position += 8) {
    const totalHigh = high;
    const totalLow = low;
    roundOfZero(view.getInt32(position + 4, true), view.getInt32(position, true));
    high ^= totalHigh;
    low ^= totalLow;
    rotate(27);
    multiply(P1.high, P1.low);
    add(P4.high, P4.low);
  }
  if (position + 4 <= end) {
    const totalHigh = high;
    const totalLow = low;
    high = 0;
    low = view.getInt32(position, true);
    multiply(P1.high, P1.low);
    high ^= totalHigh;
    low ^= totalLow;
    rotate(23);
    multiply(P2.high, P2.low);
    add(P3.high, P3.low);
    position += 4;
  }
  for (; position < end; position++) {
    const totalHigh = high;
    const totalLow = low;
    high = 0;
    low = view.getUint8(position);
    multiply(P5.high, P5.low);
    high ^= totalHigh;
    low ^= totalLow;
    rotate(11);
    multiply(P1.high, P1.low);
  }
  // Shifts right by 33, 29 and 32 bits.
  low ^= high >>> 1;
  multiply(P2.high, P2.low);
  const shiftedLow = (low >>> 29) | (high << 3);
  high ^= high >>> 29;
  low ^= shiftedLow;
  multiply(P3.high, P3.low);
  low ^= high;
  out[at] = low;
  out[at + 1] = high;
}
