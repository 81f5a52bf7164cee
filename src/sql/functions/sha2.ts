// SHA-2 (FIPS 180-4), synchronous: WebCrypto's digest is asynchronous and cannot serve a row-wise function.

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** The first 64 bits of the fraction of an integer's n-th root. */
function fractionOfRoot(value: number, root: 2n | 3n): bigint {
  const scaled = BigInt(value) << (64n * root);
  let low = 0n;
  let high = 1n << 70n;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** root <= scaled) low = middle;
    else high = middle - 1n;
  }
  return low & 0xffff_ffff_ffff_ffffn;
}

type Bits = 224 | 256 | 384 | 512;

interface Variant {
  readonly wordBits: 32 | 64;
  readonly rounds: number;
  readonly start: readonly bigint[];
  readonly constants: readonly bigint[];
  /** Rotations of: sum 0, sum 1, schedule 0, schedule 1; the last of a schedule is a shift. */
  readonly rotations: readonly (readonly [bigint, bigint, bigint])[];
}

const SMALL_ROTATIONS = [
  [2n, 13n, 22n],
  [6n, 11n, 25n],
  [7n, 18n, 3n],
  [17n, 19n, 10n],
] as const;
const LARGE_ROTATIONS = [
  [28n, 34n, 39n],
  [14n, 18n, 41n],
  [1n, 8n, 7n],
  [19n, 61n, 6n],
] as const;

/** Cost: roots of 96 integers to 64 bits, milliseconds. */
function createVariants(): Readonly<Record<Bits, Variant>> {
  const found = primes(80);
  const constants = found.map((prime) => fractionOfRoot(prime, 3n));
  const start512 = found.slice(0, 8).map((prime) => fractionOfRoot(prime, 2n));
  const start384 = found.slice(8, 16).map((prime) => fractionOfRoot(prime, 2n));
  const constants32 = constants.slice(0, 64).map((value) => value >> 32n);
  const small = { wordBits: 32, rounds: 64, constants: constants32, rotations: SMALL_ROTATIONS } as const;
  const large = { wordBits: 64, rounds: 80, constants, rotations: LARGE_ROTATIONS } as const;
  return {
    224: { ...small, start: start384.map((value) => value & 0xffff_ffffn) },
    256: { ...small, start: start512.map((value) => value >> 32n) },
    384: { ...large, start: start384 },
    512: { ...large, start: start512 },
  };
}

/** Made by the first digest: an isolate that needs none starts without. */
let variants: Readonly<Record<Bits, Variant>> | undefined;

/** The digest of SHA-224, 256, 384 or 512. */
export function createHash(bits: Bits, bytes: Uint8Array): Uint8Array {
  variants ??= createVariants();
  const { wordBits, rounds, start, constants, rotations } = variants[bits];
  const width = BigInt(wordBits);
  const mask = (1n << width) - 1n;
  const wordBytes = wordBits / 8;
  const blockBytes = wordBytes * 16;
  const rotate = (x: bigint, by: bigint): bigint => ((x >> by) | (x << (width - by))) & mask;
  const mix = (x: bigint, which: number, shifts: boolean): bigint => {
    const [a, b, c] = rotations[which] ?? [0n, 0n, 0n];
    return rotate(x, a) ^ rotate(x, b) ^ (shifts ? x >> c : rotate(x, c));
  };
  const padded = new Uint8Array(Math.ceil((bytes.length + 1 + wordBytes * 2) / blockBytes) * blockBytes);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  let state = [...start];
  for (let block = 0; block < padded.length; block += blockBytes) {
    const words: bigint[] = [];
    for (let i = 0; i < rounds; i++) {
      const at = block + i * wordBytes;
      if (i < 16) words.push(wordBits === 32 ? BigInt(view.getUint32(at)) : view.getBigUint64(at));
      else {
        const [w2 = 0n, w7 = 0n, w15 = 0n, w16 = 0n] = [words[i - 2], words[i - 7], words[i - 15], words[i - 16]];
        words.push((mix(w2, 3, true) + w7 + mix(w15, 2, true) + w16) & mask);
      }
    }
    let [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n, g = 0n, h = 0n] = state;
    for (let i = 0; i < rounds; i++) {
      const choice = (e & f) ^ (~e & mask & g);
      const one = (h + mix(e, 1, false) + choice + (constants[i] ?? 0n) + (words[i] ?? 0n)) & mask;
      const majority = (a & b) ^ (a & c) ^ (b & c);
      const two = (mix(a, 0, false) + majority) & mask;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) & mask, c, b, a, (one + two) & mask];
    }
    state = [a, b, c, d, e, f, g, h].map((value, i) => (value + (state[i] ?? 0n)) & mask);
  }
  const digest = new Uint8Array(8 * wordBytes);
  const out = new DataView(digest.buffer);
  for (const [i, value] of state.entries()) {
    if (wordBits === 32) out.setUint32(i * 4, Number(value));
    else out.setBigUint64(i * 8, value);
  }
  return digest.slice(0, bits / 8);
}
