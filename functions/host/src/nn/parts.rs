//! A model cut into parts, so that its depthwise convolutions can be computed beside the engine.

use std::collections::{BTreeMap, BTreeSet};

use pulp::Arch;

use super::{
    depthwise::{Depthwise, Padding},
    onnx::{File, Node},
};

/// A part of a model. Values are named by numbers.
pub(super) enum Part {
    /// For the engine, as a file, with the names of its inputs and outputs there.
    Graph { onnx: Vec<u8>, inputs: Vec<(String, usize)>, outputs: Vec<(String, usize)> },
    /// A depthwise convolution.
    Depthwise { convolution: Depthwise, input: usize, output: usize },
}

/// All parts of a model, in the order in which they are computed.
pub(super) struct Parts {
    pub(super) parts: Vec<Part>,
    /// How many values there are.
    pub(super) values: usize,
    pub(super) inputs: Vec<usize>,
    pub(super) outputs: Vec<usize>,
}

/// Cuts a model; `None` if it has no depthwise convolutions, or does more than compute one value after the other.
pub(super) fn cut(file: &File<'_>) -> Option<Parts> {
    if file.nodes.iter().any(Node::holds_graphs) {
        return None;
    }
    let inputs: Vec<_> = file.inputs.iter().copied().filter(|name| !file.is_constant(name)).collect();
    let steps = steps(file);
    if !steps.iter().any(|step| matches!(step, Step::Depthwise(_))) {
        return None;
    }

    // Which step wants a value last: what is wanted after the step that gives it has to be handed on.
    let mut wanted = BTreeMap::new();
    for (place, step) in steps.iter().enumerate() {
        step.inputs().for_each(|name| _ = wanted.insert(name, place));
    }
    file.outputs.iter().for_each(|name| _ = wanted.insert(*name, usize::MAX));

    let mut numbers: BTreeMap<&str, usize> = inputs.iter().copied().zip(0..).collect();
    let mut parts = Vec::new();
    for (place, step) in steps.into_iter().enumerate() {
        let known = |name: &str| numbers.get(name).map(|number| (name.to_owned(), *number));
        match step {
            Step::Depthwise(found) => {
                let (_, input) = known(found.input)?;
                let output = numbers.len();
                numbers.insert(found.output, output);
                parts.push(Part::Depthwise { convolution: found.convolution, input, output });
            }
            Step::Nodes(nodes) => {
                let given: BTreeSet<_> = nodes.iter().flat_map(|node| node.outputs.iter().copied()).collect();
                let taken: BTreeSet<_> = nodes
                    .iter()
                    .flat_map(|node| node.inputs.iter().copied())
                    .filter(|name| !name.is_empty() && !given.contains(name) && !file.is_constant(name))
                    .collect();
                let taken: Vec<_> = taken.into_iter().collect();
                let given: Vec<_> = given
                    .into_iter()
                    .filter(|name| wanted.get(name).is_some_and(|last| *last > place))
                    .collect();
                let inputs = taken.iter().map(|name| known(name)).collect::<Option<Vec<_>>>()?;
                let outputs = given.iter().map(|name| {
                    let number = numbers.len();
                    numbers.insert(*name, number);
                    ((*name).to_owned(), number)
                });
                let outputs = outputs.collect();
                parts.push(Part::Graph { onnx: file.piece(&nodes, &taken, &given), inputs, outputs });
            }
        }
    }
    let outputs = file.outputs.iter().map(|name| numbers.get(name).copied()).collect::<Option<_>>()?;
    let inputs = (0..inputs.len()).collect();
    Some(Parts { parts, values: numbers.len(), inputs, outputs })
}

enum Step<'f, 'a> {
    Nodes(Vec<&'f Node<'a>>),
    Depthwise(Found<'a>),
}

struct Found<'a> {
    convolution: Depthwise,
    input: &'a str,
    output: &'a str,
}

impl<'a> Step<'_, 'a> {
    fn inputs(&self) -> impl Iterator<Item = &'a str> {
        let (nodes, input) = match self {
            Self::Nodes(nodes) => (nodes.as_slice(), None),
            Self::Depthwise(found) => (&[][..], Some(found.input)),
        };
        nodes.iter().flat_map(|node| node.inputs.iter().copied()).chain(input)
    }
}

