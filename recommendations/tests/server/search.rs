use std::collections::BTreeSet;

use protobufs::catalogue::{ListBooksRequest, SearchBooksRequest, SearchBooksResponse};
use tonic::Code;

use crate::Server;

async fn search(server: &Server, query: &str) -> SearchBooksResponse {
    let request = SearchBooksRequest { query: query.to_owned(), ..SearchBooksRequest::default() };
    server.catalogue().await.search_books(request).await.unwrap().into_inner()
}

#[tokio::test]
async fn the_first_hit_is_the_one_that_was_meant() {
    let server = Server::start().await;
    let mut wrong = Vec::new();
    for (query, title) in [
        // By title: whole, in part, unfinished, without its article, whatever the signs and accents.
        ("The Maltese Falcon", "The Maltese Falcon"),
        ("maltese falcon", "The Maltese Falcon"),
        ("falcon maltese", "The Maltese Falcon"),
        ("it", "It"),
        ("walden", "Walden"),
        ("ring", "Ring"),
        ("dune", "The Dune Chronicles"),
        ("dune mes", "Dune Messiah"),
        ("Ender’s Game", "Ender's Game"),
        ("enders game", "Ender's Game"),
        ("ender game", "Ender's Game"),
        ("hitchhiker's guide", "The Hitchhiker's Guide to the Galaxy"),
        ("les miserables", "Les Misérables"),
        ("LES MISÉRABLES", "Les Misérables"),
        ("pensees", "Pensées"),
        ("godel escher", "Gödel, Escher, Bach"),
        ("city and the city", "The City & the City"),
        ("moby dick", "Moby-Dick"),
        ("mobydick", "Moby-Dick"),
        ("self help", "Self-Help"),
        ("slaughterhouse five", "Slaughterhouse-Five"),
        ("2001 space odyssey", "2001: A Space Odyssey"),
        ("surely youre joking", "Surely You're Joking, Mr. Feynman!"),
        ("do androids dream of electric sheep", "Do Androids Dream of Electric Sheep?"),
        ("solitude", "One Hundred Years of Solitude"),
        ("the secret history tartt", "The Secret History"),
        ("leviathan", "Leviathan"),
        ("confessions rousseau", "Confessions"),
        // With a typing error: a letter too few, too many, another, two swapped.
        ("frankestein", "Frankenstein"),
        ("neuromanccer", "Neuromancer"),
        ("middlemerch", "Middlemarch"),
        ("dracual", "Dracula"),
        ("hitchiker", "The Hitchhiker's Guide to the Galaxy"),
        ("blak swan", "The Black Swan"),
        ("war and pece", "War and Peace"),
        ("double helx", "The Double Helix"),
        ("kfka metamorphosis", "The Metamorphosis"),
        ("crime and punishmnet", "Crime and Punishment"),
        // By author, also unfinished, mistyped, by initials.
        ("tolkien", "The Hobbit"),
        ("tolkein", "The Hobbit"),
        ("jrr tolkien", "The Hobbit"),
        ("j.r.r. tolkien fellowship", "The Fellowship of the Ring"),
        ("herbert", "The Dune Chronicles"),
        ("saint exupery wind", "Wind, Sand and Stars"),
        ("capek", "War with the Newts"),
        ("dostoyevsky karamazov", "The Brothers Karamazov"),
        ("lem solaris", "Solaris"),
        ("hoeg", "Smilla's Sense of Snow"),
        ("ngugi", "A Grain of Wheat"),
        ("wole soy", "Aké"),
        // By series and by subject.
        ("sam spade", "The Maltese Falcon"),
        ("discworld", "The Colour of Magic"),
        ("lord of the rings", "The Fellowship of the Ring"),
        ("hard-boiled detectives", "The Maltese Falcon"),
        ("1984", "Nineteen Eighty-Four"),
        // By ISBN, either length, with hyphens or without.
        ("9780679722649", "The Maltese Falcon"),
        ("978-0-679-72264-9", "The Maltese Falcon"),
        ("0679722645", "The Maltese Falcon"),
        ("0-679-72264-5", "The Maltese Falcon"),
        ("978 0812550702", "Ender's Game"),
        ("ISBN 9780679722649", "The Maltese Falcon"),
        ("isbn:9780679722649", "The Maltese Falcon"),
        ("ISBN-13: 978-0-679-72264-9", "The Maltese Falcon"),
        ("isbn13 9780679722649", "The Maltese Falcon"),
        ("ISBN 0679722645", "The Maltese Falcon"),
        ("ISBN-10 0-679-72264-5", "The Maltese Falcon"),
    ] {
        let answer = search(&server, query).await;
        let first = answer.books.first().map_or("nothing", |book| book.title.as_str());
        if first != title {
            let next: Vec<_> = answer.books.iter().take(4).map(|book| book.title.as_str()).collect();
            wrong.push(format!("{query}: {title} expected, got {next:?} of {}", answer.total_size));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn all_words_must_match() {
    let server = Server::start().await;
    for nothing in
        ["", "   ", "?!", "dune tolkien", "maltese falcons eggs", "9780679722648", "qwertyuiop", "xq zv"]
    {
        let answer = search(&server, nothing).await;
        assert_eq!((answer.total_size, answer.books.len()), (0, 0), "{nothing}");
        assert!(answer.next_page_token.is_empty());
    }
    // Short words hold no typing errors.
    assert_eq!(
        search(&server, "dine").await.books.iter().filter(|book| book.title.contains("Dune")).count(),
        0
    );
}

#[tokio::test]
async fn the_names_of_shelves_find_their_books() {
    let server = Server::start().await;
    for (query, category) in
        [("science fiction", 1), ("horror", 17), ("young adult", 12), ("romance", 4), ("Self-Help", 2)]
    {
        let request = ListBooksRequest { category: Some(category), ..ListBooksRequest::default() };
        let shelf = server.catalogue().await.list_books(request).await.unwrap().into_inner();
        let request = SearchBooksRequest { query: query.to_owned(), page_size: 1_000, ..Default::default() };
        let found = server.catalogue().await.search_books(request).await.unwrap().into_inner();
        let found: BTreeSet<_> = found.books.iter().map(|book| book.id).collect();
        assert!(
            !shelf.books.is_empty() && shelf.books.iter().all(|book| found.contains(&book.id)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn scripts_without_spaces_are_found_by_any_part() {
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    server
        .import(
            r#"{"id":1,"title":"红楼梦","authors":["曹雪芹"],"categories":["classics"]}
            {"id":2,"title":"吾輩は猫である","authors":["夏目 漱石"],"categories":["漫画"]}
            {"id":3,"title":"채식주의자","authors":["한강"],"categories":["literary-fiction"]}
            {"id":4,"title":"1Q84 ブック","categories":["literary-fiction"]}
            {"id":5,"title":"梦","categories":["poetry"]}"#,
        )
        .await;
    for (query, expected) in [
        ("红楼梦", &[1][..]),
        ("楼梦", &[1]),
        ("梦", &[5, 1]),
        ("楼红", &[]),
        ("雪芹 红楼", &[1]),
        ("猫である", &[2]),
        ("猫", &[2]),
        ("夏目漱石", &[2]),
        ("漱石", &[2]),
        ("漫画", &[2]),
        ("식주의", &[3]),
        ("한강", &[3]),
        ("1q84ブック", &[4]),
    ] {
        let ids: Vec<_> = search(&server, query).await.books.iter().map(|book| book.id).collect();
        assert_eq!(ids, expected, "{query}");
    }
}

#[tokio::test]
async fn where_a_word_is_found_makes_the_order() {
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    server
        .import(
            r#"{"id":1,"title":"One","subjects":["amber"],"categories":["poetry"]}
            {"id":2,"title":"Two","series":"Amber","categories":["poetry"]}
            {"id":3,"title":"Three","authors":["Amber"],"categories":["poetry"]}
            {"id":4,"title":"Nine Princes in Amber","categories":["poetry"]}
            {"id":5,"title":"Amber and Iron","categories":["poetry"]}
            {"id":6,"title":"Amber","categories":["poetry"]}
            {"id":7,"title":"Ambers","categories":["poetry"]}
            {"id":8,"title":"Umber","categories":["poetry"]}
            {"id":9,"title":"Two","series":"Amber","categories":["poetry"],"authors":["Another"]}
            {"id":10,"title":"Four","categories":["Amber"]}"#,
        )
        .await;
    let ids: Vec<_> = search(&server, "amber").await.books.iter().map(|book| book.id).collect();
    assert_eq!(ids, [6, 5, 7, 4, 3, 8, 2, 9, 1, 10]);
}

#[tokio::test]
async fn matches_come_in_pages_up_to_a_thousand() {
    let server = Server::with(&["--sample-catalogue", "false"]).await;
    let file: String = (1..=1_250)
        .map(|n| format!("{{\"id\":{n},\"title\":\"Night {n}\",\"categories\":[\"poetry\"]}}\n"))
        .collect();
    server.import(file).await;
    let mut client = server.catalogue().await;
    let (mut ids, mut token, mut pages) = (BTreeSet::new(), String::new(), 0);
    loop {
        let request = SearchBooksRequest { query: "night".to_owned(), page_size: 90, page_token: token };
        let answer = client.search_books(request).await.unwrap().into_inner();
        assert_eq!(answer.total_size, 1_250);
        ids.extend(answer.books.iter().map(|book| book.id));
        token = answer.next_page_token;
        pages += 1;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!((ids.len(), pages), (1_000, 12));
}

#[tokio::test]
async fn searches_that_find_no_turn_leave_the_server_to_others() {
    let server = Server::with(&["--queue-time", "0s", "--max-streams", "500"]).await;
    let (searches, recommendations) = (server.catalogue().await, server.recommendations().await);
    let query = "typing errors everywhere ".repeat(8);
    let many = futures_util::future::join_all((0..400).map(|_| {
        let request = SearchBooksRequest { query: query.clone(), ..SearchBooksRequest::default() };
        let mut client = searches.clone();
        async move { client.search_books(request).await }
    }));
    let others = futures_util::future::join_all((0..100).map(|_| {
        let mut client = recommendations.clone();
        async move { client.recommend(crate::request(0, 1)).await.unwrap() }
    }));
    let (many, _) = futures_util::future::join(many, others).await;
    let refused: Vec<_> = many.into_iter().filter_map(Result::err).collect();
    assert!(!refused.is_empty() && refused.len() < 400, "{} were refused", refused.len());
    for status in refused {
        assert_eq!(
            (status.code(), status.message()),
            (Code::ResourceExhausted, "Too many searches at a time, try again later")
        );
    }
}

#[tokio::test]
async fn bad_searches_are_refused() {
    let server = Server::start().await;
    let mut client = server.catalogue().await;
    let first = SearchBooksRequest { query: "the".to_owned(), page_size: 1, page_token: String::new() };
    let token = client.search_books(first).await.unwrap().into_inner().next_page_token;
    for (query, page_size, page_token) in [
        ("ü".repeat(201), 0, String::new()),
        ("dune".to_owned(), -1, String::new()),
        ("dune".to_owned(), 1, token),
        ("dune".to_owned(), 1, "1".to_owned()),
    ] {
        let status =
            client.search_books(SearchBooksRequest { query, page_size, page_token }).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    assert!(
        client
            .search_books(SearchBooksRequest { query: "ü".repeat(200), ..Default::default() })
            .await
            .is_ok()
    );
}
