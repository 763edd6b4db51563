use std::time::Duration;

use protobufs::recommendations::BookCategory;

use crate::{cards::Cards, client::Client, config::PublicUrl, pages::layout::Layout, shelves::Shelves};

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

/// A category as pages name it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Category {
    pub(crate) number: i32,
    pub(crate) slug: String,
    pub(crate) name: String,
    pub(crate) books: i32,
}

/// What is known of the catalogue as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Catalogue {
    /// In the order of their numbers, those without books included; empty if nothing is known yet.
    pub(crate) categories: Vec<Category>,
    pub(crate) books: i32,
}

impl Catalogue {
    pub(crate) fn category(&self, number: i32) -> Option<&Category> {
        self.categories.iter().find(|category| category.number == number)
    }

    /// The categories that have something to show.
    pub(crate) fn stocked(&self) -> impl Iterator<Item = &Category> {
        self.categories.iter().filter(|category| category.books > 0)
    }

    /// The slug that decides a cover's style. `None` for a shop's own category that is not known (yet).
    pub(crate) fn slug(&self, number: i32) -> Option<String> {
        if let Some(category) = self.category(number) {
            return Some(category.slug.clone());
        }
        // The contract's own categories have the same slugs in every shop.
        let known = BookCategory::try_from(number).ok()?;
        Some(known.as_str_name().to_lowercase().replace('_', "-"))
    }
}
