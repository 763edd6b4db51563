use crate::{
    Host,
    http::{get, once, task},
    script::Script,
};

crate::on_both! {
    async fn what_a_dead_process_had_begun_begins_again(database: Database) {
        let host = Host::start(&database, Script::new(), &["--tasks-at-once=2"]).await;
        let done = task(host.address, "echo", "[1]").await;
        once(host.address, &done, "succeeded").await;
        // Nobody knows what of it was done, and it must not be done twice.
        host.script.rule("slow", |rules| rules.leaves_traces = true);
        let traces = task(host.address, "slow", "traces").await;
        let pure = task(host.address, "long", "pure").await;
        once(host.address, &traces, "running").await;
        once(host.address, &pure, "running").await;
        let waits = task(host.address, "echo", "[2]").await;
        host.kill().await;

        let script = Script::new();
        script.rule("slow", |rules| rules.leaves_traces = true);
        let next = Host::start(&database, script, &[]).await;
        next.script.go(1);
        let waited = once(next.address, &waits, "succeeded").await;
        assert_eq!(waited["attempts"], 1);
        let traces = once(next.address, &traces, "failed").await;
        assert_eq!(traces["problem"]["type"], "urn:shelfwise:functions:interrupted");
        let pure = once(next.address, &pure, "succeeded").await;
        assert_eq!(pure["attempts"], 2, "{pure}");
        // What had ended is as it was, and was not called again.
        let before = once(next.address, &done, "succeeded").await;
        assert_eq!((&before["result"][0], &before["attempts"]), (&1.into(), &1.into()));
        let mut called = next.script.called();
        called.sort();
        assert_eq!(called, ["[2]", "pure"]);
    }

    async fn who_ends_gives_back_what_it_has_not_done(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "slow", "[1]").await;
        once(host.address, &path, "running").await;
        host.end().await;
        let next = Host::start(&database, Script::new(), &[]).await;
        next.script.go(1);
        // At once: nobody has to be taken for dead first. Nor does the attempt count.
        let begun = std::time::Instant::now();
        let ended = once(next.address, &path, "succeeded").await;
        assert_eq!(ended["attempts"], 1);
        assert!(begun.elapsed() < functions::tasks::LEASE / 2);
    }

    async fn who_ends_waits_for_what_ends_soon(database: Database) {
        let host = Host::patient(&database, Script::new()).await;
        let path = task(host.address, "slow", "[1]").await;
        once(host.address, &path, "running").await;
        host.script.go(1);
        host.end().await;
        let next = Host::start(&database, Script::new(), &["--tasks-at-once=0"]).await;
        let ended = get(next.address, &path).await.json();
        assert_eq!((&ended["state"], &ended["attempts"]), (&"succeeded".into(), &1.into()));
    }
}
