mod events;
mod export;
mod import;
mod library;
mod list;
mod parse;
mod render;

use std::sync::Arc;

use futures_util::stream::BoxStream;
use protobufs::readers::{
    CreateReaderRequest, CreateReaderResponse, DismissRequest, DismissResponse, EraseReaderRequest,
    EraseReaderResponse, EraseSimulatedReadersRequest, EraseSimulatedReadersResponse, ExportHistoryRequest,
    ExportHistoryResponse, ImportHistoryRequest, ImportHistoryResponse, ImportLibraryRequest,
    ImportLibraryResponse, ListHistoryRequest, ListHistoryResponse, OwnRequest, OwnResponse, RateRequest,
    RateResponse, RecordEventsRequest, RecordEventsResponse, ShelveRequest, ShelveResponse, UndismissRequest,
    UndismissResponse, UnrateRequest, UnrateResponse, readers_service_server::ReadersService,
};
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use self::parse::About;
use super::{answer::answer, status::CallError};
use crate::{
    loading::Current,
    ratings::Change,
    readers::{Readers, Said},
    training::Training,
};

/// Exports at a time: each holds the numbers of all readers.
const EXPORTS: usize = 8;
/// Libraries imported at a time: each has a thread, and holds a few megabytes of rows.
const IMPORTS: usize = 8;

/// The longest message that an upload needs: a piece of a file, and what says so.
pub(super) const UPLOAD_MESSAGE: usize = library::CHUNK + 64;

pub(super) struct Service {
    current: Current,
    readers: Readers,
    training: Training,
    exports: Arc<Semaphore>,
    imports: Arc<Semaphore>,
    matching: library::Matching,
    max_library_bytes: u64,
}

impl Service {
    pub(super) fn new(
        current: Current,
        readers: Readers,
        training: Training,
        max_library_bytes: u64,
    ) -> Self {
        Self {
            current,
            readers,
            training,
            exports: Arc::new(Semaphore::new(EXPORTS)),
            imports: Arc::new(Semaphore::new(IMPORTS)),
            matching: library::Matching::default(),
            max_library_bytes,
        }
    }

    /// Stores what a reader says of a book that there is.
    async fn say(&self, about: Result<About, CallError>, change: Change) -> Result<(), CallError> {
        let About { reader, book, request, recommendation } = about?;
        if self.current.load().catalogue.book(book).is_none() {
            return Err(CallError::NoSuchBook);
        }
        Ok(self.readers.say(Said { reader, book, change, request, recommendation }).await?)
    }
}

#[tonic::async_trait]
impl ReadersService for Service {
    async fn create_reader(
        &self,
        _request: Request<CreateReaderRequest>,
    ) -> Result<Response<CreateReaderResponse>, Status> {
        let reader = self.readers.create().await.map_err(CallError::from)?;
        Ok(answer(CreateReaderResponse { reader_id: render::reader(reader) }))
    }

    async fn rate(&self, request: Request<RateRequest>) -> Result<Response<RateResponse>, Status> {
        let (about, stars) = parse::rate(request.into_inner())?;
        self.say(Ok(about), Change::Rate(stars)).await?;
        Ok(answer(RateResponse {}))
    }

    async fn unrate(&self, request: Request<UnrateRequest>) -> Result<Response<UnrateResponse>, Status> {
        let UnrateRequest { reader_id, book_id, request_id } = request.into_inner();
        self.say(About::parse(reader_id, book_id, request_id), Change::Unrate).await?;
        Ok(answer(UnrateResponse {}))
    }

    async fn dismiss(&self, request: Request<DismissRequest>) -> Result<Response<DismissResponse>, Status> {
        self.say(parse::dismiss(request.into_inner()), Change::Dismiss).await?;
        Ok(answer(DismissResponse {}))
    }

    async fn undismiss(
        &self,
        request: Request<UndismissRequest>,
    ) -> Result<Response<UndismissResponse>, Status> {
        let UndismissRequest { reader_id, book_id, request_id } = request.into_inner();
        self.say(About::parse(reader_id, book_id, request_id), Change::Undismiss).await?;
        Ok(answer(UndismissResponse {}))
    }

