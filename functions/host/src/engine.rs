use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arc_swap::ArcSwap;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, Linker, PoolingAllocationConfig, component};
use wasmtime_wasi::{p1, p2};

use crate::{
    Limits,
    cache::Cache,
    kinds, nn,
    state::State,
    ticker::{Running, Ticker},
};

/// How an engine is made.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Guests that may run at a time; room for the memories of so many is set aside, which costs addresses, not memory.
    pub guests: u32,
    /// Where compiled code is kept. None: nowhere.
    pub cache: Option<PathBuf>,
}

/// What runs guests: compiler, room for instances, and the thread that ends those that take too long. One a process; clones are the
/// same one.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    engine: wasmtime::Engine,
    modules: Linker<State>,
    components: component::Linker<State>,
    ticker: Ticker,
    cache: Option<Cache>,
    kept: Arc<kinds::Kept>,
    /// Calls after which a kept instance of a plugin is made anew.
    plugin_calls: AtomicU32,
    models: ArcSwap<nn::Models>,
}

/// So many unless it is said otherwise: what a plugin forgets to free does not grow for ever.
const PLUGIN_CALLS: u32 = 10_000;

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The runtime does not start on this machine.
    #[error("cannot start the WebAssembly runtime: {0}")]
    Runtime(String),
    /// There is no further thread.
    #[error("cannot start the thread that ends guests")]
    Thread(#[source] std::io::Error),
    /// The folder of compiled code cannot be used.
    #[error("cannot keep compiled code in {folder}")]
    Cache {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Engine {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// If the machine does not give what it takes.
    pub fn new(settings: &EngineSettings) -> Result<Self, EngineError> {
        let engine = match wasmtime::Engine::new(&config(Some(settings.guests))) {
            Ok(engine) => engine,
            Err(error) => {
                // A limit on addresses (`ulimit -v`) is the usual reason.
                tracing::warn!(error = %format!("{error:#}"), "no room for instances can be set aside: calls will be slower");
                wasmtime::Engine::new(&config(None)).map_err(runtime)?
            }
        };
        let mut modules = Linker::new(&engine);
        p1::add_to_linker_async(&mut modules, State::wasi_p1).map_err(runtime)?;
        kinds::plugin::add_to_linker(&mut modules).map_err(runtime)?;
        nn::add_to_linker(&mut modules, |state: &mut State| &mut state.nn).map_err(runtime)?;
        let mut components = component::Linker::new(&engine);
        p2::add_to_linker_async(&mut components).map_err(runtime)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut components).map_err(runtime)?;
        kinds::imports::add_to_linker(&mut components).map_err(runtime)?;
        let ticker = Ticker::start(&engine).map_err(EngineError::Thread)?;
        let cache = settings.cache.as_ref().map(|folder| {
            Cache::open(folder, &engine)
                .map_err(|source| EngineError::Cache { folder: folder.clone(), source })
        });
        let plugin_calls = AtomicU32::new(PLUGIN_CALLS);
        let (cache, models) = (cache.transpose()?, ArcSwap::default());
        let kept = Arc::new(kinds::Kept::new(settings.guests));
        Ok(Self(Arc::new(Inner { engine, modules, components, ticker, cache, kept, plugin_calls, models })))
    }

    /// Has instances of plugins, which are kept between calls, made anew after so many. At first that is after 10,000.
    pub fn renew_plugins_after(&self, calls: u32) {
        self.0.plugin_calls.store(calls, Ordering::Relaxed);
    }

    pub(crate) fn plugin_calls(&self) -> u32 {
        self.0.plugin_calls.load(Ordering::Relaxed)
    }

    /// Lends these models to functions that are granted `nn`, from their next call on. Until then there are none.
    pub fn lend(&self, models: nn::Models) {
        self.0.models.store(Arc::new(models));
    }

    /// For one call of a function that is granted `nn`.
    pub(crate) fn session(&self) -> nn::Session {
        nn::Session::new(&self.0.models.load())
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    /// What compiles the same code for a cache and is then let go, with the megabytes that a compiler holds for its next module as
    /// long as its engine lives.
    pub(crate) fn compiler() -> wasmtime::Result<wasmtime::Engine> {
        wasmtime::Engine::new(&config(None))
    }

    pub(crate) fn modules(&self) -> &Linker<State> {
        &self.0.modules
    }

    pub(crate) fn components(&self) -> &component::Linker<State> {
        &self.0.components
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.0.cache.as_ref()
    }

    pub(crate) fn kept(&self) -> Arc<kinds::Kept> {
        Arc::clone(&self.0.kept)
    }

    pub(crate) fn running(&self) -> Running {
        self.0.ticker.running()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Engine")
    }
}

/// With room for so many guests, or with none set aside.
fn config(guests: Option<u32>) -> Config {
    let mut config = Config::new();
    config.epoch_interruption(true).max_wasm_stack(512 << 10).async_stack_size(1 << 20);
    if let Some(guests) = guests {
        // What runtimes such as CPython's and JavaScript's need as components.
        let (instances, memories, tables) = (100, 4, 40);
        let mut pool = PoolingAllocationConfig::new();
        let kept = kinds::Kept::most(guests);
        // Those that wait take nothing from those that run: a plugin has one instance, one memory, one table, and a stack.
        let most = |each: u32| guests.saturating_mul(each).saturating_add(kept);
        // However few guests there are, the largest component has room.
        pool.total_stacks(most(1))
            .total_component_instances(guests)
            .total_core_instances(most(20).max(instances))
            .total_memories(most(2).max(memories))
            .total_tables(most(10).max(tables))
            .max_core_instances_per_component(instances)
            .max_tables_per_component(tables)
            .max_memories_per_component(memories)
            .max_core_instance_size(4 << 20)
            .max_component_instance_size(4 << 20)
            .table_elements(Limits::MOST_TABLE_ELEMENTS)
            .max_memory_size(Limits::MOST_MEMORY)
            .linear_memory_keep_resident(256 << 10)
            // A page is what most guests' tables have: cleared in place, it costs no call of the system and no fault.
            .table_keep_resident(64 << 10)
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

fn runtime(error: wasmtime::Error) -> EngineError {
    EngineError::Runtime(format!("{error:#}"))
}
