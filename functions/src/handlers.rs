//! What answers each address.

pub(crate) mod call;
pub(crate) mod sidecar;
pub(crate) mod trial;
