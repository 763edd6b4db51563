//! `wasi:nn` for core modules: the imports of `wasi_ephemeral_nn`, as guests for WASI preview 1 know them.
//!
//! Two numberings of a tensor's types are in use: that of the interface's own file (f16, f32, f64, u8, i32, i64) and that of the
//! first libraries (f16, f32, u8, i32). Which one a guest means shows in how many bytes it gives for its elements.

use std::future::Future;

use wasmtime::{Caller, Extern, Linker, Memory};

use crate::cache::Compiled;

use super::{
    bounds,
    session::{Refusal, Session},
    tensor::Element,
};

const MODULE: &str = "wasi_ephemeral_nn";

/// The numbers of `nn_errno`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
enum Errno {
    Success = 0,
    InvalidArgument = 1,
    MissingMemory = 3,
    RuntimeError = 5,
    UnsupportedOperation = 6,
    TooLarge = 7,
    NotFound = 8,
}

/// Links the interface into modules whose store has a session.
///
/// # Errors
///
/// If the linker has such imports already.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    session: fn(&mut T) -> &mut Session,
) -> wasmtime::Result<()> {
    linker.func_wrap(MODULE, "load", |_: Caller<'_, T>, _: i32, _: i32, _: i32, _: i32, _: i32| {
        answer(Err(Refusal::Unsupported("models are loaded by their names")))
    })?;
    linker.func_wrap_async(MODULE, "load_by_name", move |caller, (name, length, out): (u32, u32, u32)| {
        boxed(load_by_name(caller, session, Range { start: name, length }, out))
    })?;
    linker.func_wrap(
        MODULE,
        "init_execution_context",
        move |mut caller: Caller<'_, T>, graph: u32, out: u32| {
            answer(
                session(caller.data_mut()).prepare(graph).and_then(|context| put(&mut caller, out, context)),
            )
        },
    )?;
    linker.func_wrap(
        MODULE,
        "set_input",
        move |mut caller: Caller<'_, T>, context: u32, index: u32, tensor: u32| {
            answer(set_input(&mut caller, session, context, index, tensor))
        },
    )?;
    linker.func_wrap_async(MODULE, "compute", move |mut caller: Caller<'_, T>, (context,): (u32,)| {
        boxed(async move { answer(session(caller.data_mut()).compute(context).await) })
    })?;
    linker.func_wrap(
        MODULE,
        "get_output",
        move |mut caller: Caller<'_, T>, context: u32, index: u32, start: u32, length: u32, out: u32| {
            answer(get_output(&mut caller, session, context, index, Range { start, length }, out))
        },
    )?;
    Ok(())
}

/// Whether a module asks models.
pub(crate) fn imported(compiled: &Compiled) -> bool {
    matches!(compiled, Compiled::Module(module) if module.imports().any(|import| import.module() == MODULE))
}

/// A part of a guest's memory, as the guest names it.
#[derive(Clone, Copy)]
struct Range {
    start: u32,
    length: u32,
}

impl Range {
    fn of(self, memory: &[u8]) -> Result<&[u8], Refusal> {
        let start = self.start as usize;
        start.checked_add(self.length as usize).and_then(|end| memory.get(start..end)).ok_or_else(outside)
    }

    fn of_mut(self, memory: &mut [u8]) -> Result<&mut [u8], Refusal> {
        let start = self.start as usize;
        start.checked_add(self.length as usize).and_then(|end| memory.get_mut(start..end)).ok_or_else(outside)
    }
}

async fn load_by_name<T: Send + 'static>(
    mut caller: Caller<'_, T>,
    session: fn(&mut T) -> &mut Session,
    name: Range,
    out: u32,
) -> i32 {
    let text = memory(&mut caller).and_then(|memory| {
        let text = std::str::from_utf8(name.of(memory.data(&caller))?).ok();
        text.map(str::to_owned).ok_or_else(|| Refusal::Argument("the name is no UTF-8".to_owned()))
    });
    let name = match text {
        Ok(name) => name,
        Err(refusal) => return answer(Err(refusal)),
    };
    let graph = session(caller.data_mut()).load_by_name(&name).await;
    answer(graph.and_then(|graph| put(&mut caller, out, graph)))
}

