// The Durable Object that commits one table's flushes: bindings in, src/ingest does the rest.

import { DurableObject } from "cloudflare:workers";
import { sleep, systemClock, systemRandom, toRpcResult, type RpcResult } from "#core";
import {
  createTableCommitter,
  type CommitSubmission,
  type CommitterClient,
  type CommitterRpc,
  type CommitterStatus,
  type SubmissionReply,
} from "#ingest";
import { createConsoleSink } from "#telemetry";
import { createLakeAccess } from "./ingest-env.ts";

/** Settings that may be absent from a deployment. */
interface CommitterSettings {
  /** Least time between two commits of a table; set 3000 for Basin Catalog, which takes 20 a minute. */
  readonly TABLE_COMMIT_INTERVAL_MS?: string;
}

/** Groups the flushes of a table's shards into commits. Name: `<namespace>.<table>`. Stores nothing. */
export class TableCommitter extends DurableObject<CollectorEnv> implements CommitterRpc {
  readonly #committer: CommitterClient;

  constructor(ctx: DurableObjectState, env: CollectorEnv & CommitterSettings) {
    super(ctx, env);
    this.#committer = createTableCommitter({
      loadTable: createLakeAccess(env).loadTable,
      clock: systemClock,
      random: systemRandom,
      sleep,
      log: createConsoleSink(),
      options: { minCommitIntervalMs: Number(env.TABLE_COMMIT_INTERVAL_MS ?? 0) },
    });
  }

  submit(submission: CommitSubmission): Promise<RpcResult<SubmissionReply>> {
    return toRpcResult(() => this.#committer.submit(submission));
  }

  status(): Promise<RpcResult<CommitterStatus>> {
    return toRpcResult(() => this.#committer.status());
  }
}
