//! Scores of many books, of which a call touches some.

/// Books whose scores are cleared together, and summed up in one row of [`LANES`] maxima.
const BLOCK: usize = 256;
/// Each maximum is that of every so manieth book of a block: without a step across a register, they are found at the speed of
/// reading.
const LANES: usize = 16;
/// No more maxima than this are put in order, whatever the number of books.
const ORDERED: usize = 1024;

/// Adds up scores by book. Clearing costs nothing: a block of books is cleared when a call first touches it. A call that will
/// touch most of them clears them all beforehand, and is spared the looking.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// A score a book, in whole blocks.
    values: Vec<f32>,
    /// By block: which call touched it last.
    calls: Vec<u32>,
    call: u32,
    touched: Vec<u32>,
    /// Whether all blocks are touched.
    whole: bool,
    /// By touched block: the highest score of each lane; and those that were put in order.
    most: Vec<[f32; LANES]>,
    ordered: Vec<f32>,
}

impl Sums {
    /// Forgets all.
    pub(crate) fn begin(&mut self, books: usize) {
        let blocks = books.div_ceil(BLOCK);
        if self.calls.len() < blocks {
            self.calls.resize(blocks, 0);
            self.values.resize(blocks * BLOCK, 0.0);
        }
        self.touched.clear();
        self.whole = false;
        self.call = match self.call.checked_add(1) {
            Some(call) => call,
            None => {
                self.calls.fill(0);
                1
            }
        };
    }

    /// So many values will be added, over so many books.
    pub(crate) fn expect(&mut self, values: usize, books: usize) {
        if values >= books / 2 {
            self.all(books).fill(0.0);
            self.whole = true;
        }
    }

    /// Adds `weight` times each value to the book's score.
    #[inline]
    pub(crate) fn add(&mut self, weight: f32, books: &[u32], values: &[f32]) {
        if !self.whole {
            for &book in books {
                let block = book as usize / BLOCK;
                if self.calls[block] != self.call {
                    self.clear(block);
                }
            }
        }
        // Where they lie is looked up once, not for each.
        let scores = self.values.as_mut_slice();
        for (&book, value) in books.iter().zip(values) {
            scores[book as usize] += weight * value;
        }
    }

    /// Adds to one book's score.
    #[inline]
    pub(crate) fn add_one(&mut self, book: u32, value: f32) {
        self.add(1.0, &[book], &[value]);
    }

    #[cold]
    fn clear(&mut self, block: usize) {
        self.calls[block] = self.call;
        self.touched.push(block as u32);
        self.values[block * BLOCK..(block + 1) * BLOCK].fill(0.0);
    }

    /// All scores, to be written.
    pub(crate) fn all(&mut self, books: usize) -> &mut [f32] {
        let blocks = books.div_ceil(BLOCK);
        self.touched.extend(0..blocks as u32);
        self.calls[..blocks].fill(self.call);
        // The last block may reach beyond the books.
        self.values[books..blocks * BLOCK].fill(0.0);
        &mut self.values[..books]
    }

    /// The book's score; 0 if nothing was added.
    #[inline]
    pub(crate) fn get(&self, book: u32) -> f32 {
        if self.calls[book as usize / BLOCK] == self.call { self.values[book as usize] } else { 0.0 }
    }

    /// Makes the book's score 0: it is not asked for.
    #[inline]
    pub(crate) fn drop(&mut self, book: u32) {
        if self.calls[book as usize / BLOCK] == self.call {
            self.values[book as usize] = 0.0;
        }
    }

    /// Hands out the books whose score is at least the bar that the hand last asked for, beginning at `bar`; in any order.
    #[inline]
    pub(crate) fn above(&self, mut bar: f32, mut hand: impl FnMut(f32, u32) -> f32) {
        for &block in &self.touched {
            let from = block as usize * BLOCK;
            for (value, book) in self.values[from..from + BLOCK].iter().zip(from as u32..) {
                if *value >= bar {
                    bar = hand(*value, book);
                }
            }
        }
    }

