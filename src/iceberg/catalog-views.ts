// Views through the catalog's REST endpoints, which iceberg-js does not have. Source: Iceberg REST OpenAPI, listViews to
// dropView.

import { LakeError, parseJson, type TableIdentifier } from "#core";
import { IcebergError, type IcebergRestCatalog } from "iceberg-js";
import { catalogError, toExactJson } from "./catalog-transport.ts";
import type { IcebergSchema } from "./schema.ts";
import type { CatalogClient } from "./table.ts";
import { currentViewVersion, parseViewMetadata, type ViewMetadata, type ViewRepresentation } from "./view-metadata.ts";

/** A view at one version. */
export interface View {
  readonly identifier: TableIdentifier;
  readonly metadata: ViewMetadata;
}

/** What a view is to be. */
export interface ViewDefinition {
  readonly identifier: TableIdentifier;
  readonly schema: Omit<IcebergSchema, "schema-id">;
  readonly representations: readonly ViewRepresentation[];
  readonly defaultNamespace: readonly string[];
}

/** Views of a catalog. A catalog without views has none, and refuses to create one. */
export interface ViewClient {
  /** Errors: `namespace_not_found`. */
  listViews(namespace: readonly string[]): Promise<readonly TableIdentifier[]>;
  /** Undefined when there is none. */
  loadView(view: TableIdentifier): Promise<View | undefined>;
  /** Errors: `already_exists`, `namespace_not_found`, `unsupported_operation`. */
  createView(definition: ViewDefinition): Promise<View>;
  /** Gives a view another version. Errors: `view_not_found`, `commit_conflict` when it was replaced. */
  replaceView(view: View, definition: ViewDefinition): Promise<View>;
  /** Errors: `view_not_found`. */
  dropView(view: TableIdentifier): Promise<void>;
}

/** How requests reach the catalog. */
export interface ViewClientDeps {
  readonly rest: IcebergRestCatalog;
  readonly uri: string;
  readonly fetch: typeof fetch;
  readonly token?: string;
  readonly clock: { nowMs(): number };
}

/** Separates the levels of a namespace in a path. */
const LEVEL_SEPARATOR = "\u001f";
/** Answers of a catalog that has no views at all. */
const NO_VIEWS = new Set([404, 405, 406, 501]);

