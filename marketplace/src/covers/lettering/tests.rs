use super::{Direction, credit, title};

const WIDTH: f32 = 168.0;

/// Titles that have broken layouts before: long, short, without spaces, of other scripts, of one huge word.
const TITLES: [&str; 14] = [
    "It",
    "SPQR",
    "The Curious Incident of the Dog in the Night-Time",
    "Harry Potter and the Philosopher's Stone",
    "The Unbearable Lightness of Being",
    "Guns, Germs, and Steel: The Fates of Human Societies and of Everything Else That Anybody Ever Wrote About",
    "Everything I Never Told You and a Great Many Things Besides That Nobody Would Ever Have Wanted to Hear From Me",
    "Преступление и наказание",
    "الجريمة والعقاب",
    "百年孤独与霍乱时期的爱情以及其他许多很长很长的故事集",
    "ノルウェイの森",
    "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz",
    "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogoch",
    "एक सौ साल का एकांत",
];

#[test]
fn every_title_fits_legibly() {
    for text in TITLES {
        let set = title(text, WIDTH);
        assert!((1..=4).contains(&set.lines.len()), "{text}: {} lines", set.lines.len());
        assert!(set.size >= 16.0, "{text}: {}", set.size);
        assert!(set.height() <= 119.5, "{text}: {}", set.height());
        for line in &set.lines {
            assert!(line.measured.is_none_or(|width| width <= WIDTH + 0.5), "{text}: {line:?}");
        }
    }
}

#[test]
fn short_titles_are_large_and_whole() {
    assert_eq!(title("Dune", WIDTH).size, 38.0);
    let set = title("The Hound of the Baskervilles", WIDTH);
    assert!(set.size >= 24.0, "{}", set.size);
    assert_eq!(
        set.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" "),
        "The Hound of the Baskervilles"
    );
}

#[test]
fn a_long_title_loses_its_subtitle_before_its_words() {
    let set = title(TITLES[5], WIDTH);
    let text = set.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join(" ");
    assert_eq!(text, "Guns, Germs, and Steel");
    let cut = title(TITLES[6], WIDTH);
    assert!(cut.lines.last().unwrap().text.ends_with('…'), "{cut:?}");
}

#[test]
fn scripts_run_their_own_way() {
    assert_eq!(title("الجريمة والعقاب", WIDTH).direction, Direction::RightToLeft);
    assert_eq!(title("שירה", WIDTH).direction, Direction::RightToLeft);
    assert_eq!(title("Мы", WIDTH).direction, Direction::LeftToRight);
    let ideographs = title("百年孤独", WIDTH);
    assert!(ideographs.lines[0].measured.is_some());
    // A closing mark never begins a line.
    let marked = title("こころ、そして、それから、門、彼岸過迄、行人。", WIDTH);
    assert!(marked.lines.iter().all(|line| !line.text.starts_with(['、', '。'])), "{marked:?}");
}

#[test]
fn a_smaller_size_is_better_than_a_broken_compound_or_a_lonely_word() {
    let lines = |text| title(text, WIDTH).lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
    assert_eq!(lines("The Three-Body Problem"), ["The", "Three-Body", "Problem"]);
    assert_eq!(lines("A Game of Thrones"), ["A Game of", "Thrones"]);
}

#[test]
fn names_fit_on_one_line() {
    for name in [
        "Homer",
        "Gabriel García Márquez & Mario Vargas Llosa",
        "Стругацкий",
        "",
        &"Very Long Name ".repeat(20),
    ] {
        let set = credit(name, WIDTH);
        assert!(set.lines.len() <= 1 && set.size >= 9.0);
        assert!(
            set.lines.iter().all(|line| line.measured.is_none_or(|width| width <= WIDTH + 0.5)),
            "{set:?}"
        );
    }
}

#[test]
fn of_two_authors_both_keep_their_last_names() {
    let text = |name: &str| credit(name, WIDTH).lines[0].text.clone();
    for name in ["Sheryl Sandberg & Nell Scovell", "William Wordsworth & Samuel Taylor Coleridge"] {
        let set = text(name);
        for author in name.split(" & ") {
            let last = author.rsplit(' ').next().unwrap().to_uppercase();
            assert!(set.contains(&last), "{set} of {name}");
        }
    }
}
