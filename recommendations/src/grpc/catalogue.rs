use std::{num::NonZero, sync::Arc, thread};

use protobufs::catalogue::{
    Book, Category, GetBookRequest, GetBookResponse, ListBooksRequest, ListBooksResponse,
    ListCategoriesRequest, ListCategoriesResponse, ListSimilarBooksRequest, ListSimilarBooksResponse,
    SearchBooksRequest, SearchBooksResponse, Series, SimilarBook, SimilarityKind,
    catalogue_service_server::CatalogueService,
};
use service::grpc::Patience;
use tokio::{sync::Semaphore, time::timeout_at};
use tonic::{Request, Response, Status};

use super::{
    answer::answer,
    page::{List, Position},
    parse::{self, PageSize, SimilarCount},
    status::CallError,
};
use crate::{
    catalogue::{BookRef, Catalogue, Shelf},
    knowledge::Known,
    recommend::{Pick, Reason, similar},
    search::MAX_MATCHES,
    variants::RecommendationId,
};

pub(super) struct Service {
    known: Known,
    /// Searches at a time: one a processor. More would only make each other late.
    searches: Arc<Semaphore>,
}

impl Service {
    pub(super) fn new(known: Known) -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        Self { known, searches: Arc::new(Semaphore::new(processors)) }
    }

    fn book(&self, request: &GetBookRequest) -> Result<GetBookResponse, CallError> {
        let id = parse::book_id("id", request.id).map_err(|violation| CallError::Invalid(vec![violation]))?;
        let knowledge = self.known.load();
        let snapshot = &knowledge.snapshot;
        let book = snapshot.catalogue.book(id).ok_or(CallError::NoSuchBook)?;
        Ok(GetBookResponse { book: Some(render(book)) })
    }

    fn list(&self, request: &ListBooksRequest) -> Result<ListBooksResponse, CallError> {
        let knowledge = self.known.load();
        let snapshot = &knowledge.snapshot;
        let catalogue = &snapshot.catalogue;
        let list = List {
            version: catalogue.version(),
            name: request.category.map_or("books".to_owned(), |category| format!("books {category}")),
        };
        let (size, position, ()) = parse::all(
            PageSize::parse("page_size", request.page_size),
            list.position("page_token", &request.page_token),
            Ok(()),
        )?;
        let shelf = match request.category {
            Some(category) => catalogue.shelf(category).ok_or(CallError::NoSuchCategory)?,
            None => catalogue.all(),
        };
        let start = start(catalogue, shelf, position);
        let end = shelf.len().min(start.saturating_add(size.get()));
        let books: Vec<Book> = (start..end).filter_map(|place| shelf.get(place)).map(render).collect();
        let next_page_token = match books.last() {
            Some(last) if end < shelf.len() => list.token(end, last.id),
            _ => String::new(),
        };
        Ok(ListBooksResponse { books, next_page_token, total_size: count(shelf.len()) })
    }

    async fn search(
        &self,
        request: SearchBooksRequest,
        patience: Patience,
    ) -> Result<SearchBooksResponse, CallError> {
        let snapshot = Arc::clone(&self.known.load().snapshot);
        let list = List { version: snapshot.catalogue.version(), name: format!("search {}", request.query) };
        let (size, position, query) = parse::all(
            PageSize::parse("page_size", request.page_size),
            list.position("page_token", &request.page_token),
            parse::query("query", request.query),
        )?;
        let List { name, .. } = list;
        // It holds one of the places for all calls while it waits. The turn is held until the work is done: whoever gives up
        // waiting does not make room for more of it.
        let searching = timeout_at(patience.end(), Arc::clone(&self.searches).acquire_owned())
            .await
            .map_err(|_| CallError::Overloaded)?
            .map_err(|_| CallError::Interrupted)?;
        let work = move || {
            let _searching = searching;
            let list = List { version: snapshot.catalogue.version(), name };
            let start = position.offset as usize;
            let matches = snapshot.index.search(&query, start, size.get()).map_err(CallError::Search)?;
            let books: Vec<Book> =
                matches.places.iter().filter_map(|&place| snapshot.catalogue.at(place)).map(render).collect();
            let end = start.saturating_add(books.len());
            let next_page_token = match books.last() {
                Some(last) if end < matches.total.min(MAX_MATCHES) => list.token(end, last.id),
                _ => String::new(),
            };
            Ok(SearchBooksResponse { books, next_page_token, total_size: count(matches.total) })
        };
        // A search takes up to some milliseconds: too long for a thread that others wait for.
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| CallError::of_task(&error, "Search failed"))?
    }

    fn similar(&self, request: &ListSimilarBooksRequest) -> Result<ListSimilarBooksResponse, CallError> {
        let (id, count, ()) = parse::all(
            parse::book_id("book_id", request.book_id),
            SimilarCount::parse("max_results", request.max_results),
            Ok(()),
        )?;
        let knowledge = self.known.load();
        let catalogue = &knowledge.snapshot.catalogue;
        let book = catalogue.book(id).ok_or(CallError::NoSuchBook)?;
        let model = knowledge.model.as_ref();
        let picks = similar(catalogue, book, count.get(), model.map(|model| model.similar(id)));
        let render = |pick: &Pick| {
            let other = catalogue.at(pick.place as usize)?;
            let (kind, reason) = match pick.reason {
                Reason::Similar(_) => (SimilarityKind::Content, alike(book, other)),
                Reason::Exploration => (SimilarityKind::Others, "By somebody else"),
                Reason::Liked(_) | Reason::Taste | Reason::Popular | Reason::Chance => {
                    (SimilarityKind::Readers, "Readers of the one like the other")
                }
            };
            Some(SimilarBook {
                book: Some(render(other)),
                score: pick.score,
                reason: reason.to_owned(),
                kind: kind.into(),
            })
        };
        Ok(ListSimilarBooksResponse {
            books: picks.iter().filter_map(render).collect(),
            model_version: model.map(|model| model.version().to_owned()).unwrap_or_default(),
            simulated: model.is_some_and(|model| model.simulated()),
            // The same for whoever asks.
            recommendation_id: RecommendationId { random: rand::random(), reader: 0, variant: None }
                .to_string(),
        })
    }

    fn categories(&self) -> ListCategoriesResponse {
        let knowledge = self.known.load();
        let snapshot = &knowledge.snapshot;
        let categories = snapshot.catalogue.categories().map(|(category, shelf)| Category {
            number: category.number,
            slug: category.slug.clone(),
            name: category.name.clone(),
            books: count(shelf.len()),
        });
        ListCategoriesResponse {
            categories: categories.collect(),
            total_books: count(snapshot.catalogue.len()),
        }
    }
}

