//! One model in memory. Only this module and `pipeline` know the engine, rten.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rten::{DataType, Dimension, ModelOptions, NodeId, ThreadPool, Value, ValueType};
use rten_tensor::{AsView as _, Layout as _};

use super::{
    bounds, onnx, parts,
    pipeline::Pipeline,
    tensor::{Element, Elements, Tensor},
};

/// A model that has been loaded and has answered once.
///
/// Its bounds: a file of at most [`bounds::FILE`] bytes; inputs of fixed sizes, of at most [`bounds::TENSORS`] bytes together,
/// and outputs of no more; one computation, measured when it is loaded, takes no longer than is allowed.
pub(super) struct Model {
    pipeline: Pipeline,
    inputs: Vec<Input>,
    /// The names of what comes out.
    outputs: Vec<String>,
}

/// What goes in.
pub(super) struct Input {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) element: Element,
}

/// Why a file is no model that can be asked here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it is no ONNX file")]
    NoOnnx,
    #[error("it is no ONNX model that can be read: {0}")]
    Unreadable(String),
    #[error("it has no input, or no output")]
    Nothing,
    #[error("its input {name} {why}")]
    Input { name: String, why: &'static str },
    #[error("its inputs take {bytes} bytes, more than {}", bounds::TENSORS)]
    TooLarge { bytes: usize },
    #[error(transparent)]
    Run(#[from] RunError),
    #[error("one computation took {took:?}, longer than {longest:?}")]
    TooSlow { took: Duration, longest: Duration },
}

/// Why a model gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("it cannot be computed: {0}")]
    Engine(String),
    #[error("its output {0} is of a type that cannot be passed on")]
    Type(String),
    #[error("its outputs take more than {} bytes", bounds::TENSORS)]
    TooLarge,
}

impl Model {
    /// Reads a model and has it give answers.
    ///
    /// If it has parts that are computed faster beside the engine, and its answer is the same then, it is cut into parts.
    pub(super) fn load(onnx: Vec<u8>, longest: Duration, thread: &Arc<ThreadPool>) -> Result<Self, Unfit> {
        // The engine waits forever for the end of some that are no ONNX.
        let file = onnx::File::read(&onnx).ok_or(Unfit::NoOnnx)?;
        let parts = parts::cut(&file);
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let graph = options.load(onnx).map_err(|error| Unfit::Unreadable(error.to_string()))?;
        let inputs =
            graph.input_ids().iter().map(|id| Input::of(&graph, *id)).collect::<Result<Vec<_>, _>>()?;
        let outputs: Vec<_> = graph.output_ids().iter().map(|id| name(&graph, *id)).collect();
        if inputs.is_empty() || outputs.is_empty() {
            return Err(Unfit::Nothing);
        }
        let bytes = inputs.iter().map(Input::bytes).fold(0, usize::saturating_add);
        if bytes > bounds::TENSORS {
            return Err(Unfit::TooLarge { bytes });
        }
        let samples: Vec<_> = inputs.iter().map(|input| Arc::new(input.sample())).collect();
        let mut model = Self { pipeline: Pipeline::whole(graph), inputs, outputs };
        let (answer, mut took) = model.timed(&samples, thread)?;
        if let Some(pipeline) = parts.and_then(|parts| Pipeline::of(parts, &options)) {
            let whole = std::mem::replace(&mut model.pipeline, pipeline);
            match model.timed(&samples, thread) {
                Ok((same, faster)) if faster < took && alike(&answer, &same) => took = faster,
                _ => model.pipeline = whole,
            }
        }
        if took > longest {
            return Err(Unfit::TooSlow { took, longest });
        }
        Ok(model)
    }

    pub(super) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// All outputs for inputs in the order of [`inputs`](Self::inputs), each of its input's shape and type.
    pub(super) fn run(
        &self,
        inputs: &[Arc<Tensor>],
        thread: &Arc<ThreadPool>,
    ) -> Result<Vec<Tensor>, RunError> {
        let inputs = inputs.iter().map(|tensor| value(tensor)).collect::<Result<_, _>>()?;
        let answers = self.pipeline.run(inputs, thread).map_err(RunError::Engine)?;
        let mut room = bounds::TENSORS;
        let outputs = self.outputs.iter().zip(answers);
        outputs
            .map(|(output, answer)| {
                let tensor = tensor(answer).ok_or_else(|| RunError::Type(output.clone()))?;
                let bytes =
                    tensor.shape.iter().product::<usize>().saturating_mul(tensor.elements.element().size());
                room = room.checked_sub(bytes).ok_or(RunError::TooLarge)?;
                Ok(tensor)
            })
            .collect()
    }

