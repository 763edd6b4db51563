//! What is asked of the index.

use tantivy::{
    Score, Term,
    query::{
        BooleanQuery, ConstScoreQuery, DisjunctionMaxQuery, FuzzyTermQuery, Occur, Query, RegexQuery,
        TermQuery,
    },
    schema::{Field, IndexRecordOption},
};

use super::{
    build::FIELDS,
    words::{Run, composed, pairs, runs, without_article},
};
use crate::catalogue::Isbn13;

/// A title that is exactly the query stands above everything.
const EXACT_TITLE: Score = 1_000.0;
/// One that is the query but for one typing error stands above others that hold a mistyped word.
const ALMOST_EXACT_TITLE: Score = 1.0;
/// One that begins with it, above others that hold its words.
const TITLE_BEGINS: Score = 4.0;
const TITLE: Score = 8.0;
const AUTHOR: Score = 4.0;
const SERIES: Score = 2.0;
const SUBJECT: Score = 1.0;
const CATEGORY: Score = 0.25;
/// Factors for how a word was found, the typed one being 1.
const UNFINISHED: Score = 0.6;
const MISTYPED: Score = 0.3;
/// What a word that is found in several places gains by the lesser ones.
const ELSEWHERE: Score = 0.05;
/// From so many letters on, a word may hold a typing error.
const FORGIVEN: usize = 5;

/// What is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// A typing error in a whole word; an unfinished last word.
    AsTyped,
    /// Also a typing error in an unfinished last word, and a letter that was left out of a word that is long enough with it, both
    /// of which find much that was not meant.
    Forgiving,
}

/// Books with this ISBN.
pub(super) fn isbn(isbn: Isbn13) -> impl Query {
    TermQuery::new(Term::from_field_text(FIELDS.isbn, &isbn.to_string()), IndexRecordOption::Basic)
}

/// Books that hold all words of a folded text.
pub(super) fn words(folded: &str, strictness: Strictness) -> impl Query + use<> {
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    let composed = composed(folded);
    let all: Vec<Run<'_>> = composed
        .split(' ')
        .flat_map(runs)
        .flat_map(|run| match run {
            Run::Signs(signs) if signs.chars().nth(1).is_some() => {
                pairs(signs).into_iter().map(Run::Signs).collect()
            }
            run => vec![run],
        })
        .collect();
    for (place, run) in all.iter().enumerate() {
        let last = place + 1 == all.len();
        if last || !all[place + 1..].contains(run) {
            let found = match run {
                Run::Letters(word) => anywhere(word, last, strictness),
                Run::Signs(signs) => anywhere_as_typed(signs),
            };
            clauses.push((Occur::Must, Box::new(found)));
        }
    }
    let short = without_article(folded);
    for title in [Some(folded), Some(short).filter(|short| *short != folded)].into_iter().flatten() {
        let title = Term::from_field_text(FIELDS.exact, title);
        clauses.push((Occur::Should, typed(title.clone(), EXACT_TITLE)));
        if folded.chars().count() >= FORGIVEN {
            clauses.push((
                Occur::Should,
                scored(FuzzyTermQuery::new(title.clone(), 1, true), ALMOST_EXACT_TITLE),
            ));
        }
        clauses.push((Occur::Should, scored(FuzzyTermQuery::new_prefix(title, 0, true), TITLE_BEGINS)));
    }
    BooleanQuery::new(clauses)
}

/// Books that hold the word in any of their texts.
fn anywhere(word: &str, last: bool, strictness: Strictness) -> DisjunctionMaxQuery {
    let letters = word.chars().count();
    let forgiven = letters >= FORGIVEN && !word.bytes().all(|letter| letter.is_ascii_digit());
    let mut ways: Vec<Box<dyn Query>> = Vec::new();
    for (field, weight) in fields() {
        let term = Term::from_field_text(field, word);
        ways.push(typed(term.clone(), weight));
        if last {
            ways.push(scored(FuzzyTermQuery::new_prefix(term.clone(), 0, true), weight * UNFINISHED));
        }
        if forgiven {
            ways.push(scored(FuzzyTermQuery::new(term.clone(), 1, true), weight * MISTYPED));
            if last && strictness == Strictness::Forgiving {
                ways.push(scored(FuzzyTermQuery::new_prefix(term, 1, true), weight * MISTYPED * UNFINISHED));
            }
        } else if letters + 1 == FORGIVEN
            && strictness == Strictness::Forgiving
            && let Ok(longer) = RegexQuery::from_pattern(&with_a_letter(word), field)
        {
            ways.push(scored(longer, weight * MISTYPED));
        }
    }
    DisjunctionMaxQuery::with_tie_breaker(ways, ELSEWHERE)
}

/// A pattern of the words that are this one and a letter more, wherever.
fn with_a_letter(word: &str) -> String {
    let places = word.char_indices().map(|(place, _)| place).chain([word.len()]);
    places.map(|place| format!("{}.{}", &word[..place], &word[place..])).collect::<Vec<_>>().join("|")
}

/// Books that hold a sign or two, which are too short for errors and complete as they are.
fn anywhere_as_typed(signs: &str) -> DisjunctionMaxQuery {
    let ways = fields().map(|(field, weight)| typed(Term::from_field_text(field, signs), weight));
    DisjunctionMaxQuery::with_tie_breaker(ways.into(), ELSEWHERE)
}

fn fields() -> [(Field, Score); 5] {
    [
        (FIELDS.title, TITLE),
        (FIELDS.author, AUTHOR),
        (FIELDS.series, SERIES),
        (FIELDS.subject, SUBJECT),
        (FIELDS.category, CATEGORY),
    ]
}

fn typed(term: Term, score: Score) -> Box<dyn Query> {
    scored(TermQuery::new(term, IndexRecordOption::Basic), score)
}

fn scored(query: impl Query, score: Score) -> Box<dyn Query> {
    Box::new(ConstScoreQuery::new(Box::new(query), score))
}
