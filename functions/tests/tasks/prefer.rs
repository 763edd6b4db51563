use std::time::Instant;

use ::http::Method;

use crate::{
    Host,
    http::{ask, get, once, prefer, task},
    script::Script,
};

crate::on_both! {
    async fn a_task_is_answered_at_once_and_its_result_is_there_later(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let answer = prefer(host.address, "echo", "respond-async", r#"{"a":1}"#).await;
        assert_eq!(answer.status, 202);
        assert_eq!(answer.header("preference-applied"), "respond-async");
        assert_eq!(answer.header("vary"), "prefer");
        assert_eq!(answer.header("retry-after"), "1");
        let path = answer.header("location");
        let made = answer.json();
        let id = made["id"].as_str().unwrap();
        assert_eq!(path, format!("/tasks/{id}"));
        assert!(id.len() == 32 && id.bytes().all(|sign| sign.is_ascii_hexdigit()), "{id}");
        assert_eq!((&made["function"], &made["attempts"]), (&"echo".into(), &0.into()));
        let ended = once(host.address, path, "succeeded").await;
        assert_eq!(ended["result"]["a"], 1, "{ended}");
        assert_eq!((&ended["progress"], &ended["attempts"]), (&1.0.into(), &1.into()));
        for time in ["created_at", "started_at", "ended_at", "expires_at"] {
            let text = ended[time].as_str().unwrap_or_else(|| panic!("{time} of {ended}"));
            assert!(text.len() == 24 && text.ends_with('Z'), "{text}");
        }
        let result = get(host.address, ended["result_url"].as_str().unwrap()).await;
        assert_eq!((result.status.as_u16(), &result.body[..]), (200, &br#"{"a":1}"#[..]));
        assert_eq!((result.header("content-type"), result.header("x-from")), ("application/json", "a function"));
    }

    async fn a_result_has_the_functions_own_type(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "image", "").await;
        let ended = once(host.address, &path, "succeeded").await;
        assert!(ended["result"].is_null(), "{ended}");
        let result = get(host.address, &format!("{path}/result")).await;
        assert_eq!((result.header("content-type"), &result.body[..4]), ("image/png", &b"\x89PNG"[..]));
    }

    async fn who_waits_gets_the_answer_if_it_comes_in_time(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        for preference in ["respond-async, wait=10", "wait=10", "WAIT = \"10\";x=y, Respond-Async"] {
            let answer = prefer(host.address, "echo", preference, "[1]").await;
            assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"[1]"[..]), "{preference}");
            assert_eq!(answer.header("preference-applied"), "wait=10");
            assert_eq!(answer.header("content-type"), "application/json");
        }
        // The two of one list, in two headers.
        let headers = [("prefer", "respond-async"), ("prefer", "wait=10, handling=lenient")];
        let answer = ask(host.address, Method::GET, "/echo?a=b", &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (200, "wait=10"));
        // What fails in time fails as it would without.
        let answer = prefer(host.address, "refuse", "respond-async, wait=10", "").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (422, "application/problem+json"));
        assert_eq!(answer.json()["title"], "never");
    }

    async fn who_waits_in_vain_is_told_where_to_look(database: Database) {
        // The longest wait is a setting, and what is applied is said.
        for (longest, preference, applied, least) in [
            (1, "respond-async, wait=1", "respond-async, wait=1", 1),
            (1, "wait=99999999999", "wait=1", 1),
            (15, "wait=0", "wait=0", 0),
        ] {
            let host = Host::start(&database, Script::new(), &[&format!("--tasks-wait={longest}s")]).await;
            let begun = Instant::now();
            let answer = prefer(host.address, "slow", preference, "").await;
            assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, applied));
            let waited = begun.elapsed().as_secs();
            assert!((least..least + 14).contains(&waited), "{preference}: {waited} s");
            host.script.go(1);
            let ended = once(host.address, answer.header("location"), "succeeded").await;
            assert_eq!(ended["result"]["slow"], true);
            host.kill().await;
        }
    }

    async fn a_task_can_be_waited_for_where_it_is(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let path = task(host.address, "slow", "").await;
        once(host.address, &path, "running").await;
        let address = host.address;
        let waiting = tokio::spawn(async move { ask(address, Method::GET, &path, &[("prefer", "wait=15")], "").await });
        host.script.go(1);
        let answer = waiting.await.unwrap();
        assert_eq!((answer.json()["state"].as_str(), answer.header("preference-applied")), (Some("succeeded"), "wait=15"));
    }

    async fn a_running_task_says_how_far_it_is(database: Database) {
        let host = Host::start(&database, Script::new(), &[]).await;
        let other = Host::start(&database, Script::new(), &["--tasks-at-once=0"]).await;
        let path = task(host.address, "slow", "").await;
        // The process that runs it, and one that does not.
        for address in [host.address, other.address] {
            let task = crate::http::eventually("progress", async || {
                let task = get(address, &path).await;
                let json = task.json();
                (json["progress"] == 0.25).then_some((json, task.header("retry-after").to_owned()))
            });
            let (task, again) = task.await;
            assert_eq!((&task["state"], &task["step"]), (&"running".into(), &"waiting for the test".into()));
            assert_eq!(again, "1");
            let result = get(address, &format!("{path}/result")).await;
            assert_eq!((result.status.as_u16(), result.header("retry-after")), (409, "1"));
        }
    }

    async fn no_more_wait_than_may(database: Database) {
        let host = Host::start(&database, Script::new(), &["--tasks-at-once=0", "--tasks-queue=3"]).await;
        for _ in 0..3 {
            task(host.address, "echo", "").await;
        }
        let answer = prefer(host.address, "echo", "respond-async", "").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (503, "application/problem+json"));
        assert!(!answer.header("retry-after").is_empty());
    }

    async fn tasks_are_their_callers_own(database: Database) {
        let host = Host::start(&database, Script::new(), &["--tasks-at-once=0"]).await;
        let path = task(host.address, "echo", "").await;
        assert_eq!(prefer(host.address, "nothing", "respond-async", "").await.status, 404);
        for unknown in ["/tasks/1", "/tasks/0123456789abcdef0123456789abcdef", "/tasks/..%2f", "/tasks/%ff", "/tasks/x/result"] {
            let answer = get(host.address, unknown).await;
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{unknown}: {answer:?}");
        }
        assert_eq!(get(host.address, "/tasks").await.status, 401);
        let headers = [("authorization", "Bearer s3cret")];
        let all = ask(host.address, Method::GET, "/tasks", &headers, "").await.json();
        assert_eq!(all["tasks"][0]["url"].as_str(), Some(path.as_str()));
        assert_eq!(all["tasks"].as_array().unwrap().len(), 1);
        let answer = ask(host.address, Method::POST, &path, &[], "").await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, HEAD, DELETE"));
    }
}
