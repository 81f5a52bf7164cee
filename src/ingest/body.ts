// From the bytes of a request to separate events: decompression, JSON or NDJSON, limits. No event is judged here
// beyond being JSON; validation is the table's business.

import { gunzipSync } from "node:zlib";
import { zstdDecompress } from "#codec";
import { concatBytes, LakeError, parseJson, stringToUtf8, utf8ToString, utf8ToStringStrict } from "#core";
import { splitZstdFrames } from "./zstd-frames.ts";

/** What one request may hold. */
export interface BodyLimits {
  /** As received, compressed or not. */
  readonly bodyBytes: number;
  /** After decompression. */
  readonly decodedBytes: number;
  readonly events: number;
  /** JSON text of one event, UTF-8 bytes. */
  readonly eventBytes: number;
}

/** The limits of the public endpoints; the sum stays far below the 32 MiB of one RPC and a 128 MB isolate. */
export const DEFAULT_BODY_LIMITS: BodyLimits = {
  bodyBytes: 10 * 1024 * 1024,
  decodedBytes: 32 * 1024 * 1024,
  events: 50_000,
  eventBytes: 256 * 1024,
};

/** How the body held its events; an array's index is the first segment of JSON pointers into it. */
export type BodyShape = "object" | "array" | "lines";

/** One event that is JSON; `index` is its position among all events of the body, rejected ones included. */
export interface ParsedEvent {
  readonly index: number;
  readonly value: unknown;
}

/** A line that never became an event. */
export interface LineError {
  readonly index: number;
  readonly code: "malformed_json" | "too_large";
  readonly message: string;
}

/** A body taken apart. Events and errors together number the events that the client sent. */
export interface ParsedBody {
  readonly shape: BodyShape;
  readonly events: readonly ParsedEvent[];
  readonly perLineErrors: readonly LineError[];
  /** The decompressed bytes; a view, do not mutate. */
  readonly decoded: Uint8Array;
}

const LINE_TYPES = new Set([
  "application/x-ndjson",
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonlines",
  "application/jsonlines",
]);
const DETECTED_TYPES = new Set(["", "application/json", "text/json", "text/plain", "application/octet-stream"]);

/**
 * Takes a request body apart.
 *
 * Lines are NDJSON when the content type says so, and also when a body of another accepted type is not one JSON
 * document but its first line is. In NDJSON a bad line is one rejected event; blank lines count for nothing.
 *
 * Errors: `body_too_large`, `malformed_body` (decompression), `malformed_json` (object or array),
 * `unsupported_media_type`.
 */
