//! The command line.

use std::{env, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

use crate::{
    books, build, constant, failure::Failure, fit::Fit, functions, home, inside::Inside, load::Plan, million,
    models, ours::Binaries, quality, ratings, recommend, report::Section, scale, serving, suite, training,
};

/// Measures Shelfwise beside its peers on this machine
#[derive(Parser, Debug)]
#[command(version)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    effort: Effort,
    /// End with an error if a target is missed
    #[arg(long, global = true)]
    check: bool,
    /// Leave README.md as it is
    #[arg(long, global = true)]
    no_write: bool,
}

/// How long to measure.
#[derive(clap::Args, Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// One short round of each, in whatever profile this was built; no targets, README.md stays as it is
    #[arg(long, global = true)]
    pub(crate) smoke: bool,
    /// Alternating rounds
    #[arg(long, global = true, value_name = "COUNT", default_value_t = 7, value_parser = clap::value_parser!(u32).range(5..100))]
    rounds: u32,
    /// Length of a round, after a second of warming up
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..60))]
    seconds: u64,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// All of the measurements below but `build` and `scale --million`
    All,
    /// Recommend, beside a Python grpcio server and a bare tonic server
    Recommend,
    /// The home page, beside Flask under gunicorn and axum with a constant page
    Home,
    /// The whole suite in one process: memory, start, size of the binaries
    Suite,
    /// A catalogue of a thousand to a million books: import, memory, start, latency
    Million,
    /// Rankings of goodbooks-3k: every model, and what is served with its caps, exploration and diversity
    Quality,
    /// How fast models are fitted, beside scikit-learn, implicit and numpy
    Models,
    /// Time and memory of training on generated interactions
    Scale {
        /// ALS on a million readers with 50 million interactions instead
        #[arg(long)]
        million: bool,
    },
    /// An answer inside the server by size of the catalogue, and over gRPC
    Serving,
    /// Ratings stored a second, each before its answer
    Ratings,
    /// Functions, beside FastAPI with wasmtime, a process a call and native code
    Functions,
    /// What a training does to the time that answers take
    Training,
    /// A cold `cargo build --release` of a copy of this checkout, and what a changed line costs
    Build,
    /// Writes generated books as JSONL, the same for the same number
    Books {
        /// How many
        #[arg(long, default_value_t = 1_000_000)]
        count: u32,
        /// Where to
        file: PathBuf,
    },
    /// One training in a process of its own
    #[command(hide = true)]
    Fit(Fit),
    /// Answers without a server around them, in a process of their own
    #[command(hide = true)]
    Inside(Inside),
    /// A bare tonic server that answers every Recommend with the message in a file
    #[command(hide = true)]
    ConstantAnswer { address: SocketAddr, file: PathBuf },
    /// An axum server whose only page is a file
    #[command(hide = true)]
    ConstantPage { address: SocketAddr, file: PathBuf },
    /// Pictures that are classified, in a process of its own
    #[command(hide = true)]
    Classify(functions::Classify),
    /// Guests without a server around them, in a process of their own
    #[command(hide = true)]
    Guests(functions::Guests),
    /// One call of a module, which is loaded for it
    #[command(hide = true)]
    RunModule(functions::RunModule),
    /// An axum server that does what the function `hello` does
    #[command(hide = true)]
    NativeFunction { address: SocketAddr },
    /// An axum server that starts a process for each call of a module
    #[command(hide = true)]
    ProcessACall { address: SocketAddr, file: PathBuf },
}

impl Effort {
    /// How many rounds every contender gets.
    pub(crate) fn rounds(&self) -> u32 {
        if self.smoke { 1 } else { self.rounds }
    }

    /// How long a round is counted.
    pub(crate) fn round(&self) -> Duration {
        if self.smoke { Duration::from_millis(500) } else { Duration::from_secs(self.seconds) }
    }

    /// A round with as much load as there can be.
    pub(crate) fn plan(&self, connections: usize, in_flight: usize) -> Plan {
        let (warm_up, length) = (self.warm_up(), self.round());
        Plan { connections, in_flight, pause: Duration::ZERO, warm_up, length }
    }

    /// How long a contender gets to warm up before every round.
    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_millis(if self.smoke { 300 } else { 1000 })
    }
}

