// What the catalog's server needs from its surroundings.

import type { Clock, RandomSource } from "#core";
import type { FileIO } from "../file-io.ts";
import type { PointerStore } from "./pointer-store.ts";

/** Dependencies of the catalog. */
export interface CatalogServerDeps {
  readonly pointers: PointerStore;
  readonly io: FileIO;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly sleep: (ms: number) => Promise<void>;
  /** Root of all table locations without a trailing slash: s3://bucket. */
  readonly warehouse: string;
  /** Sent with every loaded table: s3.endpoint, credentials and so on; empty when clients bring their own. */
  readonly tableConfig: Readonly<Record<string, string>>;
  /** Called with errors that are not the client's fault. */
  readonly reportError?: (error: unknown) => void;
}
