//! A reader's library from elsewhere, sent on as it comes in.

use std::{pin::pin, time::Duration};

use bytes::Bytes;
use futures_util::{
    StreamExt as _,
    future::{Either, select},
    stream::Stream,
};
use protobufs::readers::{
    ImportLibraryRequest, ImportLibraryResponse, LibraryFormat, LibraryHeader, LibraryProgress,
    LibraryResult, import_library_request::Part, import_library_response::Part as Told,
};
use service::trace::TraceContext;
use thiserror::Error;
use tokio::time::timeout;

use super::{
    Client,
    grpc::{self, Fault, Method, No, Receiving},
};

/// How long an import may take.
const TIME: Duration = Duration::from_secs(600);
/// How long nothing may be heard of it.
const SILENCE: Duration = Duration::from_secs(40);
/// The longest piece that may be sent.
const PIECE: usize = 64 * 1024;

/// What an import came to.
pub type Imported = LibraryResult;

/// Why nothing, or not all, was imported.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ImportError {
    /// The file is none that can be imported. Says why, in words for readers.
    #[error("the file was refused: {0}")]
    Refused(String),
    /// The file is too long; what came before the limit is stored.
    #[error("the file is too long")]
    TooLong,
    /// Too many files are imported at this moment.
    #[error("too many imports at a time")]
    Busy,
    /// The file broke off on its way here.
    #[error("the upload broke off")]
    Broken,
    /// Recommendations is down, late, or gave a wrong answer.
    #[error("recommendations is unavailable")]
    Unavailable,
}

impl Client {
    /// Stores a library that comes in pieces, and says how far it is. Rows that were stored when it fails stay, and may be
    /// sent again.
    ///
    /// # Errors
    ///
    /// See [`ImportError`].
    pub async fn import_library<E>(
        &self,
        trace: &TraceContext,
        reader_id: i32,
        file: impl Stream<Item = Result<Bytes, E>>,
        told: impl FnMut(&LibraryProgress),
    ) -> Result<Imported, ImportError> {
        let begun = self.0.exchange(trace, Method::ImportLibrary, TIME).await;
        let (measured, exchange, _line) = begun.map_err(|_| ImportError::Unavailable)?;
        let (mut sending, receiving) = exchange.split();
        let send = async {
            let header = LibraryHeader { reader_id, format: LibraryFormat::Unspecified.into() };
            grpc::push(&mut sending, part(Part::Header(header))).await.map_err(Ended::Fault)?;
            let mut file = pin!(file);
            while let Some(piece) = file.next().await {
                let mut piece = piece.map_err(|_| Ended::Broken)?;
                while !piece.is_empty() {
                    let chunk = piece.split_to(piece.len().min(PIECE));
                    let chunk = part(Part::Chunk(chunk.into()));
                    grpc::push(&mut sending, chunk).await.map_err(Ended::Fault)?;
                }
            }
            grpc::close(&mut sending).map_err(Ended::Fault)
        };
        let ended = {
            let (send, receive) = (pin!(send), pin!(receive(receiving, told)));
            match select(send, receive).await {
                // The server knows best why it takes no more.
                Either::Left((Ok(()) | Err(Ended::Fault(_)), receive)) => receive.await,
                Either::Left((Err(broken), _)) => Err(broken),
                Either::Right((received, _)) => received,
            }
        };
        match ended {
            Ok(imported) => {
                measured.answered();
                Ok(imported)
            }
            // Dropping both counts it as given up, and tells the server.
            Err(Ended::Broken) => Err(ImportError::Broken),
            Err(Ended::Fault(fault)) => {
                measured.failed(&fault, trace);
                Err(refusal(&fault))
            }
        }
    }
}

/// Why an import has ended early.
enum Ended {
    Broken,
    Fault(Fault),
}

fn part(part: Part) -> Bytes {
    grpc::frame(&ImportLibraryRequest { part: Some(part) })
}

async fn receive(
    mut receiving: Receiving,
    mut told: impl FnMut(&LibraryProgress),
) -> Result<Imported, Ended> {
    let mut result = None;
    loop {
        let message = timeout(SILENCE, receiving.next::<ImportLibraryResponse>()).await;
        match message.unwrap_or(Err(Fault::Late)).map_err(Ended::Fault)? {
            Some(ImportLibraryResponse { part: Some(Told::Progress(progress)) }) => told(&progress),
            Some(ImportLibraryResponse { part: Some(Told::Result(all)) }) => result = Some(all),
            Some(ImportLibraryResponse { part: None }) => {}
            None => return result.ok_or_else(|| Ended::Fault(Fault::Wrong("no result".to_owned()))),
        }
    }
}

fn refusal(fault: &Fault) -> ImportError {
    match fault.no() {
        Some((No::Invalid, why)) => ImportError::Refused(why.to_owned()),
        Some((No::TooMuch, _)) => ImportError::TooLong,
        Some((No::Full, _)) => ImportError::Busy,
        Some((No::NotFound | No::NotNow | No::Stranger, _)) | None => ImportError::Unavailable,
    }
}
