//! Functions whose ends a test decides.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::http::{Request, Response, StatusCode, header};
use bytes::Bytes;
use croner::Cron;
use functions::{
    problem::Problem,
    tasks::{Functions, Rules, Run, Schedule},
};
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::sync::Semaphore;

/// What there is to call: `echo` answers its body, `image` bytes, `slow` and `long` once they are let go, `flaky` after two failures, `refuse`,
/// `trap` and `panic` never, `busy` when there is room; `late-trap` and `late-busy` fail once they are let go.
pub(crate) struct Script {
    pub(crate) rules: Mutex<HashMap<String, Rules>>,
    pub(crate) schedules: Mutex<Vec<Schedule>>,
    /// The bodies that functions were called with.
    pub(crate) called: Mutex<Vec<String>>,
    /// Calls that were dropped in the middle.
    pub(crate) dropped: Arc<AtomicUsize>,
    pub(crate) running: Arc<AtomicUsize>,
    go: Arc<Semaphore>,
}

/// A call that is at work.
struct AtWork {
    dropped: Option<Arc<AtomicUsize>>,
    running: Arc<AtomicUsize>,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
        if let Some(dropped) = &self.dropped {
            dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Script {
    pub(crate) fn new() -> Arc<Self> {
        let names = "echo image slow long flaky refuse trap panic busy late-trap late-busy".split(' ');
        let rules = names
            .map(|name| (name.to_owned(), Rules { backoff: Duration::from_millis(20), ..Rules::default() }));
        Arc::new(Self {
            rules: Mutex::new(rules.collect()),
            schedules: Mutex::default(),
            called: Mutex::default(),
            dropped: Arc::default(),
            running: Arc::default(),
            go: Arc::new(Semaphore::new(0)),
        })
    }

    pub(crate) fn rule(&self, function: &str, change: impl FnOnce(&mut Rules)) {
        change(self.rules.lock().unwrap().get_mut(function).unwrap());
    }

    /// Lets so many slow calls end.
    pub(crate) fn go(&self, calls: usize) {
        self.go.add_permits(calls);
    }

    pub(crate) fn called(&self) -> Vec<String> {
        self.called.lock().unwrap().clone()
    }

    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }

    pub(crate) fn every_second(&self, function: &str) {
        let cron: Cron = "* * * * * *".parse().unwrap();
        let input = Some(r#"{"by":"clock"}"#.to_owned());
        self.schedules.lock().unwrap().push(Schedule { function: function.to_owned(), cron, input });
    }

    async fn perform(&self, run: Run, mut at_work: AtWork) -> Result<Response<Bytes>, Problem> {
        let (_, body): (_, Bytes) = Request::into_parts(run.request);
        let times = {
            let mut called = self.called.lock().unwrap();
            called.push(String::from_utf8_lossy(&body).into_owned());
            called.len()
        };
        let outcome = match run.function.as_str() {
            "slow" | "long" => {
                run.progress.line("progress: 0.25 waiting for the test");
                self.go.acquire().await.unwrap().forget();
                Ok(answer("application/json", r#"{"slow":true}"#))
            }
            "late-trap" | "late-busy" => {
                self.go.acquire().await.unwrap().forget();
                Err(if run.function == "late-trap" { Problem::Trap } else { Problem::Busy })
            }
            "image" => Ok(answer("image/png", &b"\x89PNG\r\n\x1a\n\0"[..])),
            "flaky" if times <= 2 => Err(Problem::Trap),
            "busy" if times <= 2 => Err(Problem::Busy),
            "refuse" => Err(Problem::Refused { code: "no".to_owned(), message: "never".to_owned() }),
            "trap" => Err(Problem::Trap),
            "panic" => panic!("as asked"),
            _ => Ok(answer("application/json", body)),
        };
        at_work.dropped = None;
        outcome
    }
}

fn answer(kind: &'static str, body: impl Into<Bytes>) -> Response<Bytes> {
    let answer = Response::builder().status(StatusCode::OK).header(header::CONTENT_TYPE, kind);
    answer.header("x-from", "a function").body(body.into()).unwrap()
}

impl Functions for Script {
    fn rules(&self, function: &str) -> Option<Rules> {
        self.rules.lock().unwrap().get(function).cloned()
    }

    fn schedules(&self) -> Vec<Schedule> {
        self.schedules.lock().unwrap().clone()
    }

    fn run(&self, run: Run) -> BoxFuture<'_, Result<Response<Bytes>, Problem>> {
        self.running.fetch_add(1, Ordering::SeqCst);
        let at_work = AtWork { dropped: Some(Arc::clone(&self.dropped)), running: Arc::clone(&self.running) };
        self.perform(run, at_work).boxed()
    }
}
