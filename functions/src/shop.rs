//! What guests ask the shop: recommendations, over gRPC, and the values that are kept for them.

mod channel;

use std::{error::Error, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture};
use host::{Book, Entry, Shelf, Shop, ShopError};
use http::HeaderValue;
use protobufs::{
    catalogue::{GetBookRequest, catalogue_service_client::CatalogueServiceClient},
    readers::{self, ListHistoryRequest, readers_service_client::ReadersServiceClient},
};
use service::{config::APP_ID_HEADER, token::Token};
use tokio::time::timeout;
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    transport::Channel,
};

pub use self::channel::channel;
use crate::store::{KeptError, Store};

/// How long recommendations may take to answer a guest.
const PATIENCE: Duration = Duration::from_secs(2);

/// The shop behind all functions. Clones share one connection, which is opened by the first call.
#[derive(Clone)]
pub struct Bookshop {
    catalogue: CatalogueServiceClient<Channel>,
    readers: ReadersServiceClient<Channel>,
    token: Option<MetadataValue<Ascii>>,
    /// What a sidecar between us and recommendations is told.
    app_id: Option<MetadataValue<Ascii>>,
    kept: Store,
}

impl Bookshop {
    /// Asks recommendations over `channel`, and shows the token there.
    #[must_use]
    pub fn new(channel: Channel, token: Option<&Token>, kept: Store) -> Self {
        Self {
            catalogue: CatalogueServiceClient::new(channel.clone()),
            readers: ReadersServiceClient::new(channel),
            token: token.and_then(|token| format!("Bearer {}", token.secret()).parse().ok()),
            app_id: None,
            kept,
        }
    }

    /// The same, which tells a Dapr sidecar by this name whom it means.
    #[must_use]
    pub fn with_app_id(mut self, app_id: Option<&HeaderValue>) -> Self {
        self.app_id = app_id.and_then(|id| MetadataValue::try_from(id.as_bytes()).ok());
        self
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(PATIENCE);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        if let Some(app_id) = &self.app_id {
            request.metadata_mut().insert(APP_ID_HEADER, app_id.clone());
        }
        request
    }
}

impl Shop for Bookshop {
    fn book(&self, id: i32) -> BoxFuture<'_, Result<Option<Book>, ShopError>> {
        let (mut client, request) = (self.catalogue.clone(), self.request(GetBookRequest { id }));
        async move {
            if id < 1 {
                return Ok(None);
            }
            match in_time(client.get_book(request)).await {
                Ok(answer) => Ok(answer.book.map(|book| Book {
                    id: book.id,
                    title: book.title,
                    authors: book.authors,
                    year: book.year.unwrap_or_default(),
                    language: book.language,
                    series: book.series.map(|series| series.name).unwrap_or_default(),
                    categories: book.categories,
                    subjects: book.subjects,
                    isbn13: book.isbn13,
                })),
                Err(status) if status.code() == Code::NotFound => Ok(None),
                Err(status) => Err(unavailable(&status)),
            }
        }
        .boxed()
    }

    fn history(&self, reader: i32, limit: u32) -> BoxFuture<'_, Result<Vec<Entry>, ShopError>> {
        let size = i32::try_from(limit).unwrap_or(i32::MAX);
        let request =
            ListHistoryRequest { reader_id: reader, page_size: size, ..ListHistoryRequest::default() };
        let (mut client, request) = (self.readers.clone(), self.request(request));
        async move {
            if reader < 1 || limit == 0 {
                return Ok(Vec::new());
            }
            let answer =
                in_time(client.list_history(request)).await.map_err(|status| unavailable(&status))?;
            Ok(answer.entries.into_iter().take(limit as usize).map(entry).collect())
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Vec<u8>>, ShopError>> {
        async move { self.kept.kept(function, key).await.map_err(|error| told(function, &error)) }.boxed()
    }

    fn set<'a>(
        &'a self,
        function: &'a str,
        key: &'a str,
        value: Option<Vec<u8>>,
    ) -> BoxFuture<'a, Result<(), ShopError>> {
        async move {
            let done = match value {
                Some(value) => self.kept.keep(function, key, &value).await,
                None => self.kept.forget(function, key).await,
            };
            done.map_err(|error| told(function, &error))
        }
        .boxed()
    }
}

async fn in_time<T>(call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> Result<T, Status> {
    match timeout(PATIENCE, call).await {
        Ok(answer) => answer.map(tonic::Response::into_inner),
        Err(_) => Err(Status::deadline_exceeded("no answer in time")),
    }
}

/// The guest is told that the shop does not answer; why is for the log.
fn unavailable(status: &Status) -> ShopError {
    tracing::warn!(code = ?status.code(), message = status.message(), "recommendations does not answer a guest");
    ShopError::Unavailable
}

/// The guest is told what is wrong with what it keeps. What is wrong with the database is for the log.
fn told(function: &str, error: &KeptError) -> ShopError {
    match error {
        KeptError::Name | KeptError::Value | KeptError::Full => ShopError::BadInput(error.to_string()),
        KeptError::Store(_) => {
            tracing::error!(function, error = error as &dyn Error, "a function's value is out of reach");
            ShopError::Unavailable
        }
    }
}

fn entry(entry: readers::Entry) -> Entry {
    let shelf = match readers::Shelf::try_from(entry.shelf) {
        Ok(readers::Shelf::WantToRead) => Shelf::WantToRead,
        Ok(readers::Shelf::Reading) => Shelf::Reading,
        Ok(readers::Shelf::Read) => Shelf::Read,
        Ok(readers::Shelf::DidNotFinish) => Shelf::DidNotFinish,
        Ok(readers::Shelf::Unspecified) | Err(_) => Shelf::None,
    };
    let stars = Some(entry.stars).filter(|stars| *stars > 0.0);
    Entry { book: entry.book_id, stars, shelf, owned: entry.owned, dismissed: entry.dismissed }
}
