use recommendations::{
    catalogue::{FIRST_OWN_CATEGORY, Isbn13, Series},
    import::Format,
    store::{FIRST_OWN_BOOK, MAX_OWN_CATEGORIES},
};

use crate::{counts, everything, import};

/// So many different books.
fn many(from: usize, to: usize) -> String {
    (from..to)
        .map(|n| {
            format!(
                "{{\"title\":\"Book {n}\",\"authors\":[\"Author {}\"],\"categories\":[\"mystery\",\"poetry\"]}}\n",
                n % 97
            )
        })
        .collect()
}

crate::on_both! {
    async fn the_same_file_again_changes_nothing(database: Database) {
        let store = crate::connect(&database).await;
        let file = many(0, 2_345);
        assert_eq!(import(&store, Format::Jsonl, file.clone()).await, (counts(2_345, 0, 0, 0), vec![]));
        let before = (store.version().await.unwrap(), everything(&store).await);
        assert_eq!(before.1.1.len(), 2_345);
        assert_eq!(import(&store, Format::Jsonl, file).await, (counts(0, 0, 2_345, 0), vec![]));
        assert_eq!((store.version().await.unwrap(), everything(&store).await), before);
        let more = many(2_000, 2_400);
        assert_eq!(import(&store, Format::Jsonl, more).await.0, counts(55, 0, 345, 0));
        assert!(store.version().await.unwrap().number > before.0.number);
    }

    async fn every_field_comes_back(database: Database) {
        let store = crate::connect(&database).await;
        let line = r#"{"id":7,"title":"Le Petit Prince","title_language":"fr","authors":["Antoine de Saint-Exupéry"],
            "year":1943,"language":"fr","series":"Œuvres","series_number":1.5,"categories":["children","classics"],
            "subjects":["asteroids; planets","foxes"],"isbn13":"978-0-15-601219-5"}"#.replace('\n', " ");
        assert_eq!(import(&store, Format::Jsonl, line).await, (counts(1, 0, 0, 0), vec![]));
        let book = everything(&store).await.1.remove(&7).unwrap();
        assert_eq!((book.title.as_str(), book.title_language.as_str()), ("Le Petit Prince", "fr"));
        assert_eq!(book.authors, ["Antoine de Saint-Exupéry"]);
        assert_eq!((book.year, book.language.as_str()), (Some(1943), "fr"));
        assert_eq!(book.series, Some(Series { name: "Œuvres".to_owned(), number: Some(1.5) }));
        assert_eq!(book.categories, [11, 13]);
        assert_eq!(book.subjects, ["asteroids; planets", "foxes"]);
        assert_eq!(book.isbn13, Isbn13::parse("9780156012195").ok());
    }

    async fn a_row_states_its_book_whole(database: Database) {
        let store = crate::connect(&database).await;
        let full = r#"{"id":7,"title":"Emma","authors":["Jane Austen"],"year":1815,"categories":["romance","classics"]}"#;
        import(&store, Format::Jsonl, full).await;
        let short = r#"{"id":7,"title":"Emma","authors":["Jane Austen"],"categories":["classics"]}"#;
        assert_eq!(import(&store, Format::Jsonl, short).await.0, counts(0, 1, 0, 0));
        let (_, books) = everything(&store).await;
        assert_eq!((books[&7].year, books[&7].categories.as_slice()), (None, &[13][..]));
        assert_eq!(store.version().await.unwrap().number, 2);
    }

    async fn a_book_is_found_by_id_then_isbn_then_title_and_author(database: Database) {
        let store = crate::connect(&database).await;
        let first = r#"{"id":5,"title":"Emma","authors":["Jane Austen"],"categories":["classics"]}
            {"title":"Persuasion","authors":["Jane Austen"],"categories":["classics"],"isbn13":"9780141439686"}
            {"title":"Lady Susan","authors":["Jane Austen"],"categories":["classics"]}"#;
        assert_eq!(import(&store, Format::Jsonl, first).await.0, counts(3, 0, 0, 0));
        let again = r#"{"title":"  EMMA!","authors":["Jane  Austen"],"categories":["classics"],"year":1815}
            {"title":"Persuasion (Penguin)","categories":["classics"],"isbn":"0-14-143968-8"}
            {"title":"Lady Susan","authors":["Somebody Else"],"categories":["classics"]}"#;
        let (report, rejected) = import(&store, Format::Jsonl, again).await;
        assert_eq!((report, rejected), (counts(1, 2, 0, 0), vec![]));
        let (_, books) = everything(&store).await;
        assert_eq!(books.keys().copied().collect::<Vec<_>>(), [5, 1_000_000, 1_000_001, 1_000_002]);
        assert_eq!(books[&5].year, Some(1815));
        assert_eq!(books[&FIRST_OWN_BOOK].title, "Persuasion (Penguin)");
    }

    async fn a_book_that_occurs_twice_is_taken_once(database: Database) {
        let store = crate::connect(&database).await;
        let file = r#"{"title":"Emma","authors":["Jane Austen"],"categories":["classics"]}
            {"title":"Emma","authors":["Jane Austen"],"categories":["romance"]}
            {"id":3,"title":"Ulysses","categories":["classics"]}
            {"id":3,"title":"Finnegans Wake","categories":["classics"]}"#;
        for report in [counts(2, 0, 0, 2), counts(0, 0, 2, 2)] {
            let (found, rejected) = import(&store, Format::Jsonl, file).await;
            assert_eq!(found, report);
            assert_eq!(
                rejected,
                [
                    (2, "an earlier line is the same book, number 1000000".to_owned()),
                    (4, "an earlier line is the same book, number 3".to_owned()),
                ]
            );
        }
    }

    async fn ids_that_a_file_names_are_not_given_out(database: Database) {
        let store = crate::connect(&database).await;
        import(&store, Format::Jsonl, r#"{"id":1000004,"title":"A","categories":["mystery"]}"#).await;
        import(&store, Format::Jsonl, r#"{"title":"B","categories":["mystery"]}"#).await;
        assert!(everything(&store).await.1.contains_key(&1_000_005));
    }

    async fn unknown_categories_get_numbers_of_their_own_for_ever(database: Database) {
        let store = crate::connect(&database).await;
        let file = r#"{"title":"A","categories":["Manga","Young Adult"]}
            {"title":"B","categories":["manga"," MANGA ","漫画"]}"#;
        import(&store, Format::Jsonl, file).await;
        import(&store, Format::Jsonl, r#"{"title":"C","categories":["Gardening","Manga"]}"#).await;
        let (categories, books) = everything(&store).await;
        let own: Vec<_> = categories
            .iter()
            .filter(|it| it.number >= FIRST_OWN_CATEGORY)
            .map(|it| (it.number, it.slug.as_str(), it.name.as_str()))
            .collect();
        assert_eq!(own, [(1_000, "manga", "Manga"), (1_001, "漫画", "漫画"), (1_002, "gardening", "Gardening")]);
        let of: Vec<_> = books.values().map(|book| book.categories.clone()).collect();
        assert_eq!(of, [vec![1_000, 12], vec![1_000, 1_001], vec![1_002, 1_000]]);
    }

    async fn imports_at_once_agree_on_numbers(database: Database) {
        let importing: Vec<_> = (0..4)
            .map(|n| {
                let url = database.url.clone();
                tokio::spawn(async move {
                    let store = recommendations::store::Store::connect(&url).await.unwrap();
                    let file: String = (0..500)
                        .map(|row| {
                            let own = (row * 7 + n) % 40;
                            format!("{{\"title\":\"Book {row}\",\"categories\":[\"Own {own}\",\"Shop {n}\"]}}\n")
                        })
                        .collect();
                    import(&store, Format::Jsonl, file).await
                })
            })
            .collect();
        for import in importing {
            assert_eq!(import.await.unwrap().1, []);
        }
        let (categories, books) = everything(&crate::connect(&database).await).await;
        assert_eq!(books.len(), 500);
        let mut numbers: Vec<_> = categories.iter().map(|it| it.number).filter(|&it| it >= 1_000).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1_000..1_044).collect::<Vec<_>>());
    }

    async fn there_is_a_bound_on_categories(database: Database) {
        let store = crate::connect(&database).await;
        let file: String = (0..MAX_OWN_CATEGORIES + 2)
            .map(|n| format!("{{\"title\":\"Book {n}\",\"categories\":[\"Own {n}\"]}}\n"))
            .collect();
        let (report, rejected) = import(&store, Format::Jsonl, file).await;
        assert_eq!(report, counts(2_000, 0, 0, 2));
        assert_eq!(rejected[0], (2_001, "it names a new category, and there are 2000 already".to_owned()));
    }
}
