use std::{str::FromStr as _, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, PgPool, SqlStr, SqlitePool,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    OpenError, PATIENCE, Pool,
    url::{bad_url, in_memory, with_known_parameters, without_password},
};

/// Serving reads memory; connections are for what changes, and for the look at what others have changed every second.
const CONNECTIONS: u32 = 4;
/// How often SQLite is asked again when another process is just creating the same file.
const ATTEMPTS: u32 = 20;

/// The steps that lead to a service's schema.
///
/// Listed, not read by sqlx's macro, which would have the whole of sqlx compiled a second time.
pub struct Migrations(Migrator);

impl Migrations {
    /// The migrations in their order: a number for ever, a name, and statements in one text for both databases. What was
    /// done is noted in `table`, which is the service's own: several share a database.
    #[must_use]
    pub fn new(table: &'static str, files: &[(i64, &'static str, &'static str)]) -> Self {
        let migrations = files.iter().map(|&(number, name, sql)| {
            Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
        });
        let mut migrator = Migrator::with_migrations(migrations.collect());
        migrator.dangerous_set_table_name(table);
        // A newer replica may have brought the schema further: migrations only add.
        migrator.set_ignore_missing(true);
        Self(migrator)
    }
}

impl Pool {
    /// Opens the database that `url` names and brings a service's schema up to date. Several processes may do so at once.
    ///
    /// `sqlite://FILE` creates the file if it is missing, `:memory:` or `sqlite::memory:` lasts as long as the pool, and
    /// `postgres://USER:PASSWORD@HOST/DATABASE` takes libpq's parameters (`?sslmode=verify-full`); those that have no
    /// effect are named in the log, others are errors.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, the database cannot be reached within ten seconds, or a migration fails. None of them
    /// shows the password.
    pub async fn open(url: &str, migrations: &Migrations) -> Result<Self, OpenError> {
        match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => postgres(url, migrations).await.map(Self::Postgres),
            Some(("sqlite", _)) | Some(("", "memory:")) => sqlite(url, migrations).await.map(Self::Sqlite),
            _ => Err(bad_url(url, "starts neither with sqlite: nor with postgres:")),
        }
    }
}

async fn sqlite(url: &str, migrations: &Migrations) -> Result<SqlitePool, OpenError> {
    let in_memory = in_memory(url);
    let options = if in_memory { "sqlite::memory:" } else { url };
    let options = SqliteConnectOptions::from_str(options)
        .map_err(|error| bad_url(url, &error.to_string()))?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(PATIENCE)
        .foreign_keys(true)
        // An import writes all over one index: 16 MB of it are kept, and written back every 32 MB instead of every 4.
        .pragma("cache_size", "-16000")
        .pragma("wal_autocheckpoint", "8000")
        // Rows that wait for the thread that takes them; the default is made for short answers.
        .row_buffer_size(1_000)
        .disable_statement_logging();
    let mut attempt = 1;
    loop {
        match open_sqlite(&options, in_memory, url, migrations).await {
            // Two processes that create one file trip over each other: SQLite does not wait for the lock under which
            // the journal mode changes.
            Err(error) if attempt < ATTEMPTS && another_is_creating(&error) => {
                attempt += 1;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            outcome => return outcome,
        }
    }
}

async fn open_sqlite(
    options: &SqliteConnectOptions,
    in_memory: bool,
    url: &str,
    migrations: &Migrations,
) -> Result<SqlitePool, OpenError> {
    // A file does not go away as a server does: to ask first would double what every look at the database takes.
    let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE).test_before_acquire(false);
    let pool = if in_memory {
        // The data lives and dies with the one connection.
        pool.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None)
    } else {
        pool.max_connections(CONNECTIONS).idle_timeout(Duration::from_secs(10))
    };
    let pool = pool
        .connect_with(options.clone())
        .await
        .map_err(|source| OpenError::Connect { url: without_password(url), source })?;
    let migrated = async {
        // sqlx takes no lock around SQLite's migrations: of two processes that begin at once, one waits here.
        let mut transaction = pool.begin_with("begin immediate").await?;
        // `run_direct`: the future of `run` is not `Send` for reasons of the compiler's.
        migrations.0.run_direct(None, &mut *transaction, false).await?;
        transaction.commit().await.map_err(MigrateError::Execute)
    };
    match migrated.await {
        Ok(()) => Ok(pool),
        Err(source) => {
            pool.close().await;
            Err(OpenError::Migrate { url: without_password(url), source })
        }
    }
}

fn another_is_creating(error: &OpenError) -> bool {
    let (OpenError::Connect { source, .. }
    | OpenError::Migrate { source: MigrateError::Execute(source), .. }) = error
    else {
        return false;
    };
    let sqlx::Error::Database(error) = source else { return false };
    // SQLITE_BUSY and SQLITE_LOCKED with their refinements.
    matches!(error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default() & 0xff, 5 | 6)
}

async fn postgres(url: &str, migrations: &Migrations) -> Result<PgPool, OpenError> {
    let options = PgConnectOptions::from_str(&with_known_parameters(url)?)
        .map_err(|error| bad_url(url, &error.to_string()))?
        .application_name("shelfwise")
        .disable_statement_logging();
    // One connection by hand: a pool would try again and again, and in the end not know why.
    let connecting = async {
        let connected = PgConnection::connect_with(&options).await;
        let mut connection =
            connected.map_err(|source| OpenError::Connect { url: without_password(url), source })?;
        // Under an advisory lock: replicas that start at once wait for one another.
        let migrated = migrations.0.run_direct(None, &mut connection, false).await;
        // What was to be done is done; how the connection ends says nothing about the database.
        let _ = connection.close().await;
        migrated.map_err(|source| OpenError::Migrate { url: without_password(url), source })
    };
    tokio::time::timeout(PATIENCE, connecting)
        .await
        .map_err(|_| OpenError::NoAnswer { url: without_password(url), seconds: PATIENCE.as_secs() })??;
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(options))
}
