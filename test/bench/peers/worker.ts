// The peers of the ingest benchmark: an empty Hono route, and a bare SQLite Durable Object that stores the body.

import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";

interface PeerEnv {
  readonly STORE: DurableObjectNamespace<BareStore>;
}

/** Inserts bytes into one table and nothing else. */
export class BareStore extends DurableObject<PeerEnv> {
  constructor(context: DurableObjectState, env: PeerEnv) {
    super(context, env);
    context.storage.sql.exec("CREATE TABLE IF NOT EXISTS bodies (body BLOB NOT NULL)");
  }

  insert(body: ArrayBuffer): void {
    this.ctx.storage.sql.exec("INSERT INTO bodies VALUES (?)", body);
  }
}

const app = new Hono<{ Bindings: PeerEnv }>();
app.post("/empty", async (c) => {
  await c.req.arrayBuffer();
  return c.json({ ok: true });
});
app.post("/insert", async (c) => {
  await c.env.STORE.getByName("bench").insert(await c.req.arrayBuffer());
  return c.json({ ok: true });
});

export default app;
