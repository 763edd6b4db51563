//! A few functions to try, for a store that has never held any.

/// A function that is part of the program.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub(super) name: &'static str,
    pub(super) module: &'static [u8],
    pub(super) manifest: &'static str,
}

macro_rules! samples {
    ($($name:literal),*) => {
        [$(Sample {
            name: $name,
            module: include_bytes!(concat!("../../guests/built/", $name, ".wasm")),
            manifest: include_str!(concat!("../../guests/built/", $name, ".toml")),
        }),*]
    };
}

/// One of each way to write one: a command in Rust and one in C, and a plugin of the SE2 ABI; and one for the Cover studio.
pub static SAMPLES: [Sample; 4] = samples!["count", "grayscale", "hello", "words"];
