use std::{sync::Arc, time::Duration};

use service::telemetry::Metrics;

use crate::{
    cards::Cards, client::Client, config::PublicUrl, events::Events, imports::Imports, layout::Layout,
    newcomers::Newcomers, operators::Operators, reader::Cookies, shelves::Shelves,
};

/// What every page is made from.
pub(crate) struct Shop {
    pub(crate) client: Client,
    pub(crate) shelves: Shelves,
    pub(crate) cards: Cards,
    pub(crate) cookies: Cookies,
    pub(crate) operators: Operators,
    pub(crate) events: Events,
    pub(crate) imports: Arc<Imports>,
    pub(crate) newcomers: Newcomers,
    pub(crate) public_url: Option<PublicUrl>,
}

impl Shop {
    /// Starts the shelves' upkeep on the current runtime.
    pub(crate) fn new(
        client: Client,
        cookies: Cookies,
        operators: Operators,
        public_url: Option<PublicUrl>,
        deadline: Duration,
        new_readers: u32,
        metrics: &Metrics,
    ) -> Self {
        let events = Events::start(client.clone(), metrics);
        let shelves = Shelves::start(client.clone(), public_url.clone(), deadline);
        Self {
            client,
            shelves,
            cards: Cards::default(),
            cookies,
            operators,
            events,
            imports: Arc::default(),
            newcomers: Newcomers::new(new_readers),
            public_url,
        }
    }

    /// What surrounds a page with this address.
    pub(crate) fn layout(&self, title: impl Into<String>, path: impl Into<String>) -> Layout {
        Layout::new(title.into(), path.into(), self.public_url.as_ref(), &self.shelves.now().catalogue)
    }
}
