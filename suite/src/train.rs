use std::{
    io::{self, IsTerminal as _},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use protobufs::{
    models::{CancelJobRequest, Job, JobState, ListJobsRequest, TrainRequest, WatchJobRequest},
    readers::{EraseSimulatedReadersRequest, readers_service_client::ReadersServiceClient},
};
use recommendations::{
    models::Kind,
    store::{Cause, Scheduled},
};
use service::{Failure, config};

use crate::remote::{Remote, refused};

/// Train a model: at a running server, or here
#[derive(Args, Debug)]
pub(crate) struct Train {
    #[arg(long, value_name = "NAME", help = format!("One of {} [default: what the server is set to]", Kind::names()))]
    model: Option<Kind>,
    /// Let the new model answer even if it is worse
    #[arg(long)]
    force: bool,
    /// Wait for the end and show how far it is
    #[arg(long)]
    wait: bool,
    /// Train in this process, with the database and objects of RECOMMENDATIONS_…, DATABASE_URL and OBJECTS_URL; waits
    #[arg(long)]
    here: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Show trainings, the latest first
#[derive(Args, Debug)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    command: Option<JobsCommand>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand, Debug)]
enum JobsCommand {
    /// Stop a training
    Cancel {
        /// Its number
        id: i64,
    },
}

/// The readers that are simulated until there are real ones
#[derive(Args, Debug)]
pub(crate) struct Simulated {
    #[command(subcommand)]
    command: SimulatedCommand,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand, Debug)]
enum SimulatedCommand {
    /// Forget them, for ever, and the models that learnt from them
    Erase,
}

impl Train {
    pub(crate) fn run(self, data: Option<PathBuf>) -> Result<(), Failure> {
        if self.here { service::block_on(self.here(data)) } else { service::block_on(self.there()) }
    }

    async fn there(self) -> Result<(), Failure> {
        let mut server = self.remote.models().await?;
        let model = self.model.map(|kind| kind.name().to_owned()).unwrap_or_default();
        let answer = server.train(TrainRequest { model, force: self.force }).await.map_err(refused)?;
        let Some(job) = answer.into_inner().job else { return Err(Failure::io("the server told no job")) };
        if !self.wait {
            say!("job {}: {} is scheduled", job.id, job.model);
            return Ok(());
        }
        let bar = progress();
        let mut news = server.watch_job(WatchJobRequest { id: job.id }).await.map_err(refused)?.into_inner();
        let mut last = job;
        while let Some(message) = news.message().await.map_err(refused)? {
            let Some(job) = message.job else { continue };
            show(&bar, &job.step, job.progress);
            last = job;
        }
        bar.finish_and_clear();
        match last.state() {
            JobState::Succeeded => {
                say!("{}: {}", last.model_version, last.message);
                Ok(())
            }
            JobState::Failed | JobState::Cancelled => {
                Err(Failure::io(format!("job {}: {}", last.id, last.message)))
            }
            _ => Err(Failure::io(format!("job {}: the server stopped before its end", last.id))),
        }
    }

    async fn here(self, data: Option<PathBuf>) -> Result<(), Failure> {
        let mut settings: recommendations::Config = config::from_env(recommendations::PREFIX)?;
        settings.data = data.or(settings.data);
        settings.training.train = true;
        let (training, writer) = recommendations::training(&settings).await?;
        // Ends with the process: it only reads here, or sweeps what it sweeps as a whole.
        tokio::spawn(writer.run());
        let kind = self.model.unwrap_or(settings.training.model);
        let scheduled = training.schedule(kind.name(), Cause::Call, self.force).await?;
        let Scheduled::Job(job) = scheduled else {
            return Err(Failure::io("too many trainings wait already"));
        };
        let bar = progress();
        let tell = |job: &recommendations::store::Job| show(&bar, &job.step, job.progress);
        let ended = training.work_until(job.id, tell, service::signals()?).await;
        bar.finish_and_clear();
        match ended? {
            Some(job) if !job.state.has_ended() => {
                Err(Failure::io(format!("job {}: left for another process", job.id)))
            }
            Some(job) if job.state == recommendations::store::JobState::Succeeded => {
                say!("{}: {}", job.model_version, job.message);
                Ok(())
            }
            Some(job) => Err(Failure::io(format!("job {}: {}", job.id, job.message))),
            None => Err(Failure::io(format!("job {}: it was forgotten", job.id))),
        }
    }
}

impl Jobs {
    pub(crate) fn run(self) -> Result<(), Failure> {
        service::block_on(async {
            let mut server = self.remote.models().await?;
            if let Some(JobsCommand::Cancel { id }) = self.command {
                let answer = server.cancel_job(CancelJobRequest { id }).await.map_err(refused)?;
                answer.into_inner().job.iter().for_each(print);
                return Ok(());
            }
            let request = ListJobsRequest { page_size: 100, ..ListJobsRequest::default() };
            let jobs = server.list_jobs(request).await.map_err(refused)?.into_inner().jobs;
            jobs.iter().for_each(print);
            Ok(())
        })
    }
}

impl Simulated {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let SimulatedCommand::Erase = self.command;
        service::block_on(async {
            let channel = self.remote.connect().await?;
            let mut server = ReadersServiceClient::with_interceptor(channel, self.remote.shown());
            let request = EraseSimulatedReadersRequest {};
            let answer = server.erase_simulated_readers(request).await.map_err(refused)?.into_inner();
            say!("{} simulated readers are gone", answer.readers);
            Ok(())
        })
    }
}

fn print(job: &Job) {
    let state = match job.state() {
        JobState::Unspecified => "?",
        JobState::Scheduled => "scheduled",
        JobState::Running => "running",
        JobState::Succeeded => "succeeded",
        JobState::Failed => "failed",
        JobState::Cancelled => "cancelled",
    };
    let at = job.created_at.as_ref().map(ToString::to_string).unwrap_or_default();
    let about = match job.state() {
        JobState::Running => format!("{} ({:.0} %)", job.step, job.progress * 100.0),
        _ => job.message.clone(),
    };
    say!("{}\t{state}\t{}\t{}\t{at}\t{}\t{about}", job.id, job.model, job.cause, job.model_version);
}

fn progress() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}").expect("a valid template");
    ProgressBar::new(1_000).with_style(style)
}

fn show(bar: &ProgressBar, step: &str, progress: f32) {
    bar.set_position((progress * 1_000.0) as u64);
    bar.set_message(step.to_owned());
}
