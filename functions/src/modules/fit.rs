use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use host::{Engine, Folder, Function, Kind};

use super::{files::Pair, table::Table};
use crate::{limits::Limits, manifest::Manifest, name::Name};

/// What a module is compiled with, and what its manifest may grant.
#[derive(Clone, Debug)]
pub struct Fitting {
    /// Compiles and runs it.
    pub engine: Engine,
    /// What calls may take where a manifest says nothing.
    pub limits: Limits,
    /// Below which folders of this machine a manifest may grant folders; none: anywhere, but only to those who lay it where modules
    /// lie themselves.
    pub folders: Option<Vec<PathBuf>>,
    /// Where the service keeps its own things. Nothing of it can be granted.
    pub data: Option<PathBuf>,
}

/// Who wants a module to be a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Whoever can write where modules lie.
    Store,
    /// Whoever may deploy over HTTP, and has no other right on this machine.
    Order,
}

/// A module that does what its manifest says.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) manifest: Manifest,
    pub(crate) function: Function,
}

impl Fitting {
    /// Compiles a module and holds it to its manifest, on a thread for such work.
    ///
    /// # Errors
    ///
    /// Why they do not fit, in one line, for whoever wrote them.
    pub(crate) async fn fit(&self, name: &Name, pair: &Arc<Pair>, by: By) -> Result<Fitted, String> {
        let (fitting, name, pair) = (self.clone(), name.clone(), Arc::clone(pair));
        let fitted = tokio::task::spawn_blocking(move || fitting.fit_here(&name, &pair, by)).await;
        fitted.unwrap_or_else(|error| {
            tracing::error!(%error, "compiling a module panicked");
            Err("the compiler failed".to_owned())
        })
    }

    fn fit_here(&self, name: &Name, pair: &Pair, by: By) -> Result<Fitted, String> {
        let text = pair.manifest.as_deref().unwrap_or_default();
        let manifest = Manifest::parse(name, text).map_err(|wrong| wrong.to_string())?;
        for folder in &manifest.grants.folders {
            self.permits(folder, by).map_err(|why| format!("{name}.toml: grants.folders: {why}"))?;
        }
        let compile = |defaults: &host::Limits| {
            let limits = manifest.limits.of_guest(defaults);
            let function =
                Function::compile(&self.engine, name, &pair.module, limits, manifest.grants.clone());
            function.map_err(|unfit| line(&format!("{name}.wasm: {unfit}")))
        };
        let mut function = compile(&self.limits.guest)?;
        if function.kind() == Kind::Ranker {
            // A reader waits for it.
            function = compile(&host::Limits::of_ranker())?;
        }
        let kind = function.kind();
        manifest.suits(kind).map_err(|(key, why)| format!("{name}.toml: {key}: {why}"))?;
        Ok(Fitted { manifest, function })
    }

    /// Whether a folder can be granted. If not, the reason names it as the function does: where it lies is not told.
    fn permits(&self, folder: &Folder, by: By) -> Result<(), String> {
        let shown = &folder.guest;
        // Links lead where they lead: what counts is where a folder really lies.
        let real = folder.host.canonicalize().ok().filter(|path| path.is_dir());
        let real = real.ok_or_else(|| format!("{shown} stands for no folder of this machine"))?;
        let real_of = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(data) = self.data.as_deref().map(real_of)
            && (real.starts_with(&data) || data.starts_with(&real))
        {
            return Err(format!("{shown} stands for what this service keeps, which cannot be granted"));
        }
        match &self.folders {
            Some(folders) if !folders.iter().any(|allowed| real.starts_with(real_of(allowed))) => {
                Err(format!("{shown} stands for a folder below none of those that FUNCTIONS_FOLDERS names"))
            }
            None if by == By::Order => {
                Err("FUNCTIONS_FOLDERS names none that may be granted over HTTP".to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Whether another function answers one of these routes already.
///
/// # Errors
///
/// Which route it is, and whose, in one line.
pub(super) fn collides(name: &Name, manifest: &Manifest, table: &Table) -> Result<(), String> {
    let others = table.entries().map(|entry| &entry.deployed).filter(|other| other.name != *name);
    for other in others {
        if let Some(route) = manifest.routes.iter().find(|route| other.manifest.routes.contains(route)) {
            return Err(format!("{name}.toml: routes: {route} is answered by {} already", other.name));
        }
    }
    Ok(())
}

/// One line that is not too long.
fn line(text: &str) -> String {
    const MOST: usize = 1_000;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
