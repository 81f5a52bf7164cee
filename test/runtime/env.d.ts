// The bindings that vitest.config.ts gives to tests inside workerd.
declare namespace Cloudflare {
  interface Env {
    LAKE: R2Bucket;
    RESULT_CACHE: KVNamespace;
  }
}
