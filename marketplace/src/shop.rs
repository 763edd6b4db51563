use std::{sync::Arc, time::Duration};

use service::telemetry::Metrics;

use crate::{
    allowance::Allowance, cards::Cards, client::Client, config::PublicUrl, events::Events, imports::Imports,
    layout::Layout, operators::Operators, proxies::Proxies, reader::Cookies, shelves::Shelves,
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
    /// How many visitors become readers: a reader is a row for ever, and saying something makes one.
    pub(crate) newcomers: Allowance,
    pub(crate) proxies: Proxies,
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
        proxies: Option<Proxies>,
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
            newcomers: Allowance::new(new_readers),
            proxies: proxies.unwrap_or_default(),
            public_url,
        }
    }

    /// What surrounds a page with this address.
    pub(crate) fn layout(&self, title: impl Into<String>, path: impl Into<String>) -> Layout {
        Layout::new(title.into(), path.into(), self.public_url.as_ref(), &self.shelves.now().catalogue)
    }
}
