//! What components of our worlds import: log, books, readers, state.

use wasmtime::component::{HasSelf, Linker};

use self::shelfwise::functions::{books, log, readers, state as kept, types};
use crate::{ShopError, state::State};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "algorithm",
    imports: { default: async | trappable, "shelfwise:functions/log": trappable },
    exports: { default: async },
});

/// The longest name of a kept value, in bytes.
const LONGEST_KEY: usize = 255;
/// The longest kept value, in bytes.
const LONGEST_VALUE: usize = 64 << 10;
/// The most entries of one look at a history.
const MOST_ENTRIES: u32 = 1_000;

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    Algorithm::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
}

impl types::Host for State {}

impl log::Host for State {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Error => "error",
            log::Level::Warn => "warn",
            log::Level::Info => "info",
            log::Level::Debug => "debug",
        };
        self.log(level, &message);
        Ok(())
    }
}

impl books::Host for State {
    async fn get(&mut self, id: i32) -> wasmtime::Result<Result<Option<books::Book>, types::Failure>> {
        if !self.grants.books {
            return Ok(Err(not_granted("books")));
        }
        let book = match self.shop.book(id).await {
            Ok(book) => book,
            Err(error) => return Ok(Err(error.into())),
        };
        Ok(Ok(book.map(|book| books::Book {
            id: book.id,
            title: book.title,
            authors: book.authors,
            year: book.year,
            language: book.language,
            series: book.series,
            categories: book.categories,
            subjects: book.subjects,
            isbn13: book.isbn13,
        })))
    }
}

impl readers::Host for State {
    async fn history(
        &mut self,
        reader: i32,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<readers::Entry>, types::Failure>> {
        if !self.grants.readers {
            return Ok(Err(not_granted("readers")));
        }
        let entries = match self.shop.history(reader, limit.min(MOST_ENTRIES)).await {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(error.into())),
        };
        let entries = entries.into_iter().map(|entry| readers::Entry {
            book: entry.book,
            stars: entry.stars,
            shelf: match entry.shelf {
                crate::Shelf::None => readers::Shelf::None,
                crate::Shelf::WantToRead => readers::Shelf::WantToRead,
                crate::Shelf::Reading => readers::Shelf::Reading,
                crate::Shelf::Read => readers::Shelf::Read,
                crate::Shelf::DidNotFinish => readers::Shelf::DidNotFinish,
            },
            owned: entry.owned,
            dismissed: entry.dismissed,
        });
        Ok(Ok(entries.collect()))
    }
}

impl kept::Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, types::Failure>> {
        if let Err(failure) = self.may_keep(&key) {
            return Ok(Err(failure));
        }
        Ok(self.shop.get(&self.function, &key).await.map_err(Into::into))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), types::Failure>> {
        if let Err(failure) = self.may_keep(&key) {
            return Ok(Err(failure));
        }
        if value.len() > LONGEST_VALUE {
            return Ok(Err(ShopError::BadInput("a value has at most 65,536 bytes").into()));
        }
        Ok(self.shop.set(&self.function, &key, Some(value)).await.map_err(Into::into))
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), types::Failure>> {
        if let Err(failure) = self.may_keep(&key) {
            return Ok(Err(failure));
        }
        Ok(self.shop.set(&self.function, &key, None).await.map_err(Into::into))
    }
}

impl State {
    fn may_keep(&self, key: &str) -> Result<(), types::Failure> {
        if !self.grants.state {
            return Err(not_granted("state"));
        }
        if key.is_empty() || key.len() > LONGEST_KEY {
            return Err(ShopError::BadInput("a key has 1 to 255 bytes").into());
        }
        Ok(())
    }
}

impl From<ShopError> for types::Failure {
    fn from(error: ShopError) -> Self {
        Self { code: error.code().to_owned(), message: error.to_string() }
    }
}

fn not_granted(grant: &str) -> types::Failure {
    types::Failure {
        code: "not-granted".to_owned(),
        message: format!("the function's manifest does not grant `{grant}`"),
    }
}
