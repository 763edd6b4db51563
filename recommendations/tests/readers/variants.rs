//! Comparing ways to choose.

use std::time::Duration;

use protobufs::{
    models::{GetVariantReportRequest, VariantReport, models_service_client::ModelsServiceClient},
    readers::{EventKind, RecordEventsRequest},
    recommendations::{
        RecommendationRequest, RecommendationResponse, Strategy,
        recommendations_client::RecommendationsClient,
    },
};

use crate::{Server, rating, within};

const VARIANTS: &str = "control=50 lucky=50:choose=random,diversity=0.2";

async fn ask(server: &Server, user_id: i32, strategy: Strategy) -> RecommendationResponse {
    let mut client = RecommendationsClient::new(server.channel().await);
    let request =
        RecommendationRequest { user_id, max_results: 3, strategy: strategy.into(), ..Default::default() };
    client.recommend(request).await.unwrap().into_inner()
}

async fn report(server: &Server) -> (Vec<VariantReport>, String) {
    let mut client = ModelsServiceClient::new(server.channel().await);
    let answer = client.get_variant_report(GetVariantReportRequest::default()).await.unwrap().into_inner();
    (answer.variants, answer.summary)
}

crate::on_both! {
    async fn readers_stay_in_their_variant_and_what_they_do_is_counted_for_it(database: Database) {
        let server = Server::over(&database.url, &["--variants", VARIANTS]).await;
        let (variants, summary) = report(&server).await;
        let names: Vec<_> = variants.iter().map(|it| it.variant.as_str()).collect();
        assert_eq!(names, ["control", "lucky"]);
        assert!(summary.starts_with("Not enough data: control has 0 of the 200"), "{summary}");

        let mut readers = server.readers().await;
        let (mut events, mut lucky) = (Vec::new(), [0_i64; 2]);
        for reader in 1..=40 {
            let answer = ask(&server, reader, Strategy::Unspecified).await;
            assert_eq!(answer.variant, ask(&server, reader, Strategy::Unspecified).await.variant);
            assert!(names.contains(&answer.variant.as_str()), "{answer:?}");
            let mut event = |kind: EventKind, book_id| {
                let recommendation_id = answer.recommendation_id.clone();
                events.push(RecordEventsRequest { recommendation_id, kind: kind.into(), book_id });
            };
            // Shown twice is shown once.
            event(EventKind::Impression, 0);
            event(EventKind::Impression, 0);
            let even = reader % 2 == 0;
            if even {
                event(EventKind::Click, answer.recommendations[0].id);
                let mut rating = rating(reader, answer.recommendations[0].id, 4.0);
                rating.recommendation_id = answer.recommendation_id.clone();
                readers.rate(rating).await.unwrap();
            }
            if answer.variant == "lucky" {
                lucky[0] += 1;
                lucky[1] += i64::from(even);
            }
        }
        // What was never shown is neither clicked nor rated, and nobody has seen it.
        for reader in 41..=60 {
            let answer = ask(&server, reader, Strategy::Unspecified).await;
            let (recommendation_id, book_id) = (answer.recommendation_id, answer.recommendations[0].id);
            let mut rating = rating(reader, book_id, 4.0);
            rating.recommendation_id = recommendation_id.clone();
            readers.rate(rating).await.unwrap();
            events.push(RecordEventsRequest { recommendation_id, kind: EventKind::Click.into(), book_id });
        }
        readers.record_events(tokio_stream::iter(events)).await.unwrap();
        let counts = |it: &VariantReport| [it.readers, it.impressions, it.clicks, it.ratings];
        let [all, acted] = lucky;
        let expected = [[40 - all, 40 - all, 20 - acted, 20 - acted], [all, all, acted, acted]];
        let seen = async || report(&server).await.0.iter().map(counts).collect::<Vec<_>>();
        within(Duration::from_secs(10), expected.to_vec(), seen).await;
        let rate = report(&server).await.0[1].click_rate.unwrap();
        assert!(rate.low < rate.rate && rate.rate < rate.high, "{rate:?}");

        // Nobody in particular is in none, and neither is who asks for a strategy.
        assert_eq!(ask(&server, 0, Strategy::Unspecified).await.variant, "");
        assert_eq!(ask(&server, 1, Strategy::Popular).await.variant, "");
        server.stop().await;
    }
}
