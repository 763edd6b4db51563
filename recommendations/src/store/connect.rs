use std::{str::FromStr as _, sync::LazyLock, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection, SqlStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{FIRST_OWN_BOOK, Pool, Store, StoreError, failed, on_either};
use crate::catalogue::{FIRST_OWN_CATEGORY, FIXED_CATEGORIES};

/// How long a start waits for the database, and a call for a free connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// Serving reads memory; connections are for imports and for the look at the version every second.
const CONNECTIONS: u32 = 4;
/// How often SQLite is asked again when another process is just creating the same file.
const ATTEMPTS: u32 = 20;

/// Listed here, not by sqlx's macro, which would have the whole of sqlx compiled a second time. Run by `run_direct`: the
/// future of `run` is not `Send` for reasons of the compiler's.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let files = [
        (1, "catalogue", include_str!("../../migrations/0001_catalogue.sql")),
        (2, "readers", include_str!("../../migrations/0002_readers.sql")),
        (3, "models", include_str!("../../migrations/0003_models.sql")),
    ];
    let migrations = files.map(|(number, name, sql)| {
        Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(sql), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.into());
    // A newer replica may have brought the schema further: migrations only add.
    migrator.set_ignore_missing(true);
    migrator
});

impl Store {
    /// Opens the database that `url` names and brings its schema up to date. Several processes may do so at once.
    ///
    /// `sqlite://FILE` creates the file if it is missing, `:memory:` or `sqlite::memory:` lasts as long as the store, and
    /// `postgres://USER:PASSWORD@HOST/DATABASE` takes libpq's parameters (`?sslmode=verify-full`); those that have no
    /// effect are named in the log, others are errors.
    ///
    /// # Errors
    ///
    /// If the URL is malformed, the database cannot be reached within ten seconds, or a migration fails. None of them
    /// shows the password.
    pub async fn connect(url: &str) -> Result<Self, StoreError> {
        let (pool, histories) = match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {
                let pool = postgres(url).await?;
                let own = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
                let own = own.connect_lazy_with((*pool.connect_options()).clone());
                (Pool::Postgres(pool), Pool::Postgres(own))
            }
            Some(("sqlite", _)) | Some(("", "memory:")) => {
                let pool = sqlite(url).await?;
                let own = if in_memory(url) {
                    pool.clone()
                } else {
                    let own = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
                    let own = own.idle_timeout(None).max_lifetime(None).test_before_acquire(false);
                    let options = (*pool.connect_options()).clone().pragma("cache_size", "-32000");
                    own.connect_lazy_with(options)
                };
                (Pool::Sqlite(pool), Pool::Sqlite(own))
            }
            _ => return Err(bad_url(url, "starts neither with sqlite: nor with postgres:")),
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

async fn sqlite(url: &str) -> Result<sqlx::SqlitePool, StoreError> {
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
        match open_sqlite(&options, in_memory, url).await {
            // Two processes that create one file trip over each other: SQLite does not wait for the lock under which
            // the journal mode changes, and sqlx takes none around SQLite's migrations.
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
) -> Result<sqlx::SqlitePool, StoreError> {
    let pool = SqlitePoolOptions::new().acquire_timeout(PATIENCE);
    let pool = if in_memory {
        // The data lives and dies with the one connection.
        pool.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None)
    } else {
        pool.max_connections(CONNECTIONS).idle_timeout(Duration::from_secs(10))
    };
    let pool = pool
        .connect_with(options.clone())
        .await
        .map_err(|source| StoreError::Connect { url: without_password(url), source })?;
    let mut connection =
        pool.acquire().await.map_err(|source| StoreError::Connect { url: without_password(url), source })?;
    let migrated = MIGRATIONS.run_direct(None, &mut *connection, false).await;
    drop(connection);
    match migrated {
        Ok(()) => Ok(pool),
        Err(source) => {
            pool.close().await;
            Err(StoreError::Migrate { url: without_password(url), source })
        }
    }
}

fn another_is_creating(error: &StoreError) -> bool {
    let source = match error {
        StoreError::Connect { source, .. } => source,
        StoreError::Migrate {
            source: MigrateError::Execute(source) | MigrateError::ExecuteMigration(source, _),
            ..
        } => source,
        _ => return false,
    };
    let sqlx::Error::Database(error) = source else { return false };
    // SQLITE_BUSY and SQLITE_LOCKED with their refinements; else the other one's tables are there already.
    let code = error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default() & 0xff;
    matches!(code, 5 | 6) || error.is_unique_violation() || error.message().contains("already exists")
}

async fn postgres(url: &str) -> Result<sqlx::PgPool, StoreError> {
    let options = PgConnectOptions::from_str(&with_known_parameters(url)?)
        .map_err(|error| bad_url(url, &error.to_string()))?
        .application_name("shelfwise")
        .disable_statement_logging();
    // One connection by hand: a pool would try again and again, and in the end not know why.
    let connecting = async {
        let connected = PgConnection::connect_with(&options).await;
        let mut connection =
            connected.map_err(|source| StoreError::Connect { url: without_password(url), source })?;
        // Under an advisory lock: replicas that start at once wait for one another.
        let migrated = MIGRATIONS.run_direct(None, &mut connection, false).await;
        // What was to be done is done; how the connection ends says nothing about the database.
        let _ = connection.close().await;
        migrated.map_err(|source| StoreError::Migrate { url: without_password(url), source })
    };
    tokio::time::timeout(PATIENCE, connecting)
        .await
        .map_err(|_| StoreError::NoAnswer { url: without_password(url), seconds: PATIENCE.as_secs() })??;
    Ok(PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .idle_timeout(Duration::from_secs(60))
        .connect_lazy_with(options))
}

fn bad_url(url: &str, reason: &str) -> StoreError {
    StoreError::Url { url: without_password(url), reason: reason.to_owned() }
}

/// The parameters that the driver takes.
const TAKEN: [&str; 16] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
];
/// Those that libpq takes and the driver does not.
const LIBPQ_ONLY: [&str; 33] = [
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "load_balance_hosts",
    "max_protocol_version",
    "min_protocol_version",
    "passfile",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "service",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcertmode",
    "sslcompression",
    "sslcrl",
    "sslcrldir",
    "sslkeylogfile",
    "sslnegotiation",
    "sslpassword",
    "sslsni",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// The URL with those parameters only that the driver takes, which would write others into the log with their values.
/// One that nobody knows may be a piece of a password in which an `&` was not encoded.
fn with_known_parameters(url: &str) -> Result<String, StoreError> {
    if url.contains('#') {
        return Err(bad_url(url, "has a `#`, which a password must write as %23"));
    }
    let Some((address, parameters)) = url.split_once('?') else { return Ok(url.to_owned()) };
    let mut taken = Vec::new();
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        let name = parameter.split('=').next().unwrap_or_default();
        if TAKEN.contains(&name) || name == "options" || name.starts_with("options[") {
            taken.push(parameter);
        } else if let Some(name) = LIBPQ_ONLY.iter().find(|known| **known == name) {
            tracing::warn!(name, "this parameter of DATABASE_URL has no effect here");
        } else if name != "application_name" {
            let reason = "has a parameter that PostgreSQL does not know; a password must write `&` as %26";
            return Err(bad_url(url, reason));
        }
    }
    Ok(format!("{address}?{}", taken.join("&")))
}

/// The URL as it may be shown: without its parameters and its password, and where a sign was not encoded, so that nobody
/// can tell where a password ends, without all that may belong to it.
fn without_password(url: &str) -> String {
    const HIDDEN: &str = "***";
    if in_memory(url) || url.starts_with("sqlite:") {
        return url.split_once('?').map_or_else(|| url.to_owned(), |(file, _)| format!("{file}?{HIDDEN}"));
    }
    let up_to = |text: &str, signs: &[char]| match text.find(signs) {
        Some(end) => format!("{}{HIDDEN}", &text[..end]),
        None => text.to_owned(),
    };
    let Some((scheme, rest)) = url.split_once("://") else { return up_to(url, &[':', '=', ' ', '@', '/']) };
    let (address, parameters) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    if parameters.contains('@') {
        // Either the parameters have it, or a password has the `?`.
        return format!("{scheme}://{}", up_to(rest, &[':', '/', '?', '#', '@']));
    }
    let (login, place) = address.rsplit_once('@').unwrap_or(("", address));
    let login = match login.split_once(':') {
        Some((user, _)) => format!("{user}:{HIDDEN}@"),
        None if login.is_empty() => String::new(),
        None => format!("{login}@"),
    };
    // What follows the host is a port, unless it is the password of a login without a host.
    let host_end = place.find(']').unwrap_or(0);
    let place = match place[host_end..].find(':').map(|colon| host_end + colon) {
        Some(colon) => {
            let port = place[colon + 1..].split('/').next().unwrap_or_default();
            let is_port = port.bytes().all(|sign| sign.is_ascii_digit());
            if is_port { place.to_owned() } else { format!("{}:{HIDDEN}", &place[..colon]) }
        }
        None => place.to_owned(),
    };
    let parameters = match parameters.chars().next() {
        Some(sign) => format!("{sign}{HIDDEN}"),
        None => String::new(),
    };
    format!("{scheme}://{login}{place}{parameters}")
}

/// Whether the URL names a database that is kept nowhere.
#[must_use]
pub fn in_memory(url: &str) -> bool {
    url.starts_with(":memory:")
        || (url.starts_with("sqlite:") && (url.contains(":memory:") || url.contains("mode=memory")))
}

#[cfg(test)]
mod tests {
    use super::{with_known_parameters, without_password};

