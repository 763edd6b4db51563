use std::{num::NonZeroUsize, str::FromStr as _, thread};

use clap::{Args, builder::NonEmptyStringValueParser, value_parser};
use croner::Cron;

use crate::models::Kind;

/// When and how models are trained.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Where artefacts lie: file:///FOLDER or s3://BUCKET/PREFIX, with the usual AWS_ variables [default: the data folder]
    #[arg(long, env = "OBJECTS_URL", value_name = "URL", value_parser = NonEmptyStringValueParser::new())]
    pub objects_url: Option<String>,
    /// Whether this process trains. Another one has to where it does not; models are served by all
    #[arg(long, value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set)]
    pub train: bool,
    /// What is trained
    #[arg(long, value_name = "MODEL", default_value_t, help = format!("What is trained, one of {}", Kind::names()))]
    pub model: Kind,
    /// When to train in any case: a cron expression in UTC, such as `0 3 * * *` for three in the morning [default: never]
    #[arg(long, value_name = "CRON", value_parser = schedule)]
    pub train_schedule: Option<Cron>,
    /// After how many changes of readers' histories to train, or sooner, when they have doubled. 0: never
    #[arg(long, value_name = "COUNT", default_value_t = 1_000)]
    pub train_after: u32,
    /// How many threads train, at low priority [default: half of the processors, at least 1]
    #[arg(long, value_name = "COUNT")]
    pub train_threads: Option<NonZeroUsize>,
    /// How many models may be fitted to choose parameters on held-out ratings; 1: parameters by the size of the data
    #[arg(long, value_name = "COUNT", default_value_t = 40, value_parser = value_parser!(u32).range(1..=1_000))]
    pub train_trials: u32,
    /// By how much NDCG@10 a new model may be worse than the one that answers
    #[arg(long, value_name = "NDCG", default_value_t = 0.01, value_parser = margin)]
    pub quality_margin: f64,
    /// How many models are kept, beside the active one and the one before
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = value_parser!(u32).range(1..=90))]
    pub kept_models: u32,
    /// Whether simulated readers show what can be recommended until there are real ones
    #[arg(long, value_name = "BOOL", default_value = "true", action = clap::ArgAction::Set)]
    pub simulated_readers: bool,
}

impl Settings {
    /// How many threads train.
    #[must_use]
    pub fn threads(&self) -> usize {
        let half = || thread::available_parallelism().map_or(1, |count| (count.get() / 2).max(1));
        self.train_threads.map_or_else(half, NonZeroUsize::get)
    }
}

fn schedule(text: &str) -> Result<Cron, String> {
    Cron::from_str(text).map_err(|error| format!("no cron expression such as `0 3 * * *`: {error}"))
}

fn margin(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(margin) if (0.0..=1.0).contains(&margin) => Ok(margin),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}
