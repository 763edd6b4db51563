use std::collections::{HashMap, hash_map};

use sqlx::{AssertSqlSafe, ColumnIndex, Decode, FromRow, Row, Type};

use super::{
    StoreError, Transaction, failed, on_either,
    read::{BookRow, COLUMNS, book},
    write::Entry,
};
use crate::catalogue::Book;

/// How many rows a statement writes or looks up. Fixed, so that few statements are prepared and kept.
pub(super) const CHUNK: usize = 100;

/// What the store already has of a batch.
pub(super) struct Known {
    pub(super) books: HashMap<i32, Book>,
    pub(super) by_identity: HashMap<String, i32>,
}

impl Known {
    pub(super) async fn find(transaction: &mut Transaction, entries: &[Entry]) -> Result<Self, StoreError> {
        let mut known = Self { books: HashMap::new(), by_identity: HashMap::new() };
        let ids: Vec<i32> = entries.iter().filter_map(|entry| entry.id).collect();
        for chunk in ids.chunks(CHUNK) {
            let sql =
                AssertSqlSafe(format!("select {COLUMNS} from books where id in ({})", places(1, CHUNK)));
            let rows: Vec<BookRow> = on_either!(Transaction, &mut *transaction, transaction => {
                let mut query = sqlx::query_as(sql);
                for &id in padded(chunk) {
                    query = query.bind(id);
                }
                query.fetch_all(&mut **transaction).await
            })
            .map_err(failed("find books by id"))?;
            known.keep(rows)?;
        }
        let unnumbered: Vec<&str> =
            entries.iter().filter(|entry| entry.id.is_none()).map(|entry| entry.identity.as_str()).collect();
        for chunk in unnumbered.chunks(CHUNK) {
            let sql = AssertSqlSafe(format!(
                "select {COLUMNS}, identity from books where identity in ({})",
                places(1, CHUNK)
            ));
            let rows: Vec<IdentifiedRow> = on_either!(Transaction, &mut *transaction, transaction => {
                let mut query = sqlx::query_as(sql);
                for &identity in padded(chunk) {
                    query = query.bind(identity);
                }
                query.fetch_all(&mut **transaction).await
            })
            .map_err(failed("find books by identity"))?;
            let mut found = Vec::with_capacity(rows.len());
            for IdentifiedRow { row, identity } in rows {
                match known.by_identity.entry(identity) {
                    hash_map::Entry::Vacant(entry) => {
                        entry.insert(row.0);
                    }
                    // Files that number their books may hold one twice: the lowest number is the one.
                    hash_map::Entry::Occupied(mut entry) => {
                        entry.insert(row.0.min(*entry.get()));
                    }
                }
                found.push(row);
            }
            known.keep(found)?;
        }
        attach_categories(transaction, &mut known.books).await?;
        Ok(known)
    }

    fn keep(&mut self, rows: Vec<BookRow>) -> Result<(), StoreError> {
        for row in rows {
            let book = book(row)?;
            self.books.insert(book.id, book);
        }
        Ok(())
    }
}

/// The columns of a book, then its identity.
struct IdentifiedRow {
    row: BookRow,
    identity: String,
}

impl<'r, R: Row> FromRow<'r, R> for IdentifiedRow
where
    BookRow: FromRow<'r, R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    usize: ColumnIndex<R>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self { row: BookRow::from_row(row)?, identity: row.try_get(row.len() - 1)? })
    }
}

/// Gives each book of `books` its categories.
async fn attach_categories(
    transaction: &mut Transaction,
    books: &mut HashMap<i32, Book>,
) -> Result<(), StoreError> {
    let ids: Vec<i32> = books.keys().copied().collect();
    for chunk in ids.chunks(CHUNK) {
        let sql = AssertSqlSafe(format!(
            "select book, category from book_categories where book in ({}) order by book, position",
            places(1, CHUNK)
        ));
        let pairs: Vec<(i32, i32)> = on_either!(Transaction, &mut *transaction, transaction => {
            let mut query = sqlx::query_as(sql);
            for &id in padded(chunk) {
                query = query.bind(id);
            }
            query.fetch_all(&mut **transaction).await
        })
        .map_err(failed("read the books' categories"))?;
        for (owner, category) in pairs {
            if let Some(book) = books.get_mut(&owner) {
                book.categories.push(category);
            }
        }
    }
    Ok(())
}

/// The same values, the first repeated to make the number full. Never called with none.
pub(super) fn padded<T>(chunk: &[T]) -> impl Iterator<Item = &T> {
    chunk.iter().chain(std::iter::repeat(&chunk[0])).take(CHUNK)
}

/// `$1, $2, …`: so many placeholders from this number on.
pub(super) fn places(first: usize, count: usize) -> String {
    (first..first + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}
