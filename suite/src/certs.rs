use std::path::PathBuf;

use clap::Args;
use service::{Failure, certs};

/// Make a development authority with a server and a client certificate.
#[derive(Args, Debug)]
pub(crate) struct Certs {
    /// Where to put ca.pem, server.pem, client.pem and their keys; an authority that is there is used again
    dir: PathBuf,
    /// Where to put server.pem, its key and a copy of ca.pem instead: all that a server needs
    #[arg(long, value_name = "DIR")]
    server: Option<PathBuf>,
    /// Where to put client.pem, its key and a copy of ca.pem instead: all that a client needs
    #[arg(long, value_name = "DIR")]
    client: Option<PathBuf>,
    /// A host name or address that the server certificate is good for; may be given several times
    #[arg(long = "name", value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1", "recommendations", "marketplace"])]
    names: Vec<String>,
}

impl Certs {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let folders = certs::Folders {
            authority: &self.dir,
            server: self.server.as_deref().unwrap_or(&self.dir),
            client: self.client.as_deref().unwrap_or(&self.dir),
        };
        let files = certs::write_apart(folders, &self.names).map_err(|error| match error {
            certs::CertsError::Read { .. }
            | certs::CertsError::Key { .. }
            | certs::CertsError::Write { .. } => Failure::io(error),
            certs::CertsError::Name(_) => Failure::usage(format!("--name: {error}")),
            certs::CertsError::Make(_) => Failure::io(error),
        })?;
        for file in files {
            say!("{}", file.display());
        }
        Ok(())
    }
}
