use std::{collections::VecDeque, time::Duration};

use protobufs::readers::{ImportHistoryError, ImportHistoryRequest, ImportHistoryResponse};
use tokio::time::timeout;
use tonic::Streaming;

use super::parse;
use crate::{
    grpc::{
        parse::name,
        status::{CallError, Violation},
    },
    loading::Current,
    ratings::Change,
    readers::{MAX_TOGETHER, Readers, Said, Submitted, WriteError, now},
};

/// How long a stream may be silent.
const SILENCE: Duration = Duration::from_secs(30);
/// How many reasons an answer holds.
const REASONS: usize = 1_000;
/// How much of a stream is on its way into the store at once, in submissions.
const IN_FLIGHT: usize = 8;

/// Stores a stream of entries. What comes is held only until it is stored, which it is in the order in which it came. Also says
/// how many are stored, whatever came after that.
pub(super) async fn all(
    readers: &Readers,
    current: &Current,
    mut stream: Streaming<ImportHistoryRequest>,
) -> (i64, Result<ImportHistoryResponse, CallError>) {
    let mut import = Import::default();
    let ended = import.take(readers, current, &mut stream).await;
    // What came before the stream broke off is stored, too, before anybody hears of its end.
    let mut settled = import.submit(readers).await;
    loop {
        match import.settle().await {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => settled = settled.and(Err(error)),
        }
    }
    let Import { stored, refused, mut errors, .. } = import;
    errors.sort_unstable_by_key(|error| error.position);
    (stored, settled.and(ended).map(|()| ImportHistoryResponse { stored, refused, errors }))
}

#[derive(Default)]
struct Import {
    said: Vec<Said>,
    /// Where in the stream they were.
    places: Vec<i64>,
    submitted: VecDeque<(Submitted, Vec<i64>)>,
    stored: i64,
    refused: i64,
    errors: Vec<ImportHistoryError>,
}

impl Import {
    /// Brings a stream on its way into the store.
    async fn take(
        &mut self,
        readers: &Readers,
        current: &Current,
        stream: &mut Streaming<ImportHistoryRequest>,
    ) -> Result<(), CallError> {
        let mut position = 0;
        loop {
            let message = timeout(SILENCE, stream.message()).await.map_err(|_| CallError::Silent)?;
            let Some(request) = message.map_err(CallError::Broken)? else { return Ok(()) };
            match said(current, request) {
                Ok(said) => {
                    self.places.push(position);
                    self.said.push(said);
                }
                Err(reason) => self.refuse(position, reason),
            }
            position += 1;
            if self.said.len() == MAX_TOGETHER {
                self.submit(readers).await?;
            }
        }
    }

    async fn submit(&mut self, readers: &Readers) -> Result<(), CallError> {
        if self.said.is_empty() {
            return Ok(());
        }
        if self.submitted.len() >= IN_FLIGHT {
            self.settle().await?;
        }
        let (said, places) = (std::mem::take(&mut self.said), std::mem::take(&mut self.places));
        let submitted = readers.submit(said).await?;
        self.submitted.push_back((submitted, places));
        Ok(())
    }

    /// Waits for the oldest submission; false if there is none.
    async fn settle(&mut self) -> Result<bool, CallError> {
        let Some((submitted, places)) = self.submitted.pop_front() else { return Ok(false) };
        let refused = submitted.stored().await?;
        self.stored += i64::try_from(places.len() - refused.len()).unwrap_or(i64::MAX);
        for place in refused {
            self.refuse(places[place], WriteError::HistoryFull.to_string());
        }
        Ok(true)
    }

    fn refuse(&mut self, position: i64, reason: String) {
        self.refused += 1;
        if self.errors.len() < REASONS {
            self.errors.push(ImportHistoryError { position, reason });
        }
    }
}

fn said(current: &Current, request: ImportHistoryRequest) -> Result<Said, String> {
    let entry = request.entry.ok_or("entry is not set")?;
    let (reader, entry) = parse::entry(entry, now())?;
    let request = name("request_id", request.request_id)
        .map_err(|Violation { field, description }| format!("{field} {description}"))?;
    let book = entry.book;
    if current.load().catalogue.book(book).is_none() {
        return Err(format!("the catalogue has no book {book}"));
    }
    Ok(Said { reader, book, change: Change::Replace(entry), request, recommendation: None })
}
