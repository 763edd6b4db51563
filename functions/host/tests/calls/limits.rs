use std::time::{Duration, Instant};

use bytes::Bytes;
use host::{Call, CallError, Engine, EngineSettings, Function, Grants, Limits};

use crate::{ENGINE, data, error, function, json, module};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn time_is_bounded() {
    let limits = Limits { time: Duration::from_millis(50), ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    let started = Instant::now();
    let ended = misbehave.call(data(r#"{"do":"loop"}"#)).await;
    let took = started.elapsed();
    // A machine that is busy with other tests may add to it.
    assert!(took >= limits.time && took < Duration::from_secs(10), "{took:?}");
    assert!(ended.usage.cpu > Duration::ZERO);
    assert_eq!(error(ended), CallError::OutOfTime(limits.time));
    // Waiting is time, too.
    let ended = misbehave.call(data(r#"{"do":"sleep","milliseconds":60000}"#)).await;
    assert!(ended.usage.cpu < limits.time);
    assert_eq!(error(ended), CallError::OutOfTime(limits.time));
    let limits = Limits { time: Duration::from_secs(30), ..Limits::default() };
    let patient = function("misbehave", limits, Grants::default());
    assert_eq!(json(patient.call(data(r#"{"do":"sleep","milliseconds":5}"#)).await)["slept"], 5);
    assert_eq!(json(patient.call(data(r#"{"do":"work","turns":1000}"#)).await)["sum"], 499_500);
}

#[tokio::test]
async fn processor_time_is_bounded_apart_from_waiting() {
    let limits =
        Limits { time: Duration::from_secs(30), cpu: Duration::from_millis(20), ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    let ended = misbehave.call(data(r#"{"do":"loop"}"#)).await;
    assert!(ended.usage.cpu >= limits.cpu && ended.usage.time < limits.time);
    assert_eq!(error(ended), CallError::OutOfCpu(limits.cpu));
    // A long wait costs none.
    assert_eq!(json(misbehave.call(data(r#"{"do":"sleep","milliseconds":100}"#)).await)["slept"], 100);
}

#[tokio::test]
async fn memory_is_bounded() {
    let limits = Limits { memory: 16 * MIB, ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    let ended = misbehave.call(data(r#"{"do":"allocate"}"#)).await;
    assert!(ended.usage.memory <= limits.memory && ended.usage.memory > limits.memory / 2);
    let got = json(ended)["mebibytes"].as_u64().unwrap();
    assert!((8..16).contains(&got), "{got}");
    assert_eq!(json(misbehave.call(data(r#"{"do":"allocate","mebibytes":4}"#)).await)["mebibytes"], 4);
    let ended = misbehave.call(data(r#"{"do":"exhaust"}"#)).await;
    assert_eq!(error(ended), CallError::OutOfMemory(limits.memory));
    // Too little to begin with.
    let tiny = function("misbehave", Limits { memory: 65_536, ..limits }, Grants::default());
    assert_eq!(error(tiny.call(data(r#"{"do":"loop"}"#)).await), CallError::OutOfMemory(65_536));
}

#[tokio::test]
async fn tables_and_instances_are_bounded() {
    let few = Limits { table_elements: 2, ..Limits::default() };
    let misbehave = function("misbehave", few, Grants::default());
    assert_eq!(error(misbehave.call(data(r#"{"do":"loop"}"#)).await), CallError::OutOfTables);
    let none = Limits { instances: 0, ..Limits::default() };
    let misbehave = function("misbehave", none, Grants::default());
    assert!(misbehave.call(data(r#"{"do":"work","turns":1}"#)).await.result.is_err());
    let one = Limits { instances: 1, ..Limits::default() };
    let misbehave = function("misbehave", one, Grants::default());
    assert_eq!(json(misbehave.call(data(r#"{"do":"work","turns":1}"#)).await)["sum"], 0);
}

#[tokio::test]
async fn a_growth_that_fails_costs_nothing() {
    const PAGE: usize = 64 << 10;
    let limits = Limits { memory: 64 * PAGE, table_elements: 64, ..Limits::default() };
    let called = async |memory: &str, steps: &str| {
        let module = format!(
            r#"(module
                (memory (export "memory") {memory})
                (table $table 1 2 funcref)
                (func $grow (param i32 i32) (if (i32.ne (memory.grow (local.get 0)) (local.get 1)) (then (loop (br 0)))))
                (func $widen (param i32 i32)
                    (if (i32.ne (table.grow $table (ref.null func) (local.get 0)) (local.get 1)) (then (loop (br 0)))))
                (func (export "_start") {steps}))"#
        );
        let module = wat::parse_str(module).unwrap();
        Function::compile(&ENGINE, "grows", &module, limits, Grants::default())
            .unwrap()
            .call(data("{}"))
            .await
    };
    let grow = |by: i32, came: i32| format!("(call $grow (i32.const {by}) (i32.const {came}))");
    let widen = |by: i32, came: i32| format!("(call $widen (i32.const {by}) (i32.const {came}))");
    // Each is within the limit, and beyond what the memory or table allows itself.
    let refused = [grow(60, -1), grow(60, -1), widen(60, -1), widen(60, -1)].concat();
    let ended = called("1 2", &[refused.clone(), grow(1, 1), widen(1, 1)].concat()).await;
    assert_eq!(ended.usage.memory, 2 * PAGE);
    assert!(ended.result.is_ok(), "{:?}", ended.result);
    // None of them is why the guest ends.
    let ended = called("1 2", &[refused, "unreachable".to_owned()].concat()).await;
    assert!(matches!(error(ended), CallError::Trap(_)));
    // What there is stays charged when more is asked for than any memory can have.
    let ended =
        called("1 65536", &[grow(40, 1), grow(65_535, -1), grow(40, -1), "unreachable".into()].concat())
            .await;
    assert_eq!(ended.usage.memory, 41 * PAGE);
    assert_eq!(error(ended), CallError::OutOfMemory(limits.memory));
}

#[tokio::test]
async fn input_and_output_are_bounded() {
    let limits = Limits { stdin: 1000, stdout: 5000, stderr: 3000, ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    let with = |bytes: usize| Call { payload: Bytes::from(vec![1; bytes]), ..data(r#"{"do":"stdin"}"#) };
    assert_eq!(json(misbehave.call(with(1000)).await)["bytes"], 1000);
    assert_eq!(error(misbehave.call(with(1001)).await), CallError::LongInput(1000));
    let ended = misbehave.call(data(r#"{"do":"stdout","bytes":5000}"#)).await;
    assert_eq!(ended.result.unwrap().body.len(), 5000);
    for flood in [r#"{"do":"stdout","bytes":5001}"#, r#"{"do":"stdout"}"#] {
        assert_eq!(error(misbehave.call(data(flood)).await), CallError::LongAnswer(5000));
    }
    // What goes to stderr beyond the limit is dropped, and the guest goes on.
    let ended = misbehave.call(data(r#"{"do":"stderr","bytes":4000}"#)).await;
    assert_eq!(ended.stderr.len(), 3000);
    assert_eq!(json(ended)["bytes"], 4000);
}

#[tokio::test]
async fn host_calls_are_bounded() {
    let limits = Limits { host_calls: 50, ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    let ended = misbehave.call(data(r#"{"do":"stderr"}"#)).await;
    assert_eq!(ended.usage.host_calls, 51);
    assert_eq!(error(ended), CallError::TooManyHostCalls(50));
    assert_eq!(json(misbehave.call(data(r#"{"do":"work","turns":1}"#)).await)["sum"], 0);
}

#[tokio::test]
async fn one_call_of_the_host_cannot_hold_a_thread() {
    let limits = Limits { time: Duration::from_millis(200), ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    for long in [
        r#"{"do":"random","bytes":100000000}"#,
        r#"{"do":"gather","mebibytes":1000}"#,
        r#"{"do":"poll","subscriptions":1000000}"#,
    ] {
        let started = Instant::now();
        // Whatever comes of it, it comes soon.
        let _ = misbehave.call(data(long)).await;
        assert!(started.elapsed() < Duration::from_secs(10), "{long}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn where_there_is_no_room_nothing_is_begun_and_nobody_is_to_blame() {
    let engine = Engine::new(&EngineSettings { guests: 1, cache: None }).unwrap();
    let limits = Limits { time: Duration::from_secs(600), ..Limits::default() };
    let misbehave =
        Function::compile(&engine, "misbehave", &module("misbehave"), limits, Grants::default()).unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let misbehave = misbehave.clone();
        calls.spawn(async move { misbehave.call(data(r#"{"do":"sleep","milliseconds":600000}"#)).await });
    }
    // The others sleep.
    assert_eq!(error(calls.join_next().await.unwrap().unwrap()), CallError::NoRoom);
    calls.shutdown().await;
    assert_eq!(json(misbehave.call(data(r#"{"do":"work","turns":3}"#)).await)["sum"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_misbehaving_calls_leave_nothing_behind() {
    let limits =
        Limits { time: Duration::from_millis(20), memory: 16 * MIB, stdout: MIB, ..Limits::default() };
    let misbehave = function("misbehave", limits, Grants::default());
    let hello = function("hello", Limits::default(), Grants::default());
    // What is kept for calls to come is kept once.
    misbehave_often(&misbehave, 1_000).await;
    let before = resident();
    misbehave_often(&misbehave, 10_000).await;
    let after = resident();
    assert!(after < before + 32 * MIB, "{before} bytes before, {after} after");
    assert_eq!(json(hello.call(data(r#"{"name":"Ada"}"#)).await)["greeting"], "Hello, Ada!");
}

async fn misbehave_often(misbehave: &Function, times: usize) {
    let kinds = [
        r#"{"do":"trap"}"#,
        r#"{"do":"exhaust"}"#,
        r#"{"do":"stdout"}"#,
        r#"{"do":"recurse"}"#,
        r#"{"do":"sleep","milliseconds":60000}"#,
    ];
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..times {
        // Of those that hold a processor for all of their time there are few, so that this ends today.
        let kind = if number % 100 == 0 { r#"{"do":"loop"}"# } else { kinds[number % kinds.len()] };
        while calls.len() >= 48 {
            calls.join_next().await.unwrap().unwrap();
        }
        let misbehave = misbehave.clone();
        calls.spawn(async move { assert!(misbehave.call(data(kind)).await.result.is_err(), "{kind}") });
    }
    while let Some(ended) = calls.join_next().await {
        ended.unwrap();
    }
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
