//! Ranks as no ranker may. Which way, the reader's number says, so that one module serves a test of all.

use misbehave::Attempt;

use crate::shelfwise::functions::log::{Level, write};

wit_bindgen::generate!({ path: "../../wit", world: "ranker" });

struct Misbehave;
export!(Misbehave);

impl Guest for Misbehave {
    fn rank(question: Question, candidates: Vec<Candidate>) -> Result<Vec<i32>, String> {
        let books = || candidates.iter().map(|candidate| candidate.book);
        match question.reader {
            1 => drop(Attempt::Loop.perform()),
            // A book that was no candidate.
            2 => return Ok(books().chain([i32::MAX]).collect()),
            // The first book twice.
            3 => return Ok(books().take(1).chain(books()).collect()),
            4 => return Err("as asked".to_owned()),
            5 => misbehave::trap(),
            6 => drop(Attempt::Exhaust.perform()),
            // All but the last: well behaved.
            7 => return Ok(books().take(candidates.len().saturating_sub(1)).collect()),
            8 => return Ok(Vec::new()),
            9 => drop(Attempt::Recurse.perform()),
            // An answer that is far too long.
            10 => return Ok(vec![0; 1 << 22]),
            11 => loop {
                write(Level::Error, "misbehaves");
            },
            12 => drop(Attempt::Sleep { milliseconds: 60_000 }.perform()),
            // Back to front: well behaved.
            13 => return Ok(books().rev().collect()),
            14 => return Err("x".repeat(1 << 20)),
            _ => {}
        }
        Ok(books().collect())
    }
}
