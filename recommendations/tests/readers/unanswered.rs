//! Who is not answered by what stores hears what that means.

use recommendations::{
    ratings::{Change, Stars},
    readers::{ReaderMetrics, Readers, Said, WriteError},
    store::Store,
};
use service::telemetry::Metrics;

#[tokio::test]
async fn what_nobody_answers_any_more_is_not_known_to_be_stored_unless_the_server_is_stopping() {
    for (closing, told) in [(false, WriteError::Unknown), (true, WriteError::Stopping)] {
        let store = Store::connect("sqlite::memory:").await.unwrap();
        let metrics = ReaderMetrics::new(&Metrics::new(recommendations::PREFIX));
        let (readers, writer) = Readers::start(store, metrics).await.unwrap();
        let said = Said {
            reader: 7,
            book: 1,
            change: Change::Rate(Stars::from_halves(9).unwrap()),
            request: None,
            recommendation: None,
        };
        let submitted = readers.submit(vec![said]).await.unwrap();
        if closing {
            readers.close();
        }
        // As when it panics with this in its hands.
        drop(writer);
        assert_eq!(submitted.stored().await, Err(told));
    }
}
