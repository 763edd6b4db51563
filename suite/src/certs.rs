use std::path::PathBuf;

use clap::Args;
use service::{Failure, certs};

/// Make a development authority with a server and a client certificate.
#[derive(Args, Debug)]
pub(crate) struct Certs {
    /// Where to put ca.pem, server.pem, client.pem and their keys; an authority that is there is used again
    dir: PathBuf,
    /// A host name or address that the server certificate is good for; may be given several times
    #[arg(long = "name", value_name = "NAME", default_values = ["localhost", "127.0.0.1", "::1", "recommendations", "marketplace"])]
    names: Vec<String>,
}

impl Certs {
    pub(crate) fn run(self) -> Result<(), Failure> {
        certs::write(&self.dir, &self.names).map_err(|error| match error {
            certs::CertsError::Read { .. }
            | certs::CertsError::Key { .. }
            | certs::CertsError::Write { .. } => Failure::io(error),
            certs::CertsError::Name(_) => Failure::usage(format!("--name: {error}")),
            certs::CertsError::Make(_) => Failure::io(error),
        })?;
        for file in certs::FILES {
            say!("{}", self.dir.join(file).display());
        }
        Ok(())
    }
}
