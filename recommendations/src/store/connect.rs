use std::sync::LazyLock;

use sqlx::{postgres::PgPoolOptions, sqlite::SqlitePoolOptions};
use storage::{Migrations, PATIENCE, in_memory};

use super::{FIRST_OWN_BOOK, Pool, Store, StoreError, failed, on_either};
use crate::catalogue::{FIRST_OWN_CATEGORY, FIXED_CATEGORIES};

static MIGRATIONS: LazyLock<Migrations> = LazyLock::new(|| {
    let files = [
        (1, "catalogue", include_str!("../../migrations/0001_catalogue.sql")),
        (2, "readers", include_str!("../../migrations/0002_readers.sql")),
        (3, "models", include_str!("../../migrations/0003_models.sql")),
        (4, "candidates", include_str!("../../migrations/0004_candidates.sql")),
    ];
    // The name that sqlx gives it by itself, from before another service shared the database.
    Migrations::new("_sqlx_migrations", &files)
});

impl Store {
    /// Opens the database that `url` names, as [`storage::Pool::open`] says, and brings its schema up to date. Several
    /// processes may do so at once.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, the database cannot be reached within ten seconds, or a migration fails. None of them
    /// shows the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let pool = Pool::open(url, &MIGRATIONS).await.map_err(StoreError::Open)?;
        let histories = match &pool {
            Pool::Postgres(pool) => {
                let own = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
                Pool::Postgres(own.connect_lazy_with((*pool.connect_options()).clone()))
            }
            Pool::Sqlite(_) if in_memory(url) => pool.clone(),
            Pool::Sqlite(pool) => {
                let own = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
                let own = own.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
                let options = (*pool.connect_options()).clone().pragma("cache_size", "-32000");
                Pool::Sqlite(own.connect_lazy_with(options))
            }
        };
        let store = Self { pool, histories };
        store.fill_in().await?;
        Ok(store)
    }

    /// The rows that every catalogue has.
    async fn fill_in(&self) -> Result<(), StoreError> {
        let first =
            "insert into catalogue (one, name, version, next_book, next_category) values (1, $1, 0, $2, $3)
                     on conflict do nothing";
        let name = format!("{:032x}", rand::random::<u128>());
        on_either!(Pool, &self.pool, pool => {
            sqlx::query(first).bind(name).bind(FIRST_OWN_BOOK).bind(FIRST_OWN_CATEGORY).execute(pool).await.map(drop)
        })
        .map_err(failed("write the catalogue's first row"))?;
        let known: i64 = on_either!(Pool, &self.pool, pool => {
            sqlx::query_scalar("select count(*) from categories where number < $1")
                .bind(FIRST_OWN_CATEGORY)
                .fetch_one(pool)
                .await
        })
        .map_err(failed("count the fixed categories"))?;
        if usize::try_from(known).is_ok_and(|known| known == FIXED_CATEGORIES.len()) {
            return Ok(());
        }
        for (number, slug, name) in FIXED_CATEGORIES {
            let row =
                "insert into categories (number, slug, name) values ($1, $2, $3) on conflict do nothing";
            on_either!(Pool, &self.pool, pool => {
                sqlx::query(row).bind(number).bind(slug).bind(name).execute(pool).await.map(drop)
            })
            .map_err(failed("write the fixed categories"))?;
        }
        Ok(())
    }
}
