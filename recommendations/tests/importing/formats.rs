//! What each format says.

use recommendations::import::readers::Format;

use crate::{books, rows};

#[test]
fn each_rule_of_our_own_format_has_its_reason() {
    for (line, reason) in [
        ("1,4.5,read,,,,", ""),
        ("1,\"4,5\",,,,,2026-01-31T12:00:00+02:00", ""),
        ("1,,,true,,,", ""),
        ("1,,,,1,FALSE,", ""),
        (",5,,,,,", "book is empty"),
        ("x,5,,,,,", "book is \"x\", not a number from 1 to 2147483647"),
        ("0,5,,,,,", "book is \"0\", not a number from 1 to 2147483647"),
        ("77,5,,,,,", "the catalogue has no book 77"),
        ("1,4.2,,,,,", "stars is \"4.2\", not 0.5 to 5 in halves"),
        ("1,,lent,,,,", "shelf is \"lent\", not want_to_read, reading, read or did_not_finish"),
        ("1,5,,true,,,", "stars and dismissed contradict each other"),
        ("1,,,maybe,,,", "dismissed is \"maybe\", not true or false"),
        ("1,,,,,,", "says nothing: it has no stars, dismissal, shelf, ownership or interaction"),
        (
            "1,5,,,,,yesterday",
            "changed_at is \"yesterday\", not a time between 1970 and now like 2026-01-31T12:00:00Z",
        ),
        (
            "1,5,,,,,2999-01-01T00:00:00Z",
            "changed_at is \"2999-01-01T00:00:00Z\", not a time between 1970 and now like 2026-01-31T12:00:00Z",
        ),
    ] {
        let file = format!("book,stars,shelf,dismissed,owned,interacted,changed_at\n{line}\n");
        let (good, bad) = rows(file.as_bytes(), None);
        match reason {
            "" => assert_eq!((good, bad), (1, vec![]), "{line}"),
            _ => assert_eq!((good, bad), (0, vec![(2, reason.to_owned())]), "{line}"),
        }
    }
    let json = b"{\"book\":1,\"stars\":3.5,\"shelf\":null,\"owned\":true,\"more\":[1]}\n\
        {\"book\":\"2\",\"stars\":[5]}\n";
    let (good, bad) = rows(json, None);
    assert_eq!((good, bad.len()), (1, 1), "{bad:?}");
}

#[test]
fn goodreads_and_storygraph_rows_say_what_is_wrong_with_them() {
    let file = "Title,Author,ISBN13,My Rating,Exclusive Shelf,Bookshelves,Read Count,Owned Copies\n\
        Emma,Jane Austen,,0,to-read,,0,0\n\
        Emma,Jane Austen,,0,dusty,,0,0\n\
        Emma,Jane Austen,,0,dusty,,2,0\n\
        Emma,Jane Austen,,0,dusty,\"gothic, DNF\",0,0\n\
        Emma,Jane Austen,,0,dusty,,0,1\n\
        Emma,Jane Austen,,6,read,,0,0\n\
        ,Jane Austen,9780141439587,5,read,,0,0\n\
        \"Emma (Penguin, #3)\",Nobody,9780141439587,5,read,,0,0\n\
        Emma,Nobody,9780141439588,5,read,,0,0\n";
    let reasons = [
        (3, "says nothing: it has no stars, dismissal, shelf, ownership or interaction"),
        (7, "My Rating is \"6\", not 0 to 5"),
        (8, "Title is empty"),
        (10, "the catalogue has no such book: Emma by Nobody"),
    ];
    let expected = reasons.map(|(line, reason)| (line, reason.to_owned()));
    assert_eq!(rows(file.as_bytes(), None), (5, expected.to_vec()));

    let file = "Title,Authors,ISBN/UID,Read Status,Star Rating,Owned?\n\
        Emma,Jane Austen,,read,4.75,Yes\n\
        Emma,Jane Austen,,paused,,No\n\
        Emma,Jane Austen,,read,5.25,No\n\
        Emma,Jane Austen,,burnt,5.0,No\n\
        \"Good Omens\",\"Terry Pratchett, Neil Gaiman\",1a2b3c4d-uid,read,5.0,No\n\
        \"Sapiens\",\"A Translator, Yuval Noah Harari\",1a2b3c4d-uid,did-not-finish,,No\n";
    let reasons = [
        (4, "Star Rating is \"5.25\", not 0.25 to 5"),
        (5, "Read Status is \"burnt\", not read, to-read, currently-reading, paused or did-not-finish"),
        (6, "the catalogue has no such book: Good Omens by Terry Pratchett, Neil Gaiman"),
    ];
    let expected = reasons.map(|(line, reason)| (line, reason.to_owned()));
    assert_eq!(rows(file.as_bytes(), None), (3, expected.to_vec()));
}

#[test]
fn books_are_matched_without_a_catalogue_of_their_own() {
    assert_eq!(books().len(), 4);
    let ratings = b"user_id,book_id,rating\n1,1,5\n0,1,5\n1,2,5.5\n";
    let (good, bad) = rows(ratings, Some(Format::Goodbooks(Default::default())));
    assert_eq!((good, bad.len()), (0, 3), "{bad:?}");
    assert_eq!(bad[0].1, "the catalogue has no such book: number 1 of books.csv");
}
