//! The algorithms, one a file, each with its paper: pure functions from interactions to a [`Model`], and that model's ranking.
//!
//! Readers and books are numbers from 0; who they are the caller knows. Training runs on a [`Run`]'s threads, says how far it
//! is and can be cancelled; [`train`] is the way in. Serving asks [`Model::recommend`] with a reader's history, which need
//! not have been there at training: every model folds it in, so that a rating changes the next answer.
//!
//! What a training job holds in memory at most, for `r` readers, `b` books, `n` rows (one a reader and book), `t` threads and
//! `k` factors, in bytes:
//!
//! | | bytes |
//! |---|---|
//! | histories as the process holds them, and rows made of them | `12 (n + r)`, `18 n + 8 r`; about 1,000 a book with its facts |
//! | what is held out to measure by, and the rest as interactions | `38 n + 50 r` while it is made, then `24 n + 50 r` |
//! | beside the latter, slim, ease, blend up to 20,000 books | `4 b²`, and 16 a weight that is kept |
//! | slim, blend above | `16 b · max(8, min(100, 2 GiB / 8 b)) + 12 b`, and 16 a weight that is kept |
//! | als | `4 k (r + b) + (k + 4) b + (4 k² + 384 k) t` |
//! | knn, content | 16 a neighbour that is kept, and `8 b t` |
//!
//! The model that is made of it, which serving holds, takes 16 bytes and a bit a weight and 16 a book (item–item), or `5 k + 4` bytes a
//! book (als); and 8 bytes a book for popularity. A thread that answers keeps `13 b` more.

mod interactions;
mod sparse;
mod items;
mod progress;
pub mod gram;
mod slim;
mod ease;
mod als;
mod knn;
mod popular;
mod content;
mod blend;
mod parameters;
mod train;
mod top;
mod sums;
mod item_item;
mod model;
mod parts;

pub use self::{
    als::{Als, Factors, MAX_FACTORS, Trained},
    content::Content,
    ease::Ease,
    interactions::{Interaction, Interactions, Opinion},
    items::{Facts, Items},
    knn::{Choice, Knn, Likeness},
    model::{Event, Model, Reason, Recommended, Says, Scratch},
    parameters::{ParameterError, Parameters, Shares},
    parts::{Parts, PartsError},
    popular::Popularity,
    progress::{Progress, Run},
    slim::Slim,
    sparse::Sparse,
    train::{Kind, NoSuchKind, train},
};
pub(crate) use self::{
    content::{COMMON, worth},
    sums::Sums,
    top::Top,
    train::{Warm, train_from},
};

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Somebody asked it to stop.
    #[error("the training was cancelled")]
    Cancelled,
    /// The threads could not be started.
    #[error("cannot start the training's threads")]
    Threads(#[source] rayon::ThreadPoolBuildError),
    /// There is nothing to learn from.
    #[error("there is no positive interaction to learn from")]
    Empty,
    /// An interaction names what is not there.
    #[error("reader {reader} of {readers} or book {book} of {books} is out of range")]
    OutOfRange {
        /// The reader's number.
        reader: u32,
        /// The book's number.
        book: u32,
        /// How many readers there are.
        readers: usize,
        /// How many books there are.
        books: usize,
    },
    /// The model takes the square of the books in memory.
    #[error(
        "{books} books are more than the {limit} that this model holds pairs of; slim, blend or als take more"
    )]
    TooLarge {
        /// How many books there are.
        books: usize,
        /// How many it takes.
        limit: usize,
    },
    /// The model is made of facts about books.
    #[error("this model needs to know authors, series or subjects")]
    NoItems,
    /// The parameters make no sense.
    #[error("{0}")]
    Parameters(&'static str),
    /// The regularisation is too small for single precision.
    #[error("the matrix has no inverse in single precision; regularise more")]
    Singular,
}
