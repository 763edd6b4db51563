use std::sync::Arc;

use crate::{
    allowance::Allowance, cards::Cards, client::Client, config::PublicUrl, events::Events,
    functions::Functions, imports::Imports, layout::Layout, operators::Operators, proxies::Proxies,
    reader::Cookies, shelves::Shelves, studio::Studio,
};

/// What every page is made from.
pub(crate) struct Shop {
    pub(crate) client: Client,
    pub(crate) functions: Functions,
    pub(crate) shelves: Shelves,
    pub(crate) cards: Cards,
    pub(crate) cookies: Cookies,
    pub(crate) operators: Operators,
    pub(crate) events: Events,
    pub(crate) imports: Arc<Imports>,
    pub(crate) studio: Studio,
    /// How many visitors become readers: a reader is a row for ever, and saying something makes one.
    pub(crate) newcomers: Allowance,
    pub(crate) proxies: Proxies,
    pub(crate) public_url: Option<PublicUrl>,
}

impl Shop {
    /// What surrounds a page with this address.
    pub(crate) fn layout(&self, title: impl Into<String>, path: impl Into<String>) -> Layout {
        Layout::new(title.into(), path.into(), self.public_url.as_ref(), &self.shelves.now().catalogue)
    }
}
