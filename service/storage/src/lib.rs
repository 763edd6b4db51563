//! Where services keep what lasts: a database and a store of objects, each chosen by URL, on one machine or shared by
//! replicas. It knows no schema: each service brings its own migrations and statements.

mod database;
mod objects;
mod place;

pub use database::{Migrations, OpenError, PATIENCE, Pool, Transaction, in_memory};
pub use objects::{Listed, Objects, ObjectsError};
pub use place::Place;
