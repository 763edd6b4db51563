use sqlx::AssertSqlSafe;

use super::{Pool, Store, StoreError, Transaction, failed, on_either};
use crate::catalogue::{Book, Category, Isbn13, Series, Version};

/// How many books are held at once while all are read.
const PAGE: i32 = 4_000;

/// The columns of `books` in the order of [`BookRow`].
pub(super) const COLUMNS: &str =
    "id, title, title_language, authors, year, language, series, series_number, subjects, isbn13";

/// One row of `books`, read by position: twice as fast as by name, which counts in a million.
pub(super) type BookRow =
    (i32, String, String, String, Option<i32>, String, Option<String>, Option<f64>, String, Option<String>);

/// All books as they were at one moment, a few thousand at a time.
pub struct Reading {
    transaction: Transaction,
    version: Version,
    categories: Vec<Category>,
    last: i32,
}

impl Store {
    /// Which store this is and how often it was changed.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn version(&self) -> Result<Version, StoreError> {
        let (store, number) = on_either!(Pool, &self.pool, pool => {
            sqlx::query_as("select name, version from catalogue").fetch_one(pool).await
        })
        .map_err(failed("read the catalogue's version"))?;
        Ok(Version { store, number })
    }

    /// Whether it holds no book.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn is_empty(&self) -> Result<bool, StoreError> {
        let first: Option<i32> = on_either!(Pool, &self.pool, pool => {
            sqlx::query_scalar("select id from books limit 1").fetch_optional(pool).await
        })
        .map_err(failed("look for a book"))?;
        Ok(first.is_none())
    }

    /// Starts to read all books as they are now, whatever is written meanwhile.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub async fn read(&self) -> Result<Reading, StoreError> {
        let operation = "start to read the catalogue";
        let mut transaction = self.pool.begin_to_read().await.map_err(failed(operation))?;
        let (store, number) = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as("select name, version from catalogue").fetch_one(&mut **transaction).await
        })
        .map_err(failed(operation))?;
        let rows: Vec<(i32, String, String)> = on_either!(Transaction, &mut transaction, transaction => {
            sqlx::query_as("select number, slug, name from categories order by number")
                .fetch_all(&mut **transaction)
                .await
        })
        .map_err(failed("read the categories"))?;
        let categories =
            rows.into_iter().map(|(number, slug, name)| Category { number, slug, name }).collect();
        Ok(Reading { transaction, version: Version { store, number }, categories, last: i32::MIN })
    }
}

impl Reading {
    /// The version that is being read.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// All categories in the order of their numbers.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.categories
    }

    /// The next books in the order of their ids; none at the end.
    ///
    /// # Errors
    ///
    /// If the database does not answer, or a row is damaged.
    pub async fn next(&mut self) -> Result<Vec<Book>, StoreError> {
        let sql = AssertSqlSafe(format!("select {COLUMNS} from books where id > $1 order by id limit $2"));
        let rows: Vec<BookRow> = on_either!(Transaction, &mut self.transaction, transaction => {
            sqlx::query_as(sql).bind(self.last).bind(PAGE).fetch_all(&mut **transaction).await
        })
        .map_err(failed("read books"))?;
        let mut books = rows.into_iter().map(book).collect::<Result<Vec<_>, _>>()?;
        let Some(last) = books.last().map(|book| book.id) else { return Ok(books) };
        let sql = "select book, category from book_categories where book > $1 and book <= $2 order by book, position";
        let pairs: Vec<(i32, i32)> = on_either!(Transaction, &mut self.transaction, transaction => {
            sqlx::query_as(sql).bind(self.last).bind(last).fetch_all(&mut **transaction).await
        })
        .map_err(failed("read the books' categories"))?;
        let mut pairs = pairs.into_iter().peekable();
        for book in &mut books {
            while let Some((_, category)) = pairs.next_if(|&(owner, _)| owner == book.id) {
                book.categories.push(category);
            }
        }
        self.last = last;
        Ok(books)
    }
}

/// The book of a row, without its categories.
pub(super) fn book(row: BookRow) -> Result<Book, StoreError> {
    let (id, title, title_language, authors, year, language, series, number, subjects, isbn13) = row;
    let damaged = |reason: String| StoreError::Damaged { book: id, reason };
    let names = |json: &str| serde_json::from_str(json).map_err(|error| damaged(error.to_string()));
    Ok(Book {
        id,
        title,
        title_language,
        authors: names(&authors)?,
        year: year.map(i16::try_from).transpose().map_err(|error| damaged(error.to_string()))?,
        language,
        series: series.map(|name| Series { name, number }),
        categories: Vec::new(),
        subjects: names(&subjects)?,
        isbn13: isbn13
            .map(|isbn| Isbn13::parse(&isbn))
            .transpose()
            .map_err(|error| damaged(error.to_string()))?,
    })
}
