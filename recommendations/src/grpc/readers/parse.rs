use protobufs::readers::{self, DismissRequest, RateRequest, ShelveRequest};

use crate::{
    grpc::{
        parse,
        status::{CallError, Violation},
    },
    ratings::{Entry, Marks, Shelf, Stars},
};

/// Which reader and book it is about, and what it belongs to.
#[derive(Debug)]
pub(super) struct About {
    pub(super) reader: u32,
    pub(super) book: i32,
    pub(super) request: Option<Box<str>>,
    pub(super) recommendation: Option<Box<str>>,
}

impl About {
    pub(super) fn parse(reader_id: i32, book_id: i32, request_id: String) -> Result<Self, CallError> {
        Self::with(reader_id, book_id, request_id, String::new(), Ok(())).map(|(about, ())| about)
    }

    /// Together with what else a request holds: all that is wrong is named at once.
    fn with<T>(
        reader_id: i32,
        book_id: i32,
        request_id: String,
        recommendation_id: String,
        more: Result<T, Violation>,
    ) -> Result<(Self, T), CallError> {
        let ids =
            parse::all(parse::reader_id("reader_id", reader_id), parse::book_id("book_id", book_id), Ok(()));
        let rest = parse::all(
            more,
            parse::name("request_id", request_id),
            parse::name("recommendation_id", recommendation_id),
        );
        match (ids, rest) {
            (Ok((reader, book, ())), Ok((more, request, recommendation))) => {
                Ok((Self { reader, book, request, recommendation }, more))
            }
            (Err(CallError::Invalid(mut one)), Err(CallError::Invalid(other))) => {
                one.extend(other);
                Err(CallError::Invalid(one))
            }
            (Err(error), _) | (_, Err(error)) => Err(error),
        }
    }
}

pub(super) fn rate(request: RateRequest) -> Result<(About, Stars), CallError> {
    let RateRequest { reader_id, book_id, stars, request_id, recommendation_id } = request;
    About::with(reader_id, book_id, request_id, recommendation_id, parse::stars("stars", stars))
}

pub(super) fn dismiss(request: DismissRequest) -> Result<About, CallError> {
    let DismissRequest { reader_id, book_id, request_id, recommendation_id } = request;
    About::with(reader_id, book_id, request_id, recommendation_id, Ok(())).map(|(about, ())| about)
}

pub(super) fn shelve(request: ShelveRequest) -> Result<(About, Shelf), CallError> {
    let ShelveRequest { reader_id, book_id, shelf, request_id } = request;
    About::with(reader_id, book_id, request_id, String::new(), parse::shelf("shelf", shelf))
}

pub(super) fn reader(reader_id: i32) -> Result<u32, CallError> {
    parse::reader_id("reader_id", reader_id).map_err(|violation| CallError::Invalid(vec![violation]))
}

/// `None` for 0: all readers.
pub(super) fn reader_or_all(reader_id: i32) -> Result<Option<u32>, CallError> {
    if reader_id == 0 { Ok(None) } else { reader(reader_id).map(Some) }
}

/// An entry to import: whose, what, or why it cannot be.
pub(super) fn entry(entry: readers::Entry, now: u32) -> Result<(u32, Entry), String> {
    let wrong = |Violation { field, description }| format!("{field} {description}");
    let reader = parse::reader_id("reader_id", entry.reader_id).map_err(wrong)?;
    let book = parse::book_id("book_id", entry.book_id).map_err(wrong)?;
    let stars = match entry.stars {
        0.0 => None,
        stars => Some(parse::stars("stars", stars).map_err(wrong)?),
    };
    if stars.is_some() && entry.dismissed {
        return Err("stars and dismissed contradict each other".to_owned());
    }
    let shelf = parse::shelf("shelf", entry.shelf).map_err(wrong)?;
    let changed = match entry.changed_at {
        None => now,
        // A clock may be a day ahead, in another zone.
        Some(at) => u32::try_from(at.seconds)
            .ok()
            .filter(|&at| at <= now.saturating_add(86_400))
            .ok_or("changed_at must lie between 1970 and now")?,
    };
    let marks = Marks::NONE
        .with(Marks::DISMISSED, entry.dismissed)
        .with(Marks::OWNED, entry.owned)
        .with(Marks::INTERACTED, entry.interacted);
    let entry = Entry { book, changed, stars, shelf, marks };
    if entry.is_nothing() {
        return Err("says nothing: it has no stars, dismissal, shelf, ownership or interaction".to_owned());
    }
    Ok((reader, entry))
}
