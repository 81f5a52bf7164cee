// What an interop suite is: one body of checks against a running Firn by somebody else's software.

import type { FirnClient } from "../../scripts/lib/firn-client.ts";
import type { LocalFirn } from "../../scripts/lib/local-firn.ts";
import type { Claim } from "./claims.ts";
import type { EngineName, Engines } from "./engines.ts";

/** What must be on the machine, or fetched to it, before a suite can run. */
export type Tool = "python" | "java";

/** What a suite gets. */
export interface InteropContext {
  /** Firn, shared by all suites of a run: keep to namespaces of your own. */
  readonly firn: LocalFirn;
  readonly client: FirnClient;
  /** Interpreter of the virtual environment with the pinned engines; empty for suites that do not need python. */
  readonly python: string;
  /** Folder for downloads, kept between runs (CI caches it). */
  readonly cache: string;
  /** The engines, each started at its first use and stopped at the end of the run. */
  readonly engines: Engines;
  /** Counts one check; both sides are compared as JSON, bigint as text. Returns whether it passed. */
  readonly check: (what: string, actual: unknown, expected: unknown) => boolean;
  /** Counts one passed check of something that was established otherwise. */
  readonly pass: (what: string) => void;
  /** Counts one failed check. */
  readonly fail: (what: string, why: unknown) => void;
  /** An engine did what a row of docs/interop.md says; `held` is whether every check of it passed. */
  readonly prove: (engine: EngineName, claim: Claim, held: boolean) => void;
  /** An engine cannot be had here, so that the suite goes on without it. */
  readonly without: (engine: EngineName, why: string) => void;
  /** Until the suite's limit or the run's, whichever comes first. */
  readonly secondsLeft: () => number;
  /** Work for the suite's end, however it ends: kill what the suite started. */
  readonly defer: (work: () => Promise<void>) => void;
  /** Prints one line below the suite's name. */
  readonly note: (text: string) => void;
}

/** A named body of checks. */
export interface InteropSuite {
  readonly name: string;
  readonly needs: readonly Tool[];
  /** A suite that takes longer has hung and fails. */
  readonly limitSeconds: number;
  /** Runs the checks. A rejection counts as one failed check; {@link NotRun} takes the suite out of the count. */
  run(context: InteropContext): Promise<void>;
}

/** A suite could not begin for want of a tool that this machine cannot get. */
export class NotRun extends Error {
  constructor(why: string, options?: ErrorOptions) {
    super(why, options);
    this.name = "NotRun";
  }
}

const ATTEMPTS = 3;
const PAUSE_MS = 2_000;

/** Runs a download up to three times. Throws {@link NotRun} with the last reason. */
export async function fetchTool<T>(what: string, get: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await get();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (attempt === ATTEMPTS) throw new NotRun(`${what}: ${why}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
    }
  }
}
