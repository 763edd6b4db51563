//! Instances of plugins are kept between calls, and not for ever.

use host::{Engine, EngineSettings, Function, Grants, Limits};

use crate::payload;

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

#[tokio::test]
async fn an_instance_is_made_anew_after_so_many_calls() {
    let engine = Engine::new(&EngineSettings { guests: 2, cache: None }).unwrap();
    engine.renew_plugins_after(3);
    let counter =
        Function::compile(&engine, "counter", COUNTER, Limits::default(), Grants::default()).unwrap();
    let mut counted = String::new();
    for _ in 0..7 {
        let answer = counter.call(payload("")).await.result.unwrap();
        counted.push_str(std::str::from_utf8(&answer.body).unwrap());
    }
    assert_eq!(counted, "1231231");
    engine.renew_plugins_after(1);
    for _ in 0..2 {
        counter.call(payload("")).await.result.unwrap();
    }
    assert_eq!(&counter.call(payload("")).await.result.unwrap().body[..], b"1", "each call has its own");
}
