//! What the pages show and do, with a real server behind them.

use std::{
    fs,
    time::{Duration, Instant},
};

use recommendations::models::Kind;
use testing::eventually;

use super::{Browser, PAGES, TOKEN, data, servers, settled, told};
use crate::fixture::{Running, marketplace, mute, recommendations_with, silent};

/// The cells of the table rows that hold these words, without tags.
fn cells(page: &str, words: &str) -> Vec<String> {
    let row = page
        .split("<tr")
        .skip(1)
        .find(|row| row.contains(words))
        .unwrap_or_else(|| panic!("{words} in {page}"));
    row_cells(row)
}

fn row_cells(row: &str) -> Vec<String> {
    let row = row.split("</tr>").next().unwrap();
    row.split("<t").skip(1).filter(|cell| cell.starts_with(['h', 'd'])).map(text).collect()
}

fn text(html: &str) -> String {
    let html = html.split_once('>').map_or("", |(_, rest)| rest);
    let pieces = html.split('<').enumerate();
    let words = pieces
        .map(|(place, piece)| if place == 0 { piece } else { piece.split_once('>').map_or("", |it| it.1) });
    words.collect::<Vec<_>>().join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_operator_trains_compares_activates_and_rolls_back() {
    let (recommendations, shop) = servers(&["--model", "knn-cosine"]);
    let mut operator = Browser::signed_in(&shop);
    let page = operator.page("/operators");
    assert!(
        page.contains("No model has been trained yet.") && !page.contains("<svg class=\"plot\""),
        "{page}"
    );
    // Whatever there is can be chosen.
    for kind in Kind::ALL {
        assert!(page.contains(&format!("<option value=\"{kind}\">{kind}: ")), "{kind} in {page}");
    }

    data::rate(&recommendations);
    // The first one comes by itself, or with this.
    let scheduled = operator.act("/operators/train", &[("model", "")]);
    assert!(
        scheduled.starts_with("Job ") && scheduled.ends_with("is scheduled: it trains knn-cosine."),
        "{scheduled}"
    );
    assert_eq!(told(&operator.page("/operators/jobs")), "", "it is told once");
    settled(&mut operator);
    let forced = operator.act("/operators/train", &[("model", "popular")]);
    assert!(forced.ends_with("it trains popular."), "{forced}");
    let jobs = settled(&mut operator);
    let number = forced.split(' ').nth(1).unwrap();
    let row = cells(&jobs, &format!("scope=\"row\">{number}<"));
    assert_eq!(row[1..4], ["Succeeded", "popular", "by hand"]);
    assert!(jobs.contains("it does not answer, for it is worse by more than 0.01"), "{jobs}");

    let models = operator.page("/operators");
    let versions: Vec<&str> =
        models.split("<th scope=\"row\">").skip(1).filter_map(|rest| rest.split('<').next()).collect();
    assert!(versions.len() >= 2 && versions[0].contains("-popular-"), "{versions:?}");
    let (worse, good) = (versions[0].to_owned(), versions[1].to_owned());
    let refused = cells(&models, &format!("scope=\"row\">{worse}"));
    assert_eq!(refused[1], "Refused");
    assert!(cells(&models, "class=\"reason\"")[0].contains("NDCG@10"), "{models}");
    let active = cells(&models, &format!("scope=\"row\">{good}"));
    assert_eq!(active[1], "Answers");
    let ndcg: f64 = active[4].parse().unwrap();
    assert!(ndcg > 0.1 && ndcg <= 1.0, "{active:?}");
    assert!(active[4..10].iter().all(|cell| cell.parse::<f64>().is_ok()), "{active:?}");
    assert_eq!((active[10].as_str(), active[12].as_str()), ("120", "840"), "readers and likes: {active:?}");
    assert!(active[13].ends_with(" s") && active[14].ends_with('B'), "{active:?}");
    assert!(models.contains(&format!("<p class=\"big\">{good}</p>")));
    // Six figures, each with both models, told to those who do not see them.
    assert_eq!(models.matches("<svg class=\"plot\"").count(), 6);
    let plot = models.split("aria-label=\"NDCG@10 by version.").nth(1).unwrap().split('"').next().unwrap();
    assert!(plot.contains(&format!("{good}: {}", active[4])) && plot.contains(", answers"), "{plot}");
    assert!(
        plot.contains(&format!("{worse}: ")) && plot.contains("compared with") && plot.contains(", refused")
    );

    assert_eq!(operator.act("/operators/activate", &[("version", &worse)]), format!("{worse} answers now."));
    let models = operator.page("/operators");
    assert_eq!(cells(&models, &format!("scope=\"row\">{worse}"))[1], "Answers");
    assert_eq!(operator.act("/operators/roll-back", &[]), format!("{good} answers again."));
    let unknown = operator.act("/operators/activate", &[("version", "9-slim-abc")]);
    assert_eq!(unknown, "9-slim-abc was not activated: Model not found.");
    assert!(operator.act("/operators/activate", &[("version", "")]).contains("There is no such model"));
    let wrong = operator.act("/operators/train", &[("model", "oracle")]);
    assert_eq!(wrong, "The training was not scheduled: Invalid request.");
}

#[test]
fn a_model_from_elsewhere_is_a_candidate_until_somebody_activates_it() {
    let folder = tempfile::tempdir().unwrap();
    let objects = format!("file://{}", folder.path().display());
    let (recommendations, shop) = servers(&["--model", "popular", "--objects-url", &objects]);
    let mut operator = Browser::signed_in(&shop);
    data::rate(&recommendations);
    operator.act("/operators/train", &[]);
    settled(&mut operator);
    let page = operator.page("/operators");
    let own = page.split("<p class=\"big\">").nth(1).and_then(|rest| rest.split('<').next()).unwrap();

    // As another program would write it: under a name of its own, for any store.
    let (from, to) = (folder.path().join("models").join(own), folder.path().join("models/of-spark"));
    fs::create_dir(&to).unwrap();
    fs::copy(from.join("model.safetensors"), to.join("model.safetensors")).unwrap();
    let manifest = fs::read_to_string(from.join("manifest.json")).unwrap();
    let lines = manifest.replace(own, "of-spark");
    let lines = lines.lines().filter(|line| !line.contains("\"store\""));
    fs::write(to.join("manifest.json"), lines.collect::<Vec<_>>().join("\n")).unwrap();

    let page = operator.page("/operators");
    assert_eq!(cells(&page, "scope=\"row\">of-spark")[1], "Candidate");
    assert!(cells(&page, "class=\"reason\"")[0].contains("not measured here"), "{page}");
    assert_eq!(cells(&page, &format!("scope=\"row\">{own}"))[1], "Answers");
    operator.act("/operators/activate", &[("version", "of-spark")]);
    let page = operator.page("/operators");
    assert_eq!(cells(&page, "scope=\"row\">of-spark")[1], "Answers");
    assert_eq!(cells(&page, &format!("scope=\"row\">{own}"))[1], "Kept");
    assert!(!page.contains("class=\"reason\""), "{page}");
}

#[test]
fn a_job_is_seen_at_work_and_cancelled() {
    // Long enough to be seen: parameters are chosen by fitting many models.
    let (recommendations, shop) = servers(&["--model", "als", "--train-threads", "1"]);
    let mut operator = Browser::signed_in(&shop);
    data::rate(&recommendations);
    settled(&mut operator);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let said = operator.act("/operators/train", &[("model", "blend"), ("force", "yes")]);
        ids.push(said.split(' ').nth(1).unwrap().to_owned());
    }
    let page = operator.page("/operators/jobs");
    assert!(page.contains("data-live"), "{page}");
    // Without script the page asks again by itself only where that was asked for.
    assert_eq!(operator.get("/operators/jobs").header("refresh"), "");
    assert!(page.contains("href=\"/operators/jobs?follow=yes\""));
    let last = ids.last().unwrap();
    let waits = page.split("<li>").find(|item| item.contains(&format!("<b>Job {last}</b>"))).unwrap();
    assert!(waits.contains("Waits") && waits.contains(&format!("/operators/jobs/{last}/cancel")), "{waits}");
    assert_eq!(operator.get("/operators/jobs?follow=yes").header("refresh"), "2");
    assert_eq!(
        operator.act(&format!("/operators/jobs/{last}/cancel"), &[]),
        format!("Job {last} is cancelled.")
    );
    let again = operator.act(&format!("/operators/jobs/{last}/cancel"), &[]);
    assert_eq!(again, format!("Job {last} was not cancelled: The job has ended already."));
    assert_eq!(operator.act("/operators/jobs/77/cancel", &[]), "Job 77 was not cancelled: Job not found.");
    assert_eq!(operator.act("/operators/jobs/x/cancel", &[]), "There is no such job.");
    let page = settled(&mut operator);
    assert_eq!(cells(&page, &format!("scope=\"row\">{last}<"))[1], "Cancelled");
    assert_eq!(
        operator.get("/operators/jobs?follow=yes").header("refresh"),
        "",
        "there is nothing to follow"
    );
}

