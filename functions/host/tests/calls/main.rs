//! Guests of every kind are called; each limit is obeyed and violated; nothing is seen that was not granted.

mod grants;
mod guests;
mod kinds;
mod limits;
mod plugins;
mod cache;

use std::{path::Path, sync::Arc, sync::LazyLock};

use bytes::Bytes;
use host::{Call, CallError, Ended, Engine, EngineSettings, Function, Grants, Limits, NoShop};
use serde_json::Value;

/// One engine for all tests, as a process has.
static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(&EngineSettings { guests: 64, cache: None }).unwrap());

/// A module of those that lie built in the repository.
pub(crate) fn module(name: &str) -> Vec<u8> {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/built").join(name).with_extension("wasm");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub(crate) fn function(name: &str, limits: Limits, grants: Grants) -> Function {
    Function::compile(&ENGINE, name, &module(name), limits, grants).unwrap()
}

/// With nothing but `DATA`.
pub(crate) fn data(json: &str) -> Call {
    Call { data: Some(json.to_owned()), ..payload("") }
}

/// With nothing but a payload.
pub(crate) fn payload(bytes: impl Into<Bytes>) -> Call {
    Call { data: None, payload: bytes.into(), request: None, shop: Arc::new(NoShop), time: None, lines: None }
}

pub(crate) fn json(ended: Ended) -> Value {
    let answer = ended.result.unwrap();
    serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {:?}", answer.body))
}

pub(crate) fn error(ended: Ended) -> CallError {
    ended.result.expect_err("this call is to fail")
}

#[tokio::test]
async fn a_command_reads_data_and_answers_on_stdout() {
    let hello = function("hello", Limits::default(), Grants::default());
    assert_eq!(hello.kind(), host::Kind::Command);
    let answer = hello.call(data(r#"{"name":"Ada"}"#)).await;
    assert!(answer.usage.memory > 0 && answer.usage.host_calls > 0 && !answer.usage.cpu.is_zero());
    assert_eq!(json(answer)["greeting"], "Hello, Ada!");
    let ended = hello.call(data(r#"{"name":1}"#)).await;
    assert!(std::str::from_utf8(&ended.stderr).unwrap().contains("`name` must be a text"));
    assert_eq!(error(ended), CallError::Exit(1));
}

#[tokio::test]
async fn ways_to_end() {
    let misbehave = function("misbehave", Limits::default(), Grants::default());
    let ended = misbehave.call(data(r#"{"do":"exit","status":0,"text":"through"}"#)).await;
    assert_eq!(&ended.result.unwrap().body[..], b"through");
    assert_eq!(error(misbehave.call(data(r#"{"do":"exit","status":7}"#)).await), CallError::Exit(7));
    assert!(matches!(error(misbehave.call(data(r#"{"do":"trap"}"#)).await), CallError::Trap(_)));
    assert!(matches!(error(misbehave.call(data(r#"{"do":"recurse"}"#)).await), CallError::Trap(_)));
    let panicked = misbehave.call(data(r#"{"do":"panic","text":"why"}"#)).await;
    assert!(std::str::from_utf8(&panicked.stderr).unwrap().contains("why"));
    assert!(panicked.result.is_err());
    // After all of that it is what it was.
    assert_eq!(json(misbehave.call(data(r#"{"do":"work","turns":3}"#)).await)["sum"], 3);
}

#[tokio::test]
async fn stdin_is_the_payload() {
    let misbehave = function("misbehave", Limits::default(), Grants::default());
    let call = Call { payload: Bytes::from(vec![1; 1_000_000]), ..data(r#"{"do":"stdin"}"#) };
    assert_eq!(json(misbehave.call(call).await)["bytes"], 1_000_000);
}
