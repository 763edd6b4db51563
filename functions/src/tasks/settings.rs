use std::time::Duration;

use clap::Args;
use service::config::positive_duration;

use super::Secret;

/// How much is done in the background.
#[derive(Args, Clone, Debug)]
pub struct TaskSettings {
    /// How many tasks this process works on at a time; 0 leaves them to other processes
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = clap::value_parser!(u32).range(0..=1_000))]
    pub tasks_at_once: u32,
    /// How many tasks may wait, of all processes; more are answered with 503
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub tasks_queue: u32,
    /// How long a caller may have its request wait for a task's answer, whatever its `Prefer: wait` says
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = positive_duration)]
    pub tasks_wait: Duration,
    /// How long what a task came to is kept, unless its function's manifest says something else
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = positive_duration)]
    pub tasks_expire: Duration,
    /// How many tasks that have ended are kept, the latest
    #[arg(long, value_name = "NUMBER", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub tasks_kept: u32,
    /// What ends of tasks are signed with when they are told: `whsec_` and 24 to 64 bytes in Base64 [default: none, so
    /// nothing is told]
    #[arg(long, value_name = "TEXT", hide_env_values = true)]
    pub webhook_secret: Option<Secret>,
}
