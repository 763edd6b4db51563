use super::{Form, draw};

const CATEGORIES: [&str; 20] = [
    "mystery",
    "science-fiction",
    "self-help",
    "fantasy",
    "romance",
    "thriller",
    "history",
    "biography",
    "science",
    "philosophy",
    "poetry",
    "children",
    "young-adult",
    "classics",
    "business",
    "travel",
    "literary-fiction",
    "horror",
    "manga",
    "",
];

fn authors(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

#[test]
fn a_book_keeps_its_cover() {
    let cover = draw("The Maltese Falcon", &authors("Dashiell Hammett"), "mystery", Form::Inline);
    assert_eq!(cover, draw("The Maltese Falcon", &authors("Dashiell Hammett"), "mystery", Form::Inline));
    assert_ne!(cover, draw("The Big Sleep", &authors("Raymond Chandler"), "mystery", Form::Inline));
    assert_ne!(cover, draw("The Maltese Falcon", &authors("Dashiell Hammett"), "manga", Form::Inline));
}

#[test]
fn covers_of_every_category_are_small_and_well_formed() {
    for category in CATEGORIES {
        for book in 0..60 {
            let cover = draw(&format!("Volume {book}"), &authors("Somebody Else"), category, Form::Inline);
            assert!(cover.len() < 6000, "{category}: {} bytes", cover.len());
            assert!(!cover.contains("NaN") && !cover.contains("inf"), "{category}: {cover}");
            // The page's policy forbids style attributes, and ids would have to be unique on the page.
            assert!(!cover.contains("style=") && !cover.contains(" id="), "{category}");
            assert_eq!(cover.matches("<svg").count(), cover.matches("</svg>").count());
            assert_eq!(cover.matches("<g").count(), cover.matches("</g>").count());
        }
    }
}

#[test]
fn hostile_names_are_text() {
    for form in [Form::Inline, Form::File] {
        let title = "</text><script>alert('1')</script>\u{0}\u{fffe}&";
        let cover = draw(title, &authors("\"><img onerror=x>"), "biography", form);
        assert!(!cover.contains("<script") && !cover.contains("<img"), "{cover}");
        assert!(!cover.contains('\u{0}') && !cover.contains('\u{fffe}'));
    }
}

#[test]
fn a_book_without_author_or_title_has_a_cover() {
    for category in CATEGORIES {
        assert!(draw("", &[], category, Form::Inline).ends_with("</svg>"));
        assert!(draw("…", &authors("  "), category, Form::File).ends_with("</svg>"));
    }
}

#[test]
fn the_title_and_the_motif_do_not_share_room() {
    let cover =
        draw("How to Win Friends and Influence People", &authors("Dale Carnegie"), "self-help", Form::Inline);
    let motif: f32 =
        cover.split("<svg y=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap();
    let size: f32 =
        cover.split("font-size=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().parse().unwrap();
    let baselines = cover
        .split("<text x=\"17\" y=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().parse::<f32>().unwrap());
    let lowest = baselines.filter(|y| *y < 280.0).fold(0.0, f32::max);
    assert!(lowest + size * 0.25 <= motif, "{lowest} + {size}/4 > {motif}");
}
