//! A WASI command: input in `DATA` and on stdin, the answer on stdout.

use wasmtime::{Extern, InstancePre, Module, ModuleExport, Store};
use wasmtime_wasi::{I32Exit, p2::bindings::CommandPre};

use super::trapped;
use crate::{Answer, CallError, state::State};

/// A command that was built as a module, and where in it its `_start` is.
pub(crate) struct Command {
    pre: InstancePre<State>,
    start: ModuleExport,
}

impl Command {
    /// None if it has no `_start`.
    pub(super) fn new(module: &Module, pre: InstancePre<State>) -> Option<Self> {
        Some(Self { pre, start: module.get_export_index("_start")? })
    }
}

pub(super) async fn call(command: &Command, store: &mut Store<State>) -> Result<Answer, CallError> {
    let instance = command.pre.instantiate_async(&mut *store).await.map_err(trapped)?;
    let start = instance.get_module_export(&mut *store, &command.start).and_then(Extern::into_func);
    let start = start.ok_or_else(|| CallError::Host("its `_start` is gone".to_owned()))?;
    let ran = start.typed::<(), ()>(&*store).map_err(trapped)?.call_async(&mut *store, ()).await;
    ended(store, ran)
}

pub(super) async fn call_component(
    pre: &CommandPre<State>,
    store: &mut Store<State>,
) -> Result<Answer, CallError> {
    let command = pre.instantiate_async(&mut *store).await.map_err(trapped)?;
    let ran = command.wasi_cli_run().call_run(&mut *store).await;
    // `run` tells success from failure, but no status.
    match ran {
        Ok(Err(())) => Err(CallError::Exit(1)),
        Ok(Ok(())) => ended(store, Ok(())),
        Err(error) => ended(store, Err(error)),
    }
}

/// `proc_exit(0)` is a return, too.
fn ended(store: &Store<State>, ran: wasmtime::Result<()>) -> Result<Answer, CallError> {
    if let Err(error) = ran {
        match error.downcast_ref::<I32Exit>() {
            Some(I32Exit(0)) => {}
            Some(I32Exit(status)) => return Err(CallError::Exit(*status)),
            None => return Err(trapped(error)),
        }
    }
    Ok(Answer::plain(store.data().stdout.take()))
}
