//! A development authority with a server and a client certificate. For real use, bring certificates of your own.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::ServerName;
use thiserror::Error;

/// Why certificates were not made.
#[derive(Debug, Error)]
pub enum CertsError {
    /// Half of an authority cannot be read, or is missing.
    #[error(
        "cannot read {}: {error}; an authority is ca.pem and ca.key, and only without both a new one is made",
        path.display()
    )]
    Read {
        /// Which half.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The authority's key is none.
    #[error("cannot use the key in {}: {error}", path.display())]
    Key {
        /// The file that it was to be in.
        path: PathBuf,
        /// Why.
        error: rcgen::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No server has this name.
    #[error("{0:?}: not a host name or an address")]
    Name(String),
    /// A certificate cannot be made.
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
}

/// Where to put what.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'a> {
    /// `ca.pem` and `ca.key`: whoever can read the key can make certificates that all believe.
    pub authority: &'a Path,
    /// `server.pem` and `server.key`, and `ca.pem`.
    pub server: &'a Path,
    /// `client.pem` and `client.key`, and `ca.pem`.
    pub client: &'a Path,
}

/// As [`write_apart`], into one folder.
///
/// # Errors
///
/// As [`write_apart`].
pub fn write(folder: &Path, names: &[String]) -> Result<Vec<PathBuf>, CertsError> {
    write_apart(Folders { authority: folder, server: folder, client: folder }, names)
}

/// Writes an authority, and a server and a client certificate from it, as PEM files into folders (made if absent), and returns
/// which files these are.
///
/// The server's certificate is good for `names` (host names and addresses); keys are readable by their owner only. An
/// authority that is already there is used again, so that certificates can be renewed while servers run; half of one is
/// neither used nor replaced.
///
/// # Errors
///
/// If a file cannot be written, the authority that is there cannot be read, or a name is none.
pub fn write_apart(folders: Folders<'_>, names: &[String]) -> Result<Vec<PathBuf>, CertsError> {
    if let Some(name) = names.iter().find(|name| !can_be_asked_for(name)) {
        return Err(CertsError::Name(name.clone()));
    }
    for folder in [folders.authority, folders.server, folders.client] {
        fs::create_dir_all(folder).map_err(|error| CertsError::Write { path: folder.to_owned(), error })?;
    }
    let [ca_file, ca_key_file] = ["ca.pem", "ca.key"].map(|name| folders.authority.join(name));

    let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
    let (key, kept) = match (fs::read_to_string(&ca_file), fs::read_to_string(&ca_key_file)) {
        (Ok(certificate), Ok(pem)) => {
            let key = KeyPair::from_pem(&pem);
            (key.map_err(|error| CertsError::Key { path: ca_key_file.clone(), error })?, Some(certificate))
        }
        (Err(one), Err(other)) if missing(&one) && missing(&other) => (KeyPair::generate()?, None),
        (Err(error), _) => return Err(CertsError::Read { path: ca_file, error }),
        (_, Err(error)) => return Err(CertsError::Read { path: ca_key_file, error }),
    };
    let authority = CertifiedIssuer::self_signed(authority(), key)?;
    let certificate = match kept {
        Some(certificate) => certificate,
        None => {
            save(&ca_file, &authority.pem())?;
            save(&ca_key_file, &authority.key().serialize_pem())?;
            authority.pem()
        }
    };
    let mut files = vec![ca_file, ca_key_file];
    let mut put = |folder: &Path, name: &str, pem: &str| {
        files.push(folder.join(name));
        save(&folder.join(name), pem)
    };
    let server = issue(names.to_vec(), "Shelfwise server", ExtendedKeyUsagePurpose::ServerAuth, &authority)?;
    let client = issue(Vec::new(), "Shelfwise client", ExtendedKeyUsagePurpose::ClientAuth, &authority)?;
    for (folder, side, (chain, key)) in
        [(folders.server, "server", server), (folders.client, "client", client)]
    {
        if folder != folders.authority {
            put(folder, "ca.pem", &certificate)?;
        }
        put(folder, &format!("{side}.pem"), &chain)?;
        put(folder, &format!("{side}.key"), &key)?;
    }
    Ok(files)
}

/// Whether a client can look for it: a certificate with another name is one that many clients refuse whole.
fn can_be_asked_for(name: &str) -> bool {
    // All hosts of one domain.
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}

fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Shelfwise development authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn issue(
    names: Vec<String>,
    common_name: &str,
    usage: ExtendedKeyUsagePurpose,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Result<(String, String), CertsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    Ok((params.signed_by(&key, authority)?.pem(), key.serialize_pem()))
}

/// Replaces a file whole, so that a server that reads it at this moment sees the old or the new one.
fn save(path: &Path, pem: &str) -> Result<(), CertsError> {
    let new = path.with_extension("new");
    let write = || {
        let mut options = fs::OpenOptions::new();
        // Public files too: whoever deploys them sets wider rights.
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        io::Write::write_all(&mut file, pem.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| CertsError::Write { path: path.to_owned(), error })
}
