//! What goes into a model and comes out of it.

/// Numbers of one type in rows and columns, the last dimension varying fastest.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    /// The size of each dimension; their product is the number of elements.
    pub(super) shape: Vec<usize>,
    pub(super) elements: Elements,
}

/// The numbers of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Elements {
    F32(Vec<f32>),
    U8(Vec<u8>),
    I32(Vec<i32>),
}

/// The type of a tensor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    U8,
    I32,
}

impl Element {
    /// Bytes that one takes.
    pub(super) const fn size(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 | Self::I32 => 4,
        }
    }
}

impl Elements {
    /// From bytes in the order of a guest's memory, little-endian; what is left over at the end is left out.
    pub(super) fn from_bytes(element: Element, bytes: &[u8]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        match element {
            Element::U8 => Self::U8(bytes.to_vec()),
            Element::F32 => Self::F32(words.iter().map(|word| f32::from_le_bytes(*word)).collect()),
            Element::I32 => Self::I32(words.iter().map(|word| i32::from_le_bytes(*word)).collect()),
        }
    }

    /// The bytes as a guest's memory has them.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::U8(bytes) => bytes.clone(),
            Self::F32(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Self::I32(numbers) => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        }
    }

    pub(super) const fn element(&self) -> Element {
        match self {
            Self::U8(_) => Element::U8,
            Self::F32(_) => Element::F32,
            Self::I32(_) => Element::I32,
        }
    }
}