#[test]
fn jobs_are_listed_page_by_page() {
    let (_recommendations, shop) = servers(&[]);
    let mut operator = Browser::signed_in(&shop);
    // Nobody has rated anything: each fails with the reason.
    for _ in 0..21 {
        operator.act("/operators/train", &[("model", "popular")]);
    }
    let page = settled(&mut operator);
    let row = cells(&page, "scope=\"row\">21<");
    assert_eq!(row[1], "Failed");
    assert!(page.contains("no positive interaction"), "{page}");
    let older =
        page.split("href=\"/operators/jobs?from=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let page = operator.page(&format!("/operators/jobs?from={older}"));
    assert!(page.contains("scope=\"row\">1<") && !page.contains("scope=\"row\">2<"), "{page}");
    assert!(!page.contains("At work and waiting"));
    assert_eq!(operator.get("/operators/jobs?from=nonsense").header("location"), "/operators/jobs");
}

#[test]
fn the_job_at_work_is_on_every_page_however_many_wait() {
    let (recommendations, shop) = servers(&["--model", "als", "--train-threads", "1"]);
    let mut operator = Browser::signed_in(&shop);
    for _ in 0..21 {
        operator.act("/operators/train", &[("model", "popular")]);
    }
    settled(&mut operator);
    data::rate(&recommendations);
    // Until no more may wait: more than a page and a call hold.
    let mut told = String::new();
    while !told.contains("was not scheduled") {
        told = operator.act("/operators/train", &[("model", "blend"), ("force", "yes")]);
    }
    let first = eventually("a job is at work", Duration::from_secs(10), || {
        let page = operator.page("/operators/jobs");
        page.contains("Runs</span>").then_some(page)
    });
    let waiting = |page: &str| page.matches("Waits</span>").count();
    assert!(waiting(&first) >= 99, "{}", waiting(&first));
    let rows = first.matches("<tr><th scope=\"row\">").count();
    assert!((20..=21).contains(&rows), "{rows}");
    let older =
        first.split("href=\"/operators/jobs?from=").nth(1).map(|rest| rest.split('"').next().unwrap());
    let second = operator.page(&format!("/operators/jobs?from={}", older.unwrap_or_default()));
    for page in [&first, &second] {
        assert!(page.contains("Runs</span>") && page.contains("<progress") && waiting(page) >= 99);
    }
}

#[test]
fn ratings_and_curves_are_those_of_the_readers() {
    let (recommendations, shop) = servers(&["--model", "knn-cosine"]);
    let mut operator = Browser::signed_in(&shop);
    let page = operator.page("/operators/ratings");
    assert!(page.contains("Nobody has liked anything yet") && page.contains("<b>758</b>"), "{page}");
    data::rate(&recommendations);
    operator.act("/operators/train", &[]);
    settled(&mut operator);
    let page = eventually("it is counted anew", Duration::from_secs(20), || {
        let page = operator.page("/operators/ratings");
        page.contains("the first ten of").then_some(page)
    });
    assert!(page.contains("<dt>Readers</dt><dd><b>120</b>") && page.contains("<b>1,080</b>"), "{page}");
    assert!(page.contains("<dt>Stars in 30 days</dt><dd><b>960</b>"), "{page}");
    // All of it today, which may have become yesterday.
    let days: Vec<Vec<String>> = page
        .split("<tr><th scope=\"row\">")
        .skip(1)
        .map(|row| row_cells(&format!("<th>{row}")))
        .take(30)
        .collect();
    let sum = |column: usize| days.iter().map(|day| day[column].parse::<i64>().unwrap()).sum::<i64>();
    assert_eq!((sum(1), sum(2), sum(3)), (960, 120, 0), "{days:?}");
    assert_eq!(
        page.matches("<rect class=\"rated\" x").count(),
        days.iter().filter(|day| day[1] != "0").count()
    );
    // 60 books have all the likes, of 758.
    assert_eq!(cells(&page, "Coverage: books with any")[1], "7.9 %");
    assert_eq!(cells(&page, "Share of the first tenth")[1], "100 %");
    assert_eq!(cells(&page, "Readers asked about")[1..], ["120", "120"]);
    let gini: f64 = cells(&page, "Gini:")[1].parse().unwrap();
    assert!((0.92..0.94).contains(&gini), "{gini}");
    assert!(
        page.contains("<path class=\"likes\" d=\"M0 100L1 ")
            && page.contains("<path class=\"recommended\" d=\"M0 100L")
    );
    assert!(page.contains(
        "aria-label=\"Shares by books, the most frequent first. The first tenth of the books has 100 %"
    ));
}

#[test]
fn variants_are_compared_with_their_intervals() {
    let (_recommendations, shop) = servers(&[]);
    let page = Browser::signed_in(&shop).page("/operators/variants");
    assert!(
        page.contains("Nothing is compared: no variants are configured.")
            && page.contains("RECOMMENDATIONS_VARIANTS")
    );

    let (recommendations, shop) = servers(&["--variants", "control=50 lucky=50:choose=random"]);
    let mut operator = Browser::signed_in(&shop);
    let page = operator.page("/operators/variants");
    assert!(page.contains("Not enough data: control has 0 of the 200 impressions"), "{page}");
    data::show(&recommendations, "control", 1_000, 40);
    data::show(&recommendations, "lucky", 1_200, 120);
    let page = eventually("events are stored", Duration::from_secs(10), || {
        let page = operator.page("/operators/variants?days=7");
        page.contains("lucky is clicked more often than control: 10.0 % against 4.0 %").then_some(page)
    });
    let counts = page.split("id=\"counts\"").nth(1).unwrap();
    assert_eq!(cells(counts, "scope=\"row\">lucky")[1..], ["1,200", "1,200", "120", "0"]);
    let rates = page.split("id=\"clicks\"").nth(1).unwrap();
    let control = cells(rates, "scope=\"row\">control");
    // Wilson's interval, by hand: 40 of 1,000.
    assert_eq!((control[1].as_str(), control[3].as_str(), control[4].as_str()), ("4.0 %", "3.0 %", "5.4 %"));
    assert!(rates.contains("aria-label=\"control: 4.0 %, between 3.0 % and 5.4 %\""));
    assert!(page.contains("No event was dropped") && page.contains("The last 7 days."), "{page}");
    assert!(operator.page("/operators/variants?days=-3").contains("The last 30 days."));
}

#[test]
fn without_recommendations_the_pages_say_so_and_recover() {
    let recommendations = server(0);
    let shop = marketplace(recommendations.address, &["--token", TOKEN]);
    let mut operator = Browser::signed_in(&shop);
    eventually("recommendations is reached", Duration::from_secs(10), || {
        (operator.get("/operators").status == 200).then_some(())
    });
    let port = recommendations.address.port();
    drop(recommendations);
    for path in PAGES {
        let page = operator.get(path);
        assert_eq!((page.status, page.header("retry-after")), (503, "2"), "{path}");
        let text = page.text();
        assert!(
            text.contains("Recommendations does not answer") && text.contains("aria-current=\"page\""),
            "{text}"
        );
        assert!(text.contains(&format!("href=\"{path}\">Try again</a>")), "{text}");
    }
    let answer = operator.post("/operators/train", &[]);
    assert_eq!((answer.status, answer.header("location")), (303, "/operators/jobs"));
    let page = operator.get("/operators/jobs");
    assert!(told(page.text()).starts_with("Recommendations did not answer in time."), "{}", page.text());
    assert_eq!(told(operator.get("/operators/jobs").text()), "");
    let _server = server(port);
    eventually("the pages are back", Duration::from_secs(20), || {
        (operator.get("/operators").status == 200).then_some(())
    });
}

fn server(port: u16) -> Running {
    recommendations_with(port, &["--database-url", "sqlite::memory:", "--token", TOKEN, "--train", "false"])
}

#[test]
fn late_recommendations_are_not_waited_for() {
    let (_listener, nobody) = silent();
    for address in [nobody, mute()] {
        let shop = marketplace(address, &["--token", TOKEN]);
        let mut operator = Browser::signed_in(&shop);
        let start = Instant::now();
        assert_eq!(operator.get("/operators").status, 503);
        // After five seconds anything is given up.
        assert!(start.elapsed() < Duration::from_millis(4_800), "{:?}", start.elapsed());
    }
}

#[test]
fn another_token_than_the_servers_is_told_from_being_down() {
    let recommendations = server(0);
    let shop = marketplace(recommendations.address, &["--token", "another"]);
    let mut operator = Browser::new(&shop);
    assert_eq!(operator.sign_in("another").status, 303);
    let page = eventually("recommendations is reached", Duration::from_secs(10), || {
        let page = operator.get("/operators");
        page.text().contains("asks for another token").then_some(page)
    });
    assert_eq!(page.status, 503);
    assert!(page.text().contains("SHELFWISE_TOKEN") && !page.text().contains(TOKEN));
}
