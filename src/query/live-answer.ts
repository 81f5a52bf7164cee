// An answer that leaves while it is computed: its payload goes out piece by piece and is copied for the cache on the way.

import type { LargePayload, PayloadRecorder } from "#cache";
import type { Answer } from "./answer.ts";

/** An answer under way. */
export interface LiveAnswer {
  readonly asOfMs: number;
  /** The payload's next piece; undefined at its end. Errors: whatever ended the query. Ownership: the caller's. */
  next(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Ends the query before its end, for a reason that {@link next} then throws. Resolves when its work has stopped. */
  stop(reason: unknown): Promise<void>;
  /** Resolves with the answer, but for its payload, when all of it is out. Rejects when the query failed. */
  readonly ended: Promise<AnswerFacts>;
}

/** What is known of an answer beside its payload. */
export type AnswerFacts = Omit<Answer, "payload">;

/** What a live answer is made of. */
export interface LiveParts {
  readonly asOfMs: number;
  /** Pieces that were made before it was known that there are more. */
  readonly first: Uint8Array<ArrayBuffer>[];
  readonly rest: AsyncGenerator<Uint8Array<ArrayBuffer>>;
  /** Copies the payload; absent: it is not kept. */
  readonly recorder: PayloadRecorder | undefined;
  /** Called once, before anybody hears that the payload is complete. */
  readonly facts: () => AnswerFacts;
  /** What a client is told of an error. */
  readonly explain: (error: unknown) => Promise<unknown>;
  /** Called once, when the query's work has stopped. */
  readonly close: () => void;
  /** Keeps work running after the last piece. */
  readonly defer: (work: Promise<void>) => void;
}

/** A live answer, and what it is once it is kept; undefined: it was not kept. */
export interface Live {
  readonly answer: LiveAnswer;
  readonly landing: Promise<Answer | undefined>;
}

/** Starts one. `keep` stores the copy. */
export function createLiveAnswer(
  { asOfMs, first, rest, recorder, facts, explain, close, defer }: LiveParts,
  keep: (answer: Answer) => Promise<void>,
): Live {
  const ended = Promise.withResolvers<AnswerFacts>();
  const landing = Promise.withResolvers<Answer | undefined>();
  // Whether anybody listens is theirs to decide.
  ended.promise.catch(() => {});
  landing.promise.catch(() => {});
  let state: "running" | "whole" | "failed" = "running";
  let failure: unknown;

  async function fail(error: unknown): Promise<unknown> {
    if (state !== "running") return failure;
    state = "failed";
    failure = error;
    failure = await explain(error);
    close();
    ended.reject(failure);
    landing.reject(failure);
    await recorder?.drop();
    return failure;
  }

  function succeed(): void {
    state = "whole";
    const known = facts();
    close();
    ended.resolve(known);
    defer(land(known));
  }

  async function land(known: AnswerFacts): Promise<void> {
    const payload: LargePayload | undefined = await recorder?.finish();
    const answer = payload === undefined ? undefined : { ...known, payload };
    landing.resolve(answer);
    if (answer !== undefined) await keep(answer);
  }

  const answer: LiveAnswer = {
    asOfMs,
    ended: ended.promise,
    async next() {
      if (state === "whole") return undefined;
      if (state === "failed") throw failure;
      try {
        const piece = first.shift() ?? (await rest.next()).value;
        if (state !== "running") throw failure;
        if (piece !== undefined) await recorder?.write(piece);
        else succeed();
        return piece;
      } catch (error) {
        throw await fail(error);
      }
    },
    async stop(reason) {
      if (state !== "running") return;
      first.length = 0;
      const failing = fail(reason);
      await rest.return(undefined).catch(() => {});
      await failing;
    },
  };
  return { answer, landing: landing.promise };
}