impl Arguments {
    /// Does what the command line says.
    pub(crate) async fn run(self) -> Result<ExitCode, Failure> {
        let Self { command, effort, .. } = &self;
        let sections: Vec<Measurement> = match command {
            // A smoke run is short whatever it measures.
            Command::All if effort.smoke => [&ALL[..], &[Measurement::ScaleMillion]].concat(),
            Command::All => ALL.to_vec(),
            Command::Recommend => vec![Measurement::Recommend],
            Command::Home => vec![Measurement::Home],
            Command::Suite => vec![Measurement::Suite],
            Command::Million => vec![Measurement::Million],
            Command::Quality => vec![Measurement::Quality],
            Command::Models => vec![Measurement::Models],
            Command::Scale { million: false } => vec![Measurement::Scale],
            Command::Scale { million: true } => vec![Measurement::ScaleMillion],
            Command::Serving => vec![Measurement::Serving],
            Command::Ratings => vec![Measurement::Ratings],
            Command::Training => vec![Measurement::Training],
            Command::Functions => vec![Measurement::Functions],
            Command::Build => vec![Measurement::Build],
            Command::Fit(fit) => return fit.here().map(|()| ExitCode::SUCCESS),
            Command::Inside(inside) => {
                return inside.clone().here().await.map(|()| ExitCode::SUCCESS);
            }
            Command::Books { count, file } => return books::write(*count, file).map(|()| ExitCode::SUCCESS),
            Command::ConstantAnswer { address, file } => {
                return constant::answer(*address, file).await.map(|()| ExitCode::SUCCESS);
            }
            Command::ConstantPage { address, file } => {
                return constant::page(*address, file).await.map(|()| ExitCode::SUCCESS);
            }
            Command::Classify(classify) => {
                return classify.clone().here().await.map(|()| ExitCode::SUCCESS);
            }
            Command::Guests(guests) => return guests.here().await.map(|()| ExitCode::SUCCESS),
            Command::RunModule(run) => return run.here().await.map(|()| ExitCode::SUCCESS),
            Command::NativeFunction { address } => {
                return functions::native(*address).await.map(|()| ExitCode::SUCCESS);
            }
            Command::ProcessACall { address, file } => {
                return functions::processes(*address, file.clone()).await.map(|()| ExitCode::SUCCESS);
            }
        };
        let binaries = Binaries::find()?;
        let mut reached = true;
        for measurement in sections {
            let section = measurement.take(&binaries, effort).await?;
            reached &= self.publish(&section)?;
        }
        let failed = self.check && !reached && !effort.smoke;
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Prints a section and puts it into the README; whether all of its targets were reached.
    fn publish(&self, section: &Section) -> Result<bool, Failure> {
        println!("{}", section.render(self.effort.smoke));
        let required = env::var_os("SHELFWISE_REQUIRE_TOOLS").is_some_and(|value| value == "1");
        if let Some(skipped) = section.skipped.first().filter(|_| required) {
            return Err(Failure::Skipped { skipped: skipped.clone() });
        }
        if !self.effort.smoke && !self.no_write {
            section.write()?;
        }
        Ok(section.reached())
    }
}

/// What `all` measures: what is short first.
const ALL: [Measurement; 11] = [
    Measurement::Recommend,
    Measurement::Home,
    Measurement::Suite,
    Measurement::Million,
    Measurement::Quality,
    Measurement::Ratings,
    Measurement::Training,
    Measurement::Functions,
    Measurement::Models,
    Measurement::Serving,
    Measurement::Scale,
];
#[derive(Clone, Copy)]
enum Measurement {
    Recommend,
    Home,
    Suite,
    Million,
    Quality,
    Models,
    Scale,
    ScaleMillion,
    Serving,
    Ratings,
    Training,
    Functions,
    Build,
}

impl Measurement {
    async fn take(self, binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
        match self {
            Self::Recommend => recommend::measure(binaries, effort).await,
            Self::Home => home::measure(binaries, effort).await,
            Self::Suite => suite::measure(binaries, effort).await,
            Self::Million => million::measure(binaries, effort).await,
            Self::Quality => quality::measure(binaries, effort).await,
            Self::Models => models::measure(binaries, effort).await,
            Self::Scale => scale::measure(effort).await,
            Self::ScaleMillion => scale::million(effort).await,
            Self::Serving => serving::measure(binaries, effort).await,
            Self::Ratings => ratings::measure(binaries, effort).await,
            Self::Training => training::measure(binaries, effort).await,
            Self::Functions => functions::measure(binaries, effort).await,
            Self::Build => build::measure().await,
        }
    }
}
