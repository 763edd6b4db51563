//! A core module of the SE2 plugin ABI, and calls in both directions.
//!
//! The host calls `run_e(ptr, len, id)` with a payload that it has copied into memory of `allocate`; while it runs the
//! plugin calls `return_result` or `return_error`, once, and `log_msg` as often as it likes. The instance is kept for the calls to
//! come, as plugins of this kind expect: what they keep in memory is there the next time. One that fails is thrown away, and so is the
//! one that nobody has called for longest when there are too many.
//!
//! A plugin is given its payload and nothing else: neither `DATA` nor stdin, which an instance would have from its first call for
//! ever. What it writes to stdout is bounded in each call, and read by nobody.

mod kept;

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::{Caller, Extern, InstancePre, Linker, Memory, Store, TypedFunc};
use wasmtime_wasi::I32Exit;

use super::{Function, trapped};
use crate::{Answer, Call, CallError, Ended, state::State};

pub(crate) use self::kept::Kept;

/// A plugin, whose instances are kept among those of all plugins.
pub(crate) struct Plugin {
    pre: InstancePre<State>,
    number: u64,
    kept: Arc<Kept>,
}

/// An instance between its calls.
struct Instance {
    store: Store<State>,
    exports: Exports,
    calls: u32,
}

#[derive(Clone)]
struct Exports {
    memory: Memory,
    allocate: TypedFunc<i32, i32>,
    deallocate: TypedFunc<(i32, i32), ()>,
    run: TypedFunc<(i32, i32, i32), ()>,
}

/// What a plugin has returned in a call.
#[derive(Debug, Default)]
pub(crate) struct Returned {
    /// The number of the call.
    id: i32,
    outcome: Option<Result<Vec<u8>, (i32, String)>>,
    /// What was wrong with how it returned.
    wrong: Option<&'static str>,
}

impl Plugin {
    pub(crate) fn new(pre: InstancePre<State>, kept: Arc<Kept>) -> Self {
        Self { pre, number: kept.number(), kept }
    }

    pub(crate) async fn call(&self, function: &Function, call: &Call) -> Ended {
        let (mut store, exports, calls) = match self.kept.take(self.number) {
            Some(Instance { mut store, exports, calls }) => {
                store.data_mut().next(call, function.limits_of(call), function.session());
                (store, Some(exports), calls)
            }
            None => match function.store(&Call { data: None, payload: Bytes::new(), ..call.clone() }) {
                Ok(store) => (store, None, 0),
                Err(error) => return Ended::before(error),
            },
        };
        let id = i32::try_from(calls).unwrap_or(0) + 1;
        store.data_mut().returned.id = id;
        let ran = function.bounded(&mut store, async |store| {
            let exports = match exports {
                Some(exports) => exports,
                None => self.start(store).await?,
            };
            exports.call(store, &call.payload, id).await?;
            let returned = std::mem::take(&mut store.data_mut().returned);
            Ok((returned.answer()?, exports))
        });
        let ran = ran.await;
        let (result, whole) = match ran {
            Ok((result, exports)) => (result, Some(exports)),
            Err(error) => (Err(error), None),
        };
        let ended = Ended::of(result, &store);
        if let Some(exports) = whole
            && calls + 1 < function.engine().plugin_calls()
        {
            store.data_mut().rest();
            self.kept.put(self.number, Instance { store, exports, calls: calls + 1 });
        }
        ended
    }

    /// Makes an instance and lets it start.
    async fn start(&self, store: &mut Store<State>) -> Result<Exports, CallError> {
        let instance = self.pre.instantiate_async(&mut *store).await.map_err(trapped)?;
        for name in ["_start", "_initialize"] {
            let Ok(start) = instance.get_typed_func::<(), ()>(&mut *store, name) else { continue };
            match start.call_async(&mut *store, ()).await {
                Ok(()) => {}
                // A command's way to say that it is through.
                Err(error) => match error.downcast_ref::<I32Exit>() {
                    Some(I32Exit(0)) => {}
                    Some(I32Exit(status)) => return Err(CallError::Exit(*status)),
                    None => return Err(trapped(error)),
                },
            }
            break;
        }
        let misfit = |what: &str| CallError::BadAnswer(format!("it exports no {what} of the plugin ABI"));
        Ok(Exports {
            memory: instance.get_memory(&mut *store, "memory").ok_or_else(|| misfit("memory"))?,
            allocate: instance.get_typed_func(&mut *store, "allocate").map_err(|_| misfit("allocate"))?,
            deallocate: instance
                .get_typed_func(&mut *store, "deallocate")
                .map_err(|_| misfit("deallocate"))?,
            run: instance.get_typed_func(&mut *store, "run_e").map_err(|_| misfit("run_e"))?,
        })
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.kept.end(self.number);
    }
}

