use std::time::Duration;

use crate::{cards::Cards, client::Client, config::PublicUrl, layout::Layout, shelves::Shelves};

/// What every page is made from.
pub(crate) struct Shop {
    pub(crate) client: Client,
    pub(crate) shelves: Shelves,
    pub(crate) cards: Cards,
    pub(crate) public_url: Option<PublicUrl>,
}

impl Shop {
    /// Starts the shelves' upkeep on the current runtime.
    pub(crate) fn new(client: Client, public_url: Option<PublicUrl>, deadline: Duration) -> Self {
        let shelves = Shelves::start(client.clone(), public_url.clone(), deadline);
        Self { client, shelves, cards: Cards::default(), public_url }
    }

    /// What surrounds a page with this address.
    pub(crate) fn layout(&self, title: impl Into<String>, path: impl Into<String>) -> Layout {
        Layout::new(title.into(), path.into(), self.public_url.as_ref(), &self.shelves.now().catalogue)
    }
}
