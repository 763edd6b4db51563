//! The kinds of guest, and how each is called.

mod algorithm;
mod command;
mod http;
pub(crate) mod imports;
mod outbound;
pub(crate) mod plugin;
pub(crate) mod ranker;

use wasmtime::{Module, PoolConcurrencyLimitError, Store, component::types::ComponentItem};
use wasmtime_wasi::p2::bindings::CommandPre;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

pub(crate) use self::{
    outbound::Outbound,
    plugin::{Kept, Plugin, Returned},
};
use crate::{Answer, Call, CallError, Engine, Function, Kind, Unfit, cache::Compiled, state::State};

/// What is prepared once for all calls.
pub(crate) enum Prepared {
    Command(command::Command),
    /// A command that was built as a component.
    ComponentCommand(CommandPre<State>),
    Algorithm(imports::AlgorithmPre<State>),
    Http(ProxyPre<State>),
    Plugin(Plugin),
    Ranker(ranker::RankerPre<State>),
}

/// Looks at what a module exports and links what it imports.
pub(crate) fn prepare(engine: &Engine, compiled: Compiled) -> Result<(Kind, Prepared), Unfit> {
    match compiled {
        Compiled::Module(module) => {
            let kind = module_kind(&module)?;
            let linked = engine.modules().instantiate_pre(&module).map_err(misfit)?;
            Ok(match kind {
                Kind::Plugin => (kind, Prepared::Plugin(Plugin::new(linked, engine.kept()))),
                _ => {
                    let command = command::Command::new(&module, linked);
                    let command = command.ok_or_else(|| Unfit::Unknown(listed(exported(&module))))?;
                    (kind, Prepared::Command(command))
                }
            })
        }
        Compiled::Component(component) => {
            let exports: Vec<(String, bool)> = component
                .component_type()
                .exports(engine.wasmtime())
                .map(|(name, item)| (name.to_owned(), matches!(item.ty, ComponentItem::ComponentFunc(_))))
                .collect();
            let instance = |prefix: &str| exports.iter().any(|(name, _)| name.starts_with(prefix));
            let function = |wanted: &str| exports.iter().any(|(name, function)| *function && name == wanted);
            let linked = engine.components().instantiate_pre(&component);
            if function("rank") {
                let pre = linked.and_then(ranker::RankerPre::new).map_err(misfit)?;
                Ok((Kind::Ranker, Prepared::Ranker(pre)))
            } else if function("run") {
                let pre = linked.and_then(imports::AlgorithmPre::new).map_err(misfit)?;
                Ok((Kind::Algorithm, Prepared::Algorithm(pre)))
            } else if instance("wasi:http/incoming-handler@") {
                let pre = linked.and_then(ProxyPre::new).map_err(misfit)?;
                Ok((Kind::Http, Prepared::Http(pre)))
            } else if instance("wasi:cli/run@") {
                let pre = linked.and_then(CommandPre::new).map_err(misfit)?;
                Ok((Kind::Command, Prepared::ComponentCommand(pre)))
            } else {
                Err(Unfit::Unknown(listed(exports.into_iter().map(|(name, _)| name))))
            }
        }
    }
}

/// Calls what has an instance for each call.
pub(crate) async fn call(
    prepared: &Prepared,
    store: &mut Store<State>,
    call: &Call,
) -> Result<Answer, CallError> {
    match prepared {
        Prepared::Command(command) => command::call(command, store).await,
        Prepared::ComponentCommand(pre) => command::call_component(pre, store).await,
        Prepared::Algorithm(pre) => algorithm::call(pre, store, call).await,
        Prepared::Http(pre) => http::call(pre, store, call).await,
        Prepared::Plugin(_) => Err(CallError::Host("a plugin has instances of its own".to_owned())),
        Prepared::Ranker(_) => {
            Err(CallError::Missing("a ranker is called by recommendations, not by HTTP".to_owned()))
        }
    }
}

/// A trap, or a failure of the host within the call.
pub(crate) fn trapped(error: wasmtime::Error) -> CallError {
    // The guest has no part in that.
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::NoRoom;
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => CallError::Trap(trap.to_string()),
        // Causes alone: the backtrace is for whoever has the sources.
        None => CallError::Trap(error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")),
    }
}

fn module_kind(module: &Module) -> Result<Kind, Unfit> {
    let exports = |name: &str| module.get_export(name).is_some_and(|export| export.func().is_some());
    // A plugin may have `_start` as well.
    if ["run_e", "allocate", "deallocate"].into_iter().all(exports) {
        Ok(Kind::Plugin)
    } else if exports("_start") {
        Ok(Kind::Command)
    } else {
        Err(Unfit::Unknown(listed(exported(module))))
    }
}

fn exported(module: &Module) -> impl Iterator<Item = String> {
    module.exports().map(|export| export.name().to_owned())
}

fn listed(names: impl Iterator<Item = String>) -> String {
    const MOST: usize = 10;
    let names: Vec<_> = names.take(MOST).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}

fn misfit(error: wasmtime::Error) -> Unfit {
    Unfit::Misfit(format!("{error:#}"))
}
