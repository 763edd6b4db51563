//! What components of our worlds import: log, books, readers, state.

#![allow(missing_docs)] // of what is generated; `functions/wit` documents it

use wasmtime::component::{HasSelf, Linker};

use self::shelfwise::functions::{books, log, readers, state as kept, types};
use crate::{ShopError, state::State};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "algorithm",
    imports: { default: async | trappable, "shelfwise:functions/log": trappable },
    exports: { default: async },
});

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
        Ok(self.shop.book(id).await.map_err(Into::into))
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
        Ok(self.shop.history(reader, limit.min(MOST_ENTRIES)).await.map_err(Into::into))
    }
}

impl kept::Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, types::Failure>> {
        if !self.grants.state {
            return Ok(Err(not_granted("state")));
        }
        Ok(self.shop.get(&self.function, &key).await.map_err(Into::into))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), types::Failure>> {
        self.keep(&key, Some(value)).await
    }

    async fn delete(&mut self, key: String) -> wasmtime::Result<Result<(), types::Failure>> {
        self.keep(&key, None).await
    }
}

impl State {
    /// Keeps a value, or forgets it.
    async fn keep(
        &mut self,
        key: &str,
        value: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<(), types::Failure>> {
        if !self.grants.state {
            return Ok(Err(not_granted("state")));
        }
        Ok(self.shop.set(&self.function, key, value).await.map_err(Into::into))
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
