// Passing requests on to another catalog: addresses, credentials, and what its quirks mean to a commit.

import { expect, test } from "vitest";
import { LakeError } from "#core";
import { createCatalogClient, createForeignCatalog, foreignCatalogAddress, type CatalogClient } from "#iceberg";
import {
  createForeignWorld,
  foreignError,
  FOREIGN_TOKEN,
  FOREIGN_URI,
  type ForeignWorld,
} from "../../support/foreign-catalog.ts";
import { EVENTS, eventsFile, seededRandom } from "../../support/iceberg-lake.ts";

/** A client over the gateway, as every Worker has one; `slept` collects its waits. */
function clientOf({ gateway, lake }: ForeignWorld, slept: number[] = [], bucket = "lake"): CatalogClient {
  return createCatalogClient({
    uri: "http://catalog.internal",
    fetch: (input, init) => gateway(new Request(input, init)),
    io: lake.io,
    bucket,
    clock: { nowMs: () => 0 },
    random: seededRandom(5),
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  });
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "no error";
  } catch (error) {
    return error instanceof LakeError ? error.code : String(error);
  }
}

test("I171 a table is created, loaded and committed to in another catalog, under its prefix", async () => {
  const world = await createForeignWorld();
  const client = clientOf(world);
  const table = await client.createTable(EVENTS);
  const outcome = await table.newAppend().addFile(eventsFile("a.parquet", 1)).commit();
  expect(outcome.outcome).toBe("committed");
  expect((await client.loadTable("default.events")).metadata.snapshots).toHaveLength(1);
  expect(await client.listTables(["default"])).toHaveLength(1);
  expect(world.requests[0]).toBe("GET /account/bucket/v1/config?warehouse=w%201");
  expect(world.requests.slice(1).every((line) => line.includes("/v1/warehouses/w%201/namespaces"))).toBe(true);
  expect(world.requests.filter((line) => line.includes("/config"))).toHaveLength(1);
});

test("I171 namespaces of several levels go out with the catalog's own separator", async () => {
  const world = await createForeignWorld();
  const client = clientOf(world);
  await client.createNamespace(["a"]);
  await client.createNamespace(["a", "b"]);
  await client.createTable({ ...EVENTS, identifier: { namespace: ["a", "b"], name: "t" } });
  expect(await client.listNamespaces()).toEqual([["a"], ["default"], ["a", "b"]]);
  expect(await client.tableExists({ namespace: ["a", "b"], name: "t" })).toBe(true);
  expect(world.requests.some((line) => line.includes("%1F"))).toBe(false);
  expect(world.requests.at(-1)).toBe("HEAD /account/bucket/v1/warehouses/w%201/namespaces/a%2Eb/tables/t");
});

test("I171 the configuration shown names no secret, no prefix, and the limit on commits", async () => {
  const world = await createForeignWorld({ address: { commitsPerMinute: 20 } });
  const response = await world.gateway(new Request("http://catalog.internal/v1/config"));
  expect(await response.json()).toEqual({
    defaults: { clients: "4" },
    overrides: { "client.region": "auto", "firn.commits-per-minute": "20" },
    endpoints: ["GET v1/config"],
  });
});

test("C170 the other catalog's credentials never leave: its token endpoint is not there, callers' headers do not pass", async () => {
  const seen: Request[] = [];
  const gateway = createForeignCatalog({
    uri: FOREIGN_URI,
    auth: { kind: "bearer", token: FOREIGN_TOKEN },
    fetch: (input, init) => {
      seen.push(new Request(input, init));
      return Promise.resolve(Response.json({ defaults: {}, overrides: {} }, { headers: { "set-cookie": "a=b" } }));
    },
    clock: { nowMs: () => 0 },
  });
  const tokens = await gateway(new Request("http://c/v1/oauth/tokens", { method: "POST", body: "grant_type=x" }));
  expect(tokens.status).toBe(404);
  expect(seen).toHaveLength(0);
  const headers = { authorization: "Bearer mine", cookie: "c", "if-none-match": '"e"', "idempotency-key": "k" };
  const reply = await gateway(new Request("http://c/v1/namespaces?snapshots=refs&pageSize=5", { headers }));
  expect(reply.headers.get("set-cookie")).toBeNull();
  const passed = seen.at(-1);
  expect(passed?.url).toBe(`${FOREIGN_URI}/v1/namespaces?pageSize=5`);
  expect(passed?.headers.get("authorization")).toBe(`Bearer ${FOREIGN_TOKEN}`);
  expect(passed?.headers.get("cookie")).toBeNull();
  expect(passed?.headers.get("if-none-match")).toBe('"e"');
  expect(passed?.headers.get("idempotency-key")).toBe("k");
});