impl Exports {
    async fn call(&self, store: &mut Store<State>, payload: &[u8], id: i32) -> Result<(), CallError> {
        let length = i32::try_from(payload.len()).map_err(|_| CallError::LongInput(i32::MAX as usize))?;
        let place = self.allocate.call_async(&mut *store, length).await.map_err(trapped)?;
        self.memory
            .write(&mut *store, place as u32 as usize, payload)
            .map_err(|_| CallError::BadAnswer("`allocate` gave a place outside of its memory".to_owned()))?;
        self.run.call_async(&mut *store, (place, length, id)).await.map_err(trapped)?;
        self.deallocate.call_async(&mut *store, (place, length)).await.map_err(trapped)
    }
}

impl Returned {
    fn answer(self) -> Result<Result<Answer, CallError>, CallError> {
        if let Some(wrong) = self.wrong {
            return Err(CallError::BadAnswer(wrong.to_owned()));
        }
        match self.outcome {
            None => Err(CallError::BadAnswer("it returned neither a result nor an error".to_owned())),
            Some(Ok(result)) => Ok(Ok(Answer::plain(result))),
            Some(Err((code, message))) => Ok(Err(CallError::Refused { code: code.to_string(), message })),
        }
    }

    fn put(&mut self, id: i32, outcome: Result<Vec<u8>, (i32, String)>) {
        if id != self.id {
            self.wrong = Some("it returned for a call that is not this one");
        } else if self.outcome.is_some() {
            self.wrong = Some("it returned twice");
        } else {
            self.outcome = Some(outcome);
        }
    }
}

/// What plugins call: module `env`, all numbers of 32 bits.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        "env",
        "return_result",
        |mut caller: Caller<'_, State>, place: i32, length: i32, id: i32| {
            let limit = caller.data().stdout.limit();
            match read(&mut caller, place, length, limit) {
                Ok(result) => caller.data_mut().returned.put(id, Ok(result)),
                Err(wrong) => caller.data_mut().returned.wrong = Some(wrong),
            }
        },
    )?;
    linker.func_wrap(
        "env",
        "return_error",
        |mut caller: Caller<'_, State>, code: i32, place: i32, length: i32, id: i32| match read(
            &mut caller,
            place,
            length,
            LONGEST_MESSAGE,
        ) {
            Ok(message) => {
                let message = String::from_utf8_lossy(&message).into_owned();
                caller.data_mut().returned.put(id, Err((code, message)));
            }
            Err(wrong) => caller.data_mut().returned.wrong = Some(wrong),
        },
    )?;
    linker.func_wrap(
        "env",
        "log_msg",
        |mut caller: Caller<'_, State>, place: i32, length: i32, level: i32, _: i32| {
            let level = match level {
                1 => "error",
                2 => "warn",
                3 => "info",
                _ => "debug",
            };
            if let Ok(message) = read(&mut caller, place, length, LONGEST_MESSAGE) {
                caller.data().log(level, &String::from_utf8_lossy(&message));
            }
        },
    )?;
    Ok(())
}

/// The longest text of an error or a log line, in bytes.
const LONGEST_MESSAGE: usize = 64 << 10;

fn read(
    caller: &mut Caller<'_, State>,
    place: i32,
    length: i32,
    limit: usize,
) -> Result<Vec<u8>, &'static str> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err("it exports no memory");
    };
    let (place, length) = (place as u32 as usize, length as u32 as usize);
    if length > limit {
        return Err("it returned more than it may");
    }
    let bytes = memory.data(&*caller).get(place..).and_then(|rest| rest.get(..length));
    bytes.map(<[u8]>::to_vec).ok_or("it returned a place outside of its memory")
}
