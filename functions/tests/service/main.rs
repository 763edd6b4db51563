//! The service as its users meet it: a process of its own, asked over HTTP.

mod bucket;
mod deploying;
mod folder;
mod many;
mod server;
mod versions;
mod wasm;