    /// An answer and how long it takes, which is measured the second time: an engine may prepare at the first what it needs for
    /// all others.
    fn timed(
        &self,
        inputs: &[Arc<Tensor>],
        thread: &Arc<ThreadPool>,
    ) -> Result<(Vec<Tensor>, Duration), RunError> {
        self.run(inputs, thread)?;
        let start = Instant::now();
        let answer = self.run(inputs, thread)?;
        Ok((answer, start.elapsed()))
    }
}

/// Whether two answers are the same, but for how sums are rounded.
fn alike(one: &[Tensor], other: &[Tensor]) -> bool {
    one.iter().zip(other).all(|(one, other)| {
        one.shape == other.shape
            && match (&one.elements, &other.elements) {
                (Elements::F32(one), Elements::F32(other)) => {
                    one.iter().zip(other).all(|(one, other)| (one - other).abs() <= 1e-3 * (1. + one.abs()))
                }
                (Elements::U8(one), Elements::U8(other)) => {
                    one.iter().zip(other).all(|(one, other)| one.abs_diff(*other) <= 1)
                }
                (Elements::I32(one), Elements::I32(other)) => one == other,
                _ => false,
            }
    })
}

impl Input {
    fn of(graph: &rten::Model, id: NodeId) -> Result<Self, Unfit> {
        let name = name(graph, id);
        let unfit = |why| Unfit::Input { name: name.clone(), why };
        let info = graph.node_info(id).ok_or_else(|| unfit("is not described"))?;
        let element = match info.dtype() {
            Some(ValueType::Tensor(DataType::Float)) => Element::F32,
            Some(ValueType::Tensor(DataType::UInt8)) => Element::U8,
            Some(ValueType::Tensor(DataType::Int32)) => Element::I32,
            _ => return Err(unfit("is of a type other than float, uint8, int32 and int64")),
        };
        let dimensions = info.shape().ok_or_else(|| unfit("has no shape"))?;
        let mut shape = Vec::with_capacity(dimensions.len());
        for (index, dimension) in dimensions.iter().enumerate() {
            shape.push(match dimension {
                Dimension::Fixed(size) if *size > 0 => *size,
                // The number of samples at a time, by custom. What is computed is bounded by what is computed at the start.
                Dimension::Symbolic(_) if index == 0 => 1,
                _ => return Err(unfit("has a size that is left open: fix it when the model is converted")),
            });
        }
        Ok(Self { name, shape, element })
    }

    /// What a tensor of this shape takes.
    pub(super) fn bytes(&self) -> usize {
        self.shape.iter().fold(self.element.size(), |bytes, size| bytes.saturating_mul(*size))
    }

    /// Something that a model can be tried on.
    fn sample(&self) -> Tensor {
        let count = self.shape.iter().product();
        let byte = |place: usize| (place.wrapping_mul(2_654_435_761) >> 16) as u8;
        let elements = match self.element {
            Element::U8 => Elements::U8((0..count).map(byte).collect()),
            Element::F32 => Elements::F32((0..count).map(|place| f32::from(byte(place)) / 255.).collect()),
            // They may be places in a table.
            Element::I32 => Elements::I32(vec![0; count]),
        };
        Tensor { shape: self.shape.clone(), elements }
    }
}

fn name(graph: &rten::Model, id: NodeId) -> String {
    graph.node_info(id).and_then(|info| info.name().map(str::to_owned)).unwrap_or_default()
}

fn value(tensor: &Tensor) -> Result<Value, RunError> {
    let shape = &tensor.shape;
    let value = match &tensor.elements {
        Elements::F32(numbers) => {
            Value::from_shape(shape, numbers.clone()).map_err(|error| error.to_string())
        }
        Elements::U8(numbers) => Value::from_shape(shape, numbers.clone()).map_err(|error| error.to_string()),
        Elements::I32(numbers) => {
            Value::from_shape(shape, numbers.clone()).map_err(|error| error.to_string())
        }
    };
    value.map_err(RunError::Engine)
}

fn tensor(value: Value) -> Option<Tensor> {
    let shape = value.shape().to_vec();
    let elements = match value {
        Value::FloatTensor(tensor) => Elements::F32(tensor.to_vec()),
        Value::UInt8Tensor(tensor) => Elements::U8(tensor.to_vec()),
        Value::Int32Tensor(tensor) => Elements::I32(tensor.to_vec()),
        _ => return None,
    };
    Some(Tensor { shape, elements })
}
