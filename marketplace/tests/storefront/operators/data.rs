//! What readers say and do, told to recommendations directly.

use protobufs::readers::{
    Entry, EventKind, ImportHistoryRequest, RecordEventsRequest, Shelf,
    readers_service_client::ReadersServiceClient,
};
use tokio::runtime::Runtime;
use tonic::{
    Request, Status,
    metadata::MetadataValue,
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};

use super::TOKEN;
use crate::fixture::Running;

type Shown = fn(Request<()>) -> Result<Request<()>, Status>;
type Client = ReadersServiceClient<InterceptedService<Channel, Shown>>;

fn shown(mut request: Request<()>) -> Result<Request<()>, Status> {
    let token: MetadataValue<_> = format!("Bearer {TOKEN}").parse().unwrap();
    request.metadata_mut().insert("authorization", token);
    Ok(request)
}

fn with_client(server: &Running, work: impl AsyncFnOnce(&mut Client)) {
    let address = format!("http://{}", server.address);
    Runtime::new().unwrap().block_on(async {
        let channel = Endpoint::from_shared(address).unwrap().connect().await.unwrap();
        work(&mut ReadersServiceClient::with_interceptor(channel, shown as Shown)).await;
    });
}

/// 120 readers give stars to eight books each that leave the same remainder, so that there is something to learn, and shelve
/// one. That is 960 with stars and 120 without.
pub(super) fn rate(server: &Running) {
    let entry = |reader: i32, number: i32| {
        let book = (reader / 6 * 7 + number * 3) % 10 * 6 + reader % 6 + 1;
        let stars = if number == 7 { 2.0 } else { 4.0 };
        Entry { reader_id: reader, book_id: book, stars, ..Entry::default() }
    };
    let shelved = |reader: i32| Entry {
        reader_id: reader,
        book_id: 100 + reader,
        shelf: Shelf::WantToRead.into(),
        ..Entry::default()
    };
    let entries =
        (1..=120).flat_map(|reader| (0..8).map(move |number| entry(reader, number)).chain([shelved(reader)]));
    let entries: Vec<_> =
        entries.map(|entry| ImportHistoryRequest { entry: Some(entry), request_id: String::new() }).collect();
    with_client(server, async |client| {
        let answer = client.import_history(futures_util::stream::iter(entries)).await.unwrap().into_inner();
        assert_eq!((answer.stored, answer.refused), (120 * 9, 0), "{:?}", answer.errors);
    });
}

/// Tells that so many recommendations of a variant were shown, and how many of them were clicked.
pub(super) fn show(server: &Running, variant: &str, shown: u32, clicked: u32) {
    let event = |number: u32, kind: EventKind, book_id| RecordEventsRequest {
        recommendation_id: format!("{:016x}-{:x}-{variant}", u64::from(number) + 1, number + 1),
        kind: kind.into(),
        book_id,
    };
    let impressions = (0..shown).map(|number| event(number, EventKind::Impression, 0));
    let clicks = (0..clicked).map(|number| event(number, EventKind::Click, 1));
    let events: Vec<_> = impressions.chain(clicks).collect();
    with_client(server, async |client| {
        client.record_events(futures_util::stream::iter(events)).await.unwrap();
    });
}
