//! How good a model is: trained without some ratings, how soon does it name them?
//!
//! The protocol: each reader's held-out positives are to be found among all books that occur in training, the reader's own
//! training books left out. All figures are of the ranking that is served, not of one made for the test.

mod holdout;
mod trial;
mod metrics;
mod bootstrap;
mod choose;
mod files;

pub use self::{
    bootstrap::{Comparison, compare},
    choose::{Budget, choose},
    files::{FileError, Numbered, Table, read_items, read_rows, read_timed_rows},
    holdout::HeldOut,
    metrics::{Quality, Ranking, rank},
    trial::Trial,
};
