//! A model as the engine computes it, whole or in parts.

use std::sync::Arc;

use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value, ValueOrView, ValueView};
use rten_tensor::Layout as _;

use super::{
    depthwise::Depthwise,
    parts::{Part, Parts},
};

/// What is computed, part after part.
pub(super) struct Pipeline {
    parts: Vec<Ready>,
    inputs: Vec<usize>,
    outputs: Vec<usize>,
    /// For each value, the last part that takes it.
    last: Vec<usize>,
}

enum Ready {
    Graph { graph: Box<rten::Model>, inputs: Vec<(NodeId, usize)>, outputs: Vec<(NodeId, usize)> },
    Depthwise { convolution: Depthwise, input: usize, output: usize },
}

impl Pipeline {
    /// The engine's model as the only part.
    pub(super) fn whole(graph: rten::Model) -> Self {
        let inputs: Vec<_> = graph.input_ids().iter().copied().zip(0..).collect();
        let outputs: Vec<_> = graph.output_ids().iter().copied().zip(inputs.len()..).collect();
        let values = inputs.len() + outputs.len();
        Self {
            inputs: (0..inputs.len()).collect(),
            outputs: (inputs.len()..values).collect(),
            last: vec![usize::MAX; values],
            parts: vec![Ready::Graph { graph: Box::new(graph), inputs, outputs }],
        }
    }

    /// Several parts; `None` if the engine does not take one of them.
    pub(super) fn of(parts: Parts, options: &ModelOptions) -> Option<Self> {
        let mut last = vec![0; parts.values];
        let mut ready = Vec::with_capacity(parts.parts.len());
        for (place, part) in parts.parts.into_iter().enumerate() {
            ready.push(match part {
                Part::Depthwise { convolution, input, output } => {
                    last[input] = place;
                    Ready::Depthwise { convolution, input, output }
                }
                Part::Graph { onnx, inputs, outputs } => {
                    let graph = Box::new(options.load(onnx).ok()?);
                    let find = |names: Vec<(String, usize)>| -> Option<Vec<_>> {
                        names
                            .into_iter()
                            .map(|(name, value)| Some((graph.find_node(&name)?, value)))
                            .collect()
                    };
                    let (inputs, outputs) = (find(inputs)?, find(outputs)?);
                    inputs.iter().for_each(|(_, value)| last[*value] = place);
                    Ready::Graph { graph, inputs, outputs }
                }
            });
        }
        parts.outputs.iter().for_each(|value| last[*value] = usize::MAX);
        Some(Self { parts: ready, inputs: parts.inputs, outputs: parts.outputs, last })
    }

    /// All outputs, on one thread.
    pub(super) fn run(&self, inputs: Vec<Value>, thread: &Arc<ThreadPool>) -> Result<Vec<Value>, String> {
        // Once for all parts: to change threads takes longer than some of them.
        thread.run(|| {
            let mut values: Vec<Option<Value>> = Vec::new();
            values.resize_with(self.last.len(), || None);
            for (place, input) in self.inputs.iter().zip(inputs) {
                values[*place] = Some(input);
            }
            for (place, part) in self.parts.iter().enumerate() {
                part.run(&mut values, thread)?;
                for (value, last) in values.iter_mut().zip(&self.last) {
                    if *last == place {
                        *value = None;
                    }
                }
            }
            let outputs = self.outputs.iter().map(|place| values[*place].clone());
            outputs.collect::<Option<_>>().ok_or_else(|| "an output was not computed".to_owned())
        })
    }
}

impl Ready {
    fn run(&self, values: &mut [Option<Value>], thread: &Arc<ThreadPool>) -> Result<(), String> {
        match self {
            Self::Graph { graph, inputs, outputs } => {
                let options = RunOptions::default().with_thread_pool(Some(Arc::clone(thread)));
                let taken = inputs.iter().map(|(id, place)| {
                    let value = values[*place].as_ref().ok_or("an input was not computed")?;
                    Ok((*id, ValueOrView::View(value.as_view())))
                });
                let taken = taken.collect::<Result<_, &str>>()?;
                let ids: Vec<_> = outputs.iter().map(|(id, _)| *id).collect();
                let given = graph.run(taken, &ids, Some(options)).map_err(|error| error.to_string())?;
                for ((_, place), value) in outputs.iter().zip(given) {
                    values[*place] = Some(value);
                }
            }
            Self::Depthwise { convolution, input, output } => {
                let misfit = "a convolution does not fit what it is given";
                let Some(ValueView::FloatTensor(images)) = values[*input].as_ref().map(Value::as_view) else {
                    return Err(misfit.to_owned());
                };
                let numbers = images.to_contiguous();
                let (shape, numbers) = convolution.run(images.shape(), numbers.data()).ok_or(misfit)?;
                values[*output] = Some(Value::from_shape(shape, numbers).map_err(|error| error.to_string())?);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "../../tests/nn/onnx.rs"]
mod samples;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rten::{ModelOptions, ThreadPool, Value};

    use super::{Pipeline, Ready, samples::Colours};
    use crate::nn::{onnx::File, parts};

    #[test]
    fn in_parts_it_comes_to_the_same_as_whole() {
        let onnx = Colours { blurred: true, scale: 2., ..Colours::default() }.onnx();
        let options = ModelOptions::with_all_ops();
        let whole = Pipeline::whole(options.load(onnx.clone()).expect("a model"));
        let parts = parts::cut(&File::read(&onnx).expect("ONNX")).expect("it has a depthwise convolution");
        let parts = Pipeline::of(parts, &options).expect("the engine takes all parts");
        let kinds: Vec<_> = parts.parts.iter().map(|part| matches!(part, Ready::Depthwise { .. })).collect();
        assert_eq!(kinds, [false, true, false]);
        let thread = Arc::new(ThreadPool::with_num_threads(1));
        let image: Vec<u8> = (0..192).map(|place| (place * 7 % 256) as u8).collect();
        let run = |pipeline: &Pipeline| -> Vec<u8> {
            let image =
                Value::from_shape([1, 8, 8, 3], image.clone()).expect("it is as long as its shape says");
            let answers = pipeline.run(vec![image], &thread).expect("it fits");
            let [answer] = <[Value; 1]>::try_from(answers).expect("one output");
            answer.into_shape_vec::<u8, 2>().expect("a row of bytes").1
        };
        assert_eq!(run(&parts), run(&whole));
        assert!(run(&whole).iter().any(|score| *score > 0));
    }

    #[test]
    fn what_has_nothing_to_gain_is_left_whole() {
        let onnx = Colours::default().onnx();
        assert!(parts::cut(&File::read(&onnx).expect("ONNX")).is_none());
    }

    #[test]
    fn what_is_no_onnx_is_not_read() {
        let whole = Colours::default().onnx();
        assert!(File::read(&whole[..whole.len() - 1]).is_none());
        for nonsense in [b"no model".as_slice(), &[0xff; 64], &[0x3a, 0x03, 0x0a], &[0x0b]] {
            assert!(File::read(nonsense).is_none(), "{nonsense:?}");
        }
    }
}
