//! A WASI command: input in `DATA` and on stdin, the answer on stdout.

use wasmtime::{InstancePre, Store};
use wasmtime_wasi::{I32Exit, p2::bindings::CommandPre};

use super::trapped;
use crate::{Answer, CallError, state::State};

pub(super) async fn call(pre: &InstancePre<State>, store: &mut Store<State>) -> Result<Answer, CallError> {
    let instance = pre.instantiate_async(&mut *store).await.map_err(trapped)?;
    let start = instance.get_typed_func::<(), ()>(&mut *store, "_start").map_err(trapped)?;
    let ran = start.call_async(&mut *store, ()).await;
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
