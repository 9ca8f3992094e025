//! Route 53 over HTTP: REST-XML under `/2013-04-01/`, strict where the real service is strict.

mod changes;
mod error;
mod handlers;
pub(crate) mod names;
mod parse;
mod render;
mod server;
pub(crate) mod values;
mod xml;
mod zones;

pub use changes::{Action, Change};
pub(crate) use changes::{Surroundings, evaluate};
pub(crate) use server::serve;
