//! Generated interactions, the same for the same size: how often a book is read follows Zipf's law, how much somebody reads is
//! log-normal. Which books those are is left to chance: there is no taste to be found, so this is for time and memory, and
//! says nothing of quality.

use recommendations::{
    models::{Interaction, Interactions, TrainError},
    ratings::{Base, Entry, Marks},
};

use crate::{
    failure::Failure,
    random::{Random, Zipf},
};

/// The spread of the logarithm of how much somebody reads: the most active hundredth reads six times as much as the mean.
const SIGMA: f64 = 1.0;
/// Prime and above any number of books: multiplying by it scatters popular books over all numbers, so that they do not
/// share cache lines.
const SCATTER: u64 = 7_368_787;
/// Nobody reads more than a part of all books, or drawing them one by one would not end.
const MOST: u64 = 3;

/// How much to generate.
#[derive(clap::Args, Clone, Copy, Debug, PartialEq)]
pub(crate) struct Size {
    /// Readers
    #[arg(long, default_value_t = 100_000)]
    pub(crate) readers: u32,
    /// Books
    #[arg(long, default_value_t = 10_000)]
    pub(crate) books: u32,
    /// Interactions, to about a hundredth
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) ratings: u64,
}

/// Reader after reader: the books of each, ascending.
#[derive(Debug)]
pub(crate) struct Histories {
    size: Size,
    reader: u32,
    random: Random,
    zipf: Zipf,
    /// By book: the last reader who was given it, plus 1.
    given: Vec<u32>,
}

impl Size {
    /// The books of reader 0, 1 and so on.
    pub(crate) fn histories(self) -> Histories {
        let zipf = Zipf::new(self.books.into());
        let given = vec![0; self.books as usize];
        Histories { size: self, reader: 0, random: Random::new(0x5265_6164), zipf, given }
    }

    /// Histories as a server holds them, of each reader no more than so many books. Book numbers begin at 1, and so do readers'.
    pub(crate) fn base(self, longest: usize) -> Result<Base, Failure> {
        let mut base = Base::with_capacity(self.readers as usize, self.ratings as usize);
        let marks = Marks::NONE.with(Marks::INTERACTED, true);
        for (reader, books) in (1..).zip(self.histories()) {
            for &book in books.iter().take(longest) {
                let entry = Entry { changed: 1, marks, ..Entry::nothing(book as i32 + 1) };
                base.push(reader, entry).map_err(Failure::work("hold histories"))?;
            }
        }
        base.shrink();
        Ok(base)
    }

    /// All of them as a model is trained on them.
    pub(crate) fn interactions(self) -> Result<Interactions, TrainError> {
        let all = self.histories().zip(0..).flat_map(|(books, reader)| {
            books.into_iter().map(move |book| Interaction { reader, book, stars: None })
        });
        Interactions::new(self.readers as usize, self.books as usize, all)
    }
}

impl Iterator for Histories {
    type Item = Vec<u32>;

    fn next(&mut self) -> Option<Vec<u32>> {
        let Self { size, random, zipf, given, .. } = self;
        if self.reader == size.readers {
            return None;
        }
        self.reader += 1;
        let books = u64::from(size.books);
        // Less half the variance, so that the mean is what was asked for.
        let share = (SIGMA * random.normal() - SIGMA * SIGMA / 2.0).exp();
        let count = (size.ratings as f64 / f64::from(size.readers) * share).round();
        let count = (count as u64).clamp(1, (books / MOST).max(1)) as usize;
        let mut history = Vec::with_capacity(count);
        while history.len() < count {
            let book = zipf.pick(random) * SCATTER % books;
            let given = &mut given[book as usize];
            if *given != self.reader {
                *given = self.reader;
                history.push(book as u32);
            }
        }
        history.sort_unstable();
        Some(history)
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn few_books_have_most_readers_and_the_sum_is_what_was_asked_for() {
        let size = Size { readers: 5_000, books: 2_000, ratings: 100_000 };
        let data = size.interactions().expect("in range");
        assert!((90_000..110_000).contains(&data.len()), "{}", data.len());
        let mut readers: Vec<usize> = (0..2_000).map(|book| data.by_book().row(book).0.len()).collect();
        readers.sort_unstable_by(|one, other| other.cmp(one));
        assert!(readers[0] > 1_500 && readers[1_000] < 40, "{} {}", readers[0], readers[1_000]);
        let mut books: Vec<usize> = (0..5_000).map(|reader| data.by_reader().row(reader).0.len()).collect();
        books.sort_unstable();
        assert!(books[0] >= 1 && books[2_500] < 17 && books[4_950] > 70, "{} {}", books[2_500], books[4_950]);
        assert_eq!(size.histories().nth(17), size.histories().nth(17));
    }
}
