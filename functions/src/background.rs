//! The functions as tasks see them.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt as _, future::BoxFuture};
use host::{Lines, Shop};
use http::Response;
use serde_json::{Map, Value};

use crate::{
    invoke::{Invocation, Invoker},
    modules::Modules,
    problem::Problem,
    tasks::{Functions, Rules, Run, Schedule},
};

/// Calls for tasks what is deployed.
pub(crate) struct Background {
    pub(crate) modules: Modules,
    pub(crate) invoker: Invoker,
    pub(crate) shop: Arc<dyn Shop>,
}

impl Functions for Background {
    fn rules(&self, function: &str) -> Option<Rules> {
        let deployed = self.modules.current(function)?;
        let (manifest, grants) = (&deployed.manifest, deployed.function.grants());
        let tasks = &manifest.tasks;
        let usual = Rules::default();
        Some(Rules {
            idempotent: manifest.idempotent,
            leaves_traces: grants.state
                || !grants.hosts.is_empty()
                || grants.folders.iter().any(|folder| folder.write),
            attempts: tasks.attempts.unwrap_or(usual.attempts),
            backoff: tasks.backoff.unwrap_or(usual.backoff),
            expires: tasks.expires,
            time: tasks.time.unwrap_or(deployed.function.limits().time),
            webhook: tasks.webhook.as_ref().map(ToString::to_string),
        })
    }

    fn schedules(&self) -> Vec<Schedule> {
        let table = self.modules.table();
        let of_one = |entry: &crate::modules::Entry| {
            let function = entry.deployed.name.to_string();
            let schedules = entry.deployed.manifest.schedule.iter();
            let schedules = schedules.map(|schedule| Schedule {
                function: function.clone(),
                cron: schedule.cron.clone(),
                input: input(&schedule.input),
            });
            schedules.collect::<Vec<_>>()
        };
        table.entries().flat_map(of_one).collect()
    }

    fn run(&self, run: Run) -> BoxFuture<'_, Result<Response<Bytes>, Problem>> {
        let Run { function, request, id, progress } = run;
        async move {
            let deployed = self.modules.current(&function);
            let deployed = deployed.ok_or_else(|| Problem::Unknown("such function".to_owned()))?;
            let time = deployed.manifest.tasks.time;
            // The log of the call tells the task how far it is.
            let lines: Lines = Arc::new(move |line: &str| progress.line(line));
            let shop = Arc::clone(&self.shop);
            let lines = Some(lines);
            self.invoker.invoke(Invocation { deployed: &deployed, request, id, shop, time, lines }).await
        }
        .boxed()
    }
}

/// What the clock calls with; nothing if the manifest's own input is enough.
fn input(input: &Map<String, Value>) -> Option<String> {
    (!input.is_empty()).then(|| Value::Object(input.clone()).to_string())
}
