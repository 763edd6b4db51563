use std::{
    thread,
    time::{Duration, Instant},
};

/// Asks again until the answer is `Some`, every 20 ms. For what another process does in its own time.
///
/// Blocks the thread: from async code call it in `spawn_blocking`, or on a multi-threaded runtime.
///
/// # Panics
///
/// If there is none within `limit`; `what` says what was waited for.
pub fn eventually<T>(what: &str, limit: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
