//! A real server of the S3 protocol.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Process, free_port, have};

/// A server over a folder, whose folders are its buckets. It is killed when this is dropped.
#[derive(Debug)]
pub struct S3 {
    _process: Process,
}

impl S3 {
    /// The program that it is.
    pub const TOOL: &str = "versitygw";
    /// What its clients have in their environment beside `AWS_ENDPOINT_URL`.
    pub const KEYS: [(&str, &str); 3] = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test-secret"),
        ("AWS_REGION", "us-east-1"),
    ];

    /// Starts it on a free port, if it is there, and says where it listens.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn over(folder: &Path) -> Option<(Self, SocketAddr)> {
        if !have(&[Self::TOOL]) {
            return None;
        }
        let place = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Some((Self::start(folder, place), place))
    }

    /// Starts it, with the bucket `shelf`.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    pub fn start(folder: &Path, place: SocketAddr) -> Self {
        std::fs::create_dir_all(folder.join("shelf")).expect("a folder for the bucket");
        let child = Command::new(Self::TOOL)
            .env("ROOT_ACCESS_KEY", Self::KEYS[0].1)
            .env("ROOT_SECRET_KEY", Self::KEYS[1].1)
            .args(["--quiet", "--port", &place.to_string(), "posix"])
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        Self { _process: Process(child) }
    }
}
