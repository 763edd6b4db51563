//! Beside a running suite.

use std::time::{Duration, Instant};

use protobufs::readers::{Entry, ListHistoryRequest, readers_service_client::ReadersServiceClient};
use tonic::transport::Endpoint;

use crate::process::{Suite, run, shelfwise};

#[tokio::test]
async fn a_running_suite_knows_what_was_imported_within_two_seconds() {
    let suite = tokio::task::spawn_blocking(Suite::start).await.unwrap();
    let file = suite.data.path().join("library.csv");
    let library = "Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?\n\
        The Maltese Falcon,Dashiell Hammett,9780679722649,read,4.75,Yes\n";
    std::fs::write(&file, library).unwrap();
    let endpoint = Endpoint::from_shared(format!("http://{}", suite.grpc)).unwrap();
    let mut client = ReadersServiceClient::new(endpoint.connect().await.unwrap());
    let mut command = shelfwise();
    command.args(["import", "storygraph", "--reader", "77", "--data"]).arg(suite.data.path()).arg(&file);
    let ended = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    let imported = Instant::now();
    loop {
        let request = ListHistoryRequest { reader_id: 77, ..ListHistoryRequest::default() };
        let entries: Vec<Entry> = client.list_history(request).await.unwrap().into_inner().entries;
        if let [entry] = entries.as_slice() {
            assert_eq!((entry.book_id, entry.stars, entry.owned), (1, 5.0, true));
            break;
        }
        assert!(imported.elapsed() < Duration::from_secs(2), "not known after {:?}", imported.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
