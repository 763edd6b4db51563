//! Memory that a process has freed and still holds.

/// Gives back to the system what the allocator keeps for later: worth its milliseconds after work that took much once in a while.
/// On systems whose allocator does so by itself, or cannot, nothing happens.
pub async fn give_back() {
    // Whatever became of it, nothing depends on it.
    let _ = tokio::task::spawn_blocking(trim).await;
}

/// Has the allocator give back what is free at the end of a heap as soon as it is more than half a mebibyte, and take larger
/// blocks from the system one by one. Left to itself it takes the largest block that was ever freed as its measure, and after a
/// compiler has run it keeps megabytes in every thread's heap.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) fn keep_little() {
    const MOST: libc::c_int = 512 << 10;
    // What a heap takes beyond what was asked for, and what is left of its end.
    const MORE: libc::c_int = 16 << 10;
    // SAFETY: it takes no pointer, and holds the allocator's lock while it changes a number.
    #[expect(unsafe_code, reason = "the allocator has no other way to be told")]
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, MOST);
        libc::mallopt(libc::M_MMAP_THRESHOLD, MOST);
        libc::mallopt(libc::M_TOP_PAD, MORE);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn keep_little() {}

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
