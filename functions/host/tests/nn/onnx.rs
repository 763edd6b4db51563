//! Models as `functions/models/colours.py` writes them, and some that are not fit to be asked. Numbers of fields are those of
//! `onnx.proto`.

/// What a model of the test looks like.
#[derive(Clone)]
pub(crate) struct Colours {
    /// Height, width and channels, varying fastest, after the number of images; a size of 0 is left open.
    pub(crate) shape: [u64; 4],
    /// What the scores are divided by.
    pub(crate) scale: f32,
    /// Whether to each pixel the mean of those around it is added, channel by channel.
    pub(crate) blurred: bool,
}

impl Default for Colours {
    fn default() -> Self {
        Self { shape: [1, 8, 8, 3], scale: 1., blurred: false }
    }
}

const FLOAT: u64 = 1;
const UINT8: u64 = 2;

impl Colours {
    /// The file.
    pub(crate) fn onnx(&self) -> Vec<u8> {
        let weights = [0., 0., 0., 1., -0.5, -0.5, -0.5, 1., -0.5, -0.5, -0.5, 1.];
        let depthwise = [
            int("group", 3),
            ints("dilations", &[1, 1]),
            ints("pads", &[1, 1, 1, 1]),
            ints("strides", &[1, 1]),
        ];
        let blur = [
            node("Conv", &["channels", "near"], "mean", &depthwise),
            node("Clip", &["mean", "least", "most"], "blurred", &[]),
            node("Add", &["channels", "blurred"], "pixels", &[]),
        ];
        let pixels = if self.blurred { "pixels" } else { "channels" };
        let graph = [
            node("Cast", &["image"], "numbers", &[int("to", FLOAT)]),
            node("Transpose", &["numbers"], "channels", &[ints("perm", &[0, 3, 1, 2])]),
            if self.blurred { blur.concat() } else { Vec::new() },
            node("Conv", &[pixels, "weights"], "colours", &[ints("kernel_shape", &[1, 1])]),
            node("Clip", &["colours", "least", "most"], "cut", &[]),
            node("GlobalAveragePool", &["cut"], "means", &[]),
            node("Flatten", &["means"], "scores", &[]),
            node("QuantizeLinear", &["scores", "scale", "zero"], "classes", &[]),
            bytes(2, b"colours"),
            floats("weights", &[4, 3, 1, 1], &weights),
            floats("near", &[3, 1, 3, 3], &[1. / 9.; 27]),
            floats("least", &[], &[0.]),
            floats("most", &[], &[255.]),
            floats("scale", &[], &[self.scale]),
            bytes(5, &[number(2, UINT8), bytes(8, b"zero"), bytes(9, &[0])].concat()),
            bytes(11, &value("image", UINT8, &self.shape)),
            bytes(12, &value("classes", UINT8, &[1, 4])),
        ];
        let opset = [bytes(1, b""), number(2, 13)].concat();
        [number(1, 7), bytes(7, &graph.concat()), bytes(8, &opset)].concat()
    }
}

fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut node: Vec<u8> = inputs.iter().flat_map(|input| bytes(1, input.as_bytes())).collect();
    node.extend(
        [bytes(2, output.as_bytes()), bytes(3, output.as_bytes()), bytes(4, kind.as_bytes())].concat(),
    );
    node.extend(attributes.iter().flat_map(|attribute| bytes(5, attribute)));
    bytes(1, &node)
}

fn int(name: &str, value: u64) -> Vec<u8> {
    [bytes(1, name.as_bytes()), number(3, value), number(20, 2)].concat()
}

fn ints(name: &str, values: &[u64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| number(8, *value)).collect();
    [bytes(1, name.as_bytes()), values, number(20, 7)].concat()
}

fn floats(name: &str, shape: &[u64], values: &[f32]) -> Vec<u8> {
    let shape: Vec<u8> = shape.iter().flat_map(|size| number(1, *size)).collect();
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    bytes(5, &[shape, number(2, FLOAT), bytes(8, name.as_bytes()), bytes(9, &raw)].concat())
}

fn value(name: &str, kind: u64, shape: &[u64]) -> Vec<u8> {
    let dimension = |size: &u64| if *size == 0 { bytes(2, b"open") } else { number(1, *size) };
    let shape: Vec<u8> = shape.iter().flat_map(|size| bytes(1, &dimension(size))).collect();
    let tensor = [number(1, kind), bytes(2, &shape)].concat();
    [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(u8::try_from(value & 127).expect("seven bits") | 128);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).expect("seven bits"));
    bytes
}
