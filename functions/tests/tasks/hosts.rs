use std::collections::BTreeMap;

use crate::{
    Host,
    http::{eventually, task},
    script::Script,
};

/// Tasks that two hosts share.
const TASKS: usize = 60;

crate::on_both! {
    async fn hosts_share_the_queue_and_run_nothing_twice(database: Database) {
        let mut hosts = Vec::new();
        for _ in 0..2 {
            hosts.push(Host::start(&database, Script::new(), &["--tasks-at-once=3"]).await);
        }
        let mut paths = Vec::new();
        for number in 0..TASKS {
            let body: &'static str = format!("[{number}]").leak();
            paths.push(task(hosts[number % 2].address, "slow", body).await);
        }
        for host in &hosts {
            host.script.go(TASKS);
        }
        let store = crate::store(&database).await;
        eventually("all have ended", async || {
            let tasks = store.latest_tasks(1_000).await.unwrap();
            tasks.iter().all(|task| task.state.has_ended()).then_some(())
        })
        .await;
        let mut times = BTreeMap::<String, usize>::new();
        for host in &hosts {
            let called = host.script.called();
            assert!(!called.is_empty(), "both work");
            for body in called {
                *times.entry(body).or_default() += 1;
            }
        }
        assert_eq!((times.len(), times.values().max()), (TASKS, Some(&1)), "{times:?}");
        let tasks = store.latest_tasks(1_000).await.unwrap();
        assert_eq!(tasks.len(), paths.len());
        assert!(tasks.iter().all(|task| task.attempts == 1 && task.interruptions == 0));
    }

    async fn a_host_may_leave_the_work_to_others(database: Database) {
        let asked = Host::start(&database, Script::new(), &["--tasks-at-once=0"]).await;
        let works = Host::start(&database, Script::new(), &[]).await;
        let answer = crate::http::prefer(asked.address, "echo", "respond-async, wait=15", "[1]").await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"[1]"[..]));
        assert_eq!((asked.script.called().len(), works.script.called().len()), (0, 1));
    }
}
