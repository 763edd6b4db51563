//! The home page, with a call of `Recommend` behind it for whoever makes one.

use std::fs;

use crate::{
    arguments::Effort,
    client,
    failure::Failure,
    load::{self, Target},
    machine::Group,
    ours::{self, Binaries, Server},
    peers::{self, Python},
    report::{Bound, Section},
    rounds::{Contender, alternate},
};

/// Visitors, each waiting for one page at a time. Those who come while a question is under way share the next one, so with
/// few of them the shop waits for its own call.
const CONNECTIONS: usize = 64;

const TIMES_FLASK: Bound = Bound::AtLeast(15.0);
const OF_CONSTANT: Bound = Bound::AtLeast(0.35);

/// Measures all contenders.
pub(crate) async fn measure(binaries: &Binaries, effort: &Effort) -> Result<Section, Failure> {
    let mut section = Section::new("home");
    let folder = tempfile::tempdir().map_err(Failure::file("make a folder"))?;
    // The same real server behind both storefronts: what differs is the page.
    let recommendations = binaries.recommendations(folder.path(), true).await?;
    // Its cards have reasons once there is a model.
    client::settled(recommendations.address).await?;
    let ours = binaries.marketplace(recommendations.address, folder.path()).await?;

    let page = load::get(ours::home(ours.address)).await?;
    let file = folder.path().join("home.html");
    fs::write(&file, page).map_err(Failure::file("write a page"))?;
    let constant = peers::constant_page(&file, folder.path()).await?;

    let flask = match Python::find() {
        Some(python) => Some(python.marketplace(recommendations.address, ours.address, folder.path()).await?),
        None => None,
    };

    let behind = recommendations.process.group();
    let contender = |name, server: &Server, page, behind: Option<Group>| Contender {
        name,
        target: Target::Page(page),
        watched: [server.process.group()].into_iter().chain(behind).collect(),
    };
    let home = |server: &Server| ours::home(server.address);
    let mut contenders = vec![
        contender("Shelfwise", &ours, home(&ours), Some(behind)),
        contender("constant axum", &constant, home(&constant), None),
    ];
    match &flask {
        Some(flask) => {
            contenders.push(contender("Flask, same page", flask, home(flask), Some(behind)));
            contenders.push(contender("Flask, list alone", flask, peers::list(flask.address), Some(behind)));
        }
        None => section.skipped.push(format!("Flask, gunicorn: {}", Python::ADVICE)),
    }
    let results = alternate(&contenders, CONNECTIONS, 1, effort).await?;
    section.comparison(&results);
    if let [own, constant, flask @ ..] = &results[..] {
        if let Some(same) = flask.first() {
            section.target("home page, times Flask", own.ratio(same, |round| round.rate), TIMES_FLASK, "");
        }
        let ratio = own.ratio(constant, |round| round.rate);
        section.target("home page, of a constant page", ratio, OF_CONSTANT, "");
    }
    Ok(section)
}
