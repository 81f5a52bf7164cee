// Bit-packed integers, least significant bit first: the inner loop of dictionary codes and delta pages.

/** Words a value may straddle are read in whole; the scratch grows to the longest run met and is reused. */
let scratch = new Uint8Array(4096);
let scratchWords = new Uint32Array(scratch.buffer);

/**
 * Unpacks `count` unsigned integers of `width` bits (0 to 32) from bytes[offset…] into out[start…].
 *
 * Shapes: reads ceil(count * width / 8) bytes at most, fewer when `available` ends sooner: missing bits are 0.
 */
export function unpackBits(
  bytes: Uint8Array,
  offset: number,
  available: number,
  width: number,
  out: Int32Array,
  start: number,
  count: number,
): void {
  const end = start + count;
  if (width === 0) {
    out.fill(0, start, end);
    return;
  }
  const byteLength = Math.min(available, Math.ceil((count * width) / 8));
  if (width === 8) {
    const direct = Math.min(count, byteLength);
    for (let i = 0; i < direct; i++) out[start + i] = bytes[offset + i] as number;
    if (direct < count) out.fill(0, start + direct, end);
    return;
  }
  const isFollowed = offset + byteLength + 4 <= bytes.length && byteLength * 8 >= count * width;
  if (isFollowed && width <= MAX_DIRECT_WIDTH) {
    const unpack = width <= MAX_PAIR_WIDTH ? unpackPairs : unpackSingles;
    unpack(viewOf(bytes), offset, width, out, start, count);
    return;
  }
  const words = loadWords(bytes, offset, byteLength);
  switch (width) {
    case 1:
      unpack1(words, out, start, count);
      return;
    case 2:
      unpack2(words, out, start, count);
      return;
    case 4:
      unpack4(words, out, start, count);
      return;
    case 16:
      for (let i = 0; i < count; i++) out[start + i] = ((words[i >> 1] as number) >>> ((i & 1) << 4)) & 0xffff;
      return;
    case 32:
      for (let i = 0; i < count; i++) out[start + i] = words[i] as number;
      return;
    default:
      if (width < 8) unpackFours(words, width, out, start, count);
      else if (width < 16) unpackTwos(words, width, out, start, count);
      else unpackAny(words, width, out, start, count);
  }
}

/** Widest values of which two are within four bytes from the byte that the first starts in. */
const MAX_PAIR_WIDTH = 12;

/** The same of one value. */
const MAX_DIRECT_WIDTH = 25;

let viewed: Uint8Array | undefined;
let view: DataView = new DataView(new ArrayBuffer(0));

/** Runs of a page come one after the other: its view is made once. */
function viewOf(bytes: Uint8Array): DataView {
  if (bytes !== viewed) {
    view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    viewed = bytes;
  }
  return view;
}

/** Two values from one word wherever it starts, without a copy of the bytes; four bytes past the last are there. */
function unpackPairs(
  source: DataView,
  offset: number,
  width: number,
  out: Int32Array,
  start: number,
  count: number,
): void {
  const mask = (1 << width) - 1;
  const end = start + (count & ~1);
  let bit = offset * 8;
  let i = start;
  for (; i < end; i += 2) {
    const word = source.getInt32(bit >>> 3, true) >>> (bit & 7);
    out[i] = word & mask;
    out[i + 1] = (word >>> width) & mask;
    bit += width * 2;
  }
  if ((count & 1) === 1) out[i] = (source.getInt32(bit >>> 3, true) >>> (bit & 7)) & mask;
}

/** As {@link unpackPairs}, one value from each word. */
function unpackSingles(
  source: DataView,
  offset: number,
  width: number,
  out: Int32Array,
  start: number,
  count: number,
): void {
  const mask = (1 << width) - 1;
  let bit = offset * 8;
  for (let i = start; i < start + count; i++) {
    out[i] = (source.getInt32(bit >>> 3, true) >>> (bit & 7)) & mask;
    bit += width;
  }
}

/** Runs up to this long are copied by hand: a typed array view costs more than the copy. */
const SHORT_RUN_BYTES = 512;

