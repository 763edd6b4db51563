use std::{error::Error as _, net::TcpListener};

use recommendations::{
    catalogue::{FIRST_OWN_CATEGORY, FIXED_CATEGORIES},
    import::Format,
    store::{Store, StoreError},
};

use crate::{counts, everything, import};

crate::on_both! {
    async fn a_new_database_has_the_fixed_categories(database: Database) {
        let store = crate::connect(&database).await;
        let (categories, books) = everything(&store).await;
        assert!(store.is_empty().await.unwrap() && books.is_empty());
        let found: Vec<_> =
            categories.iter().map(|it| (it.number, it.slug.as_str(), it.name.as_str())).collect();
        assert_eq!(found, FIXED_CATEGORIES);
        assert!(categories.iter().all(|category| category.number < FIRST_OWN_CATEGORY));
        assert_eq!(store.version().await.unwrap().number, 0);
    }

    async fn many_may_start_at_once(database: Database) {
        let starting: Vec<_> = (0..8)
            .map(|_| {
                let url = database.url.clone();
                tokio::spawn(async move { Store::connect(&url).await })
            })
            .collect();
        let mut names = Vec::new();
        for store in starting {
            names.push(store.await.unwrap().unwrap().version().await.unwrap().store);
        }
        assert_eq!(names[0].len(), 32);
        assert!(names.iter().all(|name| *name == names[0]), "{names:?}");
    }

    async fn what_was_committed_is_there_after_a_restart(database: Database) {
        let line = r#"{"title":"Akira","categories":["Manga"]}"#;
        let store = crate::connect(&database).await;
        assert_eq!(import(&store, Format::Jsonl, line).await.0, counts(1, 0, 0, 0));
        let before = (store.version().await.unwrap(), everything(&store).await);
        store.close().await;
        let store = crate::connect(&database).await;
        assert_eq!((store.version().await.unwrap(), everything(&store).await), before);
        assert_eq!(import(&store, Format::Jsonl, line).await.0, counts(0, 0, 1, 0));
    }

    async fn a_reader_sees_one_moment(database: Database) {
        let store = crate::connect(&database).await;
        import(&store, Format::Jsonl, r#"{"id":1,"title":"One","categories":["mystery"]}"#).await;
        let mut reading = store.read().await.unwrap();
        import(&store, Format::Jsonl, r#"{"id":1,"title":"Uno","categories":["mystery"]}
            {"id":2,"title":"Due","categories":["mystery"]}"#)
        .await;
        assert_eq!(reading.version().number, 1);
        let books = reading.next().await.unwrap();
        assert_eq!(books.iter().map(|book| book.title.as_str()).collect::<Vec<_>>(), ["One"]);
        assert!(reading.next().await.unwrap().is_empty());
        drop(reading);
        assert_eq!(everything(&store).await.1.len(), 2);
    }
}

#[tokio::test]
async fn memory_lasts_as_long_as_the_store() {
    for url in [":memory:", "sqlite::memory:", "sqlite://:memory:"] {
        let store = Store::connect(url).await.unwrap();
        import(&store, Format::Jsonl, r#"{"title":"Dune","categories":["science-fiction"]}"#).await;
        let (_, books) = everything(&store).await;
        assert_eq!(books.len(), 1, "{url}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_database_is_said_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = folder.path().join("text");
    std::fs::write(&file, "no database, but long enough to be looked at".repeat(100)).unwrap();
    for (url, expected) in [
        ("mysql://shop:secret@db/shelf".to_owned(), "starts neither with sqlite: nor with postgres:"),
        (format!("sqlite://{}/no/such.db", folder.path().display()), "cannot open the database sqlite://"),
        (format!("sqlite://{}", file.display()), "cannot open the database sqlite://"),
        (
            format!("postgres://shop:secret@127.0.0.1:{closed}/shelf"),
            "cannot open the database postgres://shop:***@",
        ),
        (format!("postgres://shop@127.0.0.1:{closed}/shelf?password=top%26secret"), "/shelf?***"),
        (
            format!("postgres://shop@127.0.0.1:{closed}/shelf?password=top&secret"),
            "has a parameter that PostgreSQL does not know",
        ),
        ("host=db password=secret".to_owned(), "starts neither with sqlite: nor with postgres:"),
    ] {
        let error = Store::connect(&url).await.unwrap_err();
        let cause = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(error.to_string().contains(expected), "{error}: {cause}");
        assert!(!format!("{error} {cause}").contains("secret"), "{error}: {cause}");
        assert!(!matches!(error, StoreError::Open(storage::OpenError::NoAnswer { .. })));
    }
}
