use std::collections::{HashMap, HashSet};

use sqlx::AssertSqlSafe;

use super::{
    MAX_OWN_CATEGORIES, Pool, Store, StoreError, Transaction, failed,
    find::{CHUNK, Known, padded, places},
    on_either,
    read::COLUMNS,
};
use crate::catalogue::{Book, FIRST_OWN_CATEGORY};

/// A checked row of a file, on its way into the store.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id that the file names.
    pub id: Option<i32>,
    /// What the book is found by when the file names no id.
    pub identity: String,
    /// Everything else; its `id` and `categories` are not looked at.
    pub book: Book,
    /// Its categories by slug and name, the best fit first.
    pub categories: Vec<(String, String)>,
}

/// What became of an [`Entry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The catalogue had no such book and has it now.
    New,
    /// The catalogue had another state of it.
    Changed,
    /// The catalogue had exactly this.
    Unchanged,
    /// It was not written.
    Refused(Refusal),
}

/// Why an [`Entry`] was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// An earlier row of the same file is the same book.
    #[error("an earlier line is the same book, number {0}")]
    Repeated(i32),
    /// It would need a new category and there are too many.
    #[error("it names a new category, and there are {MAX_OWN_CATEGORIES} already")]
    TooManyCategories,
}

/// Writes the books of one file, a batch at a time. Several may write at once: their batches take turns.
pub struct Writer {
    store: Store,
    categories: HashMap<String, i32>,
    /// The books that this file has named, so that a book that occurs twice does not change back and forth: 6 to 12
    /// bytes a row.
    seen: HashSet<i32>,
}

/// The row that writers lock.
struct Counters {
    next_book: i32,
    next_category: i32,
}

impl Store {
    /// Starts to write the books of one file.
    #[must_use]
    pub fn writer(&self) -> Writer {
        Writer { store: self.clone(), categories: HashMap::new(), seen: HashSet::new() }
    }

    pub(super) async fn begin_to_write(&self) -> Result<Transaction, StoreError> {
        begin_to_write(&self.pool).await
    }
}

pub(super) async fn begin_to_write(pool: &Pool) -> Result<Transaction, StoreError> {
    pool.begin_to_write().await.map_err(failed("start to write"))
}

impl Writer {
    /// Writes a batch in one transaction and says what became of each entry, in their order. The catalogue's version is
    /// raised if anything changed.
    ///
    /// # Errors
    ///
    /// If the database fails; then nothing of the batch was written.
    pub async fn write(&mut self, entries: Vec<Entry>) -> Result<Vec<Outcome>, StoreError> {
        let mut transaction = self.store.begin_to_write().await?;
        let mut counters = lock(&mut transaction).await?;
        let mut categories = Vec::with_capacity(entries.len());
        for entry in &entries {
            categories.push(self.numbers(&mut transaction, &mut counters, &entry.categories).await?);
        }
        let mut known = Known::find(&mut transaction, &entries).await?;
        let mut outcomes = Vec::with_capacity(entries.len());
        let mut written = Vec::new();
        let mut changed = Vec::new();
        for (entry, categories) in entries.into_iter().zip(categories) {
            let Some(categories) = categories else {
                outcomes.push(Outcome::Refused(Refusal::TooManyCategories));
                continue;
            };
            let Entry { id, identity, mut book, .. } = entry;
            let id = match id.or_else(|| known.by_identity.get(&identity).copied()) {
                Some(id) => id,
                None => counters.new_book()?,
            };
            if !self.seen.insert(id) {
                outcomes.push(Outcome::Refused(Refusal::Repeated(id)));
                continue;
            }
            book.id = id;
            book.categories = categories;
            let outcome = match known.books.get(&id) {
                None => Outcome::New,
                Some(old) if *old == book => Outcome::Unchanged,
                Some(_) => Outcome::Changed,
            };
            outcomes.push(outcome);
            match outcome {
                Outcome::Unchanged | Outcome::Refused(_) => continue,
                Outcome::Changed => changed.push(id),
                Outcome::New => {
                    // A later row of this batch may be the same book.
                    known.by_identity.entry(identity.clone()).or_insert(id);
                }
            }
            counters.next_book = counters.next_book.max(id.saturating_add(1));
            written.push((book, identity));
        }
        if written.is_empty() {
            transaction.rollback().await.map_err(failed("leave the catalogue as it is"))?;
            // Categories that only refused or repeated rows name went with it.
            self.categories.clear();
            return Ok(outcomes);
        }
        write_books(&mut transaction, &written).await?;
        forget_categories(&mut transaction, &changed).await?;
        write_categories(&mut transaction, &written).await?;
        counters.save(&mut transaction).await?;
        transaction.commit().await.map_err(failed("commit a batch of books"))?;
        Ok(outcomes)
    }

    /// The numbers of a book's categories. New names get the next number; `None` if there are too many.
    async fn numbers(
        &mut self,
        transaction: &mut Transaction,
        counters: &mut Counters,
        names: &[(String, String)],
    ) -> Result<Option<Vec<i32>>, StoreError> {
        let mut numbers = Vec::with_capacity(names.len());
        for (slug, name) in names {
            let number = match self.categories.get(slug) {
                Some(&number) => number,
                None => {
                    let Some(number) = category(transaction, counters, slug, name).await? else {
                        return Ok(None);
                    };
                    self.categories.insert(slug.clone(), number);
                    number
                }
            };
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        Ok(Some(numbers))
    }
}

impl Counters {
    fn new_book(&mut self) -> Result<i32, StoreError> {
        let id = self.next_book;
        self.next_book = id.checked_add(1).ok_or(StoreError::Full)?;
        Ok(id)
    }

