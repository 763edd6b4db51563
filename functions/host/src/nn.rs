//! Models that functions may ask: the host's side of `wasi:nn`.
//!
//! A function that is granted `nn` loads a model by the name that the configuration gives it, sets its inputs, has it computed and
//! reads its outputs. The model is read from its file once, at first use, and shared by all calls; when the file changes, the new
//! one takes over as soon as it is loaded and has given an answer. Bytes that a guest brings are not taken for a model: what may
//! take time and memory outside of the sandbox is the operator's to choose.
//!
//! A model is computed by one thread outside of the sandbox, and nothing can end that before it is done. So what may be computed
//! is bounded: a model by what `bounds` says, when it is loaded; how many are computed at a time, by the cores of the machine. A
//! call whose time is over is answered at once, and the thread is free again when the model is done. What it took counts towards
//! the call's time of a processor.
//!
//! What a guest has to know of a model, it finds in its environment: see [`Models::environment`].

mod preview1;
mod session;
mod settings;
mod models;
mod version;
mod model;
mod pipeline;
mod parts;
mod depthwise;
mod onnx;
mod tensor;
mod threads;
mod bounds;

pub(crate) use self::preview1::imported;
pub use self::{
    models::{Models, ModelsError},
    preview1::add_to_linker,
    session::{NoModel, Session},
    settings::{InputSize, ModelSettings},
};