/** The bytes as little-endian words, with a zero word after them. */
function loadWords(bytes: Uint8Array, offset: number, length: number): Uint32Array {
  const padded = (length + 15) & ~3;
  if (padded > scratch.length) {
    scratch = new Uint8Array(padded * 2);
    scratchWords = new Uint32Array(scratch.buffer);
  }
  if (length > SHORT_RUN_BYTES) {
    scratch.set(bytes.subarray(offset, offset + length));
    scratch.fill(0, length, padded);
    return scratchWords;
  }
  const words = length >> 2;
  let from = offset;
  for (let w = 0; w < words; w++, from += 4) {
    scratchWords[w] =
      (bytes[from] as number) |
      ((bytes[from + 1] as number) << 8) |
      ((bytes[from + 2] as number) << 16) |
      ((bytes[from + 3] as number) << 24);
  }
  scratchWords[words] = 0;
  scratchWords[words + 1] = 0;
  for (let i = words * 4; i < length; i++) scratch[i] = bytes[offset + i] as number;
  return scratchWords;
}

function unpack1(words: Uint32Array, out: Int32Array, start: number, count: number): void {
  for (let i = 0; i < count; i++) out[start + i] = ((words[i >> 5] as number) >>> (i & 31)) & 1;
}

function unpack2(words: Uint32Array, out: Int32Array, start: number, count: number): void {
  for (let i = 0; i < count; i++) out[start + i] = ((words[i >> 4] as number) >>> ((i & 15) << 1)) & 3;
}

function unpack4(words: Uint32Array, out: Int32Array, start: number, count: number): void {
  for (let i = 0; i < count; i++) out[start + i] = ((words[i >> 3] as number) >>> ((i & 7) << 2)) & 15;
}

/** Widths below 8: four values lie within 32 bits, so one window serves four. */
function unpackFours(words: Uint32Array, width: number, out: Int32Array, start: number, count: number): void {
  const mask = (1 << width) - 1;
  const second = width * 2;
  const third = width * 3;
  const end = start + (count & ~3);
  let bit = 0;
  let i = start;
  for (; i < end; i += 4) {
    const word = bit >>> 5;
    const shift = bit & 31;
    const window = ((words[word] as number) >>> shift) | (((words[word + 1] as number) << 1) << (31 - shift));
    out[i] = window & mask;
    out[i + 1] = (window >>> width) & mask;
    out[i + 2] = (window >>> second) & mask;
    out[i + 3] = (window >>> third) & mask;
    bit += width * 4;
  }
  unpackAny(words, width, out, i, start + count - i, bit);
}

/** Widths below 16: two values lie within 32 bits. */
function unpackTwos(words: Uint32Array, width: number, out: Int32Array, start: number, count: number): void {
  const mask = (1 << width) - 1;
  const end = start + (count & ~1);
  let bit = 0;
  let i = start;
  for (; i < end; i += 2) {
    const word = bit >>> 5;
    const shift = bit & 31;
    const window = ((words[word] as number) >>> shift) | (((words[word + 1] as number) << 1) << (31 - shift));
    out[i] = window & mask;
    out[i + 1] = (window >>> width) & mask;
    bit += width * 2;
  }
  unpackAny(words, width, out, i, start + count - i, bit);
}

/** Branch-free: the high part is shifted in two steps because a shift by 32 is a shift by 0. */
function unpackAny(
  words: Uint32Array,
  width: number,
  out: Int32Array,
  start: number,
  count: number,
  firstBit = 0,
): void {
  const mask = -1 >>> (32 - width);
  let bit = firstBit;
  for (let i = start; i < start + count; i++) {
    const word = bit >>> 5;
    const shift = bit & 31;
    out[i] = (((words[word] as number) >>> shift) | (((words[word + 1] as number) << 1) << (31 - shift))) & mask;
    bit += width;
  }
}

/** 2^32 */
const WORD = 4_294_967_296;

/**
 * Unpacks `count` unsigned integers of 33 to 52 bits into doubles, exactly; otherwise as {@link unpackBits}.
 */
export function unpackWideBits(
  bytes: Uint8Array,
  offset: number,
  available: number,
  width: number,
  out: Float64Array,
  count: number,
): void {
  const words = loadWords(bytes, offset, Math.min(available, Math.ceil((count * width) / 8)));
  const highMask = -1 >>> (64 - width);
  let bit = 0;
  for (let i = 0; i < count; i++) {
    const word = bit >>> 5;
    const shift = bit & 31;
    const middle = words[word + 1] as number;
    const low = ((words[word] as number) >>> shift) | ((middle << 1) << (31 - shift));
    const high = ((middle >>> shift) | (((words[word + 2] as number) << 1) << (31 - shift))) & highMask;
    out[i] = high * WORD + (low >>> 0);
    bit += width;
  }
}
