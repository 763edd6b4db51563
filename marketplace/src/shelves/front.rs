//! The home page around its first list.

use std::sync::Arc;

use askama::Template;
use protobufs::recommendations::BookCategory;

use super::Shelf;
use crate::{
    catalogue::{Catalogue, Category},
    fragment::Fragment,
    layout::Layout,
};

/// The tutorial's title, which its integration test looks for.
pub(crate) const TITLE: &str = "Online Books For You";
/// What the first list is of.
pub(crate) const MYSTERY: i32 = BookCategory::Mystery as i32;
/// Categories that are named below the shelves.
const TILES: usize = 24;

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    layout: Layout,
    shelves: &'a [Shelf],
    categories: Vec<&'a Category>,
    /// How many categories there are, if that is more than are named.
    all: Option<usize>,
    list: &'static str,
    own: &'static str,
}

/// The first list of every page load is fresh, and nothing else is: what stands around it is rendered
/// beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Halves {
    pub(crate) before: Arc<Fragment>,
    pub(crate) after: Arc<Fragment>,
    /// Where a reader's own shelf goes into what comes after, in bytes.
    pub(crate) own: usize,
}

/// Where the halves meet; nothing that a catalogue holds can read like this once it is escaped.
const SEAM: &str = "<!-- the list -->";
const OWN: &str = "<!-- the reader's own shelf -->";

impl Halves {
    pub(crate) fn render(layout: Layout, catalogue: &Catalogue, shelves: &[Shelf]) -> Self {
        let categories = catalogue.largest(TILES);
        let all = Some(catalogue.stocked().count()).filter(|all| *all > categories.len());
        let page = Home { layout, shelves, categories, all, list: SEAM, own: OWN }.to_string();
        let (before, after) = page.split_once(SEAM).expect("the template writes the seam");
        let (hero, rest) = after.split_once(OWN).expect("the template writes it");
        let half = |html: &str| Arc::new(Fragment::new(html.to_owned()));
        Self { before: half(before), after: half(&[hero, rest].concat()), own: hero.len() }
    }
}
