//! Compiled code on disk, so that a restart does not compile again what has not changed.
//!
//! A file is named by a digest of the module and of everything about the engine and the machine that code depends on. Beside it
//! lies an authentication code under a key that only this folder's owner can read: what does not match is thrown away and
//! compiled anew.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::SystemTime,
};

use ring::{
    digest, hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use wasmtime::{Engine, Module, component::Component};

/// Beyond so many bytes what was not used for the longest time goes.
const MOST_BYTES: u64 = 2 << 30;

/// A folder of compiled code.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
    /// What code depends on beside the module: version and settings of the compiler, and the processor.
    engine: u64,
}

/// What was compiled.
pub(crate) enum Compiled {
    /// A core module.
    Module(Module),
    /// A component.
    Component(Component),
}

impl Cache {
    /// # Errors
    ///
    /// If the folder or its key cannot be made or read.
    pub(crate) fn open(folder: &Path, engine: &Engine) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key(&folder.join("key"))?);
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self { folder: folder.to_owned(), key, engine: hasher.finish() })
    }

    /// The code of a module, if it is here and is what was put here.
    pub(crate) fn get(&self, engine: &Engine, wasm: &[u8], component: bool) -> Option<Compiled> {
        let path = self.path(wasm);
        let mut file = File::open(&path).ok()?;
        let tag = fs::read(path.with_extension("tag")).ok()?;
        let checked = self.check(&mut file, &path, &tag);
        if checked.is_err() {
            tracing::warn!(file = %path.display(), "compiled code is damaged or not ours: compiling anew");
            self.forget(&path);
            return None;
        }
        // For who is thrown away next. It does not matter if it fails.
        let _ = file.set_modified(SystemTime::now());
        match load(engine, &path, component) {
            Ok(compiled) => Some(compiled),
            Err(error) => {
                tracing::warn!(file = %path.display(), error = %format!("{error:#}"), "compiled code cannot be used: compiling anew");
                self.forget(&path);
                None
            }
        }
    }

    /// Puts code here and gives it back mapped from the file, so that it takes memory only where it runs.
    pub(crate) fn put(&self, engine: &Engine, wasm: &[u8], code: &[u8], component: bool) -> Option<Compiled> {
        let path = self.path(wasm);
        let written = (|| {
            self.make_room(code.len() as u64)?;
            let digest = digest::digest(&digest::SHA256, code);
            let tag = hmac::sign(&self.key, &Self::signed(&path, &digest));
            write(&path.with_extension("tag"), tag.as_ref())?;
            write(&path, code)
        })();
        if let Err(error) = written {
            tracing::warn!(file = %path.display(), %error, "compiled code cannot be kept");
            return None;
        }
        self.get(engine, wasm, component)
    }

    fn path(&self, wasm: &[u8]) -> PathBuf {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.engine.to_le_bytes());
        context.update(wasm);
        let name: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension("cwasm")
    }

    /// What is authenticated: the code, and its name, so that one file cannot take another's place.
    fn signed(path: &Path, digest: &digest::Digest) -> Vec<u8> {
        [digest.as_ref(), path.file_name().unwrap_or_default().as_encoded_bytes()].concat()
    }

    fn check(&self, file: &mut File, path: &Path, tag: &[u8]) -> io::Result<()> {
        let mut context = digest::Context::new(&digest::SHA256);
        let mut piece = vec![0; 256 << 10];
        loop {
            let read = file.read(&mut piece)?;
            if read == 0 {
                break;
            }
            context.update(&piece[..read]);
        }
        let right = hmac::verify(&self.key, &Self::signed(path, &context.finish()), tag);
        right.map_err(|_| io::ErrorKind::InvalidData.into())
    }

    fn forget(&self, path: &Path) {
        // Whoever else removed it did the same.
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(path.with_extension("tag"));
    }

    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "cwasm") {
                let known = entry.metadata()?;
                files.push((known.modified()?, known.len(), path));
            }
        }
        files.sort_unstable();
        let mut total: u64 = bytes + files.iter().map(|(_, length, _)| length).sum::<u64>();
        for (_, length, path) in files {
            if total <= MOST_BYTES {
                break;
            }
            self.forget(&path);
            total -= length;
        }
        Ok(())
    }
}

/// Compiled code that was just found to be what this process, or another with the same key, has put here.
fn load(engine: &Engine, path: &Path, component: bool) -> wasmtime::Result<Compiled> {
    // SAFETY: the bytes were authenticated under a key that only the owner of the folder can read, so they are what the
    // compiler has made; files are only ever replaced whole, by renaming, and only by what was
    // authenticated in the same way, so that what is mapped does not change.
    #[expect(unsafe_code, reason = "code that the compiler made is mapped instead of made again")]
    unsafe {
        if component {
            Component::deserialize_file(engine, path).map(Compiled::Component)
        } else {
            Module::deserialize_file(engine, path).map(Compiled::Module)
        }
    }
}

fn key(path: &Path) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    match File::open(path) {
        Ok(mut file) => {
            file.read_exact(&mut key)?;
            return Ok(key);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("the system has no random numbers"))?;
    let own = path.with_extension(std::process::id().to_string());
    write(&own, &key)?;
    // Of several processes that start at once the first one's counts.
    let linked = fs::hard_link(&own, path);
    fs::remove_file(&own)?;
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self::key(path),
        Err(error) => Err(error),
    }
}

/// Whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut own = path.as_os_str().to_owned();
    own.push(format!(".{:016x}", rand_suffix()));
    let own = PathBuf::from(own);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&own)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&own, path));
    if written.is_err() {
        let _ = fs::remove_file(&own);
    }
    written
}

/// So that two threads that write the same file do not write the same bytes into each other.
fn rand_suffix() -> u64 {
    let mut bytes = [0; 8];
    // Without random numbers names may collide, and then `create_new` says so.
    let _ = SystemRandom::new().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
