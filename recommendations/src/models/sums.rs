//! Scores of many books, of which a call touches some.

/// Books whose scores are cleared and looked through together.
const BLOCK: usize = 64;

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
        if values >= books {
            self.all(books).fill(0.0);
            self.whole = true;
        }
    }

    /// Adds `weight` times each value to the book's score.
    #[inline]
    pub(crate) fn add(&mut self, weight: f32, books: &[u32], values: &[f32]) {
        if self.whole {
            for (&book, value) in books.iter().zip(values) {
                self.values[book as usize] += weight * value;
            }
            return;
        }
        for (&book, value) in books.iter().zip(values) {
            let block = book as usize / BLOCK;
            if self.calls[block] != self.call {
                self.clear(block);
            }
            self.values[book as usize] += weight * value;
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

    /// Hands out the books whose score is at least the bar that the hand last asked for, beginning at `bar`.
    #[inline]
    pub(crate) fn above(&self, mut bar: f32, mut hand: impl FnMut(f32, u32) -> f32) {
        for &block in &self.touched {
            let from = block as usize * BLOCK;
            let values = &self.values[from..from + BLOCK];
            let most =
                values.iter().fold(f32::NEG_INFINITY, |most, &value| if value > most { value } else { most });
            if most >= bar {
                for (value, book) in values.iter().zip(from as u32..) {
                    if *value >= bar {
                        bar = hand(*value, book);
                    }
                }
            }
        }
    }
}
