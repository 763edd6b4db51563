//! An ONNX file as what it takes to take it apart and put pieces of it together again. What is not looked at is carried along as
//! the bytes that it is. Numbers of fields are those of `onnx.proto`.

use std::collections::BTreeMap;

/// A model's file.
pub(super) struct File<'a> {
    /// All fields but the graph.
    head: Vec<&'a [u8]>,
    /// In an order in which they can be computed.
    pub(super) nodes: Vec<Node<'a>>,
    /// What is known when the model is loaded, by name.
    constants: BTreeMap<&'a str, &'a [u8]>,
    /// What is said of values, by name.
    values: BTreeMap<&'a str, &'a [u8]>,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
}

/// An operation.
pub(super) struct Node<'a> {
    raw: &'a [u8],
    /// The operator, empty if it is not of ONNX's own.
    pub(super) operator: &'a str,
    pub(super) inputs: Vec<&'a str>,
    pub(super) outputs: Vec<&'a str>,
    attributes: Vec<Attribute<'a>>,
}

#[derive(Default)]
struct Attribute<'a> {
    name: &'a str,
    int: i64,
    ints: Vec<i64>,
    text: &'a [u8],
    holds_graph: bool,
}

/// A constant of floats.
pub(super) struct Floats {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
}

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Other,
}

impl<'a> File<'a> {
    /// `None` if it is not understood.
    pub(super) fn read(onnx: &'a [u8]) -> Option<Self> {
        let mut file = Self {
            head: Vec::new(),
            nodes: Vec::new(),
            constants: BTreeMap::new(),
            values: BTreeMap::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        for_each(onnx, |number, field, raw| match (number, field) {
            (7, Field::Bytes(graph)) => file.read_graph(graph),
            _ => {
                file.head.push(raw);
                Some(())
            }
        })?;
        Some(file)
    }

    fn read_graph(&mut self, graph: &'a [u8]) -> Option<()> {
        for_each(graph, |number, field, raw| {
            let Field::Bytes(bytes) = field else { return Some(()) };
            match number {
                1 => self.nodes.push(Node::read(bytes, raw)?),
                5 => _ = self.constants.insert(text_in(bytes, 8)?, raw),
                11 => {
                    self.inputs.push(text_in(bytes, 1)?);
                    self.values.insert(text_in(bytes, 1)?, bytes);
                }
                12 => {
                    self.outputs.push(text_in(bytes, 1)?);
                    self.values.insert(text_in(bytes, 1)?, bytes);
                }
                13 => _ = self.values.insert(text_in(bytes, 1)?, bytes),
                _ => {}
            }
            Some(())
        })
    }

    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains_key(name)
    }

    /// A constant, if it is one of floats that lie in the file.
    pub(super) fn floats(&self, name: &str) -> Option<Floats> {
        let mut floats = Floats { shape: Vec::new(), values: Vec::new() };
        let mut kind = 0;
        let raw = self.constants.get(name)?;
        for_each(raw, |_, tensor, _| {
            let Field::Bytes(tensor) = tensor else { return None };
            for_each(tensor, |number, field, _| {
                match (number, field) {
                    (1, Field::Number(size)) => floats.shape.push(usize::try_from(size).ok()?),
                    (1, Field::Bytes(packed)) => {
                        for size in packed_numbers(packed)? {
                            floats.shape.push(usize::try_from(size).ok()?);
                        }
                    }
                    (2, Field::Number(number)) => kind = number,
                    (4 | 9, Field::Bytes(bytes)) => {
                        let (words, []) = bytes.as_chunks::<4>() else { return None };
                        floats.values.extend(words.iter().map(|word| f32::from_le_bytes(*word)));
                    }
                    _ => {}
                }
                Some(())
            })
        })?;
        let count = floats.shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
        (kind == FLOAT && count == Some(floats.values.len())).then_some(floats)
    }

