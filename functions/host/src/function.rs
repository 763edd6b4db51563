use std::{fmt, sync::Arc};

use tokio::time::timeout;
use wasmtime::{Store, component::Component};

use crate::{
    Call, CallError, Ended, Engine, Grants, Kind, Limits,
    cache::Compiled,
    kinds::{self, Prepared},
    meter::Metered,
    nn,
    state::State,
};

/// A module that was compiled and can be called, by any number of callers at once. Clones are the same one.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    engine: Engine,
    name: Arc<str>,
    kind: Kind,
    limits: Limits,
    grants: Arc<Grants>,
    prepared: Prepared,
}

/// Why a module cannot be a function. The text is for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is no WebAssembly, or not valid, or uses what this host does not know.
    #[error("it does not compile: {0}")]
    Invalid(String),
    /// It is of no kind that is known here.
    #[error("it is of no known kind: it exports {0}")]
    Unknown(String),
    /// It imports what nobody gives it, or exports another type than its kind has.
    #[error("it does not fit: {0}")]
    Misfit(String),
    /// It asks for more than the engine has room for.
    #[error("{0}")]
    TooBig(String),
}

impl Function {
    /// Compiles a module, or takes what was compiled before. Takes up to seconds, in which the thread computes.
    ///
    /// # Errors
    ///
    /// If the module is none, or does not fit.
    pub fn compile(
        engine: &Engine,
        name: &str,
        wasm: &[u8],
        limits: Limits,
        grants: Grants,
    ) -> Result<Self, Unfit> {
        check(&limits)?;
        let compiled = compile(engine, wasm)?;
        if !grants.nn && nn::imported(&compiled) {
            return Err(Unfit::Misfit(
                "it asks models, and its manifest does not grant `nn = true`".to_owned(),
            ));
        }
        let (kind, prepared) = kinds::prepare(engine, compiled)?;
        let grants = Arc::new(grants);
        Ok(Self(Arc::new(Inner {
            engine: engine.clone(),
            name: name.into(),
            kind,
            limits,
            grants,
            prepared,
        })))
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What one call may take.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// What it may see.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.0.grants
    }

    /// Calls it. Dropping the future ends the guest.
    pub async fn call(&self, call: Call) -> Ended {
        let Inner { limits, prepared, .. } = &*self.0;
        if call.payload.len() > limits.stdin {
            return Ended::before(CallError::LongInput(limits.stdin));
        }
        match prepared {
            Prepared::Plugin(plugin) => plugin.call(self, &call).await,
            prepared => {
                let mut store = match self.store(&call) {
                    Ok(store) => store,
                    Err(error) => return Ended::before(error),
                };
                let result =
                    self.bounded(&mut store, async |store| kinds::call(prepared, store, &call).await);
                let result = result.await;
                Ended::of(result, &store)
            }
        }
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn prepared(&self) -> &Prepared {
        &self.0.prepared
    }

    /// What one call has to do with models.
    pub(crate) fn session(&self) -> nn::Session {
        if self.0.grants.nn { self.0.engine.session() } else { nn::Session::default() }
    }

    /// A store for one call.
    pub(crate) fn store(&self, call: &Call) -> Result<Store<State>, CallError> {
        let Inner { engine, name, grants, .. } = &*self.0;
        let state = State::new(name, self.limits_of(call), grants, call, self.session())?;
        let mut store = Store::new(engine.wasmtime(), state);
        store.limiter(|state| &mut state.budget);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().tick()));
        store.call_hook(|mut store, hook| match hook {
            wasmtime::CallHook::CallingHost => store.data_mut().host_call(),
            _ => Ok(()),
        });
        Ok(store)
    }

    /// What this call may take.
    pub(crate) fn limits_of(&self, call: &Call) -> Limits {
        let limits = self.0.limits;
        match call.time {
            Some(time) => Limits { time, cpu: limits.cpu.max(time), ..limits },
            None => limits,
        }
    }

    /// Runs a guest within its limits.
    pub(crate) async fn bounded<T>(
        &self,
        store: &mut Store<State>,
        run: impl AsyncFnOnce(&mut Store<State>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let _running = self.0.engine.running();
        let most = store.data().budget.time();
        store.set_epoch_deadline(1);
        let meter = store.data().budget.meter();
        // A guest that computes is ended by its clock; one that waits for the host, by this.
        let ended = timeout(most, Metered::new(run(store), meter)).await;
        let ended = ended.unwrap_or(Err(CallError::OutOfTime(most)));
        ended.map_err(|error| store.data().explained(error))
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Function").field("name", &self.0.name).field("kind", &self.0.kind).finish()
    }
}

impl Ended {
    /// Before there was a guest.
    pub(crate) fn before(error: CallError) -> Self {
        Self { result: Err(error), usage: crate::Usage::default(), stderr: bytes::Bytes::new() }
    }

    pub(crate) fn of(result: Result<crate::Answer, CallError>, store: &Store<State>) -> Self {
        let state = store.data();
        Self { result, usage: state.usage(), stderr: state.stderr_bytes() }
    }
}

impl State {
    /// A limit that was exceeded tells more than the trap to which it led.
    fn explained(&self, error: CallError) -> CallError {
        match error {
            CallError::Trap(_) | CallError::Host(_) | CallError::Exit(_) | CallError::BadAnswer(_) => {
                if self.stdout.overflowed() {
                    return CallError::LongAnswer(self.stdout.limit());
                }
                let missing = || self.nn.missing().map(|model| CallError::Missing(model.to_string()));
                self.budget.exceeded().cloned().or_else(missing).unwrap_or(error)
            }
            error => error,
        }
    }
}

fn check(limits: &Limits) -> Result<(), Unfit> {
    let too_big =
        |what: &str, most: usize| Err(Unfit::TooBig(format!("its limit of {what} is more than {most}")));
    if limits.memory > Limits::MOST_MEMORY {
        return too_big("memory", Limits::MOST_MEMORY);
    }
    if limits.table_elements > Limits::MOST_TABLE_ELEMENTS {
        return too_big("table-elements", Limits::MOST_TABLE_ELEMENTS);
    }
    if limits.instances > Limits::MOST_INSTANCES {
        return too_big("instances", Limits::MOST_INSTANCES);
    }
    Ok(())
}

fn compile(engine: &Engine, wasm: &[u8]) -> Result<Compiled, Unfit> {
    let component = match wasm.get(..8) {
        Some([0, b'a', b's', b'm', _, _, layer, 0]) => *layer == 1,
        // Text is not compiled, nor is code that claims to have been.
        _ => return Err(Unfit::Invalid("it does not begin as WebAssembly does".to_owned())),
    };
    let invalid = |error: wasmtime::Error| Unfit::Invalid(format!("{error:#}"));
    let wasmtime = engine.wasmtime();
    if let Some(cache) = engine.cache() {
        if let Some(compiled) = cache.get(wasmtime, wasm, component) {
            return Ok(compiled);
        }
        let compiler = Engine::compiler().map_err(invalid)?;
        let code =
            if component { compiler.precompile_component(wasm) } else { compiler.precompile_module(wasm) };
        drop(compiler);
        if let Some(compiled) = cache.put(wasmtime, wasm, &code.map_err(invalid)?, component) {
            return Ok(compiled);
        }
    }
    if component {
        Component::new(wasmtime, wasm).map(Compiled::Component).map_err(invalid)
    } else {
        wasmtime::Module::new(wasmtime, wasm).map(Compiled::Module).map_err(invalid)
    }
}
