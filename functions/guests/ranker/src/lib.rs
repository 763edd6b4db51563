//! Spreads what is recommended over categories without losing what the model holds for best: maximal marginal relevance
//! (Carbonell and Goldstein, 1998), with a book's place in the model's order for its relevance and the share of its categories
//! that were just shown for its redundancy.

use crate::shelfwise::functions::ranking::Reason;

wit_bindgen::generate!({ path: "../../wit", world: "ranker" });

struct Spread;
export!(Spread);

/// How much a place in the model's order weighs against variety.
const RELEVANCE: f32 = 0.5;
/// What a book gains that is proposed because of one that the reader liked: a few places.
const LIKED: f32 = 0.05;
/// How many of the last books shown a reader has in view: about one row of covers.
const IN_VIEW: usize = 5;

impl Guest for Spread {
    fn rank(question: Question, candidates: Vec<Candidate>) -> Result<Vec<i32>, String> {
        let count = candidates.len().min(usize::try_from(question.count).unwrap_or(usize::MAX));
        let mut left: Vec<(f32, &Candidate)> =
            candidates.iter().enumerate().map(|(place, book)| (relevance(place, book), book)).collect();
        let mut shown: Vec<&Candidate> = Vec::with_capacity(count);
        while shown.len() < count {
            let in_view = &shown[shown.len().saturating_sub(IN_VIEW)..];
            let mut best = (0, f32::NEG_INFINITY);
            for (index, (relevance, book)) in left.iter().enumerate() {
                let value = RELEVANCE * relevance - (1.0 - RELEVANCE) * redundancy(book, in_view);
                // Of equals the model's first.
                if value > best.1 {
                    best = (index, value);
                }
            }
            shown.push(left.remove(best.0).1);
        }
        Ok(shown.into_iter().map(|book| book.book).collect())
    }
}

/// 1 for the model's first and falling with every place, slower the further down. The scores themselves are of use only among
/// books of one reason.
fn relevance(place: usize, book: &Candidate) -> f32 {
    let liked = if book.reason == Reason::Liked { LIKED } else { 0.0 };
    1.0 / (1.0 + place as f32 / 10.0) + liked
}

/// The mean share of a book's categories that each of the books in view has, from 0 to 1.
fn redundancy(book: &Candidate, in_view: &[&Candidate]) -> f32 {
    if in_view.is_empty() || book.categories.is_empty() {
        return 0.0;
    }
    let shared: usize = in_view
        .iter()
        .map(|other| book.categories.iter().filter(|category| other.categories.contains(category)).count())
        .sum();
    shared as f32 / (book.categories.len() * in_view.len()) as f32
}
