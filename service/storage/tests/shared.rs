//! Several services on one database, each with migrations of its own.

use sqlx::Row as _;
use storage::{Migrations, OpenError, Pool, on_either};
use testing::{Database, on_both};

fn books() -> Migrations {
    Migrations::new("_sqlx_migrations", &[(1, "books", "create table books (id integer primary key)")])
}

fn tasks() -> Migrations {
    let files = [
        (1, "tasks", "create table tasks (id integer primary key)"),
        (2, "steps", "insert into tasks (id) values (7)"),
    ];
    Migrations::new("tasks_migrations", &files)
}

async fn count(pool: &Pool, table: &str) -> i64 {
    let sql = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
    on_either!(Pool, pool, pool => sqlx::query(sql).fetch_one(pool).await.unwrap().get(0))
}

on_both! {
    async fn services_share_a_database_and_no_migrations(database: Database) {
        let opening = (0..8).map(|number| {
            let url = database.url.clone();
            tokio::spawn(async move {
                let migrations = if number % 2 == 0 { books() } else { tasks() };
                Pool::open(&url, &migrations).await
            })
        });
        let mut pools = Vec::new();
        for opening in opening.collect::<Vec<_>>() {
            pools.push(opening.await.unwrap().unwrap());
        }
        assert_eq!((count(&pools[0], "books").await, count(&pools[0], "tasks").await), (0, 1));
        assert_eq!(count(&pools[1], "_sqlx_migrations").await, 1);
        assert_eq!(count(&pools[1], "tasks_migrations").await, 2);
        for pool in pools {
            pool.close().await;
        }
    }

    async fn a_migration_that_has_changed_is_an_error(database: Database) {
        Pool::open(&database.url, &books()).await.unwrap().close().await;
        let changed = Migrations::new("_sqlx_migrations", &[(1, "books", "create table books (id text)")]);
        let error = Pool::open(&database.url, &changed).await.expect_err("the text is another");
        assert!(matches!(error, OpenError::Migrate { .. }), "{error}");
    }

    async fn what_is_not_committed_is_taken_back(database: Database) {
        let pool = Pool::open(&database.url, &tasks()).await.unwrap();
        let insert = "insert into tasks (id) values (8)";
        for committed in [false, true] {
            let mut transaction = pool.begin_to_write().await.unwrap();
            match &mut transaction {
                storage::Transaction::Sqlite(it) => sqlx::query(insert).execute(&mut **it).await.map(drop),
                storage::Transaction::Postgres(it) => sqlx::query(insert).execute(&mut **it).await.map(drop),
            }
            .unwrap();
            if committed {
                transaction.commit().await.unwrap();
            } else {
                drop(transaction);
            }
            assert_eq!(count(&pool, "tasks").await, 1 + i64::from(committed));
        }
    }
}
