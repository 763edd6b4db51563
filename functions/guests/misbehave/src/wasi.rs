//! Calls of WASI preview 1 as no library makes them.

use serde_json::{Value, json};

/// Asks for so many random bytes in one call of the host, into memory that it takes first. Answers the error number; none for want
/// of memory.
pub(crate) fn random(bytes: usize) -> Value {
    let mut memory: Vec<u8> = Vec::new();
    if memory.try_reserve_exact(bytes).is_err() {
        return json!({ "errno": null });
    }
    json!({ "errno": raw::random_get(memory.as_mut_ptr() as i32, bytes as i32) })
}

/// Writes one MiB of its memory `times` times over in one call of the host. Answers the error number and what the host says that it
/// took.
pub(crate) fn gather(times: usize) -> Value {
    let megabyte = vec![b'x'; 1 << 20];
    let pieces = vec![[megabyte.as_ptr() as i32, megabyte.len() as i32]; times];
    let mut taken = 0u32;
    let errno = raw::fd_write(1, pieces.as_ptr() as i32, times as i32, (&raw mut taken) as i32);
    json!({ "errno": errno, "taken": taken })
}

/// Waits for `subscriptions` clocks at once, which ring in a day. Answers the error number.
pub(crate) fn poll(subscriptions: usize) -> Value {
    let day: u64 = 86_400_000_000_000;
    // One subscription is 48 bytes: user data, kind (0, a clock), the clock (1, the steady one), time, precision, flags.
    let asked = vec![[0, 0, 1, day, 0, 0]; subscriptions];
    let mut events = vec![[0u64; 4]; subscriptions];
    let mut count = 0u32;
    let errno = raw::poll_oneoff(
        asked.as_ptr() as i32,
        events.as_mut_ptr() as i32,
        subscriptions as i32,
        (&raw mut count) as i32,
    );
    json!({ "errno": errno, "events": count })
}

/// Hands addresses outside of its memory to the host. Answers the error numbers, if the host does not end it.
pub(crate) fn outside() -> Value {
    json!({ "errno": raw::random_get(-4096, 4096) })
}

/// The names of the folders that the host has opened for it.
pub(crate) fn folders() -> Value {
    let mut names = Vec::new();
    for descriptor in 3..64 {
        let mut head = [0u32; 2];
        if raw::fd_prestat_get(descriptor, (&raw mut head) as i32) != 0 {
            continue;
        }
        let mut name = vec![0u8; head[1] as usize];
        raw::fd_prestat_dir_name(descriptor, name.as_mut_ptr() as i32, name.len() as i32);
        names.push(String::from_utf8_lossy(&name).into_owned());
    }
    json!({ "folders": names })
}

mod raw {
    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        pub(super) safe fn random_get(buffer: i32, length: i32) -> i32;
        pub(super) safe fn fd_write(descriptor: i32, pieces: i32, count: i32, taken: i32) -> i32;
        pub(super) safe fn poll_oneoff(asked: i32, events: i32, count: i32, taken: i32) -> i32;
        pub(super) safe fn fd_prestat_get(descriptor: i32, head: i32) -> i32;
        pub(super) safe fn fd_prestat_dir_name(descriptor: i32, name: i32, length: i32) -> i32;
    }
}