    #[test]
    fn passwords_are_hidden() {
        for (url, shown) in [
            ("postgres://shop:s3:cr@et@db.example/shelf", "postgres://shop:***@db.example/shelf"),
            ("postgres://shop@db:5432/shelf?password=x&sslmode=require", "postgres://shop@db:5432/shelf?***"),
            ("postgres://shop@db/shelf?password=s3&cr=et&x", "postgres://shop@db/shelf?***"),
            ("postgres://shop@[::1]:5432/shelf?passwd=s3#cr", "postgres://shop@[::1]:5432/shelf?***"),
            ("postgres://[::1]/shelf", "postgres://[::1]/shelf"),
            ("postgres://shop:s3cr?et@db/shelf", "postgres://shop***"),
            ("postgres://shop:s3?cr/e@t@db/shelf?sslmode=require", "postgres://shop***"),
            ("postgres://shop:s3#cret@db/shelf", "postgres://shop***"),
            ("postgres://shop:s3cret@db/shelf?password=x@y", "postgres://shop***"),
            ("postgres://db/shelf?user=shop&password=x:y@z", "postgres://db***"),
            ("postgres://shop:s3cret", "postgres://shop:***"),
            ("postgres://shop:s3cr/et", "postgres://shop:***"),
            ("postgres:shop:s3cret@db/shelf", "postgres***"),
            ("host=db password=s3cret", "host***"),
            ("sqlite:///srv/a:b@c.db", "sqlite:///srv/a:b@c.db"),
            ("sqlite:///srv/shelfwise.db?key=s3cret", "sqlite:///srv/shelfwise.db?***"),
            ("nonsense", "nonsense"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }

    #[test]
    fn parameters_that_the_driver_would_log_do_not_reach_it() {
        for (url, passed) in [
            ("postgres://db/shelf", "postgres://db/shelf"),
            (
                "postgres://db/shelf?sslmode=require&sslpassword=x&options[a]=b&connect_timeout=5",
                "postgres://db/shelf?sslmode=require&options[a]=b",
            ),
        ] {
            assert_eq!(with_known_parameters(url).unwrap(), passed);
        }
        for url in ["postgres://db/shelf?password=s3&cret", "postgres://db/shelf?password=s3#cret"] {
            let error = with_known_parameters(url).unwrap_err().to_string();
            assert!(error.starts_with("DATABASE_URL postgres://db/shelf?***: ha"), "{error}");
            assert!(!error.contains("cret"), "{error}");
        }
    }
}
