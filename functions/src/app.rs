use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use service::State;
use tokio::sync::watch;

use crate::{
    clients::Clients, config::Door, invoke::Invoker, modules::Modules, routes::Routes, shop::Bookshop,
    tasks::Tasks,
};

/// What every handler has. Clones are cheap.
#[derive(Clone)]
pub(crate) struct App {
    /// The functions.
    pub(crate) modules: Modules,
    /// What calls them.
    pub(crate) invoker: Invoker,
    /// What the settings say of the listener that a request came to.
    pub(crate) door: Door,
    /// Which addresses manifests lead to their functions.
    pub(crate) routes: Arc<ArcSwap<Routes>>,
    /// How often each client may call.
    pub(crate) clients: Arc<Clients>,
    /// Whether calls are taken.
    pub(crate) state: watch::Receiver<State>,
    /// How long a request may take, from its head to its answer's.
    pub(crate) timeout: Duration,
    /// What they ask.
    pub(crate) shop: Arc<Bookshop>,
    /// Calls that outlive their request.
    pub(crate) tasks: Tasks,
}