#[tonic::async_trait]
impl CatalogueService for Service {
    async fn get_book(&self, request: Request<GetBookRequest>) -> Result<Response<GetBookResponse>, Status> {
        Ok(answer(self.book(request.get_ref())?))
    }

    async fn list_books(
        &self,
        request: Request<ListBooksRequest>,
    ) -> Result<Response<ListBooksResponse>, Status> {
        Ok(answer(self.list(request.get_ref())?))
    }

    async fn search_books(
        &self,
        request: Request<SearchBooksRequest>,
    ) -> Result<Response<SearchBooksResponse>, Status> {
        let patience = Patience::of(request.extensions());
        Ok(answer(self.search(request.into_inner(), patience).await?))
    }

    async fn list_similar_books(
        &self,
        request: Request<ListSimilarBooksRequest>,
    ) -> Result<Response<ListSimilarBooksResponse>, Status> {
        Ok(answer(self.similar(request.get_ref())?))
    }

    async fn list_categories(
        &self,
        _request: Request<ListCategoriesRequest>,
    ) -> Result<Response<ListCategoriesResponse>, Status> {
        Ok(answer(self.categories()))
    }
}

/// Where the page begins. In a catalogue that has changed since the token was made it goes on behind the book that was the
/// last one; if that is gone, at the same offset.
fn start(catalogue: &Catalogue, shelf: Shelf<'_>, position: Position) -> usize {
    let offset = position.offset as usize;
    if position.current {
        return offset;
    }
    catalogue.book(position.last).map_or(offset, |last| shelf.behind(last))
}

/// In what way two books are alike, for people.
fn alike(one: BookRef<'_>, other: BookRef<'_>) -> &'static str {
    let series = |book: BookRef<'_>| book.series().map(|(name, _)| name.to_owned());
    if series(one).is_some() && series(one) == series(other) {
        "Of the same series"
    } else if one.authors().any(|author| other.authors().any(|name| name == author)) {
        "By the same author"
    } else if one.subjects().any(|subject| other.subjects().any(|name| name == subject)) {
        "On a similar subject"
    } else {
        "Of the same kind"
    }
}

fn render(book: BookRef<'_>) -> Book {
    Book {
        id: book.id(),
        title: book.title().to_owned(),
        title_language: book.title_language().to_owned(),
        authors: book.authors().map(str::to_owned).collect(),
        year: book.year().map(i32::from),
        language: book.language().to_owned(),
        series: book.series().map(|(name, number)| Series { name: name.to_owned(), number }),
        categories: book.categories().collect(),
        subjects: book.subjects().map(str::to_owned).collect(),
        isbn13: book.isbn13().map(|isbn| isbn.to_string()).unwrap_or_default(),
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
