//! A component of our world `ranker`.

#![allow(missing_docs)] // of what is generated; `functions/wit` documents it

wasmtime::component::bindgen!({
    path: "../wit",
    world: "ranker",
    exports: { default: async },
    with: { "shelfwise:functions/log": super::imports::shelfwise::functions::log },
});
