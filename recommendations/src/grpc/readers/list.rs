use std::cmp::Reverse;

use protobufs::readers::{ListHistoryRequest, ListHistoryResponse};

use super::render;
use crate::{
    catalogue::Version,
    grpc::{
        page::List,
        parse::{self, HistoryPageSize},
        status::CallError,
    },
    ratings::{Entry, Ratings},
};

/// A page of a history, the latest entries first.
///
/// A token says which entry was the last one, so that a page begins behind it whatever has changed meanwhile.
pub(super) fn page(
    ratings: &Ratings,
    version: &Version,
    request: &ListHistoryRequest,
) -> Result<ListHistoryResponse, CallError> {
    let list = List { version, name: format!("history {}", request.reader_id) };
    let (reader, size, position) = parse::all(
        parse::reader_id("reader_id", request.reader_id),
        HistoryPageSize::parse("page_size", request.page_size),
        list.position("page_token", &request.page_token),
    )?;
    let history = ratings.history(reader);
    let mut entries: Vec<Entry> = history.to_vec();
    entries.sort_unstable_by_key(order);
    let start = if request.page_token.is_empty() {
        0
    } else {
        let last = Entry { changed: position.offset, ..Entry::nothing(position.last) };
        entries.partition_point(|entry| order(entry) <= order(&last))
    };
    let total_size = i32::try_from(entries.len()).unwrap_or(i32::MAX);
    let end = entries.len().min(start + size.get());
    let page = &entries[start..end];
    let next_page_token = match page.last() {
        Some(last) if end < entries.len() => list.token(last.changed as usize, last.book),
        _ => String::new(),
    };
    let entries = page.iter().map(|entry| render::entry(reader, entry)).collect();
    Ok(ListHistoryResponse { entries, next_page_token, total_size })
}

fn order(entry: &Entry) -> (Reverse<u32>, i32) {
    (Reverse(entry.changed), entry.book)
}
