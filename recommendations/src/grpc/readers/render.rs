use prost_types::Timestamp;
use protobufs::readers;

use crate::ratings::Entry;

pub(super) fn entry(of: u32, entry: &Entry) -> readers::Entry {
    readers::Entry {
        reader_id: reader(of),
        book_id: entry.book,
        stars: entry.stars.map_or(0.0, |stars| stars.value()),
        dismissed: entry.dismissed(),
        shelf: i32::from(entry.shelf.number()),
        owned: entry.owned(),
        changed_at: Some(Timestamp { seconds: i64::from(entry.changed), nanos: 0 }),
        interacted: entry.interacted(),
    }
}

pub(super) fn reader(reader: u32) -> i32 {
    i32::try_from(reader).expect("readers' numbers are an int32's")
}

pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
