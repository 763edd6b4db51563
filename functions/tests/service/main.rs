//! The service as its users meet it: a process of its own, asked over HTTP.

mod browser;
mod bucket;
mod counting;
mod deploying;
mod folder;
mod listeners;
mod many;
mod page;
mod problems;
mod secrets;
mod server;
mod settings;
mod tasks;
mod versions;
mod wasm;
