use crate::{Host, http::eventually, script::Script};

crate::on_both! {
    async fn the_clock_calls_once_however_many_look_at_it(database: Database) {
        let mut hosts = Vec::new();
        for _ in 0..2 {
            let script = Script::new();
            script.every_second("echo");
            hosts.push(Host::start(&database, script, &[]).await);
        }
        let store = crate::store(&database).await;
        let tasks = eventually("three times", async || {
            let tasks = store.latest_tasks(100).await.unwrap();
            (tasks.iter().filter(|task| task.state.has_ended()).count() >= 3).then_some(tasks)
        });
        let mut made: Vec<_> = tasks.await.iter().map(|task| (task.created_at, task.cause.clone())).collect();
        made.sort();
        assert!(made.iter().all(|(_, cause)| cause == "* * * * * *"), "{made:?}");
        // Each is made for a second of its own; twice in one second would be two of the same.
        let first = made[0].0;
        let most = usize::try_from((made[made.len() - 1].0 - first) / 1_000 + 2).unwrap();
        assert!(made.len() <= most, "{made:?}");
        let called: Vec<_> = hosts.iter().flat_map(|host| host.script.called()).collect();
        assert!(called.iter().all(|body| body == r#"{"by":"clock"}"#), "{called:?}");
        let task = tasks_url(&store).await;
        let shown = crate::http::get(hosts[0].address, &task).await.json();
        assert_eq!(shown["schedule"], "* * * * * *");
    }

    async fn a_call_waits_for_the_one_before(database: Database) {
        let script = Script::new();
        script.every_second("slow");
        let host = Host::start(&database, script, &[]).await;
        let store = crate::store(&database).await;
        eventually("the first is at work", async || (host.script.running() == 1).then_some(())).await;
        let first = store.latest_tasks(100).await.unwrap();
        assert_eq!(first.len(), 1);
        // Two more seconds pass.
        eventually("the time is over", async || {
            (functions_now() > first[0].created_at + 2_500).then_some(())
        })
        .await;
        assert_eq!(store.latest_tasks(100).await.unwrap().len(), 1);
        host.script.go(1);
        // Then one comes at once, for the time that has passed.
        eventually("the second", async || (host.script.called().len() == 2).then_some(())).await;
    }
}

async fn tasks_url(store: &functions::store::Store) -> String {
    format!("/tasks/{}", store.latest_tasks(1).await.unwrap()[0].id)
}

fn functions_now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
