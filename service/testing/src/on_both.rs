/// Makes of each `async fn name(database: Database)` a test on SQLite and one on PostgreSQL, skipped where there is none.
/// `Database` is a type at the root of the calling crate, with the functions `sqlite` and `postgres`, which give `None` to skip.
#[macro_export]
#[allow(clippy::crate_in_macro_def)] // the type is the caller's
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($database:ident: $kind:ident) $body:block)*) => {
        $(mod $name {
            #[allow(unused_imports)]
            use super::*;

            $(#[$meta])*
            async fn check($database: crate::$kind) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check(crate::$kind::sqlite().unwrap()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                if let Some(database) = crate::$kind::postgres() {
                    check(database).await;
                }
            }
        })*
    };
}
