//! Instances of plugins are kept between calls, not for ever and not too many, and nothing of one call is left for the next.

use host::{Call, CallError, Engine, EngineSettings, Function, Grants, Limits};

use crate::{data, json, payload};

/// A plugin that answers with how often its instance was called, as one digit:
///
/// ```wat
/// (module (import "env" "return_result" (func $return (param i32 i32 i32)))
///   (memory (export "memory") 1) (data (i32.const 0) "0")
///   (func (export "allocate") (param i32) (result i32) (i32.const 1024))
///   (func (export "deallocate") (param i32 i32))
///   (func (export "run_e") (param i32 i32 i32)
///     (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 1)))
///     (call $return (i32.const 0) (i32.const 1) (local.get 2))))
/// ```
const COUNTER: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x11\x03\x60\x03\x7f\x7f\x7f\x00\x60\x01\x7f\x01\x7f\x60\x02\x7f\x7f\x00\
    \x02\x15\x01\x03env\x0dreturn_result\x00\x00\
    \x03\x04\x03\x01\x02\x00\
    \x05\x03\x01\x00\x01\
    \x07\x2a\x04\x06memory\x02\x00\x08allocate\x00\x01\x0adeallocate\x00\x02\x05run_e\x00\x03\
    \x0a\x22\x03\x05\x00\x41\x80\x08\x0b\x02\x00\x0b\
    \x17\x00\x41\x00\x41\x00\x2d\x00\x00\x41\x01\x6a\x3a\x00\x00\x41\x00\x41\x01\x20\x02\x10\x00\x0b\
    \x0b\x07\x01\x00\x41\x00\x0b\x01\x30";

/// A plugin that writes 3,000 bytes to stdout, and answers with four numbers of 32 bits: how many environment variables it has, how
/// many bytes those take, how many it has read from stdin, and how many it has written.
///
/// ```wat
/// (module (import "env" "return_result" (func (param i32 i32 i32)))
///   (import "wasi_snapshot_preview1" "environ_sizes_get" (func (param i32 i32) (result i32)))
///   (import "wasi_snapshot_preview1" "fd_read" (func (param i32 i32 i32 i32) (result i32)))
///   (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
///   (memory (export "memory") 1) (data (i32.const 8) "\00\10\00\00\b8\0b\00\00")
///   (func (export "allocate") (param i32) (result i32) (i32.const 1024))
///   (func (export "deallocate") (param i32 i32))
///   (func (export "run_e") (param i32 i32 i32)
///     (drop (call 1 (i32.const 16) (i32.const 20)))
///     (drop (call 2 (i32.const 0) (i32.const 8) (i32.const 1) (i32.const 24)))
///     (drop (call 3 (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 28)))
///     (call 0 (i32.const 16) (i32.const 16) (local.get 2))))
/// ```
const TALKER: &[u8] =
    b"\0asm\x01\0\0\0\x01\x1f\x05`\x03\x7f\x7f\x7f\0`\x02\x7f\x7f\x01\x7f`\x04\x7f\x7f\x7f\x7f\x01\x7f`\
    \x01\x7f\x01\x7f`\x02\x7f\x7f\0\x02\x83\x01\x04\x03env\x0dreturn_result\0\0\x16wasi_snapshot_preview\
    1\x11environ_sizes_get\0\x01\x16wasi_snapshot_preview1\x07fd_read\0\x02\x16wasi_snapshot_preview1\
    \x08fd_write\0\x02\x03\x04\x03\x03\x04\0\x05\x03\x01\0\x01\x07*\x04\x06memory\x02\0\x08allocate\0\
    \x04\x0adeallocate\0\x05\x05run_e\0\x06\x0a2\x03\x05\0A\x80\x08\x0b\x02\0\x0b'\0A\x10A\x14\x10\x01\
    \x1aA\0A\x08A\x01A\x18\x10\x02\x1aA\x01A\x08A\x01A\x1c\x10\x03\x1aA\x10A\x10 \x02\x10\0\x0b\x0b\x0e\
    \x01\0A\x08\x0b\x08\0\x10\0\0\xb8\x0b\0\0";

fn small(guests: u32) -> Engine {
    Engine::new(&EngineSettings { guests, cache: None }).unwrap()
}

fn plugin(engine: &Engine, wasm: &[u8], limits: Limits) -> Function {
    Function::compile(engine, "plugin", wasm, limits, Grants::default()).unwrap()
}

async fn says(plugin: &Function) -> String {
    let answer = plugin.call(payload("")).await.result.unwrap();
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_kept_instance_has_nothing_of_its_first_call() {
    let talker = plugin(&small(2), TALKER, Limits { stdout: 5_000, ..Limits::default() });
    for _ in 0..4 {
        let call = Call { payload: "the payload".into(), ..data(r#"{"secret":1}"#) };
        let body = talker.call(call).await.result.unwrap().body;
        let numbers: Vec<_> =
            body.chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect();
        // The limit of stdout is each call's.
        assert_eq!(numbers, [0, 0, 0, 3_000]);
    }
    let talker = plugin(&small(2), TALKER, Limits { stdout: 2_999, ..Limits::default() });
    for _ in 0..2 {
        assert_eq!(talker.call(payload("")).await.result, Err(CallError::LongAnswer(2_999)));
    }
}

#[tokio::test]
async fn the_instance_that_was_used_least_recently_ends_when_its_place_is_needed() {
    let engine = small(2);
    let [one, two, three] = [(); 3].map(|()| plugin(&engine, COUNTER, Limits::default()));
    assert_eq!((says(&one).await, says(&one).await), ("1".into(), "2".into()));
    assert_eq!((says(&two).await, says(&one).await), ("1".into(), "3".into()));
    assert_eq!(says(&three).await, "1");
    // Two wait at a time: the first plugin's was used after the second's.
    assert_eq!((says(&one).await, says(&two).await), ("4".into(), "1".into()));
    assert_eq!(says(&three).await, "1");
}

#[tokio::test]
async fn many_plugins_leave_room_for_others_on_a_small_machine() {
    let engine = small(1);
    let plugins: Vec<_> = (0..30).map(|_| plugin(&engine, COUNTER, Limits::default())).collect();
    let hello =
        Function::compile(&engine, "hello", &crate::module("hello"), Limits::default(), Grants::default())
            .unwrap();
    for plugin in &plugins {
        assert_eq!(says(plugin).await, "1");
        assert_eq!(json(hello.call(data(r#"{"name":"Ada"}"#)).await)["greeting"], "Hello, Ada!");
    }
    // Those of plugins that are no more have no place.
    assert_eq!(says(&plugins[29]).await, "2");
    drop(plugins);
    assert_eq!(says(&plugin(&engine, COUNTER, Limits::default())).await, "1");
}

#[tokio::test]
async fn an_instance_is_made_anew_after_so_many_calls() {
    let engine = small(2);
    engine.renew_plugins_after(3);
    let counter = plugin(&engine, COUNTER, Limits::default());
    let mut counted = String::new();
    for _ in 0..7 {
        counted.push_str(&says(&counter).await);
    }
    assert_eq!(counted, "1231231");
    engine.renew_plugins_after(1);
    for _ in 0..2 {
        counter.call(payload("")).await.result.unwrap();
    }
    assert_eq!(&counter.call(payload("")).await.result.unwrap().body[..], b"1", "each call has its own");
}
