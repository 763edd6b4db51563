//! Functions over HTTP beside how others run them, what a guest costs without a server around it, and what many
//! functions take.

mod classify;
mod guests;
mod many;
mod pictures;
mod runner;

use std::{fs, net::SocketAddr};

use crate::{
    arguments::Effort,
    failure::Failure,
    load::{self, Page, Target},
    ours::{Binaries, Server},
    peers::{self, Python},
    report::{Bound, Section},
    rounds::{Contender, alternate},
};

pub(crate) use self::{
    classify::Classify,
    guests::Guests,
    runner::{RunModule, native, processes},
};

/// Clients, each waiting for one answer at a time.
const CONNECTIONS: usize = 16;
/// For those who take a good part of a second a call.
const FEW: usize = 2;
/// What everybody is asked, and what a right answer has.
const QUESTION: &str = "/hello?name=Ada";
const ANSWER: (&str, usize) = ("Hello, Ada!", 1);

const TIMES_TUTORIAL: Bound = Bound::AtLeast(1_000.0);
const TIMES_CACHED: Bound = Bound::AtLeast(40.0);
const TIMES_PROCESS: Bound = Bound::AtLeast(20.0);
const OF_NATIVE: Bound = Bound::AtLeast(0.3);

/// Measures all of it.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("functions");
    over_http(binaries, effort, &mut section).await?;
    guests::measure(effort, &mut section).await?;
    many::measure(binaries, effort, &mut section).await?;
    classify::measure(effort, &mut section).await?;
    Ok(section)
}

async fn over_http(binaries: &Binaries, effort: &Effort, section: &mut Section) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    let modules = folder.path().join("functions");
    fs::create_dir(&modules).map_err(Failure::file("make a folder"))?;
    let module = modules.join("hello.wasm");
    fs::copy(guests::built("hello"), &module).map_err(Failure::file("copy a module"))?;

    let ours = binaries.functions(folder.path()).await?;
    let native = peers::native_function(folder.path()).await?;
    let processes = peers::process_a_call(&module, folder.path()).await?;
    let python = match Python::find() {
        Some(python) if python.has_functions() => Some(python.functions(&modules, folder.path()).await?),
        _ => None,
    };

    let contender = |name, server: &Server, path| Contender {
        name,
        target: Target::Page(Page { path, ..page(server.address) }),
        watched: vec![server.process.group()],
    };
    let mut contenders =
        vec![contender("Shelfwise", &ours, QUESTION), contender("native axum", &native, QUESTION)];
    if let Some(python) = &python {
        contenders.push(contender("FastAPI, module cached", python, CACHED));
    }
    let results = alternate(&contenders, CONNECTIONS, 1, effort).await?;
    section.comparison(&results);
    if let [own, native, cached @ ..] = &results[..] {
        let rate = |other| own.ratio(other, |round| round.rate);
        section.target("calls a second, of native axum", rate(native), OF_NATIVE, "");
        if let Some(cached) = cached.first() {
            section.target(
                "calls a second, times FastAPI with the module cached",
                rate(cached),
                TIMES_CACHED,
                "",
            );
        }
    }
    if python.is_none() {
        section.skipped.push(format!("FastAPI and wasmtime: {}", Python::MODELS_ADVICE));
    }
    // Who loads the module for each call has answered once by now; a short round may end before the next answer.
    if effort.smoke {
        return Ok(());
    }
    let mut contenders =
        vec![contender("Shelfwise", &ours, QUESTION), contender("a process a call", &processes, QUESTION)];
    if let Some(python) = &python {
        contenders.push(contender("FastAPI, as the tutorial", python, FRESH));
    }
    let results = alternate(&contenders, FEW, 1, effort).await?;
    section.comparison(&results);
    if let [own, processes, tutorial @ ..] = &results[..] {
        let rate = |other| own.ratio(other, |round| round.rate);
        section.target("calls a second, times a process a call", rate(processes), TIMES_PROCESS, "");
        if let Some(tutorial) = tutorial.first() {
            let what = "calls a second, times FastAPI as the tutorial";
            section.target(what, rate(tutorial), TIMES_TUTORIAL, "");
        }
    }
    Ok(())
}

/// Where the Python peer has the same function.
pub(crate) const CACHED: &str = "/cached/hello?name=Ada";
const FRESH: &str = "/fresh/hello?name=Ada";

/// The question as a page.
pub(crate) fn page(address: SocketAddr) -> Page {
    Page { address, path: QUESTION, contains: ANSWER }
}

/// Asks once.
pub(crate) async fn ask(page: Page) -> Result<(), Failure> {
    load::get(page).await.map(drop)
}
