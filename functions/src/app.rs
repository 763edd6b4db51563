use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::{invoke::Invoker, modules::Modules, routes::Routes, shop::Bookshop};

/// What every handler has. Clones are cheap.
#[derive(Clone)]
pub(crate) struct App {
    /// The functions.
    pub(crate) modules: Modules,
    /// What calls them.
    pub(crate) invoker: Invoker,
    /// Which addresses lead to which function.
    pub(crate) routes: Arc<ArcSwap<Routes>>,
    /// What they ask.
    pub(crate) shop: Arc<Bookshop>,
}
