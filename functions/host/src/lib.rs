//! Runs a shop's WebAssembly: any algorithm in any language, sandboxed and limited, each call in an instance of its own.
//!
//! An [`Engine`] is made once a process, a [`Function`] once a module, and each [`Call`] gets a store, a memory, a deadline and
//! buffers of its own, which end with it. A guest sees nothing that its [`Grants`] do not name.

mod engine;
mod function;
mod kind;
mod limits;
mod grants;
mod call;
mod ranker;
mod kinds;
mod state;
mod shop;
mod meter;
mod pipe;
mod clock;
mod outbound;
mod others;
pub mod name;
mod cache;
mod ticker;
pub mod nn;

pub use call::{Answer, Call, CallError, Ended, Lines, Usage};
pub use engine::{Engine, EngineError, EngineSettings};
pub use function::{Function, Unfit};
pub use grants::{Folder, Grants};
pub use kind::Kind;
pub use limits::Limits;
pub use others::{Insecure, exchange, secure};
pub use outbound::{Allowed, BadHost, Denied};
pub use ranker::{Candidate, Question, Ranker, Reason};
pub use shop::{Book, Entry, NoShop, Shelf, Shop, ShopError};
