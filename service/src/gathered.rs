use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

pin_project_lite::pin_project! {
    /// What drives a connection that many tasks share. Whenever it is woken, it lets those have a turn that stand before
    /// it, for they may have something to send, too: then one system call, and one wake on the other side, is for all of
    /// them. Where nobody stands before it, this costs a microsecond.
    #[derive(Debug)]
    pub struct Gathered<F> {
        #[pin]
        future: F,
        waited: bool,
    }
}

impl<F: Future> Gathered<F> {
    /// For a connection that carries calls of many tasks. One that carries one at a time has nothing to gather.
    pub fn new(future: F) -> Self {
        Self { future, waited: false }
    }
}

impl<F: Future> Future for Gathered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if !std::mem::replace(this.waited, true) {
            // The scheduler puts a task that wakes itself behind all others that are ready.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        *this.waited = false;
        this.future.poll(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::Gathered;

    #[tokio::test]
    async fn those_who_are_ready_come_first() {
        let ran = Arc::new(AtomicU32::new(0));
        let seen = tokio::spawn(Gathered::new({
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
