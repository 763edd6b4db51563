//! What lies in the tables, where no caller sees it.

use std::time::Duration;

use functions::store::{Input, NewTask, Scheduled, Store, Task, TaskEnd, TaskState, Told, Written};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use testing::Database;

crate::on_both! {
    async fn a_task_whose_input_cannot_be_read_stays_in_line(database: Database) {
        let store = crate::store(&database).await;
        let made = schedule(&store, "").await;
        change(&database, "alter table task_inputs rename to gone").await;
        assert!(store.claim("an owner").await.is_err());
        let waits = store.task(&made.id).await.unwrap().unwrap();
        assert_eq!((waits.state, waits.attempts), (TaskState::Scheduled, 0));
        change(&database, "alter table gone rename to task_inputs").await;
        let (task, input) = store.claim("an owner").await.unwrap().unwrap();
        assert_eq!((task.id, task.attempts, input.target.as_str()), (made.id, 1, "/echo"));
    }

    async fn what_waits_to_be_told_is_bounded_for_each_host(database: Database) {
        let store = crate::store(&database).await;
        change(&database, FULL).await;
        // Its task has ended all the same, and others are told.
        let full = told(&store, "full.example:443").await;
        assert_eq!(store.task(&full).await.unwrap().unwrap().state, TaskState::Succeeded);
        let lease = Duration::from_secs(60);
        assert_eq!(store.take_delivery(lease, &[]).await.unwrap(), None);
        let other = told(&store, "other.example:443").await;
        assert_eq!(store.take_delivery(lease, &["other.example:443"]).await.unwrap(), None, "it is busy");
        let taken = store.take_delivery(lease, &["full.example:443"]).await.unwrap().unwrap();
        assert_eq!((taken.task, taken.host.as_str(), taken.attempts), (other, "other.example:443", 1));
        assert_eq!(store.take_delivery(lease, &[]).await.unwrap(), None, "it is leased");
    }

    async fn what_cannot_be_told_is_forgotten_in_time(database: Database) {
        let store = crate::store(&database).await;
        told(&store, "late.example:443").await;
        change(&database, "update task_deliveries set created_at = created_at - 600000").await;
        // Nobody has tried it yet.
        assert_eq!(store.sweep_deliveries(Duration::from_secs(300)).await.unwrap(), 0);
        change(&database, "update task_deliveries set attempts = 1").await;
        let new = told(&store, "new.example:443").await;
        assert_eq!(store.sweep_deliveries(Duration::from_secs(3_600)).await.unwrap(), 0);
        assert_eq!(store.sweep_deliveries(Duration::from_secs(300)).await.unwrap(), 1);
        assert_eq!(store.take_delivery(Duration::ZERO, &[]).await.unwrap().unwrap().task, new);
    }

    async fn what_a_process_of_the_release_before_wrote_is_not_old(database: Database) {
        let store = crate::store(&database).await;
        let task = told(&store, "some.example:443").await;
        change(&database, "update task_deliveries set created_at = 0, host = '', attempts = 1").await;
        assert_eq!(store.sweep_deliveries(Duration::from_secs(300)).await.unwrap(), 0);
        let taken = store.take_delivery(Duration::ZERO, &[]).await.unwrap().unwrap();
        assert_eq!(taken.task, task);
        assert!(taken.created_at > 0, "it is known from then on");
    }
}

/// A thousand messages to one host, none of them due.
const FULL: &str = "with recursive numbers (number) as (
        select 1 union all select number + 1 from numbers where number < 1000
    )
    insert into task_deliveries (id, task, url, host, body, attempts, created_at, due_at)
    select 'd' || number, 't', 'https://full.example/', 'full.example:443', '', 1, 9000000000000, 9000000000000 from numbers";

/// A task whose end is to be told to this host.
async fn told(store: &Store, host: &str) -> String {
    let Task { id, .. } = schedule(store, &format!("https://{host}/")).await;
    store.claim("an owner").await.unwrap().unwrap();
    let told = Some(Told { host: host.to_owned(), body: "{}".to_owned() });
    let at = i64::MAX / 2;
    let end = TaskEnd { state: TaskState::Succeeded, output: None, at, after: Duration::ZERO, told };
    assert_eq!(store.end(&id, "an owner", &end).await.unwrap(), Written::Done);
    id
}

/// A call of `echo` that waits for its turn.
async fn schedule(store: &Store, webhook: &str) -> Task {
    let input = Input {
        method: "POST".to_owned(),
        target: "/echo".to_owned(),
        headers: "[]".to_owned(),
        body: Vec::new(),
    };
    let new = NewTask { function: "echo".to_owned(), schedule: None, input, webhook: webhook.to_owned() };
    match store.schedule(new, 1_000, 1 << 20).await.unwrap() {
        Scheduled::Task(task) => *task,
        other => panic!("{other:?}"),
    }
}

/// The number that this SQL counts.
pub(crate) async fn count(database: &Database, sql: &'static str) -> i64 {
    if database.url.starts_with("postgres") {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    } else {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }
}

/// Changes the database behind the service's back.
async fn change(database: &Database, sql: &'static str) {
    if database.url.starts_with("postgres") {
        let mut connection = PgConnection::connect(&database.url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    } else {
        let mut connection = SqliteConnection::connect(&database.url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}
