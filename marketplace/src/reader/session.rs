use std::fmt::Write as _;

use protobufs::{
    readers::{Entry, Shelf},
    recommendations::SessionRating,
};

use super::now;

/// So many books go along.
const MOST: usize = 20;

/// All that a reader says of one book.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opinion {
    /// Half stars, 1 to 10; 0 for none.
    pub(crate) halves: u8,
    /// The number of the shelf that it stands on, 1 to 4; 0 for none.
    pub(crate) shelf: u8,
    pub(crate) dismissed: bool,
    pub(crate) owned: bool,
    /// It was met in some way without stars, as an import says: it must not come back when all else is taken back.
    pub(crate) interacted: bool,
}

/// What a reader has said lately, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session(Vec<Said>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    book: i32,
    opinion: Opinion,
    /// Seconds since 1970.
    at: u64,
}

impl Opinion {
    /// 0.5 to 5; 0 for none.
    pub(crate) fn stars(self) -> f32 {
        f32::from(self.halves) / 2.0
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }

    pub(crate) fn shelf(self) -> Shelf {
        Shelf::try_from(i32::from(self.shelf)).unwrap_or_default()
    }
}

impl From<&Entry> for Opinion {
    fn from(entry: &Entry) -> Self {
        // Whatever a server sends: 0 to 10.
        let halves = (entry.stars * 2.0).round().clamp(0.0, 10.0) as u8;
        let shelf = u8::try_from(i32::from(entry.shelf())).unwrap_or_default();
        let Entry { dismissed, owned, interacted, .. } = *entry;
        Self { halves, shelf, dismissed, owned, interacted }
    }
}

impl Session {
    /// Notes what now holds of a book.
    pub(crate) fn say(&mut self, book: i32, opinion: Opinion) {
        self.0.retain(|said| said.book != book);
        if self.0.len() == MOST {
            self.0.remove(0);
        }
        self.0.push(Said { book, opinion, at: now() });
    }

    /// What was said of a book, if that was lately.
    pub(crate) fn about(&self, book: i32) -> Option<Opinion> {
        self.0.iter().find(|said| said.book == book).map(|said| said.opinion)
    }

    /// Each book and what was said of it, the latest first.
    pub(crate) fn latest(&self) -> impl Iterator<Item = (i32, Opinion)> {
        self.0.iter().rev().map(|said| (said.book, said.opinion))
    }

    /// As recommendations is told.
    pub(crate) fn ratings(&self) -> Vec<SessionRating> {
        let rating = |said: &Said| SessionRating {
            book_id: said.book,
            stars: said.opinion.stars(),
            dismissed: said.opinion.dismissed,
            shelf: i32::from(said.opinion.shelf),
            owned: said.opinion.owned,
            interacted: said.opinion.interacted,
        };
        self.0.iter().map(rating).collect()
    }

    /// Without what was said before that second.
    pub(super) fn read(text: &str, reader: i32, since: u64) -> Option<Self> {
        let (whose, said) = text.split_once('.')?;
        if whose.parse() != Ok(reader) {
            return None;
        }
        let all: Option<Vec<_>> = said.split('_').filter(|said| !said.is_empty()).map(Said::read).collect();
        Some(Self(all?.into_iter().filter(|said| said.at >= since).collect()))
    }

    pub(super) fn write(&self, reader: i32) -> String {
        let mut text = format!("{reader}.");
        for (place, Said { book, opinion, at }) in self.0.iter().enumerate() {
            let Opinion { halves, shelf, dismissed, owned, interacted } = opinion;
            let marks = u8::from(*dismissed) | u8::from(*owned) << 1 | u8::from(*interacted) << 2;
            let between = if place > 0 { "_" } else { "" };
            write!(text, "{between}{book}-{halves}-{shelf}-{marks}-{at}").expect("text takes all");
        }
        text
    }
}

impl Said {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let book = parts.next()?.parse().ok().filter(|book| *book > 0)?;
        let halves = parts.next()?.parse().ok().filter(|halves| *halves <= 10)?;
        let shelf = parts.next()?.parse().ok().filter(|shelf| *shelf <= 4)?;
        let marks: u8 = parts.next()?.parse().ok().filter(|marks| *marks <= 7)?;
        let at = parts.next()?.parse().ok()?;
        let [dismissed, owned, interacted] = [1, 2, 4].map(|mark| marks & mark != 0);
        let opinion = Opinion { halves, shelf, dismissed, owned, interacted };
        parts.next().is_none().then_some(Self { book, opinion, at })
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Opinion, Session};

    #[test]
    fn the_last_ones_are_kept_and_each_book_once() {
        let mut session = Session::default();
        for book in 1..=30 {
            session.say(book, Opinion { halves: (book % 10) as u8 + 1, ..Opinion::default() });
        }
        session.say(15, Opinion { dismissed: true, interacted: true, ..Opinion::default() });
        let books: Vec<_> = session.latest().map(|(book, _)| book).collect();
        assert_eq!(books.len(), MOST);
        assert_eq!(books[..3], [15, 30, 29]);
        assert_eq!(Session::read(&session.write(9), 9, 0), Some(session.clone()));
        assert_eq!(Session::read(&session.write(9), 9, u64::MAX), Some(Session::default()));
        // The longest that a browser has to keep.
        let mut longest = Session::default();
        (0..20).for_each(|book| {
            let all = Opinion { halves: 10, shelf: 4, dismissed: true, owned: true, interacted: true };
            longest.say(i32::MAX - book, all)
        });
        assert!(longest.write(i32::MAX).len() < 700);
    }

    #[test]
    fn nonsense_is_not_read() {
        for bad in [
            "",
            "9",
            "8.1-1-1-1-1",
            "9.1",
            "9.0-1-1-1-1",
            "9.1-11-1-1-1",
            "9.1-1-5-1-1",
            "9.1-1-1-8-1",
            "9.1-1-1-1",
            "9.1-1-1-1-1-1",
        ] {
            assert_eq!(Session::read(bad, 9, 0), None, "{bad}");
        }
    }
}
