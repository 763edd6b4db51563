//! The suite as its users meet it: the real binary, real clients, real signals.

mod commands;
mod dapr;
mod deploying;
mod evaluate;
mod functions;
mod guides;
mod process;
mod signals;
mod start;
mod storefront;
mod telemetry;
mod tools;
mod training;
