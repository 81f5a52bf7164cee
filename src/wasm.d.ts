// Wrangler turns a `.wasm` import into a compiled module; Workers cannot compile wasm at run time.
declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
