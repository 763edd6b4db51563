//! The algorithms through their public face: what holds for any data, and what a small shop's data must give.

mod data;
mod properties;
mod opinions;
mod reasons;
mod coarse;
mod training;
mod artefact;
mod figures;
