use std::error::Error;

use futures_util::{FutureExt as _, future::BoxFuture};
use host::ShopError;

use super::Kept;
use crate::store::{KeptError, Store};

/// In the suite's database.
impl Kept for Store {
    fn get<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, ShopError>> {
        async move { self.kept(function, key).await.map_err(|error| told(function, &error)) }.boxed()
    }

    fn set<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
        value: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Result<(), ShopError>> {
        async move {
            let done = match value {
                Some(value) => self.keep(function, key, &value).await,
                None => self.forget(function, key).await,
            };
            done.map_err(|error| told(function, &error))
        }
        .boxed()
    }
}

/// What the guest is told. What is wrong with the database is for the log.
fn told(function: &str, error: &KeptError) -> ShopError {
    match error {
        KeptError::Name => ShopError::BadInput("a key has 1 to 255 bytes, and none of them is zero"),
        KeptError::Value => ShopError::BadInput("a value has up to 64 KiB"),
        KeptError::Full => ShopError::BadInput("a function keeps up to 1,000 keys"),
        KeptError::Store(_) => {
            tracing::error!(function, error = error as &dyn Error, "a function's value is out of reach");
            ShopError::Unavailable
        }
    }
}
