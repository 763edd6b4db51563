//! Runs a shop's WebAssembly: any algorithm in any language, sandboxed and limited, each call in an instance of its own.
