use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use tokio::task::yield_now;

/// Drives a connection that many tasks share. Whenever it is woken, it lets those have a turn that are ready, for they may
/// have something to send, too: then one system call, and one wake on the other side, is for all of them. For a connection
/// that carries one call at a time there is nothing to gather.
///
/// A task that merely wakes itself would not do: for what stands behind others in the queue, the runtime wakes a further
/// thread, which finds nothing and sleeps again. A turn that is yielded comes after the runtime has looked for events.
pub async fn gathered<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        yield_now().await;
        let mut polled = false;
        let turn = poll_fn(|context| {
            if polled {
                return Poll::Ready(None);
            }
            polled = true;
            future.as_mut().poll(context).map(Some)
        });
        if let Some(output) = turn.await {
            return output;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::gathered;

    #[tokio::test]
    async fn those_who_are_ready_come_first() {
        let ran = Arc::new(AtomicU32::new(0));
        let seen = tokio::spawn(gathered({
            let ran = Arc::clone(&ran);
            async move { ran.load(Ordering::Relaxed) }
        }));
        for _ in 0..3 {
            let ran = Arc::clone(&ran);
            tokio::spawn(async move { ran.fetch_add(1, Ordering::Relaxed) });
        }
        assert_eq!(seen.await.unwrap(), 3);
    }
}
