//! Visitors of whom nothing is known ask the same thing, and many at the same moment: then it is asked once for all of them.
//!
//! Nobody gets an answer to a question that was sent before they asked: whoever asks first lets those have a turn who are
//! ready to ask, and only then sends. So a list is never kept, and a quiet shop asks for every page.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use protobufs::recommendations::BookRecommendation;
use tokio::{sync::oneshot, task::yield_now};

use super::CallError;

/// So many share one answer at most.
const MOST: usize = 256;

type Books = Result<Arc<[BookRecommendation]>, CallError>;

/// What is asked: a category and how many books.
pub(super) type Question = (i32, i32);

/// The questions that are about to be sent, each with those who wait for its answer beside the one who sends it.
#[derive(Default)]
pub(super) struct Together(Mutex<HashMap<Question, Vec<oneshot::Sender<Books>>>>);

impl Together {
    /// The answer to `question`, which `ask` sends, and whether another one's was shared. `ask` may be dropped unused.
    pub(super) async fn ask(&self, question: Question, ask: impl Future<Output = Books>) -> (Books, Asked) {
        if let Some(answer) = self.join(question) {
            return match answer.await {
                Ok(books) => (books, Asked::Shared),
                // Whoever was to send it has gone.
                Err(_) => (ask.await, Asked::Alone),
            };
        }
        let gathering = Gathering { together: self, question };
        yield_now().await;
        // Who asks from here on is too late for this answer.
        let waiting = gathering.close();
        let books = ask.await;
        for one in waiting {
            // Who does not wait any more needs none.
            _ = one.send(books.clone());
        }
        (books, Asked::Alone)
    }

    /// Waits with those who ask the same, if anybody is about to. Otherwise the next ones wait for this one.
    fn join(&self, question: Question) -> Option<oneshot::Receiver<Books>> {
        let mut gathering = self.lock();
        let Some(waiting) = gathering.get_mut(&question).filter(|waiting| waiting.len() < MOST) else {
            gathering.insert(question, Vec::new());
            return None;
        };
        let (answer, coming) = oneshot::channel();
        waiting.push(answer);
        Some(coming)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Question, Vec<oneshot::Sender<Books>>>> {
        // Nothing that is done under it can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a question was sent for one visitor alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Alone,
    Shared,
}

/// A question that is about to be sent. Those who wait for it learn if it never is.
struct Gathering<'a> {
    together: &'a Together,
    question: Question,
}

impl Gathering<'_> {
    fn close(self) -> Vec<oneshot::Sender<Books>> {
        self.together.lock().remove(&self.question).unwrap_or_default()
    }
}

impl Drop for Gathering<'_> {
    fn drop(&mut self) {
        self.together.lock().remove(&self.question);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{Future as _, pending},
        pin::pin,
        task::{Context, Waker},
    };

    use futures_util::future::join_all;

    use super::{Arc, Asked, Books, CallError, Together};

    fn books() -> Books {
        Ok(Arc::from([]))
    }

    #[tokio::test]
    async fn those_of_one_moment_share_an_answer_and_later_ones_do_not() {
        let together = Together::default();
        let sent = Cell::new(0);
        let ask = |question| {
            let sent = &sent;
            together.ask(question, async move {
                sent.set(sent.get() + 1);
                books()
            })
        };
        let asked = join_all([ask((0, 3)), ask((0, 3)), ask((1, 3)), ask((0, 3))]).await;
        assert_eq!(sent.get(), 2);
        let alone = asked.iter().filter(|(_, asked)| *asked == Asked::Alone).count();
        assert_eq!(alone, 2);
        ask((0, 3)).await.0.unwrap();
        assert_eq!(sent.get(), 3);
    }

    #[tokio::test]
    async fn who_waits_for_somebody_who_has_gone_asks_alone() {
        let together = Together::default();
        let mut context = Context::from_waker(Waker::noop());
        for turns in [1, 2] {
            let mut second = pin!(async {
                let refused = async { Err(CallError::NotFound) };
                together.ask((0, 3), refused).await
            });
            {
                let mut first = pin!(together.ask((0, 3), pending()));
                assert!(first.as_mut().poll(&mut context).is_pending());
                assert!(second.as_mut().poll(&mut context).is_pending());
                // In the second round it has been sent, too.
                for _ in 1..turns {
                    assert!(first.as_mut().poll(&mut context).is_pending());
                }
            }
            assert_eq!(second.await, (Err(CallError::NotFound), Asked::Alone));
        }
        assert!(together.lock().is_empty());
    }
}
