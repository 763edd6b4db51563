//! What is called when a function is.

use std::sync::Arc;

use host::Function;

use crate::{
    calls::{Counters, Lane},
    manifest::Manifest,
    name::Name,
};

/// One version of a function, ready to be called.
#[derive(Debug)]
pub struct Deployed {
    /// What it is called.
    pub name: Name,
    /// Which version, such as `3-9f86d081884c`.
    pub version: String,
    /// What its author says about it.
    pub manifest: Manifest,
    /// The compiled module, with its limits and grants.
    pub function: Function,
    /// Its own places and queue.
    pub lane: Lane,
    /// The longest body, in bytes.
    pub most_body: usize,
    /// What its calls came to, over all versions.
    pub counters: Arc<Counters>,
}
