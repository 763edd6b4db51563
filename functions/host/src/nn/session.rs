//! What one call has to do with models.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    bounds,
    model::Model,
    models::Models,
    tensor::{Element, Elements, Tensor},
};

/// The models and computations of one call. The default has no models.
#[derive(Default)]
pub struct Session {
    models: Option<Arc<Models>>,
    graphs: Vec<Arc<Model>>,
    contexts: Vec<Context>,
    missing: Option<NoModel>,
    computed: Duration,
}

/// A computation that is prepared or done.
struct Context {
    model: Arc<Model>,
    inputs: Vec<Option<Arc<Tensor>>>,
    outputs: Option<Vec<Tensor>>,
}

/// A model that a function asked for could not be had. Shown, it is a sentence for callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoModel {
    /// The configuration names none of this name.
    Unconfigured(String),
    /// It is configured, but what its file holds cannot be used.
    Unusable {
        /// Its name.
        name: String,
        /// Why, for the log.
        reason: String,
    },
}

impl fmt::Display for NoModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unconfigured(name) => write!(
                f,
                "no model is configured under the name {name}: name its file in FUNCTIONS_MODEL, or as `file` in [models.{name}] \
                 of the configuration file"
            ),
            Self::Unusable { name, .. } => {
                write!(f, "the model {name} cannot be used: the host's log says what is wrong with its file")
            }
        }
    }
}

/// Why an interface's function was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// No such model, computation or input, or a tensor that is not the model's.
    #[error("{0}")]
    Argument(String),
    /// What a host need not do.
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("the guest exports no memory")]
    NoMemory,
    #[error("more than what one call may hold, or what the guest has room for")]
    TooMany,
    #[error("no such model")]
    NotFound,
    /// The model gave no answer.
    #[error("{0}")]
    Failed(String),
}

impl Session {
    /// For a call of a function that may ask these models. Wants a runtime.
    #[must_use]
    pub fn new(models: &Arc<Models>) -> Self {
        models.look();
        Self { models: Some(Arc::clone(models)), ..Self::default() }
    }

    /// The model that the function asked for last and did not get, if there is one: why a call failed whose function cannot do
    /// without.
    #[must_use]
    pub const fn missing(&self) -> Option<&NoModel> {
        self.missing.as_ref()
    }

    /// How long models were computed for this call, each on one thread.
    #[must_use]
    pub const fn computed(&self) -> Duration {
        self.computed
    }

    /// What the function finds in its environment: see [`Models::environment`].
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        self.models.as_ref().map(|models| models.environment()).unwrap_or_default()
    }

    /// The handle of a model.
    pub(super) async fn load_by_name(&mut self, name: &str) -> Result<u32, Refusal> {
        if self.graphs.len() >= bounds::HANDLES {
            return Err(Refusal::TooMany);
        }
        let found = self.models.as_ref().and_then(|models| Some((models.current(name)?, models.threads())));
        let Some((version, threads)) = found else {
            self.missing = Some(NoModel::Unconfigured(shown(name)));
            return Err(Refusal::NotFound);
        };
        match version.model(threads).await {
            Ok(model) => {
                self.missing = None;
                self.graphs.push(model);
                Ok(handle(self.graphs.len()))
            }
            Err(reason) => {
                self.missing = Some(NoModel::Unusable { name: name.to_owned(), reason: reason.to_string() });
                Err(Refusal::NotFound)
            }
        }
    }

    /// The handle of a computation.
    pub(super) fn prepare(&mut self, graph: u32) -> Result<u32, Refusal> {
        let model = self.graphs.get(graph as usize).ok_or_else(|| Refusal::argument("no such graph"))?;
        if self.contexts.len() >= bounds::HANDLES {
            return Err(Refusal::TooMany);
        }
        let inputs = vec![None; model.inputs().len()];
        self.contexts.push(Context { model: Arc::clone(model), inputs, outputs: None });
        Ok(handle(self.contexts.len()))
    }

    /// Sets an input from bytes as a guest's memory has them.
    pub(super) fn set_input(
        &mut self,
        context: u32,
        index: u32,
        shape: &[usize],
        element: Element,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let context = self.context(context)?;
        let input = context.model.inputs().get(index as usize);
        let input = input.ok_or_else(|| Refusal::argument("no such input"))?;
        if input.shape != shape || input.element != element || input.bytes() != bytes.len() {
            return Err(Refusal::Argument(format!(
                "the input {} is of {:?} {:?}, not of {element:?} {shape:?} in {} bytes",
                input.name,
                input.element,
                input.shape,
                bytes.len(),
            )));
        }
        let tensor = Tensor { shape: shape.to_vec(), elements: Elements::from_bytes(element, bytes) };
        context.inputs[index as usize] = Some(Arc::new(tensor));
        context.outputs = None;
        Ok(())
    }

    /// Computes the outputs, on a thread outside of the runtime.
    pub(super) async fn compute(&mut self, context: u32) -> Result<(), Refusal> {
        let threads = self.models.as_ref().map(|models| Arc::clone(models.threads()));
        let Some(threads) = threads else { return Err(Refusal::argument("no such computation")) };
        let context = self.context(context)?;
        let inputs: Option<Vec<_>> = context.inputs.iter().cloned().collect();
        let inputs = inputs.ok_or_else(|| Refusal::argument("an input has not been set"))?;
        let model = Arc::clone(&context.model);
        let ran = threads.run(move |thread| {
            let start = Instant::now();
            (model.run(&inputs, thread), start.elapsed())
        });
        let (outputs, took) = ran.await.map_err(|error| Refusal::Failed(error.to_string()))?;
        context.outputs = Some(outputs.map_err(|error| Refusal::Failed(error.to_string()))?);
        self.computed += took;
        Ok(())
    }

    /// An output that has been computed.
    pub(super) fn output(&mut self, context: u32, index: u32) -> Result<&Tensor, Refusal> {
        let context = self.context(context)?;
        let outputs =
            context.outputs.as_ref().ok_or_else(|| Refusal::argument("nothing has been computed"))?;
        outputs.get(index as usize).ok_or_else(|| Refusal::argument("no such output"))
    }

    fn context(&mut self, context: u32) -> Result<&mut Context, Refusal> {
        self.contexts.get_mut(context as usize).ok_or_else(|| Refusal::argument("no such computation"))
    }
}

impl Refusal {
    fn argument(what: &str) -> Self {
        Self::Argument(what.to_owned())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (graphs, contexts) = (self.graphs.len(), self.contexts.len());
        f.debug_struct("Session")
            .field("graphs", &graphs)
            .field("contexts", &contexts)
            .finish_non_exhaustive()
    }
}

/// A name as it may stand in a sentence, whatever a guest made of it.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(*letter)).take(63).collect()
}

/// Of the last of `count` things.
fn handle(count: usize) -> u32 {
    u32::try_from(count - 1).unwrap_or(u32::MAX)
}