    async fn save(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let sql = "update catalogue set version = version + 1, next_book = $1, next_category = $2";
        on_either!(Transaction, transaction, transaction => {
            sqlx::query(sql).bind(self.next_book).bind(self.next_category).execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("raise the catalogue's version"))
    }
}

/// Waits for other writers, and reads what the next numbers are.
async fn lock(transaction: &mut Transaction) -> Result<Counters, StoreError> {
    let sql = "update catalogue set version = version where one = 1 returning next_book, next_category";
    let (next_book, next_category) = on_either!(Transaction, transaction, transaction => {
        sqlx::query_as(sql).fetch_one(&mut **transaction).await
    })
    .map_err(failed("lock the catalogue"))?;
    Ok(Counters { next_book, next_category })
}

/// The number of the category with this slug; a new one is made if there is room.
async fn category(
    transaction: &mut Transaction,
    counters: &mut Counters,
    slug: &str,
    name: &str,
) -> Result<Option<i32>, StoreError> {
    let known: Option<i32> = on_either!(Transaction, &mut *transaction, transaction => {
        sqlx::query_scalar("select number from categories where slug = $1")
            .bind(slug)
            .fetch_optional(&mut **transaction)
            .await
    })
    .map_err(failed("find a category"))?;
    if known.is_some() {
        return Ok(known);
    }
    let number = counters.next_category;
    if number >= FIRST_OWN_CATEGORY + MAX_OWN_CATEGORIES {
        return Ok(None);
    }
    on_either!(Transaction, transaction, transaction => {
        sqlx::query("insert into categories (number, slug, name) values ($1, $2, $3)")
            .bind(number)
            .bind(slug)
            .bind(name)
            .execute(&mut **transaction)
            .await
            .map(drop)
    })
    .map_err(failed("write a category"))?;
    counters.next_category += 1;
    Ok(Some(number))
}

async fn write_books(transaction: &mut Transaction, books: &[(Book, String)]) -> Result<(), StoreError> {
    let json = |names: &[String]| serde_json::to_string(names).expect("texts are JSON");
    for chunk in chunks(books) {
        let sql = AssertSqlSafe(format!(
            "insert into books ({COLUMNS}, identity) values {}
             on conflict (id) do update set title = excluded.title, title_language = excluded.title_language,
             authors = excluded.authors, year = excluded.year, language = excluded.language, series = excluded.series,
             series_number = excluded.series_number, subjects = excluded.subjects, isbn13 = excluded.isbn13,
             identity = excluded.identity",
            tuples(chunk.len(), 11)
        ));
        on_either!(Transaction, &mut *transaction, transaction => {
            let mut query = sqlx::query(sql);
            for (book, identity) in chunk {
                query = query
                    .bind(book.id)
                    .bind(&book.title)
                    .bind(&book.title_language)
                    .bind(json(&book.authors))
                    .bind(book.year.map(i32::from))
                    .bind(&book.language)
                    .bind(book.series.as_ref().map(|series| &series.name))
                    .bind(book.series.as_ref().and_then(|series| series.number))
                    .bind(json(&book.subjects))
                    .bind(book.isbn13.map(|isbn| isbn.to_string()))
                    .bind(identity);
            }
            query.execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("write books"))?;
    }
    Ok(())
}

async fn forget_categories(transaction: &mut Transaction, books: &[i32]) -> Result<(), StoreError> {
    for chunk in books.chunks(CHUNK) {
        let sql = AssertSqlSafe(format!("delete from book_categories where book in ({})", places(1, CHUNK)));
        on_either!(Transaction, &mut *transaction, transaction => {
            let mut query = sqlx::query(sql);
            for &id in padded(chunk) {
                query = query.bind(id);
            }
            query.execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("take books from their categories"))?;
    }
    Ok(())
}

async fn write_categories(transaction: &mut Transaction, books: &[(Book, String)]) -> Result<(), StoreError> {
    let rows: Vec<(i32, i32, i32)> = books
        .iter()
        .flat_map(|(book, _)| {
            (0..).zip(&book.categories).map(|(position, &category)| (book.id, position, category))
        })
        .collect();
    for chunk in chunks(&rows) {
        let sql = AssertSqlSafe(format!(
            "insert into book_categories (book, position, category) values {}",
            tuples(chunk.len(), 3)
        ));
        on_either!(Transaction, &mut *transaction, transaction => {
            let mut query = sqlx::query(sql);
            for &(book, position, category) in chunk {
                query = query.bind(book).bind(position).bind(category);
            }
            query.execute(&mut **transaction).await.map(drop)
        })
        .map_err(failed("put books into categories"))?;
    }
    Ok(())
}

/// Pieces of 100 rows, then of 10, then of 1: three statements, whatever the length.
fn chunks<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    pieces(rows, &[CHUNK, 10, 1])
}

/// Pieces of these lengths, the longest that fits first; the last of them is 1.
pub(super) fn pieces<'a, T>(mut rows: &'a [T], lengths: &'a [usize]) -> impl Iterator<Item = &'a [T]> {
    std::iter::from_fn(move || {
        let length = *lengths.iter().find(|&&length| length <= rows.len())?;
        let (piece, rest) = rows.split_at(length);
        rows = rest;
        Some(piece)
    })
}

/// `($1, $2), ($3, $4), …`
pub(super) fn tuples(rows: usize, columns: usize) -> String {
    (0..rows).map(|row| format!("({})", places(row * columns + 1, columns))).collect::<Vec<_>>().join(", ")
}
