// Runs libpg-query's WebAssembly directly. The package's own loader decides by `process` and `self.location` where it
// is and cannot be bundled for a Worker without rewriting it; the module needs little, so that little is here.

import { InvariantViolation } from "#core";

type WasmFunction = (...args: never[]) => unknown;

/**
 * The module's exports under their minified names in libpg-query 18.1.5 (`wasm/libpg-query.js`, assignWasmExports).
 * A test compares this table with the installed package.
 */
export const PG_QUERY_EXPORTS = {
  memory: "z",
  __indirect_function_table: "D",
  initRuntime: "A",
  _malloc: "C",
  _free: "E",
  _wasm_parse_query_raw: "F",
  _wasm_free_parse_result: "G",
  _wasm_fingerprint: "I",
  _wasm_normalize_query: "J",
  _wasm_free_string: "N",
  _setThrew: "P",
  __emscripten_stack_restore: "Q",
  _emscripten_stack_get_current: "R",
} as const;

/** The module's imports, module `a`, under their minified names; compared with the package by the same test. */
export const PG_QUERY_IMPORTS = {
  ___assert_fail: "c",
  __abort_js: "x",
  __emscripten_runtime_keepalive_clear: "w",
  __emscripten_throw_longjmp: "p",
  __setitimer_js: "o",
  _emscripten_resize_heap: "q",
  _exit: "m",
  _fd_close: "u",
  _fd_read: "r",
  _fd_seek: "s",
  _fd_write: "t",
  invoke_i: "g",
  invoke_ii: "b",
  invoke_iii: "a",
  invoke_iiii: "d",
  invoke_iiiii: "k",
  invoke_ji: "l",
  invoke_v: "e",
  invoke_vi: "f",
  invoke_vii: "h",
  invoke_viii: "j",
  invoke_viiii: "i",
  invoke_viiiii: "y",
  invoke_viiiiiiiiiiiii: "n",
  _proc_exit: "v",
} as const;

const PAGE_BYTES = 65_536;
/** The parser's heap stays far below the isolate's 128 MB; a query that needs more is refused. */
const MAX_HEAP_BYTES = 64 * 2 ** 20;
/** WASI errno for "not supported": the parser must not touch files. */
const WASI_ENOSYS = 52;

/** PostgreSQL's error handling jumps out of wasm frames with this; `invoke_*` catch it. */
class LongJump extends Error {}

/** The module ended itself (assertion, abort, exit); the instance must not be used again. */
export class PgQueryAborted extends Error {}

/** What a parse gave: a JSON tree, or PostgreSQL's message with its 1-based character position (0 unknown). */
export type RawParse =
  | { readonly ok: true; readonly tree: string }
  | { readonly ok: false; readonly message: string; readonly position: number };

/** One instance of the parser. Not reentrant; discard it after any exception. */
export interface PgQueryInstance {
  parse(sql: string): RawParse;
  fingerprint(sql: string): string;
  normalize(sql: string): string;
}

/** Instantiates a compiled libpg-query module. Cost: about 20 MB of address space, a few ms. */
export function instantiatePgQuery(module: WebAssembly.Module): PgQueryInstance {
  const wasm: { exports: Record<string, unknown> } = { exports: {} };
  const call = (name: keyof typeof PG_QUERY_EXPORTS, ...args: number[]): number => {
    const target = wasm.exports[PG_QUERY_EXPORTS[name]];
    if (typeof target !== "function") throw new InvariantViolation(`libpg-query has no export ${name}`);
    return (target as (...values: number[]) => number)(...args);
  };
  const memory = (): WebAssembly.Memory => wasm.exports[PG_QUERY_EXPORTS.memory] as WebAssembly.Memory;
  const bytes = (): Uint8Array => new Uint8Array(memory().buffer);

  const instance = new WebAssembly.Instance(module, { a: createImports(wasm, call, memory) });
  wasm.exports = instance.exports;
  call("initRuntime");

  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  const writeString = (text: string): number => {
    const encoded = encoder.encode(text);
    const pointer = call("_malloc", encoded.length + 1);
    const heap = bytes();
    heap.set(encoded, pointer);
    heap[pointer + encoded.length] = 0;
    return pointer;
  };
  const readString = (pointer: number): string => {
    const heap = bytes();
    return decoder.decode(heap.subarray(pointer, heap.indexOf(0, pointer)));
  };
  const readInt = (pointer: number): number => new DataView(memory().buffer).getInt32(pointer, true);

  const textFunction = (name: "_wasm_fingerprint" | "_wasm_normalize_query", sql: string): string => {
    const input = writeString(sql);
    const result = call(name, input);
    const text = readString(result);
    call("_wasm_free_string", result);
    call("_free", input);
    return text;
  };

  return {
    parse(sql) {
      const input = writeString(sql);
      const result = call("_wasm_parse_query_raw", input);
      // PgQueryParseResult: { char *parse_tree; char *stderr_buffer; PgQueryError *error }
      const errorPointer = readInt(result + 8);
      let outcome: RawParse;
      if (errorPointer === 0) {
        outcome = { ok: true, tree: readString(readInt(result)) };
      } else {
        // PgQueryError: { char *message, *funcname, *filename; int lineno, cursorpos; … }
        outcome = { ok: false, message: readString(readInt(errorPointer)), position: readInt(errorPointer + 16) };
      }
      call("_wasm_free_parse_result", result);
      call("_free", input);
      return outcome;
    },
    fingerprint: (sql) => textFunction("_wasm_fingerprint", sql),
    normalize: (sql) => textFunction("_wasm_normalize_query", sql),
  };
}

