//! What readers really get: over gRPC, from a server whose readers have read what the training file says.

use std::{collections::HashMap, path::Path};

use protobufs::recommendations::{RecommendationRequest, recommendations_client::RecommendationsClient};
use recommendations::evaluate::{Ranking, Table, Trial};
use tonic::transport::Channel;

use crate::{
    arguments::Effort,
    client::{connect, refused},
    evaluate::Figures,
    failure::Failure,
    ours::{Binaries, Server},
    process,
    report::Section,
    split::Split,
};

/// A row: how it is asked.
#[derive(Clone, Copy)]
struct Asked {
    name: &'static str,
    capped: bool,
    /// `None`: what is set by default.
    exploration: Option<f32>,
    diversity: Option<f32>,
}

/// What readers with a history get unless they ask for something else.
const DEFAULT: Asked = Asked {
    name: "as served: at most 2 of a series or author",
    capped: true,
    exploration: None,
    diversity: None,
};
const EXPLORATION: f32 = 0.2;
const DIVERSITY: [f32; 6] = [0.1, 0.2, 0.3, 0.5, 0.7, 1.0];
const SMOKE: [f32; 1] = [1.0];
/// As many as recall is measured on.
const DEPTH: i32 = 20;

/// Adds the table, and returns the knob's figures without caps.
pub(super) async fn measure(
    binaries: &Binaries,
    effort: &Effort,
    split: &Split,
    folder: &Path,
    section: &mut Section,
) -> Result<Vec<(f32, Figures)>, Failure> {
    let (table, trial) = split.trial()?;
    let server = start(binaries, effort, split, (&table, &trial), folder).await?;
    let mut asking = Asking::new(&server, &table, &trial).await?;
    let free = Asked { name: "without caps", capped: false, exploration: Some(0.0), diversity: Some(0.0) };
    let (mut rows, mut knob) = (Vec::new(), Vec::new());
    let explored = Asked { name: "without caps, exploration .2", exploration: Some(EXPLORATION), ..free };
    let both = Asked { name: "caps and exploration .2", exploration: Some(EXPLORATION), ..DEFAULT };
    for asked in [free, DEFAULT, explored, both] {
        let figures = asking.figures(asked).await?;
        rows.push(row(asked.name.to_owned(), &figures));
        if asked.name == free.name {
            knob.push((0.0, figures));
        }
    }
    for &diversity in if effort.smoke { &SMOKE[..] } else { &DIVERSITY[..] } {
        let figures = asking.figures(Asked { diversity: Some(diversity), ..free }).await?;
        let capped = Asked { diversity: Some(diversity), ..DEFAULT };
        let capped = asking.figures(capped).await?;
        rows.push(row(format!("diversity {diversity}, without caps"), &figures));
        rows.push(row(format!("diversity {diversity}, with caps"), &capped));
        knob.push((diversity, figures));
    }
    let [a, b, c, d, e, f] = Figures::COLUMNS;
    section.table(["`Recommend`", a, b, c, d, e, f], rows);
    Ok(knob)
}

fn row(name: String, figures: &Figures) -> [String; 7] {
    let [ndcg, recall, map, coverage, novelty, gini] = figures.cells();
    [name, ndcg, recall, map, coverage, novelty, gini]
}

/// A server with the model that training by default comes to: the second one, whose parameters are chosen. It trains no more.
pub(crate) async fn start(
    binaries: &Binaries,
    effort: &Effort,
    split: &Split,
    (table, trial): (&Table, &Trial),
    folder: &Path,
) -> Result<Server, Failure> {
    let data = split.store(binaries, (table, trial), folder).await?;
    for _ in 0..if effort.smoke { 1 } else { 2 } {
        let mut command = binaries.shelfwise(&["train", "--here", "--data"]);
        command.arg(&data).env("RECOMMENDATIONS_TRAIN_THREADS", "2");
        let said = process::output("shelfwise train", command).await?;
        eprint!("{said}");
    }
    let settings = [("RECOMMENDATIONS_TRAIN_AFTER", "0"), ("RECOMMENDATIONS_SIMULATED_READERS", "false")];
    binaries.recommendations_with(&data, &settings).await
}

/// Asks for all readers.
struct Asking<'a> {
    server: &'a Server,
    calls: RecommendationsClient<Channel>,
    table: &'a Table,
    trial: &'a Trial,
    /// Places of books by number.
    places: HashMap<i32, u32>,
}

impl<'a> Asking<'a> {
    async fn new(server: &'a Server, table: &'a Table, trial: &'a Trial) -> Result<Self, Failure> {
        let calls = RecommendationsClient::new(connect(server.address).await?);
        let place = |(name, place): (&i64, u32)| Some((i32::try_from(*name).ok()?, place));
        let places = table.books.names().iter().zip(0..).filter_map(place).collect();
        Ok(Self { server, calls, table, trial, places })
    }

    async fn figures(&mut self, asked: Asked) -> Result<Figures, Failure> {
        let mut ranking = Ranking::default();
        for reader in self.trial.asked() {
            let name = self.table.readers.names()[reader];
            let request = RecommendationRequest {
                user_id: i32::try_from(name).unwrap_or(0),
                all_categories: true,
                max_results: DEPTH,
                uncapped: !asked.capped,
                exploration: asked.exploration,
                diversity: asked.diversity,
                // The same chance in each run.
                seed: Some(name.unsigned_abs()),
                ..Default::default()
            };
            let answer = self.calls.recommend(request).await;
            let answer = answer.map_err(refused(self.server.address, "ask for a list"))?.into_inner();
            let books = answer.recommendations.iter().filter_map(|book| self.places.get(&book.id).copied());
            ranking.rows.push((reader as u32, books.collect()));
        }
        let figures = Figures::from(&ranking.quality(self.trial));
        let Asked { name, diversity, .. } = asked;
        eprintln!("{name}, diversity {:.1}: NDCG@10 {:.4}", diversity.unwrap_or(0.0), figures.ndcg);
        Ok(figures)
    }
}
