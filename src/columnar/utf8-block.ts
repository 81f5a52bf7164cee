// Many strings to and from one block of UTF-8 with offsets: Arrow's layout, and the fast way through TextEncoder.

import { concatBytes } from "#core";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Strings joined before one encoder call: calls are dear, long strings are cheap. */
const CHUNK_STRINGS = 4096;

/** `offsets` has one entry more than there are strings; string i is bytes [offsets[i], offsets[i + 1]). */
export interface Utf8Block {
  readonly offsets: Int32Array;
  readonly bytes: Uint8Array;
}

/** Encodes strings; those at null rows are taken as empty. Unpaired surrogates become U+FFFD. */
export function encodeUtf8Block(values: readonly string[], validity: Uint8Array | undefined): Utf8Block {
  const length = values.length;
  const offsets = new Int32Array(length + 1);
  const parts: Uint8Array[] = [];
  let position = 0;
  let scratch = new Uint8Array(0);
  for (let start = 0; start < length; start += CHUNK_STRINGS) {
    let chunk = values.slice(start, start + CHUNK_STRINGS);
    if (validity !== undefined) chunk = chunk.map((value, i) => (validity[start + i] === 0 ? "" : value));
    const text = chunk.join("");
    if (scratch.length < text.length * 3) scratch = new Uint8Array(text.length * 3);
    let { written } = encoder.encodeInto(text, scratch);
    const isAscii = written === text.length;
    let end = position;
    for (let i = 0; i < chunk.length; i++) {
      const value = chunk[i] as string;
      end += isAscii ? value.length : utf8Length(value);
      offsets[start + i + 1] = end;
    }
    // Joining fuses a string's trailing high surrogate with the next one's leading low surrogate.
    if (end !== position + written) written = encodeEach(chunk, scratch, offsets, start, position);
    parts.push(scratch.slice(0, written));
    position += written;
  }
  return { offsets, bytes: parts.length === 1 && parts[0] !== undefined ? parts[0] : concatBytes(parts) };
}

function encodeEach(
  chunk: readonly string[],
  target: Uint8Array,
  offsets: Int32Array,
  start: number,
  base: number,
): number {
  let written = 0;
  for (let i = 0; i < chunk.length; i++) {
    written += encoder.encodeInto(chunk[i] as string, target.subarray(written)).written;
    offsets[start + i + 1] = base + written;
  }
  return written;
}

function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit <= 0xdbff && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      bytes += 2;
      i += 1;
    } else bytes += 2;
  }
  return bytes;
}

/**
 * Decodes `count` strings; malformed UTF-8 becomes U+FFFD. Offsets must ascend within the block.
 * Cost: one decoder call for the whole block, unless it is malformed or holds U+FFFD.
 */
export function decodeUtf8Block(bytes: Uint8Array, offsets: Int32Array, count: number): string[] {
  if (count === 0) return [];
  const base = offsets[0] as number;
  const block = bytes.subarray(base, offsets[count]);
  const text = decoder.decode(block);
  if (text.length === block.length && isAsciiOnly(block)) return cutAscii(text, offsets, base, count);
  return cutUtf8(text, block, offsets, base, count) ?? decodeEach(block, offsets, base, count);
}

/** Bytes [start, end) as a string; malformed UTF-8 becomes U+FFFD. */
export function decodeUtf8Range(bytes: Uint8Array, start: number, end: number): string {
  return decoder.decode(bytes.subarray(start, end));
}

function cutAscii(text: string, offsets: Int32Array, base: number, count: number): string[] {
  const strings: string[] = [];
  for (let i = 0; i < count; i++) {
    strings.push(text.substring((offsets[i] as number) - base, (offsets[i + 1] as number) - base));
  }
  return strings;
}

/** Cuts the decoded text by counting UTF-16 units; undefined when a cut would fall inside a character. */
function cutUtf8(
  text: string,
  block: Uint8Array,
  offsets: Int32Array,
  base: number,
  count: number,
): string[] | undefined {
  if (text.includes("\ufffd")) return undefined;
  const strings: string[] = [];
  let from = 0;
  for (let i = 0; i < count; i++) {
    const start = (offsets[i] as number) - base;
    const end = (offsets[i + 1] as number) - base;
    if (start < end && ((block[start] as number) & 0xc0) === 0x80) return undefined;
    let to = from;
    for (let at = start; at < end; at++) {
      const byte = block[at] as number;
      // Continuation bytes add no unit, leads of four bytes stand for two.
      if ((byte & 0xc0) !== 0x80) to += byte >= 0xf0 ? 2 : 1;
    }
    strings.push(text.substring(from, to));
    from = to;
  }
  return strings;
}

function decodeEach(block: Uint8Array, offsets: Int32Array, base: number, count: number): string[] {
  const strings: string[] = [];
  for (let i = 0; i < count; i++) {
    strings.push(decoder.decode(block.subarray((offsets[i] as number) - base, (offsets[i + 1] as number) - base)));
  }
  return strings;
}

/** Whether the block is well-formed UTF-8 and every one of its `count` values is whole characters. */
export function isWellFormedBlock({ bytes, offsets }: Utf8Block, count: number): boolean {
  const block = bytes.subarray(offsets[0], offsets[count]);
  if (isAsciiOnly(block)) return true;
  for (let i = 0; i < count; i++) {
    const start = offsets[i] as number;
    if (start < (offsets[i + 1] as number) && ((bytes[start] as number) & 0xc0) === 0x80) return false;
  }
  try {
    strictDecoder.decode(block);
    return true;
  } catch {
    return false;
  }
}

/** Whether every byte is below 0x80. */
export function isAsciiOnly(bytes: Uint8Array): boolean {
  const lead = Math.min(bytes.length, -bytes.byteOffset & 3);
  const wordCount = (bytes.length - lead) >> 2;
  let any = 0;
  for (let i = 0; i < lead; i++) any |= bytes[i] as number;
  if (wordCount > 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + lead, wordCount);
    for (let w = 0; w < wordCount; w++) any |= words[w] as number;
  }
  for (let i = lead + wordCount * 4; i < bytes.length; i++) any |= bytes[i] as number;
  return (any & 0x8080_8080) === 0;
}