test("client credentials are exchanged once, renewed before they expire and when they are refused", async () => {
  let nowMs = 0;
  const issued: string[] = [];
  const used: string[] = [];
  const forms: string[] = [];
  let revoked = "";
  const gateway = createForeignCatalog({
    uri: FOREIGN_URI,
    auth: {
      kind: "client-credentials",
      clientId: "id",
      clientSecret: "s:e",
      scope: "catalog",
      tokenUri: "https://login.example/token",
    },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      if (request.url === "https://login.example/token") {
        forms.push(await request.text());
        issued.push(`t${issued.length + 1}`);
        return Response.json({ access_token: issued.at(-1), token_type: "bearer", expires_in: 600 });
      }
      const token = request.headers.get("authorization") ?? "";
      used.push(token);
      if (token === `Bearer ${revoked}`) return foreignError(401, "NotAuthorizedException");
      return Response.json({ defaults: {}, overrides: {} });
    },
    clock: { nowMs: () => nowMs },
  });
  const ask = (): Promise<Response> => gateway(new Request("http://c/v1/namespaces"));
  await ask();
  await ask();
  expect(issued).toEqual(["t1"]);
  expect(forms).toEqual(["grant_type=client_credentials&client_id=id&client_secret=s%3Ae&scope=catalog"]);
  nowMs = 545_000;
  await ask();
  expect(issued).toEqual(["t1", "t2"]);
  revoked = "t2";
  expect((await ask()).status).toBe(200);
  expect(issued).toEqual(["t1", "t2", "t3"]);
  expect(used.at(-1)).toBe("Bearer t3");
});

test("credentials that stay refused are a 403 of ours, not the caller's 401", async () => {
  const world = await createForeignWorld({ address: { auth: { kind: "bearer", token: "wrong" } } });
  expect(await codeOf(clientOf(world).loadTable("default.events"))).toBe("forbidden");
});

test("no answer and a redirect leave a commit's outcome unknown", async () => {
  const world = await createForeignWorld();
  const client = clientOf(world);
  const table = await client.createTable(EVENTS);
  world.quirks.before = () => {
    throw new TypeError("connection reset");
  };
  const outcome = await table.newAppend().addFile(eventsFile("a.parquet", 1)).commit({ attempts: 2 });
  expect(outcome.outcome).toBe("unknown");
  world.quirks.before = () => new Response(null, { status: 307, headers: { location: "https://elsewhere" } });
  expect(await codeOf(client.loadTable("default.events"))).toBe("upstream_unavailable");
});

test("I173 400 ConcurrentUpdateError is a conflict, told by type or by message alone", async () => {
  for (const type of ["ConcurrentUpdateError", "BadRequestException"]) {
    const world = await createForeignWorld();
    const client = clientOf(world);
    const table = await client.createTable(EVENTS);
    let refused = 0;
    world.quirks.before = (request) => {
      if (request.method !== "POST" || refused === 2) return undefined;
      refused += 1;
      return foreignError(400, type, "ConcurrentUpdateError: retries exhausted");
    };
    const outcome = await table.newAppend().addFile(eventsFile("a.parquet", 1)).commit();
    expect([type, outcome.outcome, refused]).toEqual([type, "committed", 2]);
  }
});

