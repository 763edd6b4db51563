//! Compiles the contracts with protox, so that no machine needs protoc.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

/// Every contract, relative to this folder.
const CONTRACTS: [&str; 4] = [
    "recommendations.proto",
    "shelfwise/catalogue/v1/catalogue.proto",
    "shelfwise/readers/v1/readers.proto",
    "shelfwise/models/v1/models.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for contract in CONTRACTS {
        println!("cargo::rerun-if-changed={contract}");
    }
    let descriptors = protox::compile(CONTRACTS, ["."])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
