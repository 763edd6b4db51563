use std::{sync::atomic::Ordering, time::Duration};

use functions::store::{Stopped, TaskEnd, TaskState};

use crate::{
    Host,
    http::{delete, eventually, get, once, prefer, task},
    script::Script,
};

crate::on_both! {
    async fn a_running_task_ends_when_it_is_cancelled(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "slow", "").await;
        once(host.address, &path, "running").await;
        let answer = delete(host.address, &path).await;
        assert_eq!((answer.status.as_u16(), answer.json()["state"].as_str()), (200, Some("cancelled")));
        // The call itself is gone, not only the word of it.
        assert_eq!((host.script.dropped.load(Ordering::SeqCst), host.script.running()), (1, 0));
        assert_eq!(get(host.address, &format!("{path}/result")).await.status, 409);
        // Again makes no difference.
        assert_eq!(delete(host.address, &path).await.status, 200);
    }

    async fn a_task_is_cancelled_from_another_process(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let other = Host::start(&database, Script::new(), &["--tasks-at-once=0"]).await;
        let path = task(host.address, "slow", "").await;
        once(other.address, &path, "running").await;
        let answer = delete(other.address, &path).await;
        assert_eq!((answer.status.as_u16(), answer.json()["state"].as_str()), (200, Some("cancelled")));
        assert_eq!((host.script.dropped.load(Ordering::SeqCst), host.script.running()), (1, 0));
    }

    async fn a_task_that_waits_never_begins(database: Database) {
        let host = Host::start(&database, Script::new(), &["--tasks-at-once=1"]).await;
        let first = task(host.address, "slow", "first").await;
        once(host.address, &first, "running").await;
        let second = task(host.address, "slow", "second").await;
        let answer = delete(host.address, &second).await;
        assert_eq!((answer.status.as_u16(), answer.json()["state"].as_str()), (200, Some("cancelled")));
        host.script.go(2);
        once(host.address, &first, "succeeded").await;
        let third = task(host.address, "echo", "third").await;
        once(host.address, &third, "succeeded").await;
        assert_eq!(host.script.called(), ["first", "third"]);
    }

    async fn what_has_ended_is_not_cancelled(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "echo", "[1]").await;
        once(host.address, &path, "succeeded").await;
        let answer = delete(host.address, &path).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (409, "application/problem+json"));
        assert_eq!(get(host.address, &format!("{path}/result")).await.status, 200);
        assert_eq!(delete(host.address, "/tasks/0123456789abcdef0123456789abcdef").await.status, 404);
    }

    async fn whoever_cancels_before_an_attempt_ends_is_heard_whatever_it_comes_to(database: Database) {
        let store = crate::store(&database).await;
        for function in ["slow", "late-trap", "late-busy"] {
            let host = Host::start(&database, Script::new(), &[]).await;
            host.script.rule("late-trap", |rules| rules.idempotent = true);
            let path = task(host.address, function, "").await;
            once(host.address, &path, "running").await;
            assert_eq!(store.cancel(name(&path), &cancelled()).await.unwrap(), Stopped::Asked, "{function}");
            host.script.go(1);
            let ended = once(host.address, &path, "cancelled").await;
            assert_eq!((&ended["attempts"], host.script.called().len()), (&1.into(), 1), "{function}: {ended}");
            assert_eq!(get(host.address, &format!("{path}/result")).await.status, 409, "{function}");
            host.kill().await;
        }
    }

    async fn whoever_cancels_is_heard_by_a_process_that_ends(database: Database) {
        let store = crate::store(&database).await;
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "slow", "").await;
        once(host.address, &path, "running").await;
        assert_eq!(store.cancel(name(&path), &cancelled()).await.unwrap(), Stopped::Asked);
        host.end().await;
        let task = store.task(name(&path)).await.unwrap().unwrap();
        assert_eq!((task.state, task.attempts), (TaskState::Cancelled, 1));
    }

    async fn who_waits_is_told_that_it_was_cancelled(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let address = host.address;
        let waiting = tokio::spawn(async move { prefer(address, "slow", "wait=15", "").await });
        let store = crate::store(&database).await;
        let id = eventually("a running task", async || {
            store.running().await.unwrap().first().map(|runs| runs.id.clone())
        });
        let id = id.await;
        delete(host.address, &format!("/tasks/{id}")).await;
        assert_eq!(waiting.await.unwrap().status, 409);
    }
}

/// The task at this address.
fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

/// As another process cancels a task: the owner hears of it when it raises its heartbeat, or when the attempt ends.
fn cancelled() -> TaskEnd {
    let after = Duration::from_secs(60);
    TaskEnd { state: TaskState::Cancelled, output: None, at: 0, after, told: None }
}
