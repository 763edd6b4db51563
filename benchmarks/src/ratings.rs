//! How many ratings a second are stored, each before its answer.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use protobufs::{
    catalogue::{ListBooksRequest, catalogue_service_client::CatalogueServiceClient},
    readers::{
        Entry, ExportHistoryRequest, ImportHistoryRequest, readers_service_client::ReadersServiceClient,
    },
};
use tonic::transport::Channel;

use crate::{
    arguments::Effort,
    client::{connect, refused, settled},
    failure::Failure,
    machine,
    ours::{Binaries, Server},
    postgres::Postgres,
    random::Random,
    report::{Bound, Section},
    rounds::median,
};

/// Readers that ratings are spread over.
const READERS: u64 = 100_000;
/// Sustained for so long, or as long as a round if that is longer.
const LEAST: Duration = Duration::from_secs(10);
const ROUNDS: u32 = 3;
/// A clock is looked at once for so many ratings.
const BETWEEN_LOOKS: u64 = 256;

const SQLITE: Bound = Bound::AtLeast(20_000.0);

/// One stream.
struct Stored {
    count: u64,
    rate: f64,
    /// Of the server, in megabytes.
    before: f64,
    peak: f64,
    disk: f64,
}

/// Measures both databases in turn, on a server of its own each time.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("ratings");
    let logs = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let postgres = Postgres::start(logs.path()).await?;
    if postgres.is_none() {
        section.skipped.push(format!("PostgreSQL: {}", Postgres::ADVICE));
    }
    let length = if effort.smoke { effort.round() } else { LEAST.max(effort.round()) };
    let (mut sqlite, mut server) = (Vec::new(), Vec::new());
    for round in 0..if effort.smoke { 1 } else { ROUNDS } {
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                sqlite.push(stream(binaries, None, length).await?);
            } else if let Some(postgres) = &postgres {
                let url = postgres.database(&format!("round_{round}")).await?;
                server.push(stream(binaries, Some(&url), length).await?);
            }
        }
    }
    let mut rows = Vec::new();
    for (name, rounds) in [("SQLite", &sqlite), ("PostgreSQL", &server)] {
        if rounds.is_empty() {
            continue;
        }
        let of = |of: fn(&Stored) -> f64| format!("{:.0}", median(rounds.iter().map(of)));
        rows.push([
            name.to_owned(),
            of(|it| it.rate),
            of(|it| it.count as f64),
            of(|it| it.before),
            of(|it| it.peak),
            // PostgreSQL's is elsewhere.
            if name == "SQLite" { of(|it| it.disk) } else { "–".to_owned() },
        ]);
    }
    section.table(["", "ratings/s", "ratings", "MB before", "peak MB", "data folder MB"], rows);
    let rate = median(sqlite.iter().map(|it| it.rate));
    section.target("ratings/s through one stream, SQLite", rate, SQLITE, "");
    Ok(section)
}

/// Sends ratings for so long; what the server had stored when it answered, over the time until then.
async fn stream(binaries: &Binaries, url: Option<&str>, length: Duration) -> Result<Stored, Failure> {
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let settings: Vec<_> = url.map(|url| ("DATABASE_URL", url)).into_iter().collect();
    let server = binaries.recommendations_with(folder.path(), &settings).await?;
    settled(server.address).await?;
    let channel = connect(server.address).await?;
    let books = books(&server, channel.clone()).await?;
    let before = machine::memory(server.process.group()).resident as f64 / 1e6;

    let mut random = Random::new(5);
    let start = Instant::now();
    let mut sent = 0_u64;
    let mut over = false;
    let ratings = std::iter::from_fn(move || {
        over |= sent.is_multiple_of(BETWEEN_LOOKS) && start.elapsed() >= length;
        sent += 1;
        (!over).then(|| {
            let entry = Entry {
                reader_id: 1 + random.below(READERS) as i32,
                book_id: books[random.below(books.len() as u64) as usize],
                stars: (1 + random.below(10)) as f32 / 2.0,
                ..Entry::default()
            };
            ImportHistoryRequest { entry: Some(entry), request_id: String::new() }
        })
    });
    let mut client = ReadersServiceClient::new(channel);
    let answer = client.import_history(tokio_stream::iter(ratings)).await;
    let seconds = start.elapsed().as_secs_f64();
    let answer = answer.map_err(refused(server.address, "store ratings"))?.into_inner();
    if answer.refused != 0 || answer.stored == 0 {
        let why = format!("{} stored, {} refused", answer.stored, answer.refused);
        return Err(Failure::Answer { address: server.address, why });
    }
    let peak = machine::memory(server.process.group()).peak as f64 / 1e6;
    let rate = answer.stored as f64 / seconds;
    eprintln!("{}: {rate:.0} ratings/s", if url.is_some() { "PostgreSQL" } else { "SQLite" });
    check(&server, &mut client).await?;
    drop(server);
    let disk = size(folder.path()) as f64 / 1e6;
    Ok(Stored { count: answer.stored.unsigned_abs(), rate, before, peak, disk })
}

/// What is exported must have what was stored: some entry of reader 1 or of those after.
async fn check(server: &Server, client: &mut ReadersServiceClient<Channel>) -> Result<(), Failure> {
    for reader_id in 1..=READERS as i32 {
        let request = ExportHistoryRequest { reader_id };
        let answer = client.export_history(request).await.map_err(refused(server.address, "export"))?;
        let piece = answer.into_inner().message().await.map_err(refused(server.address, "export"))?;
        if piece.is_some_and(|piece| !piece.entries.is_empty()) {
            return Ok(());
        }
    }
    Err(Failure::Answer { address: server.address, why: "nothing is exported".to_owned() })
}

/// The numbers of all books.
async fn books(server: &Server, channel: Channel) -> Result<Vec<i32>, Failure> {
    let mut catalogue = CatalogueServiceClient::new(channel);
    let mut books = Vec::new();
    let mut request = ListBooksRequest { page_size: 100, ..ListBooksRequest::default() };
    loop {
        let page = catalogue.list_books(request.clone()).await;
        let page = page.map_err(refused(server.address, "list books"))?.into_inner();
        books.extend(page.books.iter().map(|book| book.id));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return Ok(books);
        }
    }
}

/// Bytes of the files in a folder; what goes away meanwhile counts nothing.
fn size(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|it| it.len()).sum()
}