test("L30 a request that is put off waits as told, a bounded number of times and seconds", async () => {
  const world = await createForeignWorld();
  const slept: number[] = [];
  const client = clientOf(world, slept);
  await client.createTable(EVENTS);
  const putOff = (status: number, header: string, times: number): void => {
    let left = times;
    world.quirks.before = () => {
      left -= 1;
      return left < 0
        ? undefined
        : foreignError(status, "SlowDown", "later", header === "" ? {} : { "retry-after": header });
    };
  };
  const waits = async (
    status: number,
    header: string,
    times: number,
  ): Promise<readonly [string, readonly number[]]> => {
    slept.length = 0;
    putOff(status, header, times);
    const code = await codeOf(client.loadTable("default.events"));
    return [code, slept.map((ms) => Math.floor(ms / 1000))];
  };
  expect(await waits(429, "60", 1)).toEqual(["no error", [60]]);
  // A second minute is more than anyone waits.
  expect(await waits(429, "60", 9)).toEqual(["rate_limited", [60]]);
  expect(await waits(503, "2", 3)).toEqual(["no error", [2, 2, 2]]);
  expect(await waits(503, "2", 9)).toEqual(["upstream_unavailable", [2, 2, 2]]);
  expect(await waits(503, "Thu, 01 Jan 1970 00:00:10 GMT", 1)).toEqual(["no error", [10]]);
  // 503 without a time may mean anything: the caller decides.
  expect(await waits(503, "", 1)).toEqual(["upstream_unavailable", []]);
  expect(await waits(429, "", 2)).toEqual(["no error", [1, 2]]);
});

test("I174 a table outside the bucket is refused by name and place, before any of its files is touched", async () => {
  const world = await createForeignWorld();
  await clientOf(world).createTable(EVENTS);
  const elsewhere = clientOf(world, [], "other-bucket");
  await expect(elsewhere.loadTable("default.events")).rejects.toThrow(
    "The table default.events is at s3://lake/default/events, outside this deployment's bucket other-bucket",
  );
  expect(await codeOf(elsewhere.loadTable("default.events"))).toBe("unsupported_operation");
});

test("settings: URI, credentials, Basin's limit", () => {
  expect(foreignCatalogAddress({})).toBeUndefined();
  expect(foreignCatalogAddress({ CATALOG_URI: " " })).toBeUndefined();
  expect(foreignCatalogAddress({ CATALOG_URI: "http://127.0.0.1:8181/" })).toEqual({
    uri: "http://127.0.0.1:8181",
    auth: { kind: "none" },
  });
  expect(
    foreignCatalogAddress({
      CATALOG_URI: "https://catalog.cloudflarestorage.com/acc/bucket/v1/",
      CATALOG_WAREHOUSE: "acc_bucket",
      CATALOG_API_TOKEN: "t",
    }),
  ).toEqual({
    uri: "https://catalog.cloudflarestorage.com/acc/bucket",
    warehouse: "acc_bucket",
    auth: { kind: "bearer", token: "t" },
    commitsPerMinute: 20,
  });
  const oauth = { CATALOG_URI: "https://polaris.example/api/catalog", CATALOG_CREDENTIAL: "root:s3cr:et" };
  expect(foreignCatalogAddress(oauth)?.auth).toEqual({
    kind: "client-credentials",
    clientId: "root",
    clientSecret: "s3cr:et",
    scope: "catalog",
    tokenUri: "https://polaris.example/api/catalog/v1/oauth/tokens",
  });
  expect(
    foreignCatalogAddress({
      ...oauth,
      CATALOG_OAUTH2_SERVER_URI: "https://login.example/t",
      CATALOG_OAUTH2_SCOPE: "all",
    })?.auth,
  ).toMatchObject({ scope: "all", tokenUri: "https://login.example/t" });
  expect(foreignCatalogAddress({ ...oauth, CATALOG_COMMITS_PER_MINUTE: "7" })?.commitsPerMinute).toBe(7);
});

test("settings that are malformed are named, never passed over", () => {
  for (const [settings, name] of [
    [{ CATALOG_URI: "catalog.example" }, "CATALOG_URI"],
    [{ CATALOG_URI: "s3://bucket" }, "CATALOG_URI"],
    [{ CATALOG_URI: "https://a:b@c.example" }, "CATALOG_URI"],
    [{ CATALOG_URI: "https://c.example", CATALOG_CREDENTIAL: "a:" }, "CATALOG_CREDENTIAL"],
    [{ CATALOG_URI: "https://c.example", CATALOG_CREDENTIAL: "a:b", CATALOG_API_TOKEN: "t" }, "CATALOG_CREDENTIAL"],
    [{ CATALOG_URI: "https://c.example", CATALOG_COMMITS_PER_MINUTE: "few" }, "CATALOG_COMMITS_PER_MINUTE"],
  ] as const) {
    expect(() => foreignCatalogAddress(settings)).toThrow(name);
  }
});
