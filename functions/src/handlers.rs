//! What answers each address.

pub(crate) mod call;
