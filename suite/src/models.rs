use clap::{Args, Subcommand};
use protobufs::models::{ActivateModelRequest, ListModelsRequest, Model, RollBackModelRequest};
use service::Failure;

use crate::remote::{Remote, refused};

/// Show models, the latest first, or choose the one that answers
#[derive(Args, Debug)]
pub(crate) struct Models {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Let a model answer, whatever its quality
    Activate {
        /// Its version
        version: String,
    },
    /// Let the model answer that did before
    Rollback,
}

impl Models {
    pub(crate) fn run(self) -> Result<(), Failure> {
        service::block_on(async {
            let mut server = self.remote.models().await?;
            let models = match self.command {
                None => server.list_models(ListModelsRequest {}).await.map_err(refused)?.into_inner().models,
                Some(Command::Activate { version }) => {
                    let answer = server.activate_model(ActivateModelRequest { version }).await;
                    answer.map_err(refused)?.into_inner().model.into_iter().collect()
                }
                Some(Command::Rollback) => {
                    let answer = server.roll_back_model(RollBackModelRequest {}).await;
                    answer.map_err(refused)?.into_inner().model.into_iter().collect()
                }
            };
            models.iter().for_each(print);
            Ok(())
        })
    }
}

fn print(model: &Model) {
    let state = match (model.active, model.candidate, model.refused.is_empty()) {
        (true, ..) => "answers",
        (false, true, _) => "candidate",
        (false, false, false) => "refused",
        (false, false, true) => "kept",
    };
    let quality = match &model.quality {
        Some(quality) => format!(
            "NDCG@10 {:.4}, recall@20 {:.4}, coverage {:.3} over {} readers",
            quality.ndcg, quality.recall, quality.coverage, quality.readers
        ),
        None => "not measured".to_owned(),
    };
    let at = model.created_at.as_ref().map(ToString::to_string).unwrap_or_default();
    let trained = format!(
        "{} readers, {} books, {} interactions{}",
        model.readers,
        model.books,
        model.interactions,
        if model.simulated { ", simulated" } else { "" }
    );
    say!("{}\t{state}\t{at}\t{quality}\t{trained}\t{}", model.version, model.refused);
}
