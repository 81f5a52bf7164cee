// The /docs page: the OpenAPI document as plain HTML. Rendered here, without scripts and without a CDN, so it works
// offline and under the strictest content security policy.

/** The part of an OpenAPI operation that the page shows. */
interface Operation {
  readonly operationId?: string;
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly security?: readonly Readonly<Record<string, readonly string[]>>[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly description?: string; readonly content: Readonly<Record<string, unknown>> };
  readonly responses?: Readonly<Record<string, { readonly description: string }>>;
}

const STYLE = `:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
summary{cursor:pointer;padding:.4rem 0}code,pre{font:14px/1.4 ui-monospace,monospace}pre{overflow:auto;padding:.8rem;background:#8882;border-radius:.4rem}
.method{display:inline-block;min-width:4.5rem;font-weight:700}.scope{opacity:.7;margin-left:.5rem}details{border-bottom:1px solid #8884}
table{border-collapse:collapse}td{padding:.2rem .8rem .2rem 0;vertical-align:top;white-space:pre-line}`;

function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

function renderRows(title: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return "";
  const cells = rows.map(
    ([name, text]) => `<tr><td><code>${escapeHtml(name)}</code></td><td>${escapeHtml(text)}</td></tr>`,
  );
  return `<h4>${title}</h4><table>${cells.join("")}</table>`;
}

function renderOperation(method: string, path: string, operation: Operation): string {
  const scopes = (operation.security ?? []).flatMap((item) => Object.values(item).flat());
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: place, required }) => [name, `${place}${required === true ? ", required" : ""}`] as const,
  );
  const bodies = Object.entries(operation.requestBody?.content ?? {}).map(
    ([type, content]) =>
      `<h4>Body <code>${escapeHtml(type)}</code></h4><pre>${escapeHtml(JSON.stringify(content, null, 2))}</pre>`,
  );
  const replies = Object.entries(operation.responses ?? {}).map(
    ([status, { description }]) => [status, description] as const,
  );
  return `<details id="${escapeHtml(operation.operationId ?? "")}"><summary><span class="method">${method.toUpperCase()}</span>
<code>${escapeHtml(path)}</code> ${escapeHtml(operation.summary ?? "")}<span class="scope">${escapeHtml(scopes.join(" ") || "public")}</span></summary>
<p>${escapeHtml(operation.description ?? "")}</p>${renderRows("Parameters", parameters)}${bodies.join("")}${renderRows("Replies", replies)}</details>`;
}

/** The Content-Security-Policy that the page needs: its own style and nothing else. */
export const DOCS_CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/** The page for an OpenAPI document. Every text of the document is escaped. */
export function renderDocsPage(document: Readonly<Record<string, unknown>>): string {
  const paths = (document["paths"] ?? {}) as Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  const info = (document["info"] ?? {}) as { readonly title?: string; readonly description?: string };
  const byTag = new Map<string, string[]>();
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = operation.tags?.[0] ?? "Other";
      byTag.set(tag, [...(byTag.get(tag) ?? []), renderOperation(method, path, operation)]);
    }
  }
  const sections = Array.from(byTag, ([tag, items]) => `<h2>${escapeHtml(tag)}</h2>${items.join("")}`);
  const components = (document["components"] ?? {}) as { readonly schemas?: unknown };
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(info.title ?? "API")}</title><style>${STYLE}</style></head><body><h1>${escapeHtml(info.title ?? "API")}</h1>
<p>${escapeHtml(info.description ?? "")}</p><p>The same as <a href="/openapi.json">OpenAPI</a>.</p>${sections.join("")}
<h2>Schemas</h2><details><summary>All named schemas</summary><pre>${escapeHtml(JSON.stringify(components.schemas ?? {}, null, 2))}</pre></details></body></html>`;
}
