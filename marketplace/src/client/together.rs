//! Visitors of whom nothing is known ask the same thing, and many at the same moment: then it is asked once for all of them.
//!
//! Nobody gets an answer to a question that was sent before they asked. While one is under way, those who come gather, and
//! the first of them sends the next when everybody has the answer, as a database commits for all who wait. So a list is
//! never kept, and a quiet shop asks for every page.

use std::{
    collections::HashMap,
    future::Future,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use protobufs::recommendations::BookRecommendation;
use tokio::{
    sync::{Notify, oneshot},
    time::timeout,
};

use super::CallError;

/// So many share one answer at most.
const MOST: usize = 256;
/// How long those who gather wait for a question that is under way: some times as long as an answer takes when all is well.
pub(super) const PATIENCE: Duration = Duration::from_millis(2);

type Books = Result<Arc<[BookRecommendation]>, CallError>;

/// Waits for an answer. It comes with its sender, whose question ends when the last who waited has taken it: those who are
/// on their way meanwhile, often the same with their next page, share the next one.
type Waiting = oneshot::Sender<(Books, Arc<Sender>)>;

/// What is asked: a category and how many books.
pub(super) type Question = (i32, i32);

/// The questions that are under way, and those that are about to be sent.
#[derive(Default)]
pub(super) struct Together(Mutex<HashMap<Question, Line>>);

/// One question's senders.
#[derive(Default)]
struct Line {
    under_way: usize,
    /// Who sends the next, if anybody is about to.
    next: Option<Next>,
}

/// A question that is about to be sent.
#[derive(Default)]
struct Next {
    /// Tells the sender that one which was under way no longer is.
    free: Arc<Notify>,
    /// Who waits for the answer beside the sender.
    waiting: Vec<Waiting>,
}

impl Together {
    /// The answer to `question`, which `ask` sends, and whether another one's was shared. `ask` may be dropped unused.
    pub(super) async fn ask(
        self: &Arc<Self>,
        question: Question,
        ask: impl Future<Output = Books>,
    ) -> (Books, Asked) {
        let free = loop {
            match self.join(question) {
                Joined::Waits(answer) => {
                    if let Ok((books, _)) = answer.await {
                        return (books, Asked::Shared);
                    }
                    // Whoever was to send it, or had, has gone: one of those who waited takes their place.
                }
                Joined::Sends(free) => break free,
                Joined::Crowded => return (ask.await, Asked::Alone),
            }
        };
        let mut sender = Sender { together: Arc::clone(self), question, sent: false };
        if let Some(free) = free {
            // It is sent all the same if the one under way takes its time.
            _ = timeout(PATIENCE, free.notified()).await;
        }
        // Who asks from here on is too late for this answer.
        let waiting = sender.send();
        let books = ask.await;
        let sender = Arc::new(sender);
        for one in waiting {
            // Who does not wait any more needs none.
            _ = one.send((books.clone(), Arc::clone(&sender)));
        }
        (books, Asked::Alone)
    }

    fn join(&self, question: Question) -> Joined {
        let mut lines = self.lock();
        let line = lines.entry(question).or_default();
        match &mut line.next {
            Some(next) if next.waiting.len() < MOST => {
                let (answer, coming) = oneshot::channel();
                next.waiting.push(answer);
                Joined::Waits(coming)
            }
            Some(_) => Joined::Crowded,
            next => {
                let started = next.insert(Next::default());
                Joined::Sends((line.under_way > 0).then(|| Arc::clone(&started.free)))
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Question, Line>> {
        // Nothing that is done under it can panic half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody who asks is to do.
enum Joined {
    /// To wait for an answer that another one fetches.
    Waits(oneshot::Receiver<(Books, Arc<Sender>)>),
    /// To fetch it, once this says so if another question is under way.
    Sends(Option<Arc<Notify>>),
    /// To ask alone: enough wait already.
    Crowded,
}

/// Whether a question was sent for one visitor alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Alone,
    Shared,
}

/// Who sends a question, until its answer has been taken. Those who wait for it learn if it never is sent.
struct Sender {
    together: Arc<Together>,
    question: Question,
    sent: bool,
}

impl Sender {
    /// From now on it is under way: those who wait for its answer.
    fn send(&mut self) -> Vec<Waiting> {
        self.sent = true;
        let mut lines = self.together.lock();
        let line = lines.entry(self.question).or_default();
        line.under_way += 1;
        mem::take(&mut line.next).map(|next| next.waiting).unwrap_or_default()
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut lines = self.together.lock();
        let Some(line) = lines.get_mut(&self.question) else { return };
        match (self.sent, &line.next) {
            (true, next) => {
                line.under_way -= 1;
                if let Some(next) = next {
                    next.free.notify_one();
                }
            }
            (false, _) => line.next = None,
        }
        if line.under_way == 0 && line.next.is_none() {
            lines.remove(&self.question);
        }
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

    use futures_util::future::{join, join_all};

    use tokio::{sync::oneshot, task::yield_now, time::timeout};

    use super::{Arc, Asked, Books, CallError, Duration, Together};

    fn books() -> Books {
        Ok(Arc::from([]))
    }

    #[tokio::test]
    async fn those_who_come_meanwhile_share_an_answer_and_later_ones_do_not() {
        let together = Arc::new(Together::default());
        let sent = Cell::new(0);
        let ask = |question| {
            let sent = &sent;
            together.ask(question, async move {
                sent.set(sent.get() + 1);
                yield_now().await;
                books()
            })
        };
        let asked = join_all([ask((0, 3)), ask((0, 3)), ask((1, 3)), ask((0, 3)), ask((0, 3))]).await;
        assert_eq!(sent.get(), 3);
        let alone = asked.iter().filter(|(_, asked)| *asked == Asked::Alone).count();
        assert_eq!(alone, 3);
        ask((0, 3)).await.0.unwrap();
        assert_eq!(sent.get(), 4);
    }

    #[tokio::test]
    async fn who_comes_while_it_is_under_way_shares_the_next_one() {
        let together = Arc::new(Together::default());
        let sent = Cell::new(0);
        let (answer, answered) = oneshot::channel::<()>();
        let ask = |answered: oneshot::Receiver<()>| {
            let sent = &sent;
            together.ask((0, 3), async move {
                sent.set(sent.get() + 1);
                _ = answered.await;
                books()
            })
        };
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(ask(answered));
        while sent.get() == 0 {
            assert!(first.as_mut().poll(&mut context).is_pending());
        }
        let at_once = || {
            let (answer, answered) = oneshot::channel();
            _ = answer.send(());
            answered
        };
        let mut second = pin!(ask(at_once()));
        let mut third = pin!(ask(at_once()));
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(third.as_mut().poll(&mut context).is_pending());
        assert_eq!(sent.get(), 1, "they wait for the one that is under way");
        answer.send(()).unwrap();
        assert_eq!(first.await.1, Asked::Alone);
        assert_eq!((second.await.1, third.await.1, sent.get()), (Asked::Alone, Asked::Shared, 2));
        assert!(together.lock().is_empty());
    }

    #[tokio::test]
    async fn the_next_is_sent_once_everybody_has_the_answer() {
        let together = Arc::new(Together::default());
        let sent = Cell::new(0);
        let ask = || {
            let sent = &sent;
            together.ask((0, 3), async move {
                sent.set(sent.get() + 1);
                if sent.get() == 1 {
                    yield_now().await;
                }
                books()
            })
        };
        let mut context = Context::from_waker(Waker::noop());
        let (mut first, mut second, mut third, mut fourth) =
            (pin!(ask()), pin!(ask()), pin!(ask()), pin!(ask()));
        // The first is under way; two share the second question, and the fourth is late for it.
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        assert!(third.as_mut().poll(&mut context).is_pending());
        assert!(first.as_mut().poll(&mut context).is_ready());
        assert!(second.as_mut().poll(&mut context).is_ready());
        assert!(fourth.as_mut().poll(&mut context).is_pending());
        assert_eq!(sent.get(), 2, "the third has not taken the answer yet");
        assert!(third.as_mut().poll(&mut context).is_ready());
        assert!(fourth.as_mut().poll(&mut context).is_ready());
        assert_eq!(sent.get(), 3);
    }

    #[tokio::test]
    async fn one_that_takes_long_is_not_waited_for() {
        let together = Arc::new(Together::default());
        let mut context = Context::from_waker(Waker::noop());
        let mut slow = pin!(together.ask((0, 3), pending()));
        for _ in 0..2 {
            assert!(slow.as_mut().poll(&mut context).is_pending());
        }
        let other = timeout(Duration::from_secs(10), together.ask((0, 3), async { books() })).await;
        assert_eq!(other.expect("it was sent meanwhile"), (books(), Asked::Alone));
    }

    #[tokio::test]
    async fn one_of_those_who_wait_for_somebody_who_has_gone_takes_their_place() {
        let together = Arc::new(Together::default());
        let mut context = Context::from_waker(Waker::noop());
        for turns in [1, 2] {
            let sent = Cell::new(0);
            let ask = || {
                together.ask((0, 3), async {
                    sent.set(sent.get() + 1);
                    yield_now().await;
                    Err(CallError::NotFound)
                })
            };
            let (mut second, mut third) = (pin!(ask()), pin!(ask()));
            {
                let mut first = pin!(together.ask((0, 3), pending()));
                // In the second round it has been sent, and the others are late for it, when it is dropped.
                for _ in 0..turns {
                    assert!(first.as_mut().poll(&mut context).is_pending());
                }
                assert!(second.as_mut().poll(&mut context).is_pending());
                assert!(third.as_mut().poll(&mut context).is_pending());
            }
            let refused = Err(CallError::NotFound);
            let (second, third) = join(second, third).await;
            assert_eq!((second, third), ((refused.clone(), Asked::Alone), (refused, Asked::Shared)));
            assert_eq!(sent.get(), 1);
        }
        assert!(together.lock().is_empty());
    }
}
