//! Uploads over real gRPC.

use std::{net::SocketAddr, time::Duration};

use clap::Parser as _;
use protobufs::readers::{
    Entry, ImportLibraryRequest, ImportLibraryResponse, LibraryFormat, LibraryHeader, LibraryProgress,
    LibraryResult, ListHistoryRequest, RateRequest, Shelf, import_library_request::Part,
    import_library_response::Part as Told, readers_service_client::ReadersServiceClient,
};
use recommendations::Config;
use tokio::{net::TcpListener, sync::oneshot, time::Instant};
use tokio_stream::StreamExt as _;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};

type Client = ReadersServiceClient<Channel>;

/// A server with the catalogue that comes with the program. It ends with the runtime.
struct Server {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = vec!["recommendations", "--data", folder.path().to_str().unwrap()];
        arguments.extend(["--simulated-readers", "false"]);
        arguments.extend(settings);
        let config = Config::parse_from(arguments);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        tokio::spawn(recommendations::run(config, listener, admin, shutdown));
        Self { address, _stop: stop, _folder: folder }
    }

    async fn client(&self) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        ReadersServiceClient::new(endpoint.connect().await.unwrap())
    }
}

fn header(reader_id: i32, format: LibraryFormat) -> ImportLibraryRequest {
    let header = LibraryHeader { reader_id, format: format.into() };
    ImportLibraryRequest { part: Some(Part::Header(header)) }
}

fn chunk(piece: &[u8]) -> ImportLibraryRequest {
    ImportLibraryRequest { part: Some(Part::Chunk(piece.to_vec())) }
}

fn file(reader_id: i32, bytes: &[u8], piece: usize) -> Vec<ImportLibraryRequest> {
    let header = header(reader_id, LibraryFormat::Unspecified);
    std::iter::once(header).chain(bytes.chunks(piece).map(chunk)).collect()
}

/// All that is told until the end.
async fn send(
    client: &mut Client,
    requests: Vec<ImportLibraryRequest>,
) -> Result<Vec<ImportLibraryResponse>, Status> {
    let mut stream = client.import_library(tokio_stream::iter(requests)).await?.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = stream.message().await? {
        all.push(answer);
    }
    Ok(all)
}

async fn upload(client: &mut Client, reader_id: i32, bytes: &[u8]) -> Result<LibraryResult, Status> {
    let answers = send(client, file(reader_id, bytes, 1_000)).await?;
    let Some(ImportLibraryResponse { part: Some(Told::Result(result)) }) = answers.last().cloned() else {
        panic!("{:?}", answers.last());
    };
    let progress = |answer: &ImportLibraryResponse| matches!(answer.part, Some(Told::Progress(_)));
    assert!(answers[..answers.len() - 1].iter().all(progress));
    Ok(result)
}

async fn history(client: &mut Client, reader_id: i32) -> Vec<Entry> {
    let request = ListHistoryRequest { reader_id, page_size: 1_000, ..ListHistoryRequest::default() };
    let mut entries = client.list_history(request).await.unwrap().into_inner().entries;
    entries.sort_by_key(|entry| entry.book_id);
    entries
}

fn counts(rows: i64, stored: i64, unmatched: i64, wrong: i64) -> (i64, i64, i64, i64) {
    (rows, stored, unmatched, wrong)
}

fn told(result: &LibraryResult) -> (i64, i64, i64, i64) {
    let LibraryProgress { rows, stored, unmatched, wrong, .. } = result.total.unwrap();
    (rows, stored, unmatched, wrong)
}

