use std::borrow::Cow;

use safetensors::{Dtype, SafeTensors, View, tensor::TensorView};

use super::{ArtefactError, Trained};
use crate::models::{Factors, Model, Parts, Says, Sparse};

const BOOKS: &str = "books";
const POPULARITY: &str = "popularity";
const SAYS: &str = "says";
const STARTS: &str = "weights.starts";
const INDICES: &str = "weights.books";
const VALUES: &str = "weights.values";
const CONTENT: &str = "content";
const ALIKE: &str = "weights.alike";
const PRIOR: &str = "popularity.weight";
const FACTORS: &str = "factors";
const FACTOR_PARAMETERS: &str = "factors.parameters";

/// Numbers that a tensor may be of, in the order of their bytes.
trait Number: Copy {
    const TYPE: Dtype;
    const BYTES: usize;
    fn write(self, bytes: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($number:ty: $dtype:ident),*) => {
        $(impl Number for $number {
            const TYPE: Dtype = Dtype::$dtype;
            const BYTES: usize = size_of::<$number>();

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("pieces of this length"))
            }
        })*
    };
}
number!(f32: F32, i32: I32, u32: U32, u64: U64);

/// A tensor on its way out. Its bytes are made when they are asked for, one tensor at a time.
enum Out<'a> {
    F32(Vec<usize>, &'a [f32]),
    I32(Vec<usize>, &'a [i32]),
    U32(Vec<usize>, &'a [u32]),
    U64(Vec<usize>, &'a [u64]),
}

impl View for &Out<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Out::F32(..) => Dtype::F32,
            Out::I32(..) => Dtype::I32,
            Out::U32(..) => Dtype::U32,
            Out::U64(..) => Dtype::U64,
        }
    }

    fn shape(&self) -> &[usize] {
        match self {
            Out::F32(shape, _) | Out::I32(shape, _) | Out::U32(shape, _) | Out::U64(shape, _) => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(match self {
            Out::F32(_, numbers) => bytes(numbers),
            Out::I32(_, numbers) => bytes(numbers),
            Out::U32(_, numbers) => bytes(numbers),
            Out::U64(_, numbers) => bytes(numbers),
        })
    }

    fn data_len(&self) -> usize {
        match self {
            Out::F32(_, numbers) => size_of_val(*numbers),
            Out::I32(_, numbers) => size_of_val(*numbers),
            Out::U32(_, numbers) => size_of_val(*numbers),
            Out::U64(_, numbers) => size_of_val(*numbers),
        }
    }
}

fn bytes<N: Number>(numbers: &[N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(numbers.len() * N::BYTES);
    numbers.iter().for_each(|number| number.write(&mut bytes));
    bytes
}

pub(super) fn encode(trained: &Trained) -> Result<Vec<u8>, ArtefactError> {
    let Parts { popularity, weights, by_content, alike, prior, factors, says } = trained.model.parts();
    let says = [says.positive, says.wanted, says.negative];
    let prior = [prior];
    let mut all = vec![
        (BOOKS, Out::I32(vec![trained.books.len()], &trained.books)),
        (POPULARITY, Out::F32(vec![popularity.len()], &popularity)),
        (SAYS, Out::F32(vec![says.len()], &says)),
    ];
    if let Some(weights) = &weights {
        all.extend([
            (STARTS, Out::U64(vec![weights.starts().len()], weights.starts())),
            (INDICES, Out::U32(vec![weights.len()], weights.indices())),
            (VALUES, Out::F32(vec![weights.len()], weights.values())),
            (CONTENT, Out::U32(vec![by_content.len()], &by_content)),
            (PRIOR, Out::F32(vec![1], &prior)),
        ]);
        if !alike.is_empty() {
            all.push((ALIKE, Out::U32(vec![alike.len()], &alike)));
        }
    }
    let parameters = factors.as_ref().map(|factors| [factors.regularization(), factors.confidence()]);
    if let Some((factors, parameters)) = factors.as_ref().zip(parameters.as_ref()) {
        let shape = vec![factors.books(), factors.width()];
        all.push((FACTORS, Out::F32(shape, factors.values())));
        all.push((FACTOR_PARAMETERS, Out::F32(vec![2], parameters)));
    }
    safetensors::serialize(all.iter().map(|(name, out)| (*name, out)), None).map_err(ArtefactError::Format)
}

pub(super) fn decode(bytes: &[u8]) -> Result<Trained, ArtefactError> {
    let tensors = SafeTensors::deserialize(bytes).map_err(ArtefactError::Format)?;
    let (books, _) = required::<i32>(&tensors, BOOKS, 1)?;
    let (popularity, _) = required::<f32>(&tensors, POPULARITY, 1)?;
    if !books.is_sorted_by(|a, b| a < b) || books.first().is_some_and(|&first| first < 1) {
        return Err(ArtefactError::Tensor { name: BOOKS, reason: "numbers are positive and ascend" });
    }
    if popularity.len() != books.len() {
        return Err(ArtefactError::Tensor {
            name: POPULARITY,
            reason: "is not of as many books as there are",
        });
    }
    let says = match optional::<f32>(&tensors, SAYS, 1)? {
        None => Says::default(),
        Some((numbers, _)) => {
            let [positive, wanted, negative] = numbers[..].try_into().map_err(|_| shape(SAYS))?;
            Says { positive, wanted, negative }
        }
    };
    let weights = match optional::<u64>(&tensors, STARTS, 1)? {
        None => None,
        Some((starts, _)) => {
            let (indices, _) = required::<u32>(&tensors, INDICES, 1)?;
            let (values, _) = required::<f32>(&tensors, VALUES, 1)?;
            Some(Sparse::checked(books.len(), starts, indices, values).map_err(ArtefactError::Parts)?)
        }
    };
    let by_content = optional::<u32>(&tensors, CONTENT, 1)?.map(|(books, _)| books).unwrap_or_default();
    let alike = optional::<u32>(&tensors, ALIKE, 1)?.map(|(bits, _)| bits).unwrap_or_default();
    let prior = match optional::<f32>(&tensors, PRIOR, 1)? {
        None => 0.0,
        Some((numbers, _)) => {
            let [prior] = numbers[..].try_into().map_err(|_| shape(PRIOR))?;
            prior
        }
    };
    let factors = match optional::<f32>(&tensors, FACTORS, 2)? {
        None => None,
        Some((values, shape_of)) => {
            let (parameters, _) = required::<f32>(&tensors, FACTOR_PARAMETERS, 1)?;
            let [regularization, confidence] =
                parameters[..].try_into().map_err(|_| shape(FACTOR_PARAMETERS))?;
            if shape_of[0] != books.len() {
                return Err(shape(FACTORS));
            }
            let factors = Factors::new(shape_of[1], values, regularization, confidence);
            Some(factors.map_err(ArtefactError::Parts)?)
        }
    };
    let parts = Parts { popularity, weights, by_content, alike, prior, factors, says };
    let model = Model::from_parts(parts).map_err(ArtefactError::Parts)?;
    Ok(Trained { books, model })
}

/// A tensor's numbers and its shape.
type Numbers<N> = (Vec<N>, Vec<usize>);

fn required<N: Number>(
    tensors: &SafeTensors<'_>,
    name: &'static str,
    dimensions: usize,
) -> Result<Numbers<N>, ArtefactError> {
    optional(tensors, name, dimensions)?.ok_or(ArtefactError::Tensor { name, reason: "is missing" })
}

fn optional<N: Number>(
    tensors: &SafeTensors<'_>,
    name: &'static str,
    dimensions: usize,
) -> Result<Option<Numbers<N>>, ArtefactError> {
    // Nothing else than absence can be wrong with looking one up.
    let Ok(tensor) = tensors.tensor(name) else { return Ok(None) };
    if tensor.dtype() != N::TYPE {
        return Err(ArtefactError::Tensor { name, reason: "is of another type" });
    }
    if tensor.shape().len() != dimensions {
        return Err(shape(name));
    }
    Ok(Some((numbers(&tensor), tensor.shape().to_vec())))
}

fn numbers<N: Number>(tensor: &TensorView<'_>) -> Vec<N> {
    tensor.data().chunks_exact(N::BYTES).map(N::read).collect()
}

fn shape(name: &'static str) -> ArtefactError {
    ArtefactError::Tensor { name, reason: "is of another shape" }
}
