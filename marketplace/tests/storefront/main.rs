//! The storefront as its readers meet it: over HTTP, in front of a real recommendation server.

mod browser;
mod degraded;
mod fixture;
mod guards;
mod operators;
mod pages;
mod readers;
mod statics;
mod studio;
