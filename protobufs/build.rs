//! Compiles the contracts with protox, so that no machine needs protoc.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

/// Every contract, relative to this folder.
const CONTRACTS: [&str; 2] = ["recommendations.proto", "shelfwise/catalogue/v1/catalogue.proto"];

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
