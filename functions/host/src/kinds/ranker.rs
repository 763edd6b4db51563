//! A component of our world `ranker`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "ranker",
    exports: { default: async },
    with: { "shelfwise:functions/log": super::imports::shelfwise::functions::log },
});