/** Creates the client of views. Cost: one request a call, and one for the catalog's settings. */
export function createViewClient(deps: ViewClientDeps): ViewClient {
  let prefix: Promise<string> | undefined;

  async function loadPrefix(): Promise<string> {
    const { overrides, defaults } = await deps.rest.loadConfig();
    const found = overrides["prefix"] ?? defaults["prefix"] ?? "";
    return found === "" ? "" : `${encodeURIComponent(found)}/`;
  }

  async function send(method: string, path: string, body?: object): Promise<unknown> {
    let response: Response;
    try {
      prefix ??= loadPrefix();
      response = await deps.fetch(`${deps.uri.replace(/\/+$/, "")}/v1/${await prefix}${path}`, {
        method,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(deps.token === undefined ? {} : { authorization: `Bearer ${deps.token}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(toExactJson(body)) }),
      });
    } catch (error) {
      prefix = undefined;
      throw catalogError(error);
    }
    const text = await response.text();
    if (!response.ok) throw replyError(response.status, text);
    return text === "" ? undefined : parseJson(text);
  }

  function versionOf({ representations, defaultNamespace }: ViewDefinition, versionId: number): object {
    return {
      "version-id": versionId,
      "timestamp-ms": deps.clock.nowMs(),
      "schema-id": -1,
      summary: { "engine-name": "firn" },
      representations,
      "default-namespace": defaultNamespace,
    };
  }

  return {
    async listViews(namespace) {
      const found: TableIdentifier[] = [];
      let pageToken: string | undefined;
      try {
        do {
          const query = pageToken === undefined ? "" : `?pageToken=${encodeURIComponent(pageToken)}`;
          const page = (await send("GET", `${viewsPath(namespace)}${query}`)) as ViewPage | undefined;
          found.push(...(page?.identifiers ?? []));
          pageToken = page?.["next-page-token"] ?? undefined;
        } while (pageToken !== undefined);
      } catch (error) {
        if (!hasNoViews(error)) throw error;
      }
      return found;
    },
    async loadView(view) {
      try {
        return toView(view, await send("GET", viewPath(view)));
      } catch (error) {
        if (hasNoViews(error) || isCode(error, "view_not_found") || isCode(error, "namespace_not_found"))
          return undefined;
        throw error;
      }
    },
    async createView(definition) {
      const { identifier, schema } = definition;
      const reply = await send("POST", viewsPath(identifier.namespace), {
        name: identifier.name,
        schema: { "schema-id": 0, ...schema },
        "view-version": { ...versionOf(definition, 1), "schema-id": 0 },
        properties: {},
      });
      return toView(identifier, reply);
    },
    async replaceView({ identifier, metadata }, definition) {
      const highest = Math.max(...metadata.versions.map((version) => version["version-id"]));
      const reply = await send("POST", viewPath(identifier), {
        requirements: [{ type: "assert-view-uuid", uuid: metadata["view-uuid"] }],
        updates: [
          { action: "add-schema", schema: { "schema-id": metadata.schemas.length, ...definition.schema } },
          { action: "add-view-version", "view-version": versionOf(definition, highest + 1) },
          { action: "set-current-view-version", "view-version-id": -1 },
        ],
      });
      return toView(identifier, reply);
    },
    async dropView(view) {
      await send("DELETE", viewPath(view));
    },
  };
}

function viewsPath(namespace: readonly string[]): string {
  return `namespaces/${encodeURIComponent(namespace.join(LEVEL_SEPARATOR))}/views`;
}

function viewPath({ namespace, name }: TableIdentifier): string {
  return `${viewsPath(namespace)}/${encodeURIComponent(name)}`;
}

function toView(identifier: TableIdentifier, reply: unknown): View {
  const { metadata } = (reply ?? {}) as { readonly metadata?: unknown };
  return { identifier, metadata: parseViewMetadata(metadata) };
}

interface ViewPage {
  readonly identifiers?: readonly TableIdentifier[];
  readonly "next-page-token"?: string | null;
}

/** The names of a view's columns, in order. */
export function viewColumnNames(metadata: ViewMetadata): readonly string[] {
  const { "schema-id": schemaId } = currentViewVersion(metadata);
  const schema = metadata.schemas.find((item) => item["schema-id"] === schemaId);
  if (schema === undefined) {
    throw new LakeError("metadata_invalid", `The view's metadata names schema ${schemaId} but lacks it.`);
  }
  return schema.fields.map(({ name }) => name);
}

function replyError(status: number, text: string): LakeError {
  let error: { readonly message?: unknown; readonly type?: unknown } = {};
  try {
    error = (parseJson(text) as { readonly error?: typeof error }).error ?? {};
  } catch {
    // A gateway's page is no reason: the status tells enough.
  }
  const message = typeof error.message === "string" ? error.message : `The catalog answered ${status}.`;
  if (error.type === "NoSuchViewException") return new LakeError("view_not_found", message);
  const mapped = catalogError(
    new IcebergError(message, { status, ...(typeof error.type === "string" ? { icebergType: error.type } : {}) }),
  );
  return NO_VIEWS.has(status) && typeof error.type !== "string"
    ? new LakeError("unsupported_operation", "The catalog has no views.", { cause: mapped })
    : mapped;
}

function isCode(error: unknown, code: LakeError["code"]): boolean {
  return error instanceof LakeError && error.code === code;
}

function hasNoViews(error: unknown): boolean {
  return isCode(error, "unsupported_operation");
}

/** Views of all namespaces. A namespace that is dropped while they are listed has none. Cost: one request each. */
export async function listAllViews(
  client: Pick<CatalogClient, "listNamespaces" | "views">,
): Promise<readonly TableIdentifier[]> {
  const namespaces = await client.listNamespaces();
  const lists = await Promise.all(
    namespaces.map(async (namespace) => {
      try {
        return await client.views.listViews(namespace);
      } catch (error) {
        if (isCode(error, "namespace_not_found")) return [];
        throw error;
      }
    }),
  );
  return lists.flat();
}
