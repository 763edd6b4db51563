//! A component of our world `algorithm`: a payload in, a result or a failure out.

use wasmtime::Store;

use super::{imports::AlgorithmPre, trapped};
use crate::{Answer, Call, CallError, state::State};

pub(super) async fn call(
    pre: &AlgorithmPre<State>,
    store: &mut Store<State>,
    call: &Call,
) -> Result<Answer, CallError> {
    let algorithm = pre.instantiate_async(&mut *store).await.map_err(trapped)?;
    match algorithm.call_run(&mut *store, &call.payload).await.map_err(trapped)? {
        Ok(result) if result.len() > store.data().stdout.limit() => {
            Err(CallError::LongAnswer(store.data().stdout.limit()))
        }
        Ok(result) => Ok(Answer::plain(result)),
        Err(failure) => Err(CallError::Refused { code: failure.code, message: failure.message }),
    }
}