    /// The same for a hand that wants the `count` best: first come those that are likely to be among them. Once the hand asks
    /// for more than was left for later, that is all.
    #[inline]
    pub(crate) fn best(&mut self, count: usize, bar: f32, mut hand: impl FnMut(f32, u32) -> f32) {
        let likely = self.reached_by(count).max(bar);
        let asked = self.between(likely, f32::INFINITY, &mut hand);
        if asked < likely {
            self.between(asked.max(bar), likely, &mut hand);
        }
    }

    /// A score that at least so many books have: they are as many lanes' best. Below all scores if there are not enough lanes.
    fn reached_by(&mut self, count: usize) -> f32 {
        let Self { values, touched, most, ordered, .. } = self;
        most.clear();
        most.extend(touched.iter().map(|&block| {
            let mut most = [f32::NEG_INFINITY; LANES];
            let (rows, _) = values[block as usize * BLOCK..][..BLOCK].as_chunks::<LANES>();
            for row in rows {
                for (most, &value) in most.iter_mut().zip(row) {
                    *most = if value > *most { value } else { *most };
                }
            }
            most
        }));
        ordered.clear();
        for part in most.as_flattened().chunks(ORDERED) {
            // Several lanes are as good as one larger one.
            for (ordered, &value) in ordered.iter_mut().zip(part) {
                *ordered = if value > *ordered { value } else { *ordered };
            }
            ordered.extend(part.iter().skip(ordered.len()));
        }
        match count.checked_sub(1) {
            Some(last) if last < ordered.len() => {
                *ordered.select_nth_unstable_by(last, |one, other| other.total_cmp(one)).1
            }
            _ => f32::NEG_INFINITY,
        }
    }

    /// Hands out those from `from` up to below `to` that reach what the hand last asked for; what it asked for in the end, or
    /// `from` if there was nothing to hand out.
    #[inline]
    fn between(&self, from: f32, to: f32, hand: &mut impl FnMut(f32, u32) -> f32) -> f32 {
        let (mut asked, mut bar) = (from, from);
        for (&block, most) in self.touched.iter().zip(&self.most) {
            let start = block as usize * BLOCK;
            for (lane, &most) in most.iter().enumerate() {
                if most < bar {
                    continue;
                }
                for book in (start + lane..start + BLOCK).step_by(LANES) {
                    let value = self.values[book];
                    if value >= bar && value < to {
                        asked = hand(value, book as u32);
                        bar = asked.max(from);
                    }
                }
            }
        }
        asked
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BLOCK, Sums};
    use crate::models::Top;

    proptest! {
        /// Whatever is refused, the best are those of a full sort.
        #[test]
        fn the_best_are_the_best_of_all(
            values in proptest::collection::vec((0_u32..2_000, -4_i8..40), 1..3_000),
            count in 0_usize..70, refused in 1_u32..9, dropped in 0_u32..2_000, whole in any::<bool>(),
        ) {
            const BOOKS: usize = 7 * BLOCK + 208;
            let (mut sums, mut top) = (Sums::default(), Top::default());
            // From the call before nothing is left.
            for _ in 0..2 {
                sums.begin(BOOKS);
                sums.expect(if whole { BOOKS } else { 0 }, BOOKS);
                let mut expected = vec![0.0_f32; BOOKS];
                for &(book, value) in &values {
                    sums.add(0.5, &[book], &[f32::from(value)]);
                    expected[book as usize] += 0.5 * f32::from(value);
                }
                sums.drop(dropped);
                expected[dropped as usize] = 0.0;
                let mut expected: Vec<(f32, u32)> = expected.into_iter().zip(0..).collect();
                expected.retain(|&(score, book)| score > 0.0 && book % 9 >= refused);
                expected.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
                expected.truncate(count);
                top.clear(count);
                sums.best(count, f32::MIN_POSITIVE, |score, book| {
                    if book % 9 >= refused && top.wants(score, book) {
                        top.push(score, book);
                    }
                    top.bar().max(f32::MIN_POSITIVE)
                });
                prop_assert_eq!(top.sorted().collect::<Vec<_>>(), expected);
            }
        }
    }
}
