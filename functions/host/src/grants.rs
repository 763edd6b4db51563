use std::{collections::BTreeMap, path::PathBuf};

use crate::Allowed;

/// What a guest may see beside its input. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Arguments, after the function's name.
    pub arguments: Vec<String>,
    /// Folders of the host.
    pub folders: Vec<Folder>,
    /// The real time. Without it the wall clock says 1970, and the monotonic one counts the milliseconds of the call.
    pub clock: bool,
    /// Hosts that `wasi:http` requests may go to.
    pub hosts: Allowed,
    /// The shop's catalogue.
    pub books: bool,
    /// What readers have said.
    pub readers: bool,
    /// Values that are kept between calls.
    pub state: bool,
    /// Models through `wasi:nn`.
    pub nn: bool,
}

/// A folder of the host that a guest sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it lies.
    pub host: PathBuf,
    /// What the guest calls it.
    pub guest: String,
    /// Whether the guest may change it.
    pub write: bool,
}
