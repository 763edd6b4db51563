use super::{Pick, Ranker, Reason, Source, marks::with_marks, spread::alike};
use crate::catalogue::{BookRef, Catalogue};

/// So many books of a category, and of the whole catalogue, are looked at for their likeness.
const LOOKED_AT: usize = 20_000;

/// Up to `count` books that go together with one, the best first: never another edition of it, no more than half of them by
/// its authors while others are like it, and one by somebody else, at least, if the catalogue has any.
///
/// `ranker` gives what readers of this one like, as for [`recommend`](super::recommend()). What it leaves goes to books that
/// are alike in series, author, subjects and categories: first those of its categories, then those of other shelves. That
/// costs a look at each of up to 20,000 books a category, and at as many of the others. Where nothing by somebody else is alike
/// at all, the reason is [`Reason::Exploration`].
#[must_use]
pub fn similar(catalogue: &Catalogue, book: BookRef<'_>, count: usize, mut ranker: impl Ranker) -> Vec<Pick> {
    with_marks(catalogue.len(), |seen, works| {
        works.add(book.work());
        let mut is_other =
            |place: u32| catalogue.at(place as usize).is_some_and(|it| it.work() != book.work());
        let ranked = ranker.rank(count.saturating_mul(4).max(40).min(catalogue.len()), &mut is_other);
        let mut list = Vec::with_capacity(count);
        let mut held = Vec::new();
        let (mut own, mut others) = (0, 0);
        let mut offer = |picks: Vec<Pick>, list: &mut Vec<Pick>| {
            for pick in picks {
                let Some(other) = catalogue.at(pick.place as usize) else { continue };
                if list.len() >= count {
                    return;
                }
                if !seen.add(pick.place) || !works.add(other.work()) {
                    continue;
                }
                if shares_author(book, other) {
                    if own >= count / 2 {
                        held.push(pick);
                        continue;
                    }
                    own += 1;
                } else if alike_at_all(&pick) || others == 0 {
                    others += 1;
                } else {
                    continue;
                }
                list.push(pick);
            }
        };
        offer(ranked, &mut list);
        if list.len() < count {
            offer(like(catalogue, book, count * 4), &mut list);
        }
        if list.len() < count {
            offer(elsewhere(catalogue, book, count), &mut list);
        }
        let room = count - list.len();
        list.extend(held.into_iter().take(room));
        ranker.explain(&mut list);
        list
    })
}

fn shares_author(one: BookRef<'_>, other: BookRef<'_>) -> bool {
    one.author_numbers().iter().any(|author| other.author_numbers().contains(author))
}

fn alike_at_all(pick: &Pick) -> bool {
    pick.reason != Reason::Exploration
}

/// The books of the same categories that are most alike.
fn like(catalogue: &Catalogue, book: BookRef<'_>, count: usize) -> Vec<Pick> {
    let shelves = book.categories().filter_map(|category| catalogue.shelf(category));
    let places = shelves.flat_map(|shelf| shelf.places().iter().copied().take(LOOKED_AT));
    let mut picks = ordered(catalogue, book, places.filter(|&place| place != book.place()));
    picks.dedup_by_key(|pick| pick.place);
    // Those of its own authors may be held back; others must be among the rest.
    let (mut others, mut own) = (0, 0);
    picks.retain(|pick| {
        let same = catalogue.at(pick.place as usize).is_some_and(|other| shares_author(book, other));
        let taken = if same { &mut own } else { &mut others };
        *taken += 1;
        *taken <= count
    });
    picks
}

/// The books by others that are most alike, on whatever shelf.
fn elsewhere(catalogue: &Catalogue, book: BookRef<'_>, count: usize) -> Vec<Pick> {
    let by_others = |place: &u32| {
        catalogue
            .at(*place as usize)
            .is_some_and(|other| !shares_author(book, other) && other.work() != book.work())
    };
    let all = catalogue.all();
    let mut picks = ordered(catalogue, book, all.places().iter().copied().filter(by_others).take(LOOKED_AT));
    picks.truncate(count);
    picks
}

/// The most alike first.
fn ordered(catalogue: &Catalogue, book: BookRef<'_>, places: impl Iterator<Item = u32>) -> Vec<Pick> {
    let pick = |place: u32| {
        let score = alike(book, catalogue.at(place as usize)?);
        let source = Source { book: book.id(), contribution: score };
        let reason = if score > 0.0 { Reason::Similar(source) } else { Reason::Exploration };
        Some(Pick { place, score, reason })
    };
    let mut picks: Vec<Pick> = places.filter_map(pick).collect();
    picks.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    picks
}
