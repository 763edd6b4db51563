//! The Cover studio: what functions make of readers' pictures, kept for some minutes, and nothing of it trusted.

mod pictures;
mod results;
mod visitors;
mod words;

use std::net::IpAddr;

pub(crate) use self::{
    pictures::Picture,
    results::{After, Tried},
    words::Words,
};
use self::{
    results::Results,
    visitors::{Place, Visitors},
};
use crate::allowance::Allowance;

/// Who works at it, and what came of it.
pub(crate) struct Studio {
    pub(crate) results: Results,
    visitors: Visitors,
    allowance: Allowance,
}

/// Why somebody has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// As much of theirs is worked on already as may.
    Theirs,
    /// They had their share of this minute.
    TooOften,
    /// All places are taken.
    All,
}

impl Studio {
    /// Each address may have so many pictures worked on in a minute; 0: as many as it likes.
    pub(crate) fn new(each_minute: u32) -> Self {
        Self {
            results: Results::default(),
            visitors: Visitors::default(),
            allowance: Allowance::new(each_minute),
        }
    }

    /// A place for one picture of somebody at this address, until it is dropped.
    pub(crate) fn place(&self, from: Option<IpAddr>) -> Result<Place<'_>, Full> {
        let place = self.visitors.place(from)?;
        self.allowance.take(from).map_err(|_| Full::TooOften)?;
        Ok(place)
    }
}

/// A content type without its parameters, in small letters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
