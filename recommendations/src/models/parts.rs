//! A model as plain numbers, for whoever writes artefacts, and back: what comes back is not trusted.

use super::{
    Factors, Model, Popularity, Says, Sparse,
    item_item::{ItemItem, words},
    model::Scorer,
};

/// A model taken apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// How much each book counts in popularity: one number a book. Its length is the number of books.
    pub popularity: Vec<f32>,
    /// Item–item models: books × books, a row a book that is predicted.
    pub weights: Option<Sparse>,
    /// Which rows of the weights come from content alone, in order.
    pub by_content: Vec<u32>,
    /// A bit a weight, the lowest of the first number first: whether content speaks more for it than readers do. Empty: none.
    pub alike: Vec<u32>,
    /// Item–item models: how much being popular adds to a score, for the most popular book; for others in proportion.
    pub prior: f32,
    /// ALS: the books' factors.
    pub factors: Option<Factors>,
    /// What a history's events say.
    pub says: Says,
}

/// Why numbers make no model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PartsError {
    /// Shapes or parameters contradict each other.
    #[error("{0}")]
    Shape(&'static str),
    /// A number is infinite or none.
    #[error("a number of the model is not finite")]
    NotFinite,
}

impl Model {
    /// The model as plain numbers; without weights and factors it is popularity alone.
    #[must_use]
    pub fn parts(&self) -> Parts {
        let mut parts =
            Parts { popularity: self.popularity.counts.clone(), says: self.says, ..Parts::default() };
        match &self.scorer {
            Scorer::Popular => {}
            Scorer::ItemItem(weights) => {
                parts.weights = Some(weights.by_predicted.clone());
                parts.by_content = weights.by_content.clone();
                parts.alike = weights.alike.clone();
                parts.prior = weights.prior;
            }
            Scorer::Als(factors) => parts.factors = Some(factors.clone()),
        }
        parts
    }

    /// The model that the parts make.
    ///
    /// # Errors
    ///
    /// If they contradict each other, or a number is not finite.
    pub fn from_parts(parts: Parts) -> Result<Self, PartsError> {
        let Parts { popularity, weights, by_content, alike, prior, factors, says } = parts;
        let books = popularity.len();
        if u32::try_from(books).is_err() {
            return Err(PartsError::Shape("a model has less than 4 billion books"));
        }
        let good = |number: &f32| number.is_finite() && *number >= 0.0;
        if !popularity.iter().all(good)
            || ![says.positive, says.wanted, says.negative, prior].iter().all(good)
        {
            return Err(PartsError::NotFinite);
        }
        let ordered = by_content.is_sorted_by(|a, b| a < b);
        if !ordered || by_content.last().is_some_and(|&last| last as usize >= books) {
            return Err(PartsError::Shape("books by content are in range and in order"));
        }
        let scorer = match (weights, factors) {
            (None, None) => Scorer::Popular,
            (Some(weights), None) => {
                if weights.rows() != books || weights.columns() != books {
                    return Err(PartsError::Shape("weights are books × books"));
                }
                if weights.values().iter().any(|weight| weight.abs() > 1e12) {
                    return Err(PartsError::Shape("a weight is beyond all measure"));
                }
                if prior > 1e12 {
                    return Err(PartsError::Shape("the weight of popularity is beyond all measure"));
                }
                if !alike.is_empty() && alike.len() != words(weights.len()) {
                    return Err(PartsError::Shape("there is a bit for each weight, or for none"));
                }
                Scorer::ItemItem(ItemItem { alike, ..ItemItem::new(weights, by_content, prior) })
            }
            (None, Some(factors)) if factors.books() == books => Scorer::Als(factors),
            (None, Some(_)) => return Err(PartsError::Shape("there are factors for each book")),
            (Some(_), Some(_)) => return Err(PartsError::Shape("a model has weights or factors, not both")),
        };
        Ok(Self { scorer, popularity: Popularity::from_counts(popularity), says })
    }
}
