//! Prometheus as a source of metrics, over its HTTP API.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>
//!
//! [`Server::range`] asks for one expression, period by period. What a plan calls a counter is a selector, of which
//! the increase within each period is summed up; an expression of one's own says where the period goes with
//! `$period`. A warning of the server, an answer that is no matrix of one series, or none at all makes the series
//! incomplete, and never an empty one.

mod answer;
mod expression;
mod routed;
mod server;

pub use self::{
    routed::Routed,
    server::{Config, Server, Unusable},
};
