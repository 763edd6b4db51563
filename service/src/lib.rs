//! The shell that every Shelfwise process runs in: settings, telemetry, probes, TLS, shutdown. It knows no domain.
//!
//! A service's `run` takes its listeners and the future that ends it; this crate turns them into a server that says when
//! it is ready, counts and logs each call, and drains with a deadline.

pub mod admin;
pub mod allowance;
pub mod certs;
pub mod config;
mod failure;
pub mod grpc;
mod listen;
pub mod memory;
pub mod proxies;
mod readiness;
pub mod secret;
pub mod secrets;
mod server;
mod shell;
mod shutdown;
pub mod stable;
mod start;
pub mod telemetry;
pub mod tls;
pub mod token;
pub mod trace;
pub mod url;

pub use failure::{Failure, chain};
pub use listen::{bind, listening};
pub use readiness::{Hold, Readiness, State};
pub use server::{Limits, Peer, Protocol, Server};
pub use shell::Shell;
pub use shutdown::{Phase, Shutdown, signals};
pub use start::{block_on, data_folder, data_place, start};
pub use telemetry::RequestId;
