//! What lies in the tables, where no caller sees it.

use functions::store::{Input, NewTask, Scheduled, Task, TaskState};
use sqlx::{Connection as _, PgConnection, SqliteConnection};
use testing::Database;

crate::on_both! {
    async fn a_task_whose_input_cannot_be_read_stays_in_line(database: Database) {
        let store = crate::store(&database).await;
        let made = schedule(&store).await;
        change(&database, "alter table task_inputs rename to gone").await;
        assert!(store.claim("an owner").await.is_err());
        let waits = store.task(&made.id).await.unwrap().unwrap();
        assert_eq!((waits.state, waits.attempts), (TaskState::Scheduled, 0));
        change(&database, "alter table gone rename to task_inputs").await;
        let (task, input) = store.claim("an owner").await.unwrap().unwrap();
        assert_eq!((task.id, task.attempts, input.target.as_str()), (made.id, 1, "/echo"));
    }
}

/// A call of `echo` that waits for its turn.
async fn schedule(store: &functions::store::Store) -> Task {
    let input = Input {
        method: "POST".to_owned(),
        target: "/echo".to_owned(),
        headers: "[]".to_owned(),
        body: Vec::new(),
    };
    let new = NewTask { function: "echo".to_owned(), schedule: None, input, webhook: String::new() };
    match store.schedule(new, 1_000, 1 << 20).await.unwrap() {
        Scheduled::Task(task) => *task,
        other => panic!("{other:?}"),
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
