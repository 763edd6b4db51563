//! What readers say, and what is known of them. Each change carries the name of its request, so that it counts once
//! however often it is sent.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protobufs::readers::{
    CreateReaderRequest, CreateReaderResponse, DismissRequest, DismissResponse, EraseReaderRequest,
    EraseReaderResponse, ListHistoryRequest, ListHistoryResponse, OwnRequest, OwnResponse, RateRequest,
    RateResponse, RecordEventsRequest, RecordEventsResponse, Shelf, ShelveRequest, ShelveResponse,
    UndismissRequest, UndismissResponse, UnrateRequest, UnrateResponse,
};
use service::trace::TraceContext;

use super::{
    CallError, Client,
    grpc::{self, Method},
};

/// A change may take so many times as long as a page waits for a question: it is on disk before it is answered, and a
/// reader would rather wait than say it again.
const PATIENCE: u32 = 4;
/// Entries that one answer holds at most.
const PAGE: i32 = 1_000;

/// What a reader says of a book.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Word {
    /// So many stars, 0.5 to 5 in halves.
    Rate(f32),
    /// No stars.
    Unrate,
    /// Not for this reader.
    Dismiss,
    /// For this reader after all.
    Undismiss,
    /// On this shelf; on none if it is unspecified.
    Shelve(Shelf),
    /// The reader has it, or not.
    Own(bool),
}

impl Client {
    /// The number of a new reader.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn create_reader(&self, trace: &TraceContext) -> Result<i32, CallError> {
        let answer: CreateReaderResponse =
            self.change(trace, Method::CreateReader, grpc::frame(&CreateReaderRequest {})).await?;
        // Zero would be everybody.
        if answer.reader_id > 0 { Ok(answer.reader_id) } else { Err(CallError::Unavailable) }
    }

    /// Stores what a reader says of a book. Where a recommendation led to it, its name goes along.
    ///
    /// # Errors
    ///
    /// See [`CallError`]. After `Unavailable` it may be stored or not.
    pub async fn say(
        &self,
        trace: &TraceContext,
        reader_id: i32,
        book_id: i32,
        word: Word,
        recommendation: Option<&str>,
    ) -> Result<(), CallError> {
        let request_id = format!("{:032x}", rand::random::<u128>());
        let recommendation_id = recommendation.unwrap_or_default().to_owned();
        match word {
            Word::Rate(stars) => {
                let question = RateRequest { reader_id, book_id, stars, request_id, recommendation_id };
                let RateResponse {} = self.change(trace, Method::Rate, grpc::frame(&question)).await?;
            }
            Word::Unrate => {
                let question = UnrateRequest { reader_id, book_id, request_id };
                let UnrateResponse {} = self.change(trace, Method::Unrate, grpc::frame(&question)).await?;
            }
            Word::Dismiss => {
                let question = DismissRequest { reader_id, book_id, request_id, recommendation_id };
                let DismissResponse {} = self.change(trace, Method::Dismiss, grpc::frame(&question)).await?;
            }
            Word::Undismiss => {
                let question = UndismissRequest { reader_id, book_id, request_id };
                let UndismissResponse {} =
                    self.change(trace, Method::Undismiss, grpc::frame(&question)).await?;
            }
            Word::Shelve(shelf) => {
                let question = ShelveRequest { reader_id, book_id, shelf: shelf.into(), request_id };
                let ShelveResponse {} = self.change(trace, Method::Shelve, grpc::frame(&question)).await?;
            }
            Word::Own(owned) => {
                let question = OwnRequest { reader_id, book_id, owned, request_id };
                let OwnResponse {} = self.change(trace, Method::Own, grpc::frame(&question)).await?;
            }
        }
        Ok(())
    }

    /// A page of what is known of one reader, the latest first: up to 1,000 entries.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn history(
        &self,
        trace: &TraceContext,
        reader_id: i32,
        page_token: &str,
    ) -> Result<ListHistoryResponse, CallError> {
        let question = ListHistoryRequest { reader_id, page_size: PAGE, page_token: page_token.to_owned() };
        self.0.call(trace, Method::ListHistory, &question).await
    }

    /// Forgets a reader. Returns how many entries there were.
    ///
    /// # Errors
    ///
    /// See [`CallError`]. After `Unavailable` it may have happened or not.
    pub async fn erase_reader(&self, trace: &TraceContext, reader_id: i32) -> Result<i64, CallError> {
        let question = grpc::frame(&EraseReaderRequest { reader_id });
        let answer: EraseReaderResponse = self.change(trace, Method::EraseReader, question).await?;
        Ok(answer.entries)
    }

    /// Stores what readers saw and clicked. Returns how many were taken.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn record(
        &self,
        trace: &TraceContext,
        events: &[RecordEventsRequest],
    ) -> Result<i64, CallError> {
        // A stream that is known whole before it begins is sent like one message.
        let frames: BytesMut = events.iter().flat_map(grpc::frame).collect();
        let answer: RecordEventsResponse = self.change(trace, Method::RecordEvents, frames.freeze()).await?;
        Ok(answer.recorded)
    }

    async fn change<A: prost::Message + Default>(
        &self,
        trace: &TraceContext,
        method: Method,
        message: Bytes,
    ) -> Result<A, CallError> {
        let time = self.0.deadline.saturating_mul(PATIENCE).min(Duration::from_secs(2).max(self.0.deadline));
        self.0.send(trace, method, message, time).await
    }
}
