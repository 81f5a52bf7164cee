// Bodies of answers that are too large to be held: streams that end, or break off where everybody can see it.
//
// | format | after an error that comes when bytes have left |
// |---|---|
// | json | the error as an object after the last row, and nothing that closes the document |
// | ndjson | a last line {"error": …} |
// | csv | a quote that is never closed, and the error |
// | arrow | a message that is cut short |
// | parquet | nothing: a file without a footer is none |
//
// In all of them the stream then breaks off: HTTP clients see a body that does not end as it must.

import { LakeError, concatBytes, errorToProblem, stringToUtf8, stringifyJson, type ProblemDetails } from "#core";
import type { ResultFormat } from "./encode-result.ts";

/** Where the bytes of a body come from. */
export interface BodySource {
  /** The next bytes; undefined at the end. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends it early; nothing is read afterwards. */
  stop(reason: unknown): Promise<void>;
}

/** How long the bytes that tell of an error have to arrive, milliseconds; that they do is a courtesy. */
const LAST_WORDS_MS = 250;
/** Pieces are joined to chunks of this size, so that small batches are not a message each, bytes. */
const CHUNK_BYTES = 64 * 1024;
/** The continuation mark of an Arrow message, the length of its metadata, and less than that. */
const ARROW_BROKEN = new Uint8Array([0xff, 0xff, 0xff, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);

/**
 * The source as a stream that can cross Worker boundaries. A reader that cancels it stops the source with
 * `query_cancelled`. `onEnd` is called once with the problem, if there was one.
 */
export function createResultBody(
  source: BodySource,
  format: ResultFormat,
  onEnd: (problem: ProblemDetails | undefined, error: unknown) => void,
  sleep: (ms: number) => Promise<void>,
): ReadableStream<Uint8Array> {
  let failure: { readonly error: unknown } | undefined;
  return new ReadableStream(
    {
      type: "bytes",
      async pull(controller) {
        if (failure !== undefined) {
          // Bytes on their way are dropped when a stream breaks off: the ones that tell why get ahead of it.
          await sleep(LAST_WORDS_MS);
          controller.error(failure.error);
          return;
        }
        const parts: Uint8Array<ArrayBuffer>[] = [];
        let bytes = 0;
        let isAtEnd = false;
        try {
          while (bytes < CHUNK_BYTES && !isAtEnd) {
            const piece = await source.next();
            if (piece === undefined) isAtEnd = true;
            else {
              parts.push(piece);
              bytes += piece.length;
            }
          }
        } catch (error) {
          const problem = errorToProblem(error);
          failure = { error };
          onEnd(problem, error);
          parts.push(brokenEnd(format, problem));
        }
        const chunk = concatBytes(parts);
        if (chunk.length > 0) controller.enqueue(chunk);
        else if (failure !== undefined) controller.error(failure.error);
        if (!isAtEnd) return;
        onEnd(undefined, undefined);
        controller.close();
        // A reader that brought a buffer gets it back empty.
        controller.byobRequest?.respond(0);
      },
      async cancel() {
        const error = new LakeError("query_cancelled", "Whoever asked has left; the query was stopped.");
        await source.stop(error);
        onEnd(errorToProblem(error), error);
      },
    },
    { highWaterMark: 0 },
  );
}

/** A body of either kind as bytes; for results known to be small. Errors: what broke a stream off. */
export async function bodyToBytes(
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  return body instanceof Uint8Array ? body : new Uint8Array(await new Response(body).arrayBuffer());
}

/** Reads a body to its end and keeps nothing of it. Errors: what broke a stream off. */
export async function drainBody(body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>): Promise<void> {
  if (body instanceof Uint8Array) return;
  const reader = body.getReader();
  while (!(await reader.read()).done);
}

function brokenEnd(format: ResultFormat, problem: ProblemDetails): Uint8Array<ArrayBuffer> {
  const error = stringifyJson({ error: problem });
  switch (format) {
    case "json":
      return stringToUtf8(`\n${error}`);
    case "ndjson":
      return stringToUtf8(`${error}\n`);
    case "csv":
      return stringToUtf8(`"error: ${error.replaceAll('"', "'")}\r\n`);
    case "arrow":
      return ARROW_BROKEN.slice();
    case "parquet":
      return new Uint8Array(0);
  }
}
