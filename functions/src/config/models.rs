use std::{path::PathBuf, time::Duration};

use host::nn::{InputSize, ModelSettings, Models, ModelsError};
use service::{Failure, config::positive_duration};

use crate::document::{Table, Wrong};

/// The model that is set without a file.
const CLASSIFY: &str = "classify";

/// The one model that needs no file to be set.
#[derive(clap::Args, Clone, Debug)]
pub struct ModelArguments {
    /// ONNX file of the model `classify`, for functions that are granted nn; further models are for the file [default: none]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// The names of its classes, one a line, the first for class 0 [default: none]
    #[arg(long, value_name = "FILE")]
    pub model_labels: Option<PathBuf>,
    /// The size of the image that it looks at
    #[arg(long, value_name = "WIDTHxHEIGHT", default_value = "224x224")]
    pub model_input: InputSize,
    /// What one computation may take; a model that takes longer is refused
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = positive_duration)]
    pub model_time: Duration,
}

impl ModelArguments {
    /// It and those of a file; it takes the place of one that is named as it is.
    pub(super) fn with(&self, mut models: Vec<ModelSettings>) -> Vec<ModelSettings> {
        if let Some(file) = &self.model {
            models.retain(|model| model.name != CLASSIFY);
            models.push(ModelSettings {
                name: CLASSIFY.to_owned(),
                file: file.clone(),
                labels: self.model_labels.clone(),
                input: self.model_input,
                longest: self.model_time,
            });
        }
        models
    }
}

/// The tables `[models.NAME]` of a file.
pub(super) fn read(table: &mut Table<'_>) -> Result<Vec<ModelSettings>, Wrong> {
    let models = table.named("models")?.into_iter().map(|(name, mut table)| {
        let file = table.take("file")?;
        let file = file.ok_or_else(|| table.wrong("file", "missing: the model's ONNX file"))?;
        let labels = table.take("labels")?;
        let input = table.take_with("input", str::parse)?.unwrap_or_default();
        let longest = table.take_with("time", positive_duration)?.unwrap_or(ModelSettings::LONGEST);
        table.end()?;
        Ok(ModelSettings { name, file, labels, input, longest })
    });
    models.collect()
}

/// Looks at the files of models.
///
/// # Errors
///
/// One line that says which of them cannot be used: code 74 if it is a file, 64 otherwise.
pub(crate) fn open(models: &[ModelSettings]) -> Result<Models, Failure> {
    Models::new(models.to_vec()).map_err(|error| match error {
        ModelsError::File { .. } => Failure::io(error),
        _ => Failure::usage(error),
    })
}
