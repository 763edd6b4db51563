use std::time::Duration;

use functions::store::{ImageEvent, KeptError, MAX_KEYS, MAX_VALUE_BYTES};

crate::on_both! {
    async fn each_function_keeps_its_own_values(database: Database) {
        let store = crate::store(&database).await;
        assert_eq!(store.kept("a", "key").await.unwrap(), None);
        store.keep("a", "key", b"\x00\xff").await.unwrap();
        store.keep("b", "key", b"other").await.unwrap();
        store.keep("a", "key", b"").await.unwrap();
        store.close().await;
        let store = crate::store(&database).await;
        assert_eq!(store.kept("a", "key").await.unwrap().as_deref(), Some(&b""[..]));
        assert_eq!(store.kept("b", "key").await.unwrap().as_deref(), Some(&b"other"[..]));
        store.forget("a", "key").await.unwrap();
        store.forget("a", "key").await.unwrap();
        assert_eq!(store.kept("a", "key").await.unwrap(), None);
        assert!(store.kept("b", "key").await.unwrap().is_some());
    }

    async fn what_is_kept_has_bounds(database: Database) {
        let store = crate::store(&database).await;
        let longest = "k".repeat(255);
        store.keep("a", &longest, &vec![7; MAX_VALUE_BYTES]).await.unwrap();
        assert_eq!(store.kept("a", &longest).await.unwrap().unwrap().len(), MAX_VALUE_BYTES);
        for bad in ["", "zero\0", &"k".repeat(256)] {
            assert!(matches!(store.keep("a", bad, b"x").await, Err(KeptError::Name)), "{bad:?}");
            assert!(matches!(store.kept("a", bad).await, Err(KeptError::Name)));
            assert!(matches!(store.forget("a", bad).await, Err(KeptError::Name)));
        }
        assert!(matches!(store.keep("a", "k", &vec![7; MAX_VALUE_BYTES + 1]).await, Err(KeptError::Value)));
        // As many as may be, and not one more; what is there can still be changed.
        for number in 1..MAX_KEYS {
            store.keep("a", &number.to_string(), b"x").await.unwrap();
        }
        assert!(matches!(store.keep("a", "one more", b"x").await, Err(KeptError::Full)));
        store.keep("a", "1", b"changed").await.unwrap();
        store.keep("b", "one more", b"x").await.unwrap();
        store.forget("a", "1").await.unwrap();
        store.keep("a", "one more", b"x").await.unwrap();
    }

    async fn images_are_remembered(database: Database) {
        let store = crate::store(&database).await;
        let event = |at| ImageEvent {
            at,
            function: "grayscale".to_owned(),
            request: format!("r{at}"),
            kind: "image/gif".to_owned(),
            bytes: 5_000_000_000,
            answer_kind: "image/png".to_owned(),
            answer_bytes: 7,
            time: Duration::from_millis(12),
        };
        store.record_images(&[event(1_000), event(2_000)]).await.unwrap();
        store.record_images(&[event(3_000)]).await.unwrap();
        assert_eq!(store.latest_images(2).await.unwrap(), [event(3_000), event(2_000)]);
        // All of them are long ago.
        store.sweep_images(Duration::from_secs(90)).await.unwrap();
        assert!(store.latest_images(10).await.unwrap().is_empty());
    }
}
