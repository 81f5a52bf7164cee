// The front door's parts: tokens, request limits, validation, problem bodies, OpenAPI.

export {
  createHttpApp,
  jsonResponse,
  type FinishedRequest,
  type HttpApp,
  type HttpAppDeps,
  type HttpContext,
  type RequestVariables,
  type RouteHandler,
  type RouteInput,
} from "./app.ts";
export { parseJsonBody, readBody } from "./body.ts";
export { DOCS_CONTENT_SECURITY_POLICY, renderDocsPage } from "./docs-page.ts";
export {
  callUpstream,
  errorResponse,
  problemResponse,
  problemToIcebergError,
  toLakeError,
  type ErrorFormat,
  type FailedRequest,
} from "./errors.ts";
export { REQUEST_ID_HEADER, chooseRequestId } from "./request-id.ts";
export {
  ProblemSchema,
  TableNameSchema,
  routeToOpenApi,
  type JsonBodySpec,
  type RawBodySpec,
  type ReplySpec,
  type RouteMethod,
  type RouteSpec,
} from "./route-spec.ts";
export {
  SCOPES,
  authenticate,
  bearerChallenge,
  hasScope,
  loadTokens,
  mayUseNamespace,
  requireNamespace,
  requireScope,
  type CatalogAccess,
  type Principal,
  type TokenLimits,
  type Scope,
  type TokenEntry,
  type TokenSettings,
} from "./tokens.ts";
export { pathToPointer, validate, type RequestFinding, type RequestPart } from "./validation.ts";
