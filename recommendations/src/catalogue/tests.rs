use proptest::prelude::*;

use super::{Book, Builder, Category, Series, Version, place_of};

proptest! {
    #[test]
    fn a_number_is_found_where_it_stands(
        ids in prop::collection::btree_set(prop_oneof![-30_i32..30, any::<i32>()], 0..40),
        asked in prop_oneof![-31_i32..31, any::<i32>()],
    ) {
        let ids: Vec<i32> = ids.into_iter().collect();
        for id in ids.iter().copied().chain([asked, i32::MIN, i32::MAX]) {
            prop_assert_eq!(place_of(&ids, id), ids.binary_search(&id).ok());
        }
    }
}

#[test]
fn what_goes_in_comes_out() {
    let category = |number, slug: &str| Category { number, slug: slug.to_owned(), name: slug.to_owned() };
    let mut builder =
        Builder::new(Version::default(), vec![category(1_000, "manga"), category(0, "mystery")]);
    let books = [
        Book { id: 2, title: "Émile".to_owned(), categories: vec![1_000], ..Book::default() },
        Book {
            id: 7,
            title: "Akira".to_owned(),
            title_language: "ja-Latn".to_owned(),
            authors: vec!["Katsuhiro Otomo".to_owned()],
            year: Some(1982),
            language: "ja".to_owned(),
            series: Some(Series { name: "Akira".to_owned(), number: Some(1.5) }),
            categories: vec![1_000, 0],
            subjects: vec!["Tokyo".to_owned()],
            isbn13: super::Isbn13::parse("9780679722649").ok(),
        },
        Book { id: 9, title: "Zen".to_owned(), categories: vec![1_000], ..Book::default() },
    ];
    for book in &books {
        builder.push(book).unwrap();
    }
    let catalogue = builder.finish().unwrap();
    let akira = catalogue.book(7).unwrap();
    assert_eq!(akira.title(), "Akira");
    assert_eq!(akira.authors().collect::<Vec<_>>(), ["Katsuhiro Otomo"]);
    assert_eq!((akira.year(), akira.language(), akira.title_language()), (Some(1982), "ja", "ja-Latn"));
    assert_eq!(akira.series(), Some(("Akira", Some(1.5))));
    assert_eq!(akira.categories().collect::<Vec<_>>(), [1_000, 0]);
    assert_eq!(akira.isbn13().unwrap().to_string(), "9780679722649");
    assert_eq!(catalogue.book(2).unwrap().series(), None);
    assert_eq!(catalogue.book(2).unwrap().year(), None);
    assert!(catalogue.book(1).is_none());
    let manga = catalogue.shelf(1_000).unwrap();
    let ids: Vec<_> =
        (0..manga.len()).filter_map(|position| manga.get(position)).map(super::BookRef::id).collect();
    assert_eq!(ids, [7, 2, 9]);
    assert_eq!(manga.behind(akira), 1);
    assert_eq!(catalogue.shelf(0).unwrap().behind(catalogue.book(2).unwrap()), 1);
    assert!(catalogue.shelf(5).is_none());
}