/// The operations in their order, those between two depthwise convolutions together.
fn steps<'f, 'a>(file: &'f File<'a>) -> Vec<Step<'f, 'a>> {
    let mut consumers: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, node) in file.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|name| consumers.entry(*name).or_default().push(place));
    }
    let mut done = BTreeSet::new();
    let mut steps = Vec::new();
    let mut between = Vec::new();
    for (place, node) in file.nodes.iter().enumerate() {
        if done.contains(&place) {
            continue;
        }
        let Some(mut found) = depthwise(file, node) else {
            between.push(node);
            continue;
        };
        // What is cut off right after it, and wanted by nobody else before, is cut off while it is at hand.
        if let Some([only]) = consumers.get(found.output).map(Vec::as_slice)
            && !file.outputs.contains(&found.output)
            && let Some((clip, output)) = clip(file, &file.nodes[*only])
        {
            (found.convolution.clip, found.output) = (clip, output);
            done.insert(*only);
        }
        if !between.is_empty() {
            steps.push(Step::Nodes(std::mem::take(&mut between)));
        }
        steps.push(Step::Depthwise(found));
    }
    if !between.is_empty() {
        steps.push(Step::Nodes(between));
    }
    steps
}

/// Whether a node is a convolution that looks at each channel of images apart.
fn depthwise<'a>(file: &File<'a>, node: &Node<'a>) -> Option<Found<'a>> {
    let ("Conv", &[output]) = (node.operator, node.outputs.as_slice()) else { return None };
    let (input, weights, bias) = match *node.inputs.as_slice() {
        [input, weights] | [input, weights, ""] => (input, weights, None),
        [input, weights, bias] => (input, weights, Some(bias)),
        _ => return None,
    };
    let weights = file.floats(weights)?;
    let [channels, 1, rows, columns] = *weights.shape.as_slice() else { return None };
    if channels < 2 || rows * columns < 2 || node.int("group") != i64::try_from(channels).ok() {
        return None;
    }
    let bias = match bias {
        Some(bias) => file.floats(bias).filter(|bias| bias.values.len() == channels)?.values,
        None => vec![0.; channels],
    };
    if node.ints("dilations").is_some_and(|dilations| dilations.iter().any(|dilation| *dilation != 1)) {
        return None;
    }
    let strides = match node.ints("strides") {
        None => [1, 1],
        Some([down, across]) => [step(*down)?, step(*across)?],
        Some(_) => return None,
    };
    let padding = match (node.text("auto_pad").unwrap_or(b"NOTSET"), node.ints("pads")) {
        (b"NOTSET" | b"VALID", None) => Padding::Fixed([0; 4]),
        (b"NOTSET", Some([above, left, below, right])) => {
            let pad = |pad: &i64| usize::try_from(*pad).ok().filter(|pad| *pad <= 64);
            Padding::Fixed([pad(above)?, pad(left)?, pad(below)?, pad(right)?])
        }
        (b"SAME_UPPER", None) => Padding::Same { odd_first: false },
        (b"SAME_LOWER", None) => Padding::Same { odd_first: true },
        _ => return None,
    };
    let clip = [f32::NEG_INFINITY, f32::INFINITY];
    let (weights, kernel, arch) = (weights.values, [rows, columns], Arch::new());
    Some(Found {
        convolution: Depthwise { weights, bias, kernel, strides, padding, clip, arch },
        input,
        output,
    })
}

fn step(stride: i64) -> Option<usize> {
    usize::try_from(stride).ok().filter(|stride| (1..=8).contains(stride))
}

/// What is cut off by a node that does nothing else, and the name of what is left.
fn clip<'a>(file: &File<'a>, node: &Node<'a>) -> Option<([f32; 2], &'a str)> {
    let [output] = *node.outputs.as_slice() else { return None };
    let bound = |place: usize, none: f32| match node.inputs.get(place).copied() {
        None | Some("") => Some(none),
        Some(name) => {
            file.floats(name).and_then(|bound| <[f32; 1]>::try_from(bound.values).ok()).map(|[bound]| bound)
        }
    };
    match node.operator {
        "Relu" => Some(([0., f32::INFINITY], output)),
        // Before opset 11 the bounds were attributes.
        "Clip" if node.inputs.len() > 1 => {
            Some(([bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?], output))
        }
        _ => None,
    }
}
