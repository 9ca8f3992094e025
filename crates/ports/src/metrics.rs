//! Time series of one account.

use std::collections::BTreeMap;

use async_trait::async_trait;
use crossfade_core::gate::{MetricQuery, Point};
use jiff::Timestamp;

/// What was answered for one query.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Oldest first, one a period, nothing where nothing was published.
    pub points: Vec<Point>,
    /// Why these may not be all: an error, a status other than complete, a message of the service.
    pub incomplete: Option<String>,
}

#[async_trait]
pub trait Metrics: Send + Sync {
    /// Reads every query from `from` (inclusive) to `to` (exclusive). There is an answer for every query: what could
    /// not be read says so in [`Series::incomplete`], and never looks like an empty series.
    async fn read(
        &self,
        queries: &[MetricQuery],
        from: Timestamp,
        to: Timestamp,
    ) -> BTreeMap<MetricQuery, Series>;
}