export function parseEventsBody(
  bytes: Uint8Array,
  contentType: string | undefined,
  contentEncoding: string | undefined,
  limits: BodyLimits = DEFAULT_BODY_LIMITS,
): ParsedBody {
  if (bytes.length > limits.bodyBytes) throw tooLarge(`The body is over ${limits.bodyBytes} bytes.`);
  const mediaType = (contentType ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  const isLines = LINE_TYPES.has(mediaType);
  if (!isLines && !DETECTED_TYPES.has(mediaType) && !/^application\/[\w.+-]+\+json$/.test(mediaType)) {
    throw new LakeError("unsupported_media_type", `The content type ${mediaType.slice(0, 80)} is not accepted.`);
  }
  const decoded = decompress(bytes, contentEncoding, limits);
  if (isLines) return parseLines(decoded, limits);
  return parseDocument(decoded, limits) ?? parseLines(decoded, limits);
}

function decompress(bytes: Uint8Array, contentEncoding: string | undefined, limits: BodyLimits): Uint8Array {
  const encoding = (contentEncoding ?? "").trim().toLowerCase();
  try {
    switch (encoding) {
      case "":
      case "identity":
        return bytes;
      case "gzip":
      case "x-gzip":
        return requireWithin(gunzipSync(bytes, outputBound(limits.decodedBytes)), limits.decodedBytes);
      case "zstd":
        return decompressZstd(bytes, limits.decodedBytes);
      default:
        throw new LakeError("unsupported_media_type", `The content encoding ${encoding.slice(0, 80)} is not accepted.`);
    }
  } catch (error) {
    if (error instanceof LakeError) throw error;
    if (isOutputTooLarge(error)) {
      throw tooLarge(`The decompressed body is over ${limits.decodedBytes} bytes.`);
    }
    throw new LakeError("malformed_body", `The body is not valid ${encoding} data; nothing was accepted.`, {
      cause: error,
    });
  }
}

function decompressZstd(bytes: Uint8Array, maxBytes: number): Uint8Array {
  const frames = splitZstdFrames(bytes);
  if (frames === undefined) throw new LakeError("malformed_body", "The body is not whole zstd frames.");
  const parts: Uint8Array[] = [];
  let remaining = maxBytes;
  for (const frame of frames) {
    const part = requireWithin(zstdDecompress(frame, outputBound(remaining)), remaining);
    remaining -= part.length;
    parts.push(part);
  }
  return parts.length === 1 ? (parts[0] as Uint8Array) : concatBytes(parts);
}

/** Room for the last step of zlib's output. */
const SPARE_BYTES = 64 * 1024;

/**
 * What zlib may put out, at worst. workerd counts the capacity that its buffer grows to by doubling, not the bytes in it,
 * and would refuse bodies within the limit; the exact check comes after.
 */
function outputBound(maxBytes: number): { readonly maxOutputLength: number } {
  return { maxOutputLength: 2 ** Math.ceil(Math.log2(Math.max(1, maxBytes))) + SPARE_BYTES };
}

function requireWithin(bytes: Uint8Array, maxBytes: number): Uint8Array {
  if (bytes.length > maxBytes) throw new RangeError("output over the limit");
  return bytes;
}

/** Node names the reason; workerd throws a bare RangeError. Damaged data is an Error of neither kind. */
function isOutputTooLarge(error: unknown): boolean {
  return error instanceof RangeError || (error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE";
}

function tooLarge(message: string): LakeError {
  return new LakeError("body_too_large", `${message} Nothing was accepted.`);
}

const NOT_JSON = Symbol("not JSON");

/** Integers that a double may not hold exactly: 17 digits, or 16 that start with 9. Text matches do no harm. */
const MAY_HOLD_BIG_INTEGER = /[\s:[,]-?(?:9\d{15}|\d{17})/;

function parseText(text: string, mayHoldBigInteger = MAY_HOLD_BIG_INTEGER.test(text)): unknown {
  try {
    return (mayHoldBigInteger ? parseJson(text) : JSON.parse(text)) as unknown;
  } catch {
    // A SyntaxError, or a RangeError from nesting that exhausts the stack.
    return NOT_JSON;
  }
}

function stripByteOrderMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

/** The body as one JSON document; undefined when it is none but its first line is, which makes it NDJSON. */
function parseDocument(decoded: Uint8Array, limits: BodyLimits): ParsedBody | undefined {
  const strict = utf8ToStringStrict(decoded);
  const text = stripByteOrderMark(strict ?? utf8ToString(decoded));
  const value = strict === undefined ? NOT_JSON : parseText(text);
  if (value === NOT_JSON) {
    const body = text.trimStart();
    const lineEnd = body.indexOf("\n");
    const firstLine = lineEnd === -1 ? "" : body.slice(0, lineEnd);
    if (firstLine.startsWith("{") && firstLine.length <= limits.eventBytes && parseText(firstLine) !== NOT_JSON) {
      return undefined;
    }
    throw new LakeError("malformed_json", "The body is neither a JSON document nor NDJSON; nothing was accepted.");
  }
  if (!Array.isArray(value)) {
    return { shape: "object", events: [{ index: 0, value }], perLineErrors: [], decoded };
  }
  if (value.length > limits.events) throw tooLarge(`The body holds over ${limits.events} events.`);
  const events = value.map((item: unknown, index) => ({ index, value: item }));
  return { shape: "array", events, perLineErrors: [], decoded };
}

const LINE_FEED = 10;

/** Bodies up to this size are decoded in one piece, which takes a third of the time of one line after the other. */
const MAX_WHOLE_BYTES = 8 * 1024 * 1024;

function parseLines(decoded: Uint8Array, limits: BodyLimits): ParsedBody {
  const events: ParsedEvent[] = [];
  const perLineErrors: LineError[] = [];
  const whole = decoded.length <= MAX_WHOLE_BYTES ? utf8ToStringStrict(decoded) : undefined;
  const mayHoldBigIntegers = whole === undefined || MAY_HOLD_BIG_INTEGER.test(whole);
  let index = 0;
  for (const line of whole === undefined ? linesOfBytes(decoded) : whole.split("\n")) {
    const trimmed = line === undefined ? undefined : stripByteOrderMark(line).trim();
    if (trimmed === "") continue;
    if (index >= limits.events) throw tooLarge(`The body holds over ${limits.events} events.`);
    if (line !== undefined && isLonger(line, limits.eventBytes)) {
      perLineErrors.push({ index, code: "too_large", message: `The event is over ${limits.eventBytes} bytes.` });
    } else {
      const value =
        trimmed === undefined ? NOT_JSON : parseText(trimmed, mayHoldBigIntegers && MAY_HOLD_BIG_INTEGER.test(trimmed));
      if (value === NOT_JSON) {
        const message = trimmed === undefined ? "The line is not UTF-8." : "The line is not JSON.";
        perLineErrors.push({ index, code: "malformed_json", message });
      } else {
        events.push({ index, value });
      }
    }
    index += 1;
  }
  return { shape: "lines", events, perLineErrors, decoded };
}

/** The lines of a body, each decoded alone; undefined for those that are not UTF-8. */
function* linesOfBytes(decoded: Uint8Array): Generator<string | undefined> {
  let start = 0;
  while (start < decoded.length) {
    const feed = decoded.indexOf(LINE_FEED, start);
    const end = feed === -1 ? decoded.length : feed;
    yield utf8ToStringStrict(decoded.subarray(start, end));
    start = end + 1;
  }
}

/** Whether a text takes more than `bytes` in UTF-8; a UTF-16 unit takes one to three. */
function isLonger(text: string, bytes: number): boolean {
  if (text.length * 3 <= bytes) return false;
  return text.length > bytes || stringToUtf8(text).length > bytes;
}
