//! What tasks need to know of functions, and how they have them run.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use croner::Cron;
use futures_util::future::BoxFuture;
use http::{Request, Response};

use super::Progress;
use crate::problem::Problem;

/// The functions, as tasks see them.
pub trait Functions: Send + Sync {
    /// What holds for tasks of a function; none if there is no such function.
    fn rules(&self, function: &str) -> Option<Rules>;

    /// What is to be called when, by all manifests.
    fn schedules(&self) -> Vec<Schedule>;

    /// Calls a function and makes a response of its answer. Dropping the future ends the guest.
    fn run(&self, run: Run) -> BoxFuture<'_, Result<Response<Bytes>, Problem>>;
}

/// What holds for tasks of a function, by its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Whether a call that failed may be made again.
    pub idempotent: bool,
    /// Whether a call can leave traces outside of its answer: values that it keeps, files, requests to other hosts.
    pub leaves_traces: bool,
    /// How often a task of an idempotent function is begun at most.
    pub attempts: u32,
    /// How long to wait before the second attempt; before each further one it is twice as long.
    pub backoff: Duration,
    /// How long what a task came to is kept; none for the setting.
    pub expires: Option<Duration>,
    /// How long an attempt may take.
    pub time: Duration,
    /// Where the end is told, if the caller names nothing else.
    pub webhook: Option<String>,
}

/// A call that the clock makes.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Which function.
    pub function: String,
    /// When, in UTC.
    pub cron: Cron,
    /// With what: JSON, or nothing.
    pub input: Option<String>,
}

/// One attempt.
pub struct Run {
    /// Which function.
    pub function: String,
    /// What to call it with.
    pub request: Request<Bytes>,
    /// What it is called in the log.
    pub id: Arc<str>,
    /// Where the lines of the function's log go, too.
    pub progress: Progress,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            idempotent: false,
            leaves_traces: false,
            attempts: 3,
            backoff: Duration::from_secs(1),
            expires: None,
            time: Duration::from_secs(3_600),
            webhook: None,
        }
    }
}

/// However often a task fails, it waits no longer than this before the next time.
const LONGEST_BACKOFF: Duration = Duration::from_secs(600);

impl Rules {
    /// How long to wait before a task is begun again that has failed with this problem for the so-manieth time; none if it is
    /// not.
    #[must_use]
    pub fn again(&self, attempts: u32, problem: &Problem) -> Option<Duration> {
        let hopeless = match problem {
            // Whatever is asked for, it will be refused.
            Problem::Unknown(_)
            | Problem::BadInput(_)
            | Problem::LongHead(_)
            | Problem::LongBody(_)
            | Problem::SlowBody(_)
            | Problem::Method(_)
            | Problem::Unauthorized(_)
            | Problem::Conflict(_)
            | Problem::Unfit(_)
            | Problem::Interrupted => true,
            Problem::Exit(_)
            | Problem::Refused { .. }
            | Problem::Trap
            | Problem::BadAnswer
            | Problem::Exceeded(_)
            | Problem::OutOfTime
            | Problem::Busy
            | Problem::TooOften(_)
            | Problem::Overloaded
            | Problem::Missing(_)
            | Problem::Unavailable(_)
            | Problem::Internal => false,
        };
        if hopeless || !self.idempotent || attempts >= self.attempts {
            return None;
        }
        let doubled = 2_u32.saturating_pow(attempts.saturating_sub(1));
        Some(self.backoff.saturating_mul(doubled).min(LONGEST_BACKOFF))
    }

    /// Whether a task begins again whose process died in the middle: not if it may have left traces that it would leave twice.
    #[must_use]
    pub fn survives(&self) -> bool {
        self.idempotent || !self.leaves_traces
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rules;
    use crate::problem::Problem;

    #[test]
    fn only_what_is_idempotent_is_tried_again_and_not_for_ever() {
        let rules = Rules { idempotent: true, attempts: 20, ..Rules::default() };
        let waits: Vec<_> =
            (1..=12).map(|attempts| rules.again(attempts, &Problem::Trap).unwrap().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
        assert_eq!(rules.again(20, &Problem::Trap), None);
        assert_eq!(rules.again(1, &Problem::BadInput(String::new())), None);
        assert_eq!(Rules { idempotent: false, ..rules.clone() }.again(1, &Problem::Trap), None);
        let long = Rules { backoff: Duration::MAX, ..rules };
        assert_eq!(long.again(19, &Problem::OutOfTime), Some(Duration::from_secs(600)));
    }

    #[test]
    fn what_leaves_no_traces_survives_its_process() {
        for (idempotent, leaves_traces, survives) in
            [(false, false, true), (false, true, false), (true, true, true), (true, false, true)]
        {
            assert_eq!(Rules { idempotent, leaves_traces, ..Rules::default() }.survives(), survives);
        }
    }
}