function abort(): never {
  throw new PgQueryAborted("libpg-query aborted");
}

function createImports(
  wasm: { readonly exports: Record<string, unknown> },
  call: (name: keyof typeof PG_QUERY_EXPORTS, ...args: number[]) => number,
  memory: () => WebAssembly.Memory,
): Record<string, WasmFunction> {
  const invoke =
    (fallback: number | bigint | undefined) =>
    (index: number, ...args: number[]): unknown => {
      const table = wasm.exports[PG_QUERY_EXPORTS.__indirect_function_table] as WebAssembly.Table;
      const stack = call("_emscripten_stack_get_current");
      try {
        return (table.get(index) as (...values: number[]) => unknown)(...args);
      } catch (error) {
        if (!(error instanceof LongJump)) throw error;
        call("__emscripten_stack_restore", stack);
        call("_setThrew", 1, 0);
        return fallback;
      }
    };
  const implementations: Record<keyof typeof PG_QUERY_IMPORTS, WasmFunction> = {
    ___assert_fail: abort,
    __abort_js: abort,
    __emscripten_runtime_keepalive_clear: () => undefined,
    __emscripten_throw_longjmp: () => {
      throw new LongJump("longjmp");
    },
    __setitimer_js: () => 0,
    _emscripten_resize_heap: (requested: number) => {
      const wanted = requested >>> 0;
      const current = memory().buffer.byteLength;
      if (wanted > MAX_HEAP_BYTES) return 0;
      const target = Math.min(MAX_HEAP_BYTES, Math.max(wanted, Math.ceil(current * 1.2)));
      memory().grow(Math.ceil((target - current) / PAGE_BYTES));
      return 1;
    },
    _exit: abort,
    _proc_exit: abort,
    _fd_close: () => WASI_ENOSYS,
    _fd_read: () => WASI_ENOSYS,
    _fd_seek: () => WASI_ENOSYS,
    // Diagnostics to stderr: reported as written in full, and dropped.
    _fd_write: (_descriptor: number, vectors: number, count: number, writtenPointer: number) => {
      const view = new DataView(memory().buffer);
      let total = 0;
      for (let i = 0; i < count; i++) total += view.getUint32(vectors + i * 8 + 4, true);
      view.setUint32(writtenPointer, total, true);
      return 0;
    },
    invoke_i: invoke(0),
    invoke_ii: invoke(0),
    invoke_iii: invoke(0),
    invoke_iiii: invoke(0),
    invoke_iiiii: invoke(0),
    invoke_ji: invoke(0n),
    invoke_v: invoke(undefined),
    invoke_vi: invoke(undefined),
    invoke_vii: invoke(undefined),
    invoke_viii: invoke(undefined),
    invoke_viiii: invoke(undefined),
    invoke_viiiii: invoke(undefined),
    invoke_viiiiiiiiiiiii: invoke(undefined),
  };
  const imports: Record<string, WasmFunction> = {};
  for (const [name, letter] of Object.entries(PG_QUERY_IMPORTS)) {
    imports[letter] = implementations[name as keyof typeof PG_QUERY_IMPORTS];
  }
  return imports;
}
