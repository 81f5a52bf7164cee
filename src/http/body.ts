// Request bodies: read within a limit, decoded strictly, never trusted.

import { LakeError, concatBytes, parseJson, utf8ToStringStrict } from "#core";

/** Deeper JSON is refused: recursive code downstream must not run out of stack. */
const MAX_JSON_DEPTH = 100;

function tooLarge(maxBytes: number): LakeError {
  return new LakeError("body_too_large", `The body is larger than ${maxBytes} bytes; nothing was done.`, {
    details: { max_bytes: maxBytes },
  });
}

/**
 * Reads a body of at most `maxBytes`.
 *
 * Cost: at most `maxBytes` plus one chunk in memory. Errors: `body_too_large`; `malformed_body` when the
 * connection breaks.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const declaredBytes = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declaredBytes > maxBytes) throw tooLarge(maxBytes);
  if (request.body === null) return new Uint8Array(0);
  const parts: Uint8Array[] = [];
  let total = 0;
  try {
    // HTTP holds a declared length to its word: one read, no copies.
    if (declaredBytes >= 0) return new Uint8Array(await request.arrayBuffer());
    for await (const chunk of request.body) {
      const part = chunk as Uint8Array;
      total += part.length;
      if (total > maxBytes) throw tooLarge(maxBytes);
      parts.push(part);
    }
  } catch (error) {
    if (error instanceof LakeError) throw error;
    throw new LakeError("malformed_body", "The body ended before it was complete; nothing was done.", { cause: error });
  }
  return concatBytes(parts);
}

/** How deep arrays and objects nest in JSON text; brackets in strings do not count. */
function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (inString) {
      if (unit === 0x5c) i++;
      else if (unit === 0x22) inString = false;
    } else if (unit === 0x22) inString = true;
    else if (unit === 0x5b || unit === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (unit === 0x5d || unit === 0x7d) depth--;
  }
  return deepest;
}

/**
 * Parses a body as JSON, whatever its Content-Type says: `curl -d` sends application/x-www-form-urlencoded.
 * An empty body is undefined. Integers beyond ±(2^53 - 1) are bigint.
 *
 * Errors: `malformed_json`, with the engine's position; `unsupported_media_type` for a compressed body.
 */
export function parseJsonBody(bytes: Uint8Array, contentEncoding: string | null): unknown {
  if (contentEncoding !== null && contentEncoding.trim().toLowerCase() !== "identity") {
    throw new LakeError("unsupported_media_type", "This path takes an uncompressed body; nothing was done.");
  }
  const text = utf8ToStringStrict(bytes)?.replace(/^\u{feff}/u, "");
  if (text === undefined) throw new LakeError("malformed_json", "The body is not UTF-8 text; nothing was done.");
  if (text.trim() === "") return undefined;
  if (jsonDepth(text) > MAX_JSON_DEPTH) {
    throw new LakeError("malformed_json", `The body nests deeper than ${MAX_JSON_DEPTH} levels; nothing was done.`);
  }
  try {
    return parseJson(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : "it does not parse";
    throw new LakeError("malformed_json", `The body is not JSON: ${reason}. Nothing was done.`, { cause: error });
  }
}