    async fn shelve(&self, request: Request<ShelveRequest>) -> Result<Response<ShelveResponse>, Status> {
        let (about, shelf) = parse::shelve(request.into_inner())?;
        self.say(Ok(about), Change::Shelve(shelf)).await?;
        Ok(answer(ShelveResponse {}))
    }

    async fn own(&self, request: Request<OwnRequest>) -> Result<Response<OwnResponse>, Status> {
        let OwnRequest { reader_id, book_id, owned, request_id } = request.into_inner();
        self.say(About::parse(reader_id, book_id, request_id), Change::Own(owned)).await?;
        Ok(answer(OwnResponse {}))
    }

    async fn list_history(
        &self,
        request: Request<ListHistoryRequest>,
    ) -> Result<Response<ListHistoryResponse>, Status> {
        let snapshot = self.current.load_full();
        let version = snapshot.catalogue.version();
        Ok(answer(list::page(self.readers.ratings(), version, request.get_ref())?))
    }

    async fn import_history(
        &self,
        request: Request<Streaming<ImportHistoryRequest>>,
    ) -> Result<Response<ImportHistoryResponse>, Status> {
        let (readers, current) = (self.readers.clone(), self.current.clone());
        let training = self.training.clone();
        // On a task of its own: what was stored of a stream that broke off is real data, too, though nobody waits for an answer.
        let importing = tokio::spawn(async move {
            let (stored, imported) = import::all(&readers, &current, request.into_inner()).await;
            if stored > 0 {
                training.real_data_came().await;
            }
            imported
        });
        let imported = importing.await.map_err(|error| CallError::of_task(&error, "The import failed"))?;
        Ok(answer(imported?))
    }

    type ImportLibraryStream = ReceiverStream<Result<ImportLibraryResponse, Status>>;

    async fn import_library(
        &self,
        request: Request<Streaming<ImportLibraryRequest>>,
    ) -> Result<Response<Self::ImportLibraryStream>, Status> {
        let permit = Arc::clone(&self.imports).try_acquire_owned();
        let uploading = library::Uploading {
            readers: self.readers.clone(),
            current: self.current.clone(),
            matching: self.matching.clone(),
            max_bytes: self.max_library_bytes,
            permit: permit.map_err(|_| CallError::TooManyImports)?,
        };
        Ok(Response::new(library::start(uploading, request.into_inner()).await?))
    }

    type ExportHistoryStream = BoxStream<'static, Result<ExportHistoryResponse, Status>>;

    async fn export_history(
        &self,
        request: Request<ExportHistoryRequest>,
    ) -> Result<Response<Self::ExportHistoryStream>, Status> {
        let reader = parse::reader_or_all(request.get_ref().reader_id)?;
        let exporting = Arc::clone(&self.exports).try_acquire_owned();
        let exporting = exporting.map_err(|_| CallError::TooManyExports)?;
        let ratings = self.readers.ratings().clone();
        // The numbers of all readers are gathered first.
        let export =
            tokio::task::spawn_blocking(move || export::Export::new(ratings, reader, exporting)).await;
        let export = export.map_err(|error| CallError::of_task(&error, "The export failed"))?;
        Ok(Response::new(Box::pin(tokio_stream::iter(export))))
    }

    async fn erase_reader(
        &self,
        request: Request<EraseReaderRequest>,
    ) -> Result<Response<EraseReaderResponse>, Status> {
        let reader = parse::reader(request.get_ref().reader_id)?;
        let erased = self.readers.erase(reader).await.map_err(CallError::from)?;
        Ok(answer(EraseReaderResponse { entries: render::count(erased.entries) }))
    }

    async fn erase_simulated_readers(
        &self,
        _request: Request<EraseSimulatedReadersRequest>,
    ) -> Result<Response<EraseSimulatedReadersResponse>, Status> {
        let readers = self.training.erase_simulated().await.map_err(CallError::from)?;
        Ok(answer(EraseSimulatedReadersResponse { readers: render::count(readers) }))
    }

    async fn record_events(
        &self,
        request: Request<Streaming<RecordEventsRequest>>,
    ) -> Result<Response<RecordEventsResponse>, Status> {
        Ok(answer(events::all(&self.readers, request.into_inner()).await?))
    }
}
