/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobState {
    /// Waits for its turn.
    Scheduled,
    /// Is at work.
    Running,
    /// Has ended well.
    Succeeded,
    /// Has failed.
    Failed,
    /// Was cancelled.
    Cancelled,
}

/// A training, asked for or done.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number, from 1 up.
    pub id: i64,
    /// How far it is.
    pub state: JobState,
    /// What it trains.
    pub model: String,
    /// What is being done, in a few words.
    pub step: String,
    /// How much is done, 0 to 1.
    pub progress: f32,
    /// What came of it, in a sentence.
    pub message: String,
    /// The model that it made; empty until then.
    pub model_version: String,
    /// Who or what asked for it.
    pub cause: String,
    /// Whether its model answers even if it is worse.
    pub force: bool,
    /// When it was asked for, in milliseconds since 1970, as all times.
    pub created_at: i64,
    /// When it was first begun.
    pub started_at: Option<i64>,
    /// When it ended.
    pub ended_at: Option<i64>,
    /// The process that runs it.
    pub owner: String,
    /// Raised by its owner all the while.
    pub heartbeat: i64,
    /// How often it was begun.
    pub attempts: i32,
    /// Whether it is to stop.
    pub cancelled: bool,
}

/// A training that is asked for.
#[derive(Clone, Copy, Debug)]
pub struct NewJob<'a> {
    /// What to train.
    pub model: &'a str,
    /// Who or what asks.
    pub cause: Cause,
    /// Whether its model answers even if it is worse.
    pub force: bool,
    /// How many changes of ratings there have been until now.
    pub changes: i64,
}

/// Who or what asks for a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Somebody.
    Call,
    /// The clock, at this time in milliseconds since 1970.
    Schedule(i64),
    /// Changes of ratings since the last training: `most`, or fewer, when they have doubled and it is `least`.
    Ratings {
        /// So many at least.
        least: i64,
        /// So many in any case.
        most: i64,
    },
    /// No model has been trained yet.
    Start,
}

impl Cause {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Schedule(_) => "schedule",
            Self::Ratings { .. } => "ratings",
            Self::Start => "start",
        }
    }
}

/// What became of a wish to train.
#[derive(Clone, Debug, PartialEq)]
pub enum Scheduled {
    /// It waits for its turn.
    Job(Box<Job>),
    /// [`MAX_WAITING`](super::MAX_WAITING) wait already.
    Full,
    /// Somebody else has asked for the same: of all replicas, one does.
    NotNeeded,
}

/// What an owner learns when it renews its hold on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Go on.
    Kept,
    /// Somebody wants it to stop.
    Cancelled,
    /// It belongs to somebody else, or has ended.
    Lost,
}

/// As the columns stand in a statement.
pub(super) type Row = (
    i64,
    i32,
    String,
    String,
    f64,
    String,
    String,
    String,
    i32,
    i64,
    Option<i64>,
    Option<i64>,
    String,
    i64,
    i32,
    i32,
);

impl JobState {
    pub(super) fn number(self) -> i32 {
        match self {
            Self::Scheduled => 1,
            Self::Running => 2,
            Self::Succeeded => 3,
            Self::Failed => 4,
            Self::Cancelled => 5,
        }
    }

    fn of(number: i32) -> Self {
        match number {
            1 => Self::Scheduled,
            2 => Self::Running,
            3 => Self::Succeeded,
            5 => Self::Cancelled,
            // Nothing else is ever written.
            _ => Self::Failed,
        }
    }

    /// Whether nothing more comes of it.
    #[must_use]
    pub fn has_ended(self) -> bool {
        self > Self::Running
    }
}

impl From<Row> for Job {
    fn from(row: Row) -> Self {
        let (id, state, model, step, progress, message, model_version, cause, force, created_at, ..) = row;
        let (.., started_at, ended_at, owner, heartbeat, attempts, cancelled) = row;
        Self {
            id,
            state: JobState::of(state),
            model,
            step,
            progress: progress as f32,
            message,
            model_version,
            cause,
            force: force != 0,
            created_at,
            started_at,
            ended_at,
            owner,
            heartbeat,
            attempts,
            cancelled: cancelled != 0,
        }
    }
}