    /// A file of some of its operations.
    pub(super) fn piece(&self, nodes: &[&Node], inputs: &[&str], outputs: &[&str]) -> Vec<u8> {
        let mut graph = Vec::new();
        let mut constants: Vec<&str> = nodes.iter().flat_map(|node| node.inputs.iter().copied()).collect();
        constants.extend(outputs);
        constants.sort_unstable();
        constants.dedup();
        graph.extend(nodes.iter().flat_map(|node| node.raw.iter().copied()));
        put(&mut graph, 2, b"piece");
        for name in constants {
            graph.extend_from_slice(self.constants.get(name).copied().unwrap_or_default());
        }
        for (field, names) in [(11, inputs), (12, outputs)] {
            for name in names {
                match self.values.get(name) {
                    Some(value) => put(&mut graph, field, value),
                    None => {
                        let mut value = Vec::new();
                        put(&mut value, 1, name.as_bytes());
                        put(&mut graph, field, &value);
                    }
                }
            }
        }
        let mut file = self.head.concat();
        put(&mut file, 7, &graph);
        file
    }
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8], raw: &'a [u8]) -> Option<Self> {
        let mut node =
            Self { raw, operator: "", inputs: Vec::new(), outputs: Vec::new(), attributes: Vec::new() };
        let mut foreign = false;
        for_each(bytes, |number, field, _| {
            let Field::Bytes(bytes) = field else { return Some(()) };
            match number {
                1 => node.inputs.push(text(bytes)?),
                2 => node.outputs.push(text(bytes)?),
                4 => node.operator = text(bytes)?,
                5 => node.attributes.push(Attribute::read(bytes)?),
                7 => foreign = !bytes.is_empty() && bytes != b"ai.onnx",
                _ => {}
            }
            Some(())
        })?;
        if foreign {
            node.operator = "";
        }
        Some(node)
    }

    /// Whether it computes graphs within, which may use any value by its name.
    pub(super) fn holds_graphs(&self) -> bool {
        self.attributes.iter().any(|attribute| attribute.holds_graph)
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name).map(|attribute| attribute.int)
    }

    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    pub(super) fn text(&self, name: &str) -> Option<&[u8]> {
        self.attribute(name).map(|attribute| attribute.text)
    }

    fn attribute(&self, name: &str) -> Option<&Attribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

impl<'a> Attribute<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut attribute = Self::default();
        for_each(bytes, |number, field, _| {
            match (number, field) {
                (1, Field::Bytes(bytes)) => attribute.name = text(bytes)?,
                (3, Field::Number(number)) => attribute.int = number.cast_signed(),
                (4, Field::Bytes(bytes)) => attribute.text = bytes,
                (8, Field::Number(number)) => attribute.ints.push(number.cast_signed()),
                (8, Field::Bytes(packed)) => {
                    attribute.ints.extend(packed_numbers(packed)?.into_iter().map(u64::cast_signed));
                }
                (6 | 11, _) => attribute.holds_graph = true,
                _ => {}
            }
            Some(())
        })?;
        Some(attribute)
    }
}

/// `TensorProto.DataType`.
const FLOAT: u64 = 1;

/// Reads a message, field by field: its number, what it holds, and all of its bytes.
fn for_each<'a>(
    message: &'a [u8],
    mut read: impl FnMut(u64, Field<'a>, &'a [u8]) -> Option<()>,
) -> Option<()> {
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let key = number(&mut rest)?;
        let field = match key & 7 {
            0 => Field::Number(number(&mut rest)?),
            1 => {
                rest = rest.get(8..)?;
                Field::Other
            }
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                let (bytes, after) = rest.split_at_checked(length)?;
                rest = after;
                Field::Bytes(bytes)
            }
            5 => {
                rest = rest.get(4..)?;
                Field::Other
            }
            _ => return None,
        };
        read(key >> 3, field, &start[..start.len() - rest.len()])?;
    }
    Some(())
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 127) << shift;
        if *byte < 128 {
            return Some(number);
        }
    }
    None
}

fn packed_numbers(mut packed: &[u8]) -> Option<Vec<u64>> {
    let mut numbers = Vec::new();
    while !packed.is_empty() {
        numbers.push(number(&mut packed)?);
    }
    Some(numbers)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The text of a message's field.
fn text_in(message: &[u8], wanted: u64) -> Option<&str> {
    let mut found = None;
    for_each(message, |number, field, _| {
        if let (true, Field::Bytes(bytes)) = (number == wanted, field) {
            found = Some(text(bytes)?);
        }
        Some(())
    })?;
    found
}

/// Appends a field of bytes.
fn put(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    put_number(message, field << 3 | 2);
    put_number(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn put_number(message: &mut Vec<u8>, mut number: u64) {
    while number > 127 {
        message.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    message.push(number as u8);
}
