//! Memory that a process has freed and still holds.

/// Gives back to the system what the allocator keeps for later: worth its milliseconds after work that took much once in a while.
/// On systems whose allocator does so by itself, or cannot, nothing happens.
pub async fn give_back() {
    // Whatever became of it, nothing depends on it.
    let _ = tokio::task::spawn_blocking(trim).await;
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: it takes no pointer, and any thread may call it at any time.
    #[expect(unsafe_code, reason = "the allocator has no other way to be told")]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