fn set_input<T: 'static>(
    caller: &mut Caller<'_, T>,
    session: fn(&mut T) -> &mut Session,
    context: u32,
    index: u32,
    tensor: u32,
) -> Result<(), Refusal> {
    let (memory, state) = memory(caller)?.data_and_store_mut(caller);
    // struct { dimensions: { u32*, size_t }, type: u8, data: { u8*, size_t } }
    let fields = Range { start: tensor, length: 20 }.of(memory)?;
    let word = |at: usize| u32::from_le_bytes([fields[at], fields[at + 1], fields[at + 2], fields[at + 3]]);
    let dimensions = Range { start: word(0), length: word(4).saturating_mul(4) }.of(memory)?;
    let data = Range { start: word(12), length: word(16) }.of(memory)?;
    let (dimensions, _) = dimensions.as_chunks::<4>();
    if dimensions.len() > bounds::RANK {
        return Err(Refusal::Argument(format!("a tensor has at most {} dimensions", bounds::RANK)));
    }
    let shape: Vec<_> = dimensions.iter().map(|size| u32::from_le_bytes(*size) as usize).collect();
    let count = shape.iter().try_fold(1_usize, |count, size| count.checked_mul(*size));
    let element = count.and_then(|count| element(fields[8], count, data.len()));
    let element = element
        .ok_or(Refusal::Unsupported("tensors are of f32, u8 or i32, and as long as their dimensions say"))?;
    session(state).set_input(context, index, &shape, element, data)
}

/// The type that a guest means by a number, when `count` elements take so many bytes.
fn element(number: u8, count: usize, bytes: usize) -> Option<Element> {
    let element = match (number, bytes == count) {
        (1, _) => Element::F32,
        (2 | 3, true) => Element::U8,
        (3 | 4, false) => Element::I32,
        _ => return None,
    };
    (count.checked_mul(element.size()) == Some(bytes)).then_some(element)
}

fn get_output<T: 'static>(
    caller: &mut Caller<'_, T>,
    session: fn(&mut T) -> &mut Session,
    context: u32,
    index: u32,
    buffer: Range,
    out: u32,
) -> Result<(), Refusal> {
    let (memory, state) = memory(caller)?.data_and_store_mut(&mut *caller);
    let bytes = session(state).output(context, index)?.elements.to_bytes();
    let buffer = buffer.of_mut(memory)?;
    buffer.get_mut(..bytes.len()).ok_or(Refusal::TooMany)?.copy_from_slice(&bytes);
    put(caller, out, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
}

/// Writes a number to where the guest wants it.
fn put<T: 'static>(caller: &mut Caller<'_, T>, out: u32, number: u32) -> Result<(), Refusal> {
    let memory = memory(caller)?.data_mut(caller);
    Range { start: out, length: 4 }.of_mut(memory)?.copy_from_slice(&number.to_le_bytes());
    Ok(())
}

fn memory<T: 'static>(caller: &mut Caller<'_, T>) -> Result<Memory, Refusal> {
    caller.get_export("memory").and_then(Extern::into_memory).ok_or(Refusal::NoMemory)
}

fn outside() -> Refusal {
    Refusal::Argument("a range outside of memory".to_owned())
}

/// What the guest is told; the log gets the reason.
fn answer(result: Result<(), Refusal>) -> i32 {
    let Err(refusal) = result else { return Errno::Success as i32 };
    let errno = match &refusal {
        Refusal::Argument(_) => Errno::InvalidArgument,
        Refusal::NoMemory => Errno::MissingMemory,
        Refusal::Unsupported(_) => Errno::UnsupportedOperation,
        Refusal::TooMany => Errno::TooLarge,
        Refusal::NotFound => Errno::NotFound,
        Refusal::Failed(_) => Errno::RuntimeError,
    };
    if errno == Errno::RuntimeError {
        tracing::warn!(%refusal, "a model gave no answer");
    } else {
        tracing::debug!(%refusal, "a guest asks for what it does not get");
    }
    errno as i32
}

fn boxed<'a>(future: impl Future<Output = i32> + Send + 'a) -> Box<dyn Future<Output = i32> + Send + 'a> {
    Box::new(future)
}

#[cfg(test)]
mod tests {
    use super::{Element, element};

    #[test]
    fn both_numberings_are_understood() {
        assert_eq!(element(1, 6, 24), Some(Element::F32));
        assert_eq!(element(2, 6, 6), Some(Element::U8));
        assert_eq!(element(3, 6, 6), Some(Element::U8));
        assert_eq!(element(3, 6, 24), Some(Element::I32));
        assert_eq!(element(4, 6, 24), Some(Element::I32));
        for (number, bytes) in [(0, 12), (1, 6), (1, 23), (2, 48), (3, 12), (4, 6), (5, 48), (255, 6)] {
            assert_eq!(element(number, 6, bytes), None, "type {number} in {bytes} bytes");
        }
    }
}