const GOODREADS: &str = "Book Id,Title,Author,Author l-f,Additional Authors,ISBN,ISBN13,My Rating,Average Rating,\
    Publisher,Binding,Number of Pages,Year Published,Original Publication Year,Date Read,Date Added,Bookshelves,\
    Bookshelves with positions,Exclusive Shelf,My Review,Spoiler,Private Notes,Read Count,Owned Copies\n\
    29999,The Maltese Falcon,Dashiell Hammett,\"Hammett, Dashiell\",,\"=\"\"0679722645\"\"\",\"=\"\"9780679722649\"\"\",5,\
    3.8,Vintage,Paperback,217,1992,1930,2021/03/15,2021/01/02,,,read,\"Short, and\nsharp.\",,,1,1\n\
    375802,\"Ender's Game (Ender's Saga, #1)\",Orson Scott Card,\"Card, Orson Scott\",,=\"\",=\"\",0,4.3,Tor,Paperback,324,\
    1994,1985,,2020/05/06,to-read,to-read (#1),to-read,,,,0,0\n\
    1,A Book That Nobody Wrote,No One,,,=\"\",=\"\",3,4.3,,,,,,,,,,read,,,,1,0\n\
    2,Murder on the Orient Express,Agatha Christie,,,=\"\",=\"\",9,4.3,,,,,,,,,,read,,,,1,0\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goodreads_library_is_added_to_what_is_known() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    let rated = RateRequest { reader_id: 9, book_id: 5, stars: 2.5, ..RateRequest::default() };
    client.rate(rated).await.unwrap();

    let result = upload(&mut client, 9, GOODREADS.as_bytes()).await.unwrap();
    assert_eq!(told(&result), counts(4, 2, 1, 1));
    assert_eq!(result.total.unwrap().bytes, i64::try_from(GOODREADS.len()).unwrap());
    assert_eq!(result.format(), LibraryFormat::Goodreads);
    let unmatched = &result.unmatched[0];
    assert_eq!((unmatched.line, unmatched.title.as_str()), (5, "A Book That Nobody Wrote"));
    assert_eq!(unmatched.author, "No One");
    let error = &result.errors[0];
    assert_eq!((error.line, error.reason.as_str()), (6, "My Rating is \"9\", not 0 to 5"));
    assert_eq!(error.title, "Murder on the Orient Express");

    let entries = history(&mut client, 9).await;
    let [falcon, game] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((falcon.book_id, falcon.stars, falcon.shelf(), falcon.owned), (1, 5.0, Shelf::Read, true));
    assert_eq!(falcon.changed_at.unwrap().seconds, 1_615_766_400, "2021-03-15");
    // Goodreads says nothing of stars: what was said here stays.
    assert_eq!((game.book_id, game.stars, game.shelf()), (5, 2.5, Shelf::WantToRead));
    // Again: nothing changes.
    assert_eq!(told(&upload(&mut client, 9, GOODREADS.as_bytes()).await.unwrap()), counts(4, 2, 1, 1));
    assert_eq!(history(&mut client, 9).await, entries);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_stored_comes_back_as_a_file_that_fits() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    let result = upload(&mut client, 9, GOODREADS.as_bytes()).await.unwrap();
    let file = String::from_utf8(result.not_stored).unwrap();
    let header = GOODREADS.lines().next().unwrap();
    let mut lines = file.lines();
    assert_eq!((lines.next().unwrap(), result.not_stored_rows), (format!("{header},reason").as_str(), 2));
    assert!(
        lines.next().unwrap().starts_with("1,A Book That Nobody Wrote,No One,,,\"=\"\"\"\"\","),
        "{file}"
    );
    assert!(lines.next().unwrap().ends_with(",1,0,\"line 6: My Rating is \"\"9\"\", not 0 to 5\""), "{file}");

    // Nothing to mend, no file.
    let good = upload(&mut client, 9, b"book,stars\n1,4\n").await.unwrap();
    assert_eq!((good.not_stored.len(), good.not_stored_rows), (0, 0));

    // The longest titles, of the longest letters, in more rows than are named: the answer still arrives.
    let mut long = String::from("Title,Author,My Rating,Exclusive Shelf\n");
    for line in 0..3_000 {
        let (title, author) = ("𐍈".repeat(200), "𐍂".repeat(200));
        long += &format!("{title}{line},{author},{},read\n", if line % 2 == 0 { "3" } else { "eleven" });
    }
    let result = upload(&mut client, 9, long.as_bytes()).await.unwrap();
    assert_eq!((told(&result), result.errors.len()), (counts(3_000, 0, 1_500, 1_500), 1_000));
    // A reason names the book once more.
    assert!((400..500).contains(&result.not_stored_rows), "{}", result.not_stored_rows);
    assert!((1_000_000..=1 << 20).contains(&result.not_stored.len()), "{}", result.not_stored.len());
    let text = String::from_utf8(result.not_stored).unwrap();
    assert_eq!(text.lines().count(), 1 + usize::try_from(result.not_stored_rows).unwrap(), "whole rows");
    assert!(text.ends_with('\n'));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storygraph_library_rounds_quarters_to_halves() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    let file = "Title,Authors,Contributors,ISBN/UID,Format,Read Status,Date Added,Last Date Read,Dates Read,Read Count,\
        Moods,Pace,Character- or Plot-Driven?,Strong Character Development?,Loveable Characters?,Diverse Characters?,\
        Flawed Characters?,Star Rating,Review,Content Warnings,Content Warning Description,Tags,Owned?\n\
        The Maltese Falcon,Dashiell Hammett,,9780679722649,paperback,read,2023/01/01,2023/02/03,,1,,,,,,,,3.75,,,,,Yes\n\
        Murder on the Orient Express,Agatha Christie,,,paperback,did-not-finish,2023/01/01,,,0,,,,,,,,0.25,,,,,No\n\
        Ender's Game,Orson Scott Card,,,paperback,currently-reading,2023/01/01,,,0,,,,,,,,,,,,,No\n";
    let result = upload(&mut client, 3, file.as_bytes()).await.unwrap();
    assert_eq!((told(&result), result.format()), (counts(3, 3, 0, 0), LibraryFormat::Storygraph));
    let entries = history(&mut client, 3).await;
    let said: Vec<_> =
        entries.iter().map(|entry| (entry.book_id, entry.stars, entry.shelf(), entry.owned)).collect();
    assert_eq!(
        said,
        [(1, 4.0, Shelf::Read, true), (2, 0.5, Shelf::DidNotFinish, false), (5, 0.0, Shelf::Reading, false)]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_formats_belong_to_the_reader_of_the_header() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    let csv = "reader,book,stars,shelf,dismissed,owned,interacted,changed_at\n\
        1,1,4.5,read,false,true,true,2024-01-01T00:00:00Z\n2,2,,,true,,,\n";
    let result = upload(&mut client, 8, csv.as_bytes()).await.unwrap();
    assert_eq!((told(&result), result.format()), (counts(2, 2, 0, 0), LibraryFormat::ShelfwiseCsv));
    let entries = history(&mut client, 8).await;
    assert_eq!((entries[0].stars, entries[0].owned, entries[1].dismissed), (4.5, true, true));
    assert_eq!(history(&mut client, 1).await, []);
    // A row says all that there is, and replaces.
    let json = "{\"book\":1,\"shelf\":\"reading\"}\n{\"book\":999999}\n{\"book\":999999,\"stars\":5}\n";
    let result = upload(&mut client, 8, json.as_bytes()).await.unwrap();
    assert_eq!((told(&result), result.format()), (counts(3, 1, 1, 1), LibraryFormat::ShelfwiseJsonl));
    assert_eq!(result.unmatched[0].title, "999999");
    let entries = history(&mut client, 8).await;
    assert_eq!((entries[0].stars, entries[0].owned, entries[0].shelf()), (0.0, false, Shelf::Reading));
    // Without a time in it, the same again is no change.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    upload(&mut client, 8, json.as_bytes()).await.unwrap();
    assert_eq!(history(&mut client, 8).await, entries);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_is_none_is_refused_with_words_that_can_be_shown() {
    let server = Server::start(&["--max-library-bytes", "100000", "--max-message-bytes", "1024"]).await;
    let mut client = server.client().await;
    let csv = LibraryFormat::ShelfwiseCsv;
    let goodreads = LibraryFormat::Goodreads;
    for (requests, code, message) in [
        (vec![], Code::InvalidArgument, "Invalid request"),
        (vec![chunk(b"book\n")], Code::InvalidArgument, "Invalid request"),
        (vec![ImportLibraryRequest::default()], Code::InvalidArgument, "Invalid request"),
        (vec![header(0, csv)], Code::InvalidArgument, "Invalid request"),
        (vec![header(-1, csv)], Code::InvalidArgument, "Invalid request"),
        (vec![header(1, csv), header(1, csv)], Code::InvalidArgument, "Invalid request"),
        (vec![header(1, csv), chunk(&[b'x'; 65_537])], Code::InvalidArgument, "Invalid request"),
        (vec![header(1, csv)], Code::InvalidArgument, "the file is empty"),
        (
            vec![header(1, csv), chunk(b"\xff\xfet\0")],
            Code::InvalidArgument,
            "the file is UTF-16; save it as UTF-8",
        ),
        (
            vec![header(1, goodreads), chunk(b"Title,Author,My Rat"), chunk(b"ing\n")],
            Code::InvalidArgument,
            "the first line must name the columns, and `Exclusive Shelf` is not among them",
        ),
        (
            vec![
                header(1, csv),
                chunk(b"book,stars\n1,5\n"),
                chunk(&[b'\n'; 65_536]),
                chunk(&[b'\n'; 65_536]),
            ],
            Code::OutOfRange,
            "The file is longer than 100000 bytes; the rows before that are stored",
        ),
    ] {
        let status = send(&mut client, requests).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, message));
    }
    let unknown = LibraryHeader { reader_id: 1, format: 99 };
    let status = send(&mut client, vec![ImportLibraryRequest { part: Some(Part::Header(unknown)) }])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_told_while_the_upload_goes_on() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    // Whoever sends has not come to the end, and never does.
    let requests = vec![
        header(1, LibraryFormat::Goodreads),
        chunk(&b"Title,Author\n".repeat(5_000)),
        chunk(&[b'x'; 1_000]),
    ];
    let requests = tokio_stream::iter(requests).chain(tokio_stream::pending());
    let start = Instant::now();
    let mut stream = client.import_library(requests).await.unwrap().into_inner();
    let status = stream.message().await.unwrap_err();
    assert!(status.message().contains("`My Rating` and `Exclusive Shelf` are not"), "{status}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_library_tells_how_far_it_is_and_no_more_than_a_thousand_rows_of_each_kind() {
    let server = Server::start(&[]).await;
    let mut client = server.client().await;
    let mut csv = "book,stars\n".to_owned();
    for n in 0..60_000 {
        csv += match n % 3 {
            0 => "1,5\n",
            1 => "888888,5\n",
            _ => "1,7\n",
        };
    }
    let start = Instant::now();
    let answers = send(&mut client, file(4, csv.as_bytes(), 65_536)).await.unwrap();
    let most = 2 + start.elapsed().as_millis() / 100;
    assert!(answers.len() as u128 <= most + 1, "{} answers in {:?}", answers.len(), start.elapsed());
    let progress: Vec<_> = answers
        .iter()
        .filter_map(|answer| match &answer.part {
            Some(Told::Progress(progress)) => Some(progress.rows),
            _ => None,
        })
        .collect();
    assert!(!progress.is_empty() && progress.is_sorted(), "{progress:?}");
    let Some(Told::Result(result)) = &answers.last().unwrap().part else { panic!("no result") };
    assert_eq!(told(result), counts(60_000, 20_000, 20_000, 20_000));
    assert_eq!((result.errors.len(), result.unmatched.len()), (1_000, 1_000));
    assert_eq!(history(&mut client, 4).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_belongs_to_whoever_shows_the_token() {
    let server = Server::start(&["--token", "a-token-of-the-test"]).await;
    let status = send(&mut server.client().await, file(1, b"book,stars\n1,5\n", 100)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
}
