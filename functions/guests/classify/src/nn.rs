//! The imports of `wasi_ephemeral_nn`, and one model behind them.

use std::fmt;

/// A model that the host lends.
pub struct Model {
    graph: u32,
}

/// What the host answered in place of success: a number of `nn_errno`.
#[derive(Debug)]
pub struct Refused(i32);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("it takes no image of this size as bytes"),
            8 => f.write_str("the host has none of this name"),
            errno => write!(f, "the host answers with error {errno}"),
        }
    }
}

impl Model {
    /// The model of this name.
    pub fn load(name: &str) -> Result<Self, Refused> {
        let mut graph = 0;
        // SAFETY: the name is readable and the number writable for as long as the call takes.
        check(unsafe { imports::load_by_name(name.as_ptr(), name.len(), &raw mut graph) })?;
        Ok(Self { graph })
    }

    /// The bytes of the first output for a first input of bytes.
    pub fn run(&self, dimensions: &[u32], bytes: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut context = 0;
        let (dimensions_length, length) = (dimensions.len(), bytes.len());
        let tensor = Tensor {
            dimensions: dimensions.as_ptr(),
            dimensions_length,
            kind: U8,
            bytes: bytes.as_ptr(),
            length,
        };
        let mut output = vec![0; 64 << 10];
        let mut written = 0;
        // SAFETY: what is pointed at is readable, or writable, for its length and as long as the calls take.
        unsafe {
            check(imports::init_execution_context(self.graph, &raw mut context))?;
            check(imports::set_input(context, 0, &raw const tensor))?;
            check(imports::compute(context))?;
            let (start, room) = (output.as_mut_ptr(), output.len());
            check(imports::get_output(context, 0, start, room, &raw mut written))?;
        }
        output.truncate(written);
        Ok(output)
    }
}

/// `tensor_type`: bytes.
const U8: u8 = 3;

#[repr(C)]
struct Tensor {
    dimensions: *const u32,
    dimensions_length: usize,
    kind: u8,
    bytes: *const u8,
    length: usize,
}

fn check(errno: i32) -> Result<(), Refused> {
    if errno == 0 { Ok(()) } else { Err(Refused(errno)) }
}

mod imports {
    use super::Tensor;

    #[link(wasm_import_module = "wasi_ephemeral_nn")]
    unsafe extern "C" {
        pub fn load_by_name(name: *const u8, length: usize, graph: *mut u32) -> i32;
        pub fn init_execution_context(graph: u32, context: *mut u32) -> i32;
        pub fn set_input(context: u32, index: u32, tensor: *const Tensor) -> i32;
        pub fn compute(context: u32) -> i32;
        pub fn get_output(context: u32, index: u32, buffer: *mut u8, room: usize, written: *mut usize)
        -> i32;
    }
}
