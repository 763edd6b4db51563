use std::time::Duration;

use crate::{
    Host,
    http::{get, once, task},
    script::Script,
};

crate::on_both! {
    async fn what_is_idempotent_is_tried_again(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        host.script.rule("flaky", |rules| rules.idempotent = true);
        let path = task(host.address, "flaky", "[1]").await;
        let ended = once(host.address, &path, "succeeded").await;
        assert_eq!((&ended["attempts"], &ended["result"]), (&3.into(), &serde_json::json!([1])));
        assert!(ended["problem"].is_null(), "{ended}");
    }

    async fn what_is_not_fails_at_once(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        for (function, status, title) in [("flaky", 502, "the function failed"), ("refuse", 422, "never")] {
            let path = task(host.address, function, "").await;
            let ended = once(host.address, &path, "failed").await;
            assert_eq!((&ended["attempts"], &ended["problem"]["title"]), (&1.into(), &title.into()), "{ended}");
            let result = get(host.address, &format!("{path}/result")).await;
            assert_eq!((result.status.as_u16(), result.header("content-type")), (status, "application/problem+json"));
        }
    }

    async fn attempts_have_an_end_and_waits_between(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        host.script.rule("trap", |rules| {
            rules.idempotent = true;
            rules.attempts = 2;
            rules.backoff = Duration::from_secs(2);
        });
        let path = task(host.address, "trap", "").await;
        let waiting = crate::http::eventually("the second attempt is due", async || {
            let task = get(host.address, &path).await.json();
            (task["state"] == "scheduled" && task["attempts"] == 1).then_some(task)
        });
        let waiting = waiting.await;
        // What went wrong the last time is said meanwhile.
        assert_eq!(waiting["problem"]["status"], 502);
        assert!(waiting["due_at"].as_str() > waiting["started_at"].as_str(), "{waiting}");
        let ended = once(host.address, &path, "failed").await;
        assert_eq!((&ended["attempts"], host.script.called().len()), (&2.into(), 2));
    }

    async fn a_panic_costs_its_task_only(database: Database) {
        let host = Host::start(&database, Script::new(), &["--tasks-at-once=1"]).await;
        let path = task(host.address, "panic", "").await;
        let ended = once(host.address, &path, "failed").await;
        assert_eq!(ended["problem"]["status"], 500);
        let path = task(host.address, "echo", "[1]").await;
        once(host.address, &path, "succeeded").await;
    }

    async fn a_task_waits_for_room(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "busy", "[1]").await;
        let ended = once(host.address, &path, "succeeded").await;
        // What did not begin is no attempt.
        assert_eq!((&ended["attempts"], host.script.called().len()), (&1.into(), 3));
    }

    async fn results_expire(database: Database) {
        let host = Host::start(&database, Script::new(), &["--tasks-expire=1s"]).await;
        host.script.rule("image", |rules| rules.expires = Some(Duration::from_secs(600)));
        let short = task(host.address, "echo", "[1]").await;
        let long = task(host.address, "image", "").await;
        once(host.address, &long, "succeeded").await;
        crate::http::eventually("the result has expired", async || {
            (get(host.address, &short).await.status == 404).then_some(())
        })
        .await;
        assert_eq!(get(host.address, &format!("{short}/result")).await.status, 404);
        assert_eq!(get(host.address, &long).await.status, 200);
    }
}
