//! The contracts of Shelfwise as Rust types, clients and servers. `*.proto` beside this folder is the documentation.

/// `recommendations.proto`: the tutorial's contract, which has no package.
pub mod recommendations {
    #![allow(missing_docs, clippy::all)] // generated
    tonic::include_proto!("_");
}

/// `shelfwise/catalogue/v1/catalogue.proto`: books, categories and search.
pub mod catalogue {
    #![allow(missing_docs, clippy::all)] // generated
    tonic::include_proto!("shelfwise.catalogue.v1");
}

/// `shelfwise/readers/v1/readers.proto`: readers' histories and what they did with recommendations.
pub mod readers {
    #![allow(missing_docs, clippy::all)] // generated
    tonic::include_proto!("shelfwise.readers.v1");
}

/// `shelfwise/models/v1/models.proto`: training, quality, and which model answers.
pub mod models {
    #![allow(missing_docs, clippy::all)] // generated
    tonic::include_proto!("shelfwise.models.v1");
}

pub mod hosts;

/// Where recommendations listens, and where it is looked for, unless a setting says otherwise: the tutorial's port.
pub const PORT: u16 = 50051;

/// The longest answer in bytes: what clients accept by default.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

/// The longest search in characters.
pub const MAX_QUERY_CHARACTERS: usize = 200;

/// All contracts as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
